/** News of all jobs, as Server-Sent Events and by the SDK: what is told, to whom, from where on, and what is said to be missing. */

import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Listening } from '../../doors/http/listen.ts';
import { defineJob, type JobEvent, type Yard } from '../../sdk/index.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';
import { EventSource, isInOrder, namesOf } from './event-source.ts';

const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: ({ payload }) => payload });
const other = defineJob({ type: 'other', payload: z.looseObject({}), run: () => undefined });

let cluster: TestCluster;
let yard: Yard;
let server: Listening;

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.work([echo, other], { concurrency: 4, name: 'w' });
  yard = await cluster.yard();
  server = await serveOpen(() => cluster.yard());
});

afterAll(async () => {
  await server.close();
  await cluster[Symbol.asyncDispose]();
});

const at = (query = '') => `${server.url}/v1/events${query}`;

/** Where news goes on that nobody has heard yet. */
async function now(): Promise<string> {
  await using events = await EventSource.open(at());
  return await events.placed();
}

async function run(id: string, more: Parameters<Yard['submit']>[2] = {}, type = 'echo'): Promise<void> {
  await yard.submit(type, {}, { id, ...more });
  await yard.settled(id, { timeoutMs: 30_000 });
}

/** What is heard behind a place, up to the end of this job. */
async function heardUntil(id: string, url: string, after: string) {
  await using events = await EventSource.open(url, { after });
  await events.until((heard) => heard.some(({ event, data }) => event === 'completed' && data.id === id));
  return events.heard;
}

test('what happened while nobody listened is told to who comes back, once and in order, as what happens then', async () => {
  const after = await now();
  await run('away-1');
  await run('away-2');
  await using events = await EventSource.open(at(), { after });
  await events.until((heard) => heard.length >= 8);
  await run('back');
  await events.until((heard) => heard.length >= 12);
  const steps = [1, 2, 3, 4];
  expect(namesOf(events.heard)).toEqual(['away-1', 'away-2', 'back'].flatMap((id) => steps.map((n) => `${id} ${n}`)));
  expect(isInOrder(events.heard)).toBe(true);
  expect(events.heard[3]).toMatchObject({
    event: 'completed',
    data: { id: 'away-1', type: 'echo', queue: 'default', from: 'processing', event: 'attempt.completed', attempt: 1 },
  });
});

test('each id is a place to come back to', async () => {
  let place = await now();
  await run('places-1');
  await run('places-2');
  const heard: string[] = [];
  for (let n = 0; n < 8; n++) {
    for await (const { cursor = '', ...event } of await yard.events({ after: place })) {
      if (event.kind === 'transition') heard.push(`${event.id} ${event.transition.n}`);
      place = cursor;
      break;
    }
  }
  expect(heard).toEqual(['places-1', 'places-2'].flatMap((id) => [1, 2, 3, 4].map((step) => `${id} ${step}`)));
});

describe('of all news, a filter lets some through', () => {
  let after: string;

  beforeAll(async () => {
    after = await now();
    await run('f-one');
    await run('f-two', { tags: ['blue'] }, 'other');
    await run('f-end', { tags: ['red'], queue: 'batch', priority: 'high' });
  });

  test.each<[string, string[]]>([
    ['?state=completed,failed', ['f-one 4', 'f-two 4', 'f-end 4']],
    ['?prefix=f-e', ['f-end 1', 'f-end 2', 'f-end 3', 'f-end 4']],
    ['?id=f-end&state=assigned,completed', ['f-end 2', 'f-end 4']],
    ['?tag=red&state=completed', ['f-end 4']],
    ['?queue=batch&state=completed', ['f-end 4']],
    ['?priority=high&state=completed', ['f-end 4']],
    ['?type=echo&state=completed', ['f-one 4', 'f-end 4']],
  ])('%s', async (query, names) => {
    expect(namesOf(await heardUntil('f-end', at(query), after))).toEqual(names);
  });

  test('?after= says from where on, to who cannot say a header', async () => {
    await using events = await EventSource.open(at(`?state=completed&after=${after}`));
    await events.until((heard) => heard.length === 3);
    expect(namesOf(events.heard)).toEqual(['f-one 4', 'f-two 4', 'f-end 4']);
  });

  test.each(['?state=done', '?colour=red', '?priority=urgent', '?after=yesterday'])('%s is refused', async (query) => {
    const response = await fetch(at(query));
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: 'input.invalid' });
  });
});

test('one tenant hears nothing of another, from whichever place on', async () => {
  const [acme, other] = [yard.ofTenant('acme'), yard.ofTenant('other')];
  const after = (await acme.events()).cursor;
  for (const face of [acme, other]) {
    await face.submit('echo', {}, { id: 'mine' });
    await face.settled('mine', { timeoutMs: 30_000 });
  }
  await other.submit('echo', {}, { id: 'theirs' });
  await other.settled('theirs', { timeoutMs: 30_000 });
  await acme.submit('echo', {}, { id: 'last' });
  const heard = await until(await acme.events({ after }), ({ id }) => id === 'last');
  expect(heard.map(({ id }) => id)).toEqual(['mine', 'mine', 'mine', 'mine', 'last']);
});

async function until(events: AsyncIterable<JobEvent>, isEnough: (event: JobEvent) => boolean): Promise<JobEvent[]> {
  const heard: JobEvent[] = [];
  for await (const event of events) {
    heard.push(event);
    if (isEnough(event)) return heard;
  }
  return heard;
}

test('who takes nothing for a while misses nothing', async () => {
  await using events = await EventSource.open(at('?state=completed'));
  await events.placed();
  const jobs = Array.from({ length: 600 }, (_, n) => ({ type: 'echo', payload: {}, options: { id: `slow-${n}` } }));
  const handles = await yard.submitMany(jobs);
  for (const handle of handles) await handle.settled({ timeoutMs: 60_000 });
  await events.until((heard) => heard.length >= 600);
  expect(new Set(events.heard.map(({ data }) => data.id))).toEqual(new Set(handles.map(({ id }) => id)));
  expect(events.heard).toHaveLength(600);
});

test.each([
  ['has not come that far', () => `999999999.1.${yard.now().toString(36)}`],
  ['is younger than that', () => '1.1.1'],
])('a place in a stream that %s is a gap, and from then on all is told', async (_, place) => {
  await using events = await EventSource.open(at(), { after: place() });
  await events.until((heard) => heard.length === 1);
  expect(events.heard[0]).toMatchObject({ event: 'gap', data: { why: 'rolled back', from: expect.any(Number) } });
  const { id } = await yard.submit('echo', {});
  await events.until((heard) => heard.length === 5);
  expect(namesOf(events.heard)).toEqual([1, 2, 3, 4].map((n) => `${id} ${n}`));
});

test('what a record has dropped by now is a gap of that job, with how many at most', async () => {
  const after = await now();
  await yard.submit('echo', {}, { id: 'restless', delay: '1h' });
  for (let n = 0; n < 30; n++) {
    await yard.hold('restless');
    await yard.release('restless');
  }
  await yard.cancel('restless');
  await using events = await EventSource.open(at('?prefix=restless'), { after });
  await events.until((heard) => heard.at(-1)?.event === 'cancelled');
  const [gap, ...rest] = events.heard;
  expect(gap).toMatchObject({ event: 'gap', data: { id: 'restless', why: 'dropped', atMost: 22 } });
  expect(rest.map(({ data }) => data.n)).toEqual(Array.from({ length: 40 }, (_, n) => 23 + n));
});

test('a job that somebody removed by hand is a gap', async () => {
  await run('removed');
  const after = await now();
  const bucket = await new Kvm(await cluster.broker.connect()).open('yard_jobs');
  await bucket.purge('default.removed');
  await using events = await EventSource.open(at('?prefix=removed'), { after });
  await events.until((heard) => heard.length === 1);
  expect(events.heard).toMatchObject([{ event: 'gap', data: { id: 'removed', why: 'removed' } }]);
});

test('many who listen hear the same, those who come late too', async () => {
  const after = await now();
  const listeners = await Promise.all(Array.from({ length: 10 }, () => EventSource.open(at())));
  const heard: string[][] = [];
  await run('many-1');
  for (const events of listeners) await events.until((seen) => seen.length >= 4);
  listeners.push(...(await Promise.all(Array.from({ length: 10 }, () => EventSource.open(at(), { after })))));
  await run('many-2');
  for (const events of listeners) {
    await events.until((seen) => seen.length >= 8);
    heard.push(namesOf(events.heard));
    await events[Symbol.asyncDispose]();
  }
  const all = ['many-1', 'many-2'].flatMap((id) => [1, 2, 3, 4].map((n) => `${id} ${n}`));
  expect(heard).toEqual(Array.from({ length: 20 }, () => all));
});
