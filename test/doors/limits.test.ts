/** What is too much, in whatever way: refused with a sentence that says how much there may be, at every door, and never a mistake of ours. */

import { connect as connectTcp } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { operations } from '../../doors/api/operations.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { ApiClient } from './api-client.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';

const echo = defineJob({ type: 'echo', payload: z.unknown(), run: ({ payload }) => payload });

const deepen = defineJob({
  type: 'deepen',
  payload: z.object({ levels: z.number() }),
  defaults: { maxAttempts: 1 },
  run: ({ payload: { levels } }): unknown => JSON.parse(nested(levels)),
});

let cluster: TestCluster;
let yard: Yard;
let http: Listening;

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.service();
  await cluster.work([echo, deepen]);
  yard = await cluster.yard();
  http = await serveOpen(() => cluster.yard());
});

afterAll(async () => {
  await http.close();
  await cluster[Symbol.asyncDispose]();
});

const { ask } = new ApiClient(() => http.url);
const nested = (depth: number, inner = '1') => `${'['.repeat(depth)}${inner}${']'.repeat(depth)}`;

async function overNats(end: string, text: string) {
  const connection = await cluster.broker.connect();
  const reply = await connection.request(`yard.api.${end}`, text, { timeout: 30_000 });
  return { status: Number(reply.headers?.get('Status')), json: reply.json<{ code?: string; detail?: string }>() };
}

describe('JSON that is too deep', () => {
  test.each([10_000, 1_000_000])('of %i levels is refused with a sentence, by HTTP and over NATS', async (depth) => {
    for (const [path, raw] of [
      ['/v1/jobs', `{"type":"echo","payload":${nested(depth)}}`],
      ['/v1/jobs', nested(depth)],
      ['/v1/jobs/batch', `{"jobs":[{"type":"echo","payload":${nested(depth)}}]}`],
      ['/v1/workflows', `{"jobs":{"a":{"type":"echo","payload":${nested(depth)}}}}`],
    ] as const) {
      const answer = await ask(path, { raw });
      expect([path, answer.status, answer.json.code]).toEqual([path, 422, 'input.invalid']);
      if (path !== '/v1/jobs' || raw.startsWith('{')) expect(answer.json.detail).toContain('200 levels');
    }
    const put = await ask('/v1/schedules/deep', {
      method: 'PUT',
      raw: `{"cron":"0 0 * * *","type":"echo","payload":${nested(depth)}}`,
    });
    expect(put).toMatchObject({ status: 422, json: { code: 'input.invalid' } });
    if (depth > 100_000) return;
    const over = await overNats('jobs.submit', `{"body":{"type":"echo","payload":${nested(depth)}}}`);
    expect(over).toMatchObject({ status: 422, json: { code: 'input.invalid' } });
  });

  test('is rejected where it is published, and what comes behind it is taken', async () => {
    const connection = await cluster.broker.connect();
    connection.publish('yard.submit.echo', `{"a":${nested(20_000)}}`);
    connection.publish('yard.submit.echo', '{"good":1}');
    await expect
      .poll(async () => (await yard.jobPage()).jobs.map(({ payload }) => payload), { timeout: 30_000 })
      .toContainEqual({ good: 1 });
    await expect
      .poll(async () => (await yard.rejected()).map(({ reason }) => reason).join(), { timeout: 30_000 })
      .toContain('levels');
  });

  test('from code is refused, and what is as deep as it may be comes back as it was', async () => {
    const deep: unknown = JSON.parse(nested(5_000));
    await expect(yard.submit('echo', deep)).rejects.toMatchObject({ code: 'input.invalid' });
    const allowed: unknown = JSON.parse(nested(200));
    const job = await yard.submit('echo', allowed);
    expect(await job.result()).toEqual(allowed);
    expect((await ask(`/v1/jobs/${job.id}`)).json.payload).toEqual(allowed);
    const deeper = await yard.submit('deepen', { levels: 3_000 });
    await expect(deeper.result()).rejects.toThrow('200 levels');
  });
});

describe('a body that is too large', () => {
  const sixteen = 16 * 2 ** 20;
  const padded = (size: number) => `{"type":"echo","payload":{"a":1}${' '.repeat(size - 33)}}`;
  async function* pieces(text: string): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < text.length; from += 2 ** 20)
      yield new TextEncoder().encode(text.slice(from, from + 2 ** 20));
  }
  const chunked = async (text: string) => {
    const body = ReadableStream.from(pieces(text));
    const answer = await fetch(`${http.url}/v1/jobs`, { method: 'POST', body, duplex: 'half' });
    return { status: answer.status, json: await answer.json() };
  };

  test('is refused whether it says its length or comes in chunks, and one that just fits is taken', async () => {
    expect(padded(sixteen)).toHaveLength(sixteen);
    expect(await ask('/v1/jobs', { raw: padded(sixteen) })).toMatchObject({ status: 201 });
    expect(await chunked(padded(sixteen))).toMatchObject({ status: 201, json: { created: true } });
    const large = { status: 413, json: { code: 'request.large', detail: expect.stringContaining(String(sixteen)) } };
    expect(await ask('/v1/jobs', { raw: padded(sixteen + 1) })).toMatchObject(large);
    expect(await chunked(padded(sixteen + 1))).toMatchObject(large);
    expect(await ask('/v1/nothing', { raw: padded(sixteen + 1) })).toMatchObject(large);
  });

  test('of an endless one no more is read than may be', async () => {
    let sent = 0;
    const endless = async function* () {
      for (; sent < 500; sent++) yield new Uint8Array(2 ** 20);
    };
    const body = ReadableStream.from(endless());
    const answer = await fetch(`${http.url}/v1/jobs`, { method: 'POST', body, duplex: 'half' }).catch(() => undefined);
    // A client that goes on sending may find the connection closed before it has read the answer.
    if (answer !== undefined) expect(answer.status).toBe(413);
    expect(sent).toBeLessThan(200);
    expect(await ask('/v1/jobs', { body: { type: 'echo' } })).toMatchObject({ status: 201 });
  });

  test('of too many jobs, none is made', async () => {
    const jobs = Array.from({ length: 1_001 }, (_, at) => ({ type: 'echo', id: `many-${at}` }));
    expect(await ask('/v1/jobs/batch', { body: { jobs } })).toMatchObject({
      status: 422,
      json: { errors: [{ path: '/jobs' }] },
    });
    expect(await yard.job('many-0')).toBeUndefined();
    expect(await ask('/v1/jobs/batch', { body: { jobs: jobs.slice(1) } })).toMatchObject({ status: 200 });
  });

  test('over NATS the broker takes none, and an answer that no message carries is said', async () => {
    const connection = await cluster.broker.connect();
    expect(() => connection.publish('yard.api.jobs.submit', new Uint8Array(2 ** 20 + 1))).toThrow();
    await yard.submitMany(
      Array.from({ length: 30 }, () => ({
        type: 'echo',
        payload: { a: 'x'.repeat(60_000) },
        options: { queue: 'wide' },
      })),
    );
    // A list has a new job a little later.
    await expect
      .poll(() => overNats('jobs.list', '{"query":{"queue":"wide","limit":30}}'))
      .toMatchObject({ status: 413, json: { code: 'answer.large' } });
    expect(await overNats('jobs.list', '{"query":{"queue":"wide","limit":3}}')).toMatchObject({ status: 200 });
  });
});

describe('a page', () => {
  const wrongs = ['-1', '1.5', 'many', '1e9', '99999999999999999999', 'NaN', 'Infinity'];

  test('of anything has a bound, and what is no number of things is refused', async () => {
    await yard.submit('echo', {}, { id: 'paged' });
    const bounded = operations(yard).flatMap(({ method, path, query }) => {
      const name = ['limit', 'tail'].find((each) => each in query.shape);
      return method === 'get' && name !== undefined ? [{ path: path.replace(/\{\w+\}/, 'paged'), name }] : [];
    });
    expect(bounded.length).toBeGreaterThan(5);
    for (const { path, name } of bounded) {
      for (const wrong of wrongs) {
        const answer = await ask(`${path}?${name}=${wrong}`);
        expect([path, wrong, answer.status, answer.json?.errors?.[0]?.path]).toEqual([path, wrong, 422, `/${name}`]);
      }
      expect([path, (await ask(`${path}?${name}=1&${name}=2`)).status]).toEqual([path, 422]);
    }
  });

  test.each(['x', 'e30', '%00', 'a'.repeat(10_000)])('behind a cursor that is none is refused', async (cursor) => {
    const answer = await ask(`/v1/jobs?cursor=${cursor}`);
    expect([answer.status, answer.json.code]).toEqual([422, 'input.invalid']);
  });
});

describe('what comes before a body', () => {
  /** All that the server says to raw bytes. */
  async function said(head: string): Promise<string> {
    const { port, hostname } = new URL(http.url);
    const socket = connectTcp(Number(port), hostname);
    socket.on('error', () => {});
    socket.write(head);
    let answer = '';
    for await (const part of socket) answer += String(part);
    socket.destroy();
    return answer;
  }

  test('too many or too long headers, and a path that is too long, are refused', async () => {
    const { host } = new URL(http.url);
    const long = `GET /health HTTP/1.1\r\nHost: ${host}\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`;
    expect(await said(long)).toMatch(/^HTTP\/1.1 431 .*"code":"request.headers"/s);
    const path = `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    expect(await said(path)).toMatch(/^HTTP\/1.1 431 .*"code":"request.headers"/s);
    const id = await ask(`/v1/jobs/${'x'.repeat(5_000)}`);
    expect([id.status, id.json.code]).toEqual([422, 'input.invalid']);
  });

  test('what is no HTTP, and a length that is none, end in 400', async () => {
    const { host } = new URL(http.url);
    expect(await said('nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*"code":"request.unreadable"/s);
    const lengths = `POST /v1/jobs HTTP/1.1\r\nHost: ${host}\r\nContent-Length: -5\r\n\r\n`;
    expect(await said(lengths)).toMatch(/^HTTP\/1.1 400 /);
    const both = `POST /v1/jobs HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    expect(await said(both)).toMatch(/^HTTP\/1.1 400 /);
  });
});
