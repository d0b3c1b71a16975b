/** Changes that hold only for what was read (`If-Match`), and what is answered where a path has no such method. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Listening } from '../../doors/http/listen.ts';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { ApiClient } from './api-client.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';
import { askOverNats } from './service-client.ts';

const staying = defineJob({
  type: 'staying',
  payload: z.object({}),
  run: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(null))),
});

let cluster: TestCluster;
let yard: Yard;
let http: Listening;

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.service();
  await cluster.work([staying]);
  yard = await cluster.yard();
  http = await serveOpen(() => cluster.yard());
});

afterAll(async () => {
  await http.close();
  await cluster[Symbol.asyncDispose]();
});

const { ask } = new ApiClient(() => http.url);
const etagOf = ({ headers }: { headers: Headers }) => headers.get('etag') ?? '';
const ifMatch = (etag: string) => ({ 'if-match': etag });

describe('a job', () => {
  test('is changed where it is as it was read, and not where somebody was quicker', async () => {
    await yard.submit('staying', {}, { id: 'waits', delay: '1h' });
    const read = etagOf(await ask('/v1/jobs/waits'));
    const moved = await ask('/v1/jobs/waits/move', { body: { queue: 'batch' }, headers: ifMatch(read) });
    expect(moved).toMatchObject({ status: 200, json: { queue: 'batch' } });
    const late = await ask('/v1/jobs/waits/cancel', { body: {}, headers: ifMatch(read) });
    expect(late).toMatchObject({
      status: 412,
      json: { code: 'precondition.failed', expected: read, met: etagOf(moved), title: 'Not as it was' },
    });
    expect(late.json.detail).toContain(etagOf(moved));
    expect(await yard.job('waits')).toMatchObject({ state: 'scheduled', queue: 'batch' });
    // The tag of an answer is that of what is read then.
    expect(etagOf(await ask('/v1/jobs/waits'))).toBe(etagOf(moved));
    const either = `"9-9", ${etagOf(moved)}`;
    expect((await ask('/v1/jobs/waits/hold', { body: {}, headers: ifMatch(either) })).json.state).toBe('held');
    expect((await ask('/v1/jobs/waits/cancel', { body: {}, headers: ifMatch('*') })).json.state).toBe('cancelled');
    expect(await ask('/v1/jobs/none/cancel', { body: {}, headers: ifMatch('*') })).toMatchObject({ status: 404 });
  });

  test('is as it was though its progress was heard of since', async () => {
    await yard.submit('staying', {}, { id: 'runs' });
    await expect.poll(async () => (await yard.job('runs'))?.state, { timeout: 30_000 }).toBe('processing');
    const [n] = /^"\d+/.exec(etagOf(await ask('/v1/jobs/runs'))) ?? [];
    const before = `${n}-1"`;
    expect(await ask('/v1/jobs/runs', { headers: { 'if-none-match': before } })).toMatchObject({ status: 200 });
    expect(await ask('/v1/jobs/runs/cancel', { body: {}, headers: ifMatch(before) })).toMatchObject({ status: 200 });
  });

  test('of two who change it at once by what they read, one does', async () => {
    await yard.submit('staying', {}, { id: 'raced', delay: '1h' });
    const headers = ifMatch(etagOf(await ask('/v1/jobs/raced')));
    const queues = ['live', 'batch', 'shelf', 'other'];
    const answers = await Promise.all(queues.map((queue) => ask('/v1/jobs/raced/move', { body: { queue }, headers })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
    const won = queues[answers.findIndex(({ status }) => status === 200)];
    expect(await yard.job('raced')).toMatchObject({ queue: won });
  });
});

test('a queue is changed where what is set for it is as it was read, whatever waits in it', async () => {
  const read = await ask('/v1/queues/batch');
  await yard.submit('staying', {}, { id: 'fills', queue: 'batch', delay: '1h' });
  const patch = (body: object, etag: string) =>
    ask('/v1/queues/batch', { method: 'PATCH', body, headers: ifMatch(etag) });
  const first = await patch({ maxActive: 7 }, etagOf(read));
  expect(first).toMatchObject({ status: 200, json: { maxActive: 7 } });
  expect(await patch({ maxActive: 9 }, etagOf(read))).toMatchObject({ status: 412, json: { met: etagOf(first) } });
  expect(etagOf(await ask('/v1/queues/batch'))).toBe(etagOf(first));
  const paused = await ask('/v1/queues/batch/pause', { method: 'POST', headers: ifMatch(etagOf(first)) });
  expect(paused).toMatchObject({ status: 200, json: { maxActive: 7, paused: true } });
  const late = await ask('/v1/queues/batch/resume', { method: 'POST', headers: ifMatch(etagOf(first)) });
  expect(late).toMatchObject({ status: 412 });
  expect(await yard.queues.settings('batch')).toMatchObject({ maxActive: 7, paused: true });
});

test('a schedule is changed where it is as it was read', async () => {
  await yard.schedules.add('nightly', { cron: '0 3 * * *', type: 'staying' });
  const read = etagOf(await ask('/v1/schedules/nightly'));
  expect(await ask('/v1/schedules/nightly', { headers: { 'if-none-match': read } })).toMatchObject({ status: 304 });
  const edit = (etag: string) =>
    ask('/v1/schedules/nightly', { method: 'PATCH', body: { overlap: 'skip' }, headers: ifMatch(etag) });
  const edited = await edit(read);
  expect(edited).toMatchObject({ status: 200, json: { overlap: 'skip' } });
  expect(await edit(read)).toMatchObject({ status: 412, json: { expected: read, met: etagOf(edited) } });
  expect(etagOf(await ask('/v1/schedules/nightly'))).toBe(etagOf(edited));
  for (const verb of ['pause', 'resume', 'run'])
    expect([
      verb,
      (await ask(`/v1/schedules/nightly/${verb}`, { method: 'POST', headers: ifMatch(read) })).status,
    ]).toEqual([verb, 412]);
  const remove = (etag: string) => ask('/v1/schedules/nightly', { method: 'DELETE', headers: ifMatch(etag) });
  expect(await remove(read)).toMatchObject({ status: 412 });
  expect(await yard.schedules.get('nightly')).toMatchObject({ state: 'active' });
  expect(await remove(etagOf(edited))).toMatchObject({ status: 200 });
});

test('it is the same over NATS', async () => {
  const connection = await cluster.broker.connect();
  await yard.submit('staying', {}, { id: 'wired', delay: '1h' });
  const read = await askOverNats(connection, 'jobs.get', { params: { id: 'wired' } });
  const hold = () =>
    askOverNats(connection, 'jobs.hold', {
      params: { id: 'wired' },
      said: { 'If-Match': read.headers?.get('etag') ?? '' },
    });
  expect(await hold()).toMatchObject({ status: 200, json: { state: 'held' } });
  expect(await hold()).toMatchObject({ status: 412, json: { code: 'precondition.failed' } });
});

test.each([
  ['DELETE', '/v1/jobs', 'GET, HEAD, POST'],
  ['PUT', '/v1/jobs/x', 'GET, HEAD'],
  ['GET', '/v1/jobs/x/cancel', 'POST'],
  ['POST', '/v1/queues/live', 'GET, HEAD, PATCH'],
  ['DELETE', '/v1/jobs/x/inputs/y', 'GET, HEAD, PUT'],
  ['POST', '/v1/events', 'GET, HEAD'],
  ['PUT', '/health', 'GET, HEAD'],
  ['OPTIONS', '/v1/jobs', 'GET, HEAD, POST'],
])('%s %s is told what can be done there', async (method, path, allow) => {
  const { status, json, headers } = await ask(path, { method });
  expect([status, json.code, headers.get('allow')]).toEqual([405, 'method.refused', allow]);
});

test.each(['/v1', '/v1/', '/v2/jobs', '/v1/jobs/x/y/z', '/v1/jobsx', '/%2e%2e/etc/passwd'])(
  '%s is no path of the API, whatever is done there',
  async (path) => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer = await fetch(`${http.url}${path}`, { method });
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
      expect(await answer.json()).toMatchObject({ status: 404, code: 'route.missing' });
    }
  },
);
