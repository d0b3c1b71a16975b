/** Payloads and results that are too large for a record: whatever door they come through, they come out whole. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveHttp } from '../../doors/http/serve.ts';
import { messageOf } from '../../runtime/faults.ts';
import { connect } from '../../sdk/connect.ts';
import type { JobRecord } from '../../sdk/index.ts';
import type { Yard } from '../../sdk/yard.ts';
import { ApiClient } from '../doors/api-client.ts';
import { Shell } from '../doors/command.ts';
import { type Cluster, cluster } from './harness.ts';

const payload = { text: 'grüße '.repeat(30_000) };
const bytes = Buffer.byteLength(JSON.stringify(payload));

let yard: Cluster;
let face: Yard;
let shell: Shell;

beforeAll(async () => {
  yard = await cluster({ masters: 1, workers: 1, flags: { types: 'echo,gather', schedulerInterval: '300ms' } });
  face = await connect({ servers: yard.broker.url });
  shell = new Shell(yard.folder, { NATS_URL: yard.broker.url });
});
afterAll(async () => {
  await yard.expectSound();
  await shell[Symbol.asyncDispose]();
  await face.close();
  await yard[Symbol.asyncDispose]();
});

/** The names of all that lies aside. */
async function blobs(): Promise<readonly string[]> {
  const store = await new Objm(await yard.broker.connect()).open(yard.user.names.blobs);
  return (await store.list()).map(({ name }) => name).filter((name) => name.startsWith('job/'));
}

/** What lies in the bucket is small and says where the rest is. */
async function expectAside(id: string): Promise<JobRecord> {
  const record = await yard.user.waitUntil(id, 'completed');
  const aside = { blob: expect.stringContaining(`job/default.${id}/`), bytes, digest: expect.any(String) };
  expect(record).toMatchObject({ version: 2, payload: null, context: { result: null } });
  expect(record.aside).toEqual({ payload: aside, result: aside });
  return record;
}

describe('a payload of 200 KiB is what the handler gets, and its result is given back whole,', () => {
  test('by the SDK', async () => {
    const job = await face.submit('echo', payload, { idempotencyKey: 'large' });
    expect(await job.result()).toEqual(payload);
    expect(await job.job()).toMatchObject({ state: 'completed', payload, context: { result: payload } });
    const record = await expectAside(job.id);
    expect(await face.submit('echo', payload, { idempotencyKey: 'large' })).toMatchObject({
      id: job.id,
      created: false,
    });
    await expect(face.submit('echo', { ...payload, n: 1 }, { idempotencyKey: 'large' })).rejects.toMatchObject({
      code: 'job.conflict',
    });
    expect((await yard.user.record(job.id)).aside).toEqual(record.aside);
  });

  test('by a plain publish', async () => {
    const id = await yard.user.pub('echo', payload);
    await expectAside(id);
    expect(await face.result(id)).toEqual(payload);
  });

  test('by the command line, from a file', async () => {
    const file = join(yard.folder, 'large.json');
    await writeFile(file, JSON.stringify(payload));
    const { out, code } = await shell.yard('submit', 'echo', `@${file}`);
    expect(code).toBe(0);
    await expectAside(out.trim());
    const got = await shell.yard('job', 'get', out.trim(), '-o', 'json');
    expect(JSON.parse(got.out)).toMatchObject({ payload, context: { result: payload } });
    expect((await shell.yard('job', 'get', out.trim())).out).toContain(`${bytes} bytes that lie aside`);
  });

  test('by HTTP', async () => {
    const open = () => connect({ servers: yard.broker.url });
    const server = await serveHttp({
      open,
      version: '0',
      auth: 'off',
      ratePerSecond: 0,
      port: 'free',
      isNamed: false,
      onError: () => {},
    });
    try {
      const body = { type: 'echo', payload, id: 'by-http' };
      const { ask } = new ApiClient(() => server.url);
      const answer = await ask('/v1/jobs', { body, headers: { prefer: 'wait=20' } });
      expect(answer.json).toMatchObject({ state: 'completed', payload, context: { result: payload } });
      await expectAside('by-http');
      expect((await ask('/v1/jobs/by-http/result')).json).toEqual(payload);
      expect((await ask('/v1/jobs/by-http')).json).toMatchObject({ payload });
      await loseAside('by-http', 'result');
      const lost = await ask('/v1/jobs/by-http/result');
      expect(lost.json).toMatchObject({ status: 404, code: 'blob.missing' });
      await expect(face.result('by-http')).rejects.toMatchObject({ code: 'blob.missing' });
      expect(await face.job('by-http')).toMatchObject({ payload, context: { result: null } });
    } finally {
      await server.close();
    }
  });

  test('in a workflow, whose repeat leaves nothing behind', async () => {
    const given = {
      id: 'large',
      jobs: { first: { type: 'echo', payload }, next: { type: 'gather', after: ['first'] } },
    };
    const workflow = await face.workflows.submit(given);
    expect(await face.result(workflow.jobs[1] ?? '')).toMatchObject({ inputs: { first: payload } });
    const before = await blobs();
    expect(await face.workflows.submit(given)).toEqual({ ...workflow, created: false });
    expect(await blobs()).toEqual(before);
  });

  test('to a job that waited for it', async () => {
    const first = await face.submit('echo', payload);
    const next = await face.submit('gather', {}, { after: [first.id] });
    expect(await next.result()).toMatchObject({ inputs: { [first.id]: payload } });
  });
});

/** As if somebody had removed what lies aside of a job. */
async function loseAside(id: string, what: 'payload' | 'result' = 'payload'): Promise<void> {
  const { streams } = await jetstreamManager(await yard.broker.connect());
  const { names } = yard.user;
  const { aside } = await yard.user.record(id);
  await streams.purge(names.streams.blobs, { filter: names.blobInfo(aside?.[what]?.blob ?? '') });
}

test('one that is lost fails the job, which says so', async () => {
  const held = await face.submit('echo', payload, { hold: true, maxAttempts: 1 });
  await loseAside(held.id);
  await face.release(held.id);
  const failed = await yard.user.waitUntil(held.id, 'failed');
  expect(failed.context.error?.message).toMatch(
    /^Expected the payload of default\..*, \d+ bytes that were put aside as /,
  );
});

test('an audit says of which job something is gone, and so does the leader', async () => {
  const held = await face.submit('echo', payload, { hold: true });
  expect((await face.audit()).discrepancies.filter(({ of }) => of === `default.${held.id}`)).toEqual([]);
  await loseAside(held.id);
  const what = 'what lies aside is not there';
  expect((await face.audit()).discrepancies).toContainEqual(
    expect.objectContaining({ of: `default.${held.id}`, what }),
  );
  const isTold = () =>
    yard.processes.some(({ told }) =>
      told.some((each) => each['key'] === `default.${held.id}` && each['what'] === what),
    );
  await yard.user.until(async () => (isTold() ? true : undefined), 'the leader to tell of it');
  await face.cancel(held.id);
});

test('a backup has them, and they are there before their jobs are', async () => {
  const done = await face.submit('echo', payload);
  await done.settled();
  const held = await face.submit('echo', payload, { hold: true });
  const saved = await face.backup(join(yard.folder, 'a.gz'));
  expect(saved.blobs).toBeGreaterThanOrEqual(3);
  await using other = await cluster({
    masters: 1,
    workers: 1,
    broker: yard.broker,
    flags: { prefix: 'other', types: 'echo' },
  });
  await using there = await connect({ servers: yard.broker.url, prefix: 'other' });
  expect(await there.restore(saved.path)).toMatchObject({ jobs: saved.jobs, blobs: saved.blobs });
  expect(await there.job(done.id)).toMatchObject({ payload, context: { result: payload } });
  await there.release(held.id);
  expect(await there.result(held.id)).toEqual(payload);
  expect(await there.restore(saved.path, { merge: true })).toMatchObject({ jobs: 0, blobs: 0 });
  await other.expectSound();
});

test('a store for blobs that is nearly full refuses at every door, and small jobs go on', async () => {
  const { streams } = await jetstreamManager(await yard.broker.connect());
  const { blobs } = yard.user.names.streams;
  const { state } = await streams.info(blobs);
  await streams.update(blobs, { max_bytes: Math.ceil(state.bytes / 0.9) });
  const why =
    /^Expected room for a payload that is put aside, or for a file, got a store for blobs that is \d+ % full of/;
  // Doors look once a second how full it is.
  const refused = (door: string, submit: () => Promise<string | undefined>) =>
    yard.user.until(async () => (why.test((await submit()) ?? '') ? true : undefined), `a refusal by ${door}`);
  await refused('the SDK', () => face.submit('echo', payload).then(() => undefined, messageOf));
  await refused('the intake', async () => {
    const ack = await yard.user.submit('echo', JSON.stringify(payload));
    return 'rejected' in ack ? ack.rejected : undefined;
  });
  expect(await (await face.submit('echo', { n: 1 })).result()).toEqual({ n: 1 });
  await streams.update(blobs, { max_bytes: -1 });
});
