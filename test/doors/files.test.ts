/** Files of jobs by every door: streamed in, read by a handler, written by it, streamed out; whose they are, and how large they may be. */

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { run } from '../../doors/cli/main.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { connect, defineJob, type Yard } from '../../sdk/index.ts';
import { testYard } from '../../sdk/testing.ts';
import { ApiClient } from './api-client.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';
import { askOverNats } from './service-client.ts';

/** Turns every byte round, and says how many there were; its second attempt writes less than its first. */
const turn = defineJob({
  type: 'turn',
  payload: z.object({ failsFirst: z.boolean().default(false), of: z.string().optional() }),
  defaults: { backoff: { kind: 'fixed', delayMs: 1, jitterMs: 0 } },
  async run({ payload: { failsFirst, of }, files, fence }) {
    const { bytes, size, type } = await files.read(
      of === undefined ? 'in.bin' : 'out.bin',
      of === undefined ? {} : { of },
    );
    const turned = async function* () {
      for await (const piece of bytes) yield piece.map((byte) => 255 - byte);
    };
    await files.write('out.bin', turned(), { type });
    if (fence.attempt === 1) await files.write('first.txt', new TextEncoder().encode('of the first attempt'));
    if (failsFirst && fence.attempt === 1) throw new Error('Once more.');
    return { size };
  },
});

const large = Buffer.alloc(40 * 2 ** 20);
for (let at = 0; at < large.length; at += 4_096) large.writeUInt32LE(at, at);

let cluster: TestCluster;
let yard: Yard;
let http: Listening;
let directory: string;

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.service();
  yard = await cluster.yard();
  await cluster.work([turn], { name: 'w', concurrency: 4 });
  http = await serveOpen(() => cluster.yard());
  directory = await mkdtemp(join(tmpdir(), 'yard-files-'));
});

afterAll(async () => {
  await http.close();
  await cluster[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const { ask } = new ApiClient(() => http.url);

const turned = (bytes: Uint8Array) => Buffer.from(bytes.map((byte) => 255 - byte));
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url');

async function typed(...words: string[]) {
  const out: string[] = [];
  const talk: string[] = [];
  const code = await run([...words, '--nats', cluster.broker.url], {
    ...{ isInteractive: false, columns: Number.POSITIVE_INFINITY },
    print: (text) => void out.push(text),
    say: (text) => void talk.push(text),
    draw: (text) => void out.push(text),
    style: (_, text) => text,
  });
  return { code, out: out.join('\n'), talk: talk.join('\n') };
}

/** A body without a length, in pieces. */
async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += 1_000_000) yield bytes.subarray(from, from + 1_000_000);
}

test('a file goes in by HTTP, through a handler, and out by HTTP, with its type, length and tag', async () => {
  const put = await fetch(`${http.url}/v1/jobs/whole/inputs/in.bin`, {
    ...{ method: 'PUT', body: ReadableStream.from(inPieces(large)), duplex: 'half' as const },
    headers: { 'content-type': 'video/mp4' },
  });
  expect([put.status, put.headers.get('etag')]).toEqual([201, `"${sha(large)}"`]);
  expect(await put.json()).toMatchObject({ name: 'in.bin', size: large.length, type: 'video/mp4' });
  await ask('/v1/jobs', { body: { type: 'turn', id: 'whole' } });
  expect((await ask('/v1/jobs/whole/result', { headers: { prefer: 'wait=60' } })).json).toEqual({ size: large.length });
  const got = await fetch(`${http.url}/v1/jobs/whole/outputs/out.bin`);
  const bytes = Buffer.from(await got.arrayBuffer());
  expect(bytes.equals(turned(large))).toBe(true);
  expect(Object.fromEntries(got.headers)).toMatchObject({
    ...{ 'content-type': 'video/mp4', 'content-length': String(large.length), etag: `"${sha(bytes)}"` },
    // Whatever type somebody gave it, it is no page of this site.
    ...{ 'content-disposition': 'attachment; filename="out.bin"', 'x-content-type-options': 'nosniff' },
  });
  const again = await ask('/v1/jobs/whole/outputs/out.bin', { headers: { 'if-none-match': `"${sha(bytes)}"` } });
  expect(again).toMatchObject({ status: 304, text: '' });
  const head = await fetch(`${http.url}/v1/jobs/whole/outputs/out.bin`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(large.length)]);
});

test('a job reads what another one wrote, and only the last attempt is shown', async () => {
  await yard.files.put('first', 'in.bin', Buffer.from('abc'));
  await yard.submit('turn', { failsFirst: true }, { id: 'first' });
  await (await yard.submit('turn', { of: 'first' }, { id: 'second', after: ['first'] })).result();
  const { bytes } = await yard.files.output('second', 'out.bin');
  expect(Buffer.concat(await Array.fromAsync(bytes)).toString()).toBe('abc');
  const gone = await ask('/v1/jobs/first/outputs/first.txt');
  expect(gone).toMatchObject({ status: 404, json: { code: 'file.missing' } });
});

test('the command brings a file and fetches it, byte for byte', async () => {
  const path = join(directory, 'in.bin');
  await writeFile(path, large.subarray(0, 300_001));
  expect(await typed('file', 'put', 'by-hand', path, '--type', 'a/b')).toEqual({ code: 0, out: 'in.bin', talk: '' });
  await (await yard.submit('turn', {}, { id: 'by-hand' })).result();
  const to = join(directory, 'out.bin');
  expect(await typed('file', 'fetch', 'by-hand', 'out.bin', '--to', to)).toEqual({ code: 0, out: to, talk: '' });
  expect((await readFile(to)).equals(turned(large.subarray(0, 300_001)))).toBe(true);
  const back = await typed('file', 'fetch', 'by-hand', 'in.bin', '--of', 'input', '--to', to, '-o', 'json');
  expect(JSON.parse(back.out)).toMatchObject({ name: 'in.bin', size: 300_001, type: 'a/b', path: to });
  expect(await typed('file', 'fetch', 'by-hand', 'nothing')).toMatchObject({ code: 3, out: '' });
  expect(await typed('file', 'put', 'by-hand', join(directory, 'nothing'))).toMatchObject({ code: 3, out: '' });
});

test('files come and go over NATS, as far as one message carries them', async () => {
  const connection = await cluster.broker.connect();
  const params = { id: 'small', name: 'in.bin' };
  const body = Buffer.from('over the wire').toString('base64');
  const put = await askOverNats(connection, 'jobs.inputs.put', {
    params,
    body,
    said: { 'Content-Type': 'text/plain' },
  });
  expect(put).toMatchObject({ status: 201, json: { size: 13, type: 'text/plain' } });
  expect(await askOverNats(connection, 'jobs.inputs', { params })).toMatchObject({
    status: 200,
    json: 'over the wire',
  });
  const wrong = await askOverNats(connection, 'jobs.inputs.put', { params, body: { a: 1 } });
  expect(wrong).toMatchObject({ status: 422, json: { code: 'input.invalid' } });
  const tooMuch = await askOverNats(connection, 'jobs.inputs', { params: { id: 'whole', name: 'in.bin' } });
  expect(tooMuch).toMatchObject({ status: 413, json: { code: 'answer.large' } });
});

test('what is no file, no name, or comes too late is refused by name, and leaves nothing', async () => {
  const put = (path: string, headers: Record<string, string> = {}) =>
    ask(`/v1/jobs/${path}`, { method: 'PUT', raw: 'x', headers });
  expect(await put('a%2Fb/inputs/x')).toMatchObject({ status: 422 });
  expect(await put('ok/inputs/.hidden')).toMatchObject({ status: 422, json: { code: 'input.invalid' } });
  expect(await put('ok/inputs/x', { 'content-type': 'no type' })).toMatchObject({ status: 422 });
  expect(await put('whole/inputs/late')).toMatchObject({ status: 409, json: { code: 'job.refused' } });
  expect(await ask('/v1/jobs/ok/inputs/x')).toMatchObject({ status: 404, json: { code: 'file.missing' } });
  expect(await ask('/v1/jobs/never/outputs/x')).toMatchObject({ status: 404, json: { code: 'job.missing' } });
  await yard.submit('turn', {}, { id: 'waits', hold: true });
  expect(await put('waits/inputs/in.bin')).toMatchObject({ status: 201 });
  expect(await put('waits/inputs/in.bin')).toMatchObject({ status: 201 });
});

/** Says how much will come, sends some of it, and then stops or waits for what is said to that. */
function begun(path: string, { length, sent, leaves }: { length: number; sent: number; leaves: boolean }) {
  const answered = Promise.withResolvers<{ status: number; text: string }>();
  const asked = request(`${http.url}${path}`, { method: 'PUT', headers: { 'content-length': String(length) } });
  asked.on('response', (response) => {
    let text = '';
    response.on('data', (part: Buffer) => {
      text += part.toString();
    });
    response.on('end', () => answered.resolve({ status: response.statusCode ?? 0, text }));
  });
  asked.on('error', (cause) => (leaves ? answered.resolve({ status: 0, text: '' }) : answered.reject(cause)));
  asked.write(Buffer.alloc(sent), () => leaves && asked.destroy());
  return answered.promise.finally(() => asked.destroy());
}

test('a file that says that it is too large is refused before it is sent', async () => {
  const { status, text } = await begun('/v1/jobs/vast/inputs/x', { length: 2 ** 30 + 1, sent: 10, leaves: false });
  expect([status, JSON.parse(text)]).toMatchObject([413, { code: 'file.large', status: 413 }]);
});

test('of a file whose sender leaves half way nothing is there', async () => {
  await yard.files.put('torn', 'x', Buffer.from('as it was'));
  await begun('/v1/jobs/torn/inputs/x', { length: 30_000_000, sent: 20_000_000, leaves: true });
  const { text } = await ask('/v1/jobs/torn/inputs/x');
  expect(text).toBe('as it was');
});

test('another tenant has no such files', async () => {
  await using other = await connect({ servers: cluster.broker.url, tenant: 'other' });
  await expect(other.files.input('whole', 'in.bin')).rejects.toMatchObject({ code: 'file.missing' });
  await expect(other.files.output('whole', 'out.bin')).rejects.toMatchObject({ code: 'job.missing' });
  await other.files.put('whole', 'in.bin', Buffer.from('theirs'));
  expect((await yard.files.input('whole', 'in.bin')).size).toBe(large.length);
});

test('a test of a job type has files too', async () => {
  await using test = await testYard([turn]);
  await test.yard.files.put('a', 'in.bin', Buffer.from([0, 1]));
  await test.until((await test.yard.submit('turn', {}, { id: 'a' })).result());
  const { bytes } = await test.yard.files.output('a', 'out.bin');
  expect(Buffer.concat(await Array.fromAsync(bytes))).toEqual(Buffer.from([255, 254]));
});
