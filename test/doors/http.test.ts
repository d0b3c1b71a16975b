/** The HTTP API, against a real broker, a master and workers, with `fetch` as its client. */

import { once } from 'node:events';
import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { operations } from '../../doors/api/operations.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { serveHttp } from '../../doors/http/serve.ts';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { ApiClient } from './api-client.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';

const add = defineJob({
  type: 'add',
  payload: z.object({ a: z.number(), b: z.number().default(1) }),
  run: ({ payload: { a, b }, log }) => {
    log(`adding ${a} and ${b}`);
    return { sum: a + b };
  },
});
const talk = defineJob({
  type: 'talk',
  payload: z.object({}),
  run: ({ log }) => {
    for (const line of ['first Line', 'second line', 'an end']) log(line);
  },
});
const failing = defineJob({
  type: 'failing',
  payload: z.object({}),
  defaults: { maxAttempts: 1 },
  run: () => Promise.reject(new Error('no luck')),
});

let cluster: TestCluster;
let yard: Yard;
let server: Listening;

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.work([add, talk, failing], { concurrency: 4, name: 'w' });
  yard = await cluster.yard();
  server = await serveOpen(() => cluster.yard());
});

afterAll(async () => {
  await server.close();
  await cluster[Symbol.asyncDispose]();
});

const { ask } = new ApiClient(() => server.url);

describe('jobs', () => {
  test('a job is submitted, waited for, read, and its result and log are there', async () => {
    const done = await ask('/v1/jobs', {
      body: { type: 'add', payload: { a: 2 }, id: 'sum' },
      headers: { prefer: 'wait=30' },
    });
    expect(done).toMatchObject({ status: 200, json: { id: 'sum', state: 'completed' } });
    expect(done.headers.get('location')).toBe('/v1/jobs/sum');
    expect((await ask('/v1/jobs/sum/result')).json).toEqual({ sum: 3 });
    expect((await ask('/v1/jobs/sum/logs?follow=true', { headers: { accept: 'text/plain' } })).text).toBe(
      'adding 2 and 1\n',
    );
    expect((await ask('/v1/jobs/sum/logs?search=nothing')).text).toBe('');
    expect((await ask('/v1/jobs/sum/why')).json).toMatchObject({ code: 'not waiting' });
  });

  test('a log is searched, cut to its end, and given as a file', async () => {
    await ask('/v1/jobs', { body: { type: 'talk', payload: {}, id: 'talked' }, headers: { prefer: 'wait=30' } });
    // The last lines may be stored a moment after the job has settled.
    const all = (await ask('/v1/jobs/talked/logs?follow=true')).text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(all.map(({ line }) => line)).toEqual(['first Line', 'second line', 'an end']);
    const plain = { headers: { accept: 'text/plain' } };
    const linesOf = async (query: string) => (await ask(`/v1/jobs/talked/logs?${query}`, plain)).text;
    expect(await linesOf('search=LINE')).toBe('first Line\nsecond line\n');
    expect(await linesOf('tail=1')).toBe('an end\n');
    expect(await linesOf('tail=1&search=line')).toBe('second line\n');
    expect(await linesOf('tail=0&follow=true')).toBe('');
    expect(await linesOf('tail=2&follow=true')).toBe('second line\nan end\n');
    expect([await linesOf('attempt=1&tail=1'), await linesOf('attempt=2'), await linesOf('stream=stderr')]).toEqual([
      'an end\n',
      '',
      '',
    ]);
    const file = await ask('/v1/jobs/talked/logs?download=true');
    expect(file.headers.get('content-disposition')).toBe('attachment; filename="talked.log"');
    expect(file.headers.get('content-type')).toContain('text/plain');
    expect(file.text).toBe('first Line\nsecond line\nan end\n');
    expect((await ask('/v1/jobs/talked/logs?grep=x')).status).toBe(422);
  });

  test('a repeat finds the job that is there, other content is a conflict', async () => {
    const headers = { 'idempotency-key': 'order-1' };
    const first = await ask('/v1/jobs', { body: { type: 'add', payload: { a: 1 } }, headers });
    const again = await ask('/v1/jobs', { body: { type: 'add', payload: { a: 1 } }, headers });
    expect([first.status, again.status, again.json.id]).toEqual([201, 200, first.json.id]);
    const other = await ask('/v1/jobs', { body: { type: 'add', payload: { a: 9 } }, headers });
    expect(other).toMatchObject({ status: 409, json: { code: 'job.conflict' } });
    expect(other.headers.get('content-type')).toBe('application/problem+json');
  });

  test('every field that is wrong is named, and nothing is submitted', async () => {
    const wrong = await ask('/v1/jobs/batch', {
      body: {
        jobs: [
          { type: 'add', payload: { a: 1 }, id: 'kept-back' },
          { type: 'add', prioritty: 'high', delay: 'soon' },
        ],
      },
    });
    expect(wrong.status).toBe(422);
    expect(wrong.json.errors.map(({ path }: { path: string }) => path)).toEqual(['/jobs/1/prioritty', '/jobs/1/delay']);
    expect(wrong.json.detail).toContain('Did you mean `priority`?');
    expect((await ask('/v1/jobs/kept-back')).status).toBe(404);
    expect((await ask('/v1/jobs?limit=0')).json.errors[0].path).toBe('/limit');
  });

  test('lists turn pages, find words and no secrets, and say how old they are', async () => {
    for (let n = 0; n < 5; n++)
      await ask('/v1/jobs', {
        body: {
          type: 'script',
          payload: { command: `echo reel-${n}`, env: { API_TOKEN: `hush${n}` } },
          id: `reel-${n}`,
          queue: 'reels',
          delay: '1h',
        },
      });
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await ask(`/v1/jobs?queue=reels&sort=created&limit=2${cursor}`);
      expect(json.view).toMatchObject({ behindBy: 0, isBuilding: false });
      seen.push(...json.jobs.map(({ id }: { id: string }) => id));
      cursor = json.next === undefined ? '' : `&cursor=${json.next}`;
    } while (cursor !== '');
    expect(seen).toEqual(['reel-0', 'reel-1', 'reel-2', 'reel-3', 'reel-4']);
    const idsOf = async (query: string) =>
      (await ask(`/v1/jobs?${query}`)).json.jobs.map(({ id }: { id: string }) => id);
    expect(await idsOf('q=reel-3&state=scheduled')).toEqual(['reel-3']);
    expect([await idsOf('q=hush3'), await idsOf('q=reel-3&state=failed')]).toEqual([[], []]);
    expect(await idsOf(`queue=reels&createdTo=${new Date(0).toISOString()}`)).toEqual([]);
    expect((await ask('/v1/jobs?cursor=nonsense')).json).toMatchObject({
      code: 'input.invalid',
    });
    expect((await ask('/v1/jobs?stat=failed')).status).toBe(422);
    const reels = { state: 'scheduled', queue: 'reels', priority: 'medium', count: 5 };
    expect((await ask('/v1/stats/lanes')).json.lanes).toContainEqual(reels);
  });

  test('an unchanged job is not sent again', async () => {
    await ask('/v1/jobs', { body: { type: 'add', payload: { a: 2 }, id: 'tagged' }, headers: { prefer: 'wait=30' } });
    const first = await ask('/v1/jobs/tagged');
    const etag = first.headers.get('etag') ?? '';
    expect((await ask('/v1/jobs/tagged', { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await ask('/v1/jobs/tagged', { headers: { 'if-none-match': '"0-0"' } })).status).toBe(200);
  });

  test('the events of a job come in order, and go on behind the last one that was seen', async () => {
    await ask('/v1/jobs', { body: { type: 'add', payload: { a: 2 }, id: 'told' } });
    const all = await ask('/v1/jobs/told/events');
    expect(all.text.match(/^event: .*$/gm)).toEqual(
      ['pending', 'assigned', 'processing', 'completed'].map((state) => `event: ${state}`),
    );
    const rest = await ask('/v1/jobs/told/events', { headers: { 'last-event-id': '3' } });
    expect(rest.text.match(/^id: .*$/gm)).toEqual(['id: 4']);
  });

  test('news of all jobs come live, as the filter says', async () => {
    const response = await fetch(`${server.url}/v1/events?state=completed`);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect(reader).toBeDefined();
    await yard.submit('add', { a: 5 }, { id: 'live-news' });
    let heard = '';
    while (!heard.includes('"live-news"')) heard += (await reader?.read())?.value ?? '';
    await reader?.cancel();
    expect(heard).not.toContain('event: assigned');
  });
});

describe('verbs', () => {
  const later = (id: string) => yard.submit('add', { a: 1 }, { id, delay: '1h' });

  test.each([
    ['hold', {}, { state: 'held' }],
    ['retry', {}, { id: 'v-retry' }],
    ['cancel', { reason: 'enough' }, { state: 'cancelled' }],
    ['move', { queue: 'batch' }, { queue: 'batch' }],
    ['prioritise', { priority: 'critical' }, { priority: 'critical' }],
    ['reschedule', { dueAt: 4_000_000_000_000 }, { context: { dueAt: 4_000_000_000_000 } }],
  ])('%s is done to the job', async (verb, body, becomes) => {
    await later(`v-${verb}`);
    expect(await ask(`/v1/jobs/v-${verb}/${verb}`, { body })).toMatchObject({ status: 200, json: becomes });
    if (verb !== 'retry') expect(await yard.job(`v-${verb}`)).toMatchObject(becomes);
    else expect((await yard.settled('v-retry', { timeoutMs: 30_000 })).state).toBe('completed');
  });

  test('release lets a held job go, redrive a failed one run again; what cannot be done is said', async () => {
    await yard.submit('add', { a: 1 }, { id: 'v-release', hold: true });
    await ask('/v1/jobs/v-release/release', { method: 'POST' });
    expect((await yard.settled('v-release', { timeoutMs: 30_000 })).state).toBe('completed');
    expect(await ask('/v1/jobs/v-release/release', { method: 'POST' })).toMatchObject({
      status: 409,
      json: { code: 'job.refused' },
    });
    await yard.submit('failing', {}, { id: 'v-redrive' });
    await yard.settled('v-redrive', { timeoutMs: 30_000 });
    const { json } = await ask('/v1/jobs/v-redrive/redrive', { method: 'POST' });
    expect(json.context.generation).toBe(2);
  });

  test('a verb is done to all that pass a filter, and an empty filter is refused', async () => {
    await Promise.all(['b-1', 'b-2'].map((id) => yard.submit('add', { a: 1 }, { id, delay: '1h', tags: ['bulk'] })));
    const body = { verb: 'cancel', filter: { tag: 'bulk' } };
    expect((await ask('/v1/jobs/actions', { body: { ...body, dryRun: true } })).status).toBe(200);
    expect((await yard.job('b-1'))?.state).toBe('scheduled');
    await ask('/v1/jobs/actions', { body });
    expect([(await yard.job('b-1'))?.state, (await yard.job('b-2'))?.state]).toEqual(['cancelled', 'cancelled']);
    expect((await ask('/v1/jobs/actions', { body: { verb: 'cancel', filter: {} } })).status).toBe(422);
  });
});

test('a queue is set, paused and resumed, and other doors see it', async () => {
  expect((await ask('/v1/queues/batch', { method: 'PATCH', body: { weight: 3, mode: 'weighted' } })).status).toBe(200);
  await ask('/v1/queues/batch/pause', { method: 'POST' });
  expect(await yard.queues.get('batch')).toMatchObject({ weight: 3, mode: 'weighted', paused: true });
  await ask('/v1/queues/batch/resume', { method: 'POST' });
  await ask('/v1/queues/batch', { method: 'PATCH', body: { weight: null, mode: null } });
  expect((await ask('/v1/queues/batch')).json).toMatchObject({ weight: 1, mode: 'strict', paused: false });
  expect((await ask('/v1/queues/nosuch')).json).toMatchObject({ code: 'queue.missing' });
});

test('a schedule is added, edited, paused, run and deleted', async () => {
  const added = await ask('/v1/schedules/beat', {
    method: 'PUT',
    body: { every: '1h', type: 'add', payload: { a: 1 } },
  });
  expect(added.status).toBe(200);
  await ask('/v1/schedules/beat', { method: 'PATCH', body: { every: '2h' } });
  await ask('/v1/schedules/beat/pause', { method: 'POST' });
  expect(await yard.schedules.get('beat')).toMatchObject({ plan: { everyMs: 7_200_000 }, state: 'paused' });
  const { json } = await ask('/v1/schedules/beat/run', { method: 'POST' });
  expect((await yard.settled(json.id, { timeoutMs: 30_000 })).state).toBe('completed');
  expect((await ask('/v1/schedules/beat/history')).json.firings).toHaveLength(1);
  expect((await ask('/v1/schedules/preview', { body: { cron: '0 9 * * *', count: 3 } })).json.moments).toHaveLength(3);
  expect((await ask('/v1/schedules/preview', { body: { cron: 'never' } })).status).toBe(422);
  await ask('/v1/schedules/beat', { method: 'DELETE' });
  expect(await yard.schedules.list()).toEqual([]);
});

test('each question is answered as it is described', async () => {
  const asked = operations(yard).filter(({ method, path }) => method === 'get' && !path.includes('{'));
  expect(asked.length).toBeGreaterThan(10);
  for (const { path, replies } of asked) {
    const { status, json } = await ask(path);
    expect([path, status]).toEqual([path, 200]);
    expect(replies[200]?.schema?.safeParse(json).error, path).toBeUndefined();
  }
});

test('every operation is described once, and the page and its style come from here', async () => {
  const { json } = await ask('/openapi.json');
  const described = Object.entries<object>(json.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  const mounted = operations(yard).map(({ method, path }) => `${method} ${path}`);
  const sessions = ['get', 'post', 'delete'].map((method) => `${method} /v1/session`);
  expect(described.toSorted()).toEqual([...mounted, ...sessions].toSorted());
  expect(new Set(operations(yard).map(({ id }) => id)).size).toBe(mounted.length);
  const page = await ask('/docs');
  expect(page.text).toContain('/v1/jobs/{id}/cancel');
  expect(page.text).not.toMatch(/https?:\/\//);
  expect((await ask('/docs.css')).headers.get('content-type')).toContain('text/css');
});

test('what is no path, no JSON or too large is said as a problem', async () => {
  expect((await ask('/v1/nothing')).json).toMatchObject({ status: 404, code: 'route.missing' });
  const broken = await fetch(`${server.url}/v1/jobs`, { method: 'POST', body: '{' });
  expect([broken.status, await broken.json()]).toMatchObject([422, { code: 'input.invalid' }]);
  const large = await ask('/v1/jobs', { body: { type: 'add', payload: { text: 'x'.repeat(17 * 2 ** 20) } } });
  expect(large.status).toBe(413);
});

test('a page of another site can have nothing done, not even under a name that leads here', async () => {
  const { host, port } = new URL(server.url);
  const body = { type: 'add', payload: { a: 1 }, id: 'foreign' };
  const foreign = await ask('/v1/jobs', { body, headers: { origin: 'https://elsewhere.example' } });
  expect(foreign).toMatchObject({ status: 403, json: { code: 'request.foreign' } });
  expect(await statusFor({ host: `elsewhere.example:${port}` })).toBe(403);
  expect(await yard.job('foreign')).toBeUndefined();
  expect((await ask('/health', { headers: { origin: `http://${host}` } })).status).toBe(200);
  expect(await statusFor({ host: `localhost:${port}` })).toBe(200);
});

/** `fetch` names the host by itself. */
async function statusFor(headers: { host: string }): Promise<number | undefined> {
  const [response] = await once(get(`${server.url}/health`, { headers }), 'response');
  response.resume();
  return response.statusCode;
}

test('a port that somebody named must be free, one that nobody named may be another', async () => {
  const port = Number(new URL(server.url).port);
  const options = {
    open: () => cluster.yard(),
    version: '0',
    auth: 'off',
    ratePerSecond: 0,
    port,
    onError: () => undefined,
  } as const;
  await expect(serveHttp({ ...options, isNamed: true })).rejects.toThrow(
    `Expected port ${port} of 127.0.0.1 to be free`,
  );
  const other = await serveHttp({ ...options, isNamed: false });
  expect(Number(new URL(other.url).port)).toBeGreaterThan(port);
  await other.close();
});

test('a job beyond the quota of its tenant is refused with 429, and with when to try again', async () => {
  await yard.tenants.set('default', { maxOpen: 1 });
  const body = { type: 'add', payload: { a: 1 }, hold: true };
  await expect.poll(async () => (await ask('/v1/jobs', { body })).status, { timeout: 20_000 }).toBe(429);
  const refused = await ask('/v1/jobs', { body });
  expect(refused.json).toMatchObject({ type: 'urn:yardmaster:fault:quota.full', title: 'Too many', status: 429 });
  expect(refused.json.detail).toMatch(/^Expected room for another job of tenant default, got \d+ open of 1\. /);
  expect(refused.headers.get('retry-after')).toBe('5');
  await yard.tenants.set('default', { maxOpen: null });
  await yard.actOnAll({ verb: { verb: 'cancel' }, filter: { state: 'held' } });
});
