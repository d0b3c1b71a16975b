/** The face of the package, against a real broker, a master and workers. */

import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { Watches } from '../../cluster/watch.ts';
import { NatsEvents } from '../../nats/events.ts';
import { names } from '../../nats/names.ts';
import { NatsStore } from '../../nats/store.ts';
import { SystemClock } from '../../runtime/clock.ts';
import type { Events } from '../../runtime/ports.ts';
import { defineJob, JobError, JobFailed, type JobRecord, type Transition, type Yard } from '../../sdk/index.ts';
import { type TestCluster, testCluster } from './cluster.ts';

const add = defineJob({
  type: 'add',
  payload: z.object({ a: z.number(), b: z.number().default(1) }),
  defaults: { backoff: { kind: 'fixed', delayMs: 10, jitterMs: 0 } },
  run: ({ payload: { a, b } }) => ({ sum: a + b }),
});

const picky = defineJob({
  type: 'picky',
  payload: z.object({ until: z.number() }),
  defaults: { backoff: { kind: 'fixed', delayMs: 10, jitterMs: 0 } },
  run: ({ payload, fence }) => {
    if (fence.attempt < payload.until) throw new JobError(`Not before attempt ${payload.until}.`);
    return fence.attempt;
  },
});

const sitting = defineJob({
  type: 'sitting',
  payload: z.object({}),
  run: ({ signal, log }) => {
    log('I sit here until I am told to go.');
    return new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        log('I go.', 'stderr');
        reject(signal.reason);
      });
    });
  },
});

let cluster: TestCluster;
let yard: Yard;

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.work([add, picky, sitting], { concurrency: 20 });
  yard = await cluster.yard();
});

afterAll(() => cluster[Symbol.asyncDispose]());

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** Resolves with the transition that leads to this state. */
async function reaches(id: string, state: string): Promise<Transition> {
  for await (const transition of yard.watch(id)) if (transition.to === state) return transition;
  throw new Error(`Expected job ${id} to reach ${state}, it ended before.`);
}

async function recordOf(id: string): Promise<JobRecord> {
  const record = await yard.job(id);
  if (record === undefined) throw new Error(`Expected a record of ${id}.`);
  return record;
}

describe('submitting', () => {
  test('a job that is submitted by its definition comes back with its result, typed', async () => {
    const job = await yard.submit(add, { a: 2 });
    const result = await job.result();
    expectTypeOf(result).toEqualTypeOf<{ sum: number }>();
    expect(result).toEqual({ sum: 3 });
    expect(job.created).toBe(true);
  });

  test('options are typed values or text, and stand in the record', async () => {
    const runAt = new Date(yard.now() + 3_600_000);
    const { id } = await yard.submit(
      add,
      { a: 1 },
      {
        name: 'later',
        queue: 'batch',
        priority: 'low',
        tags: ['x', 'y'],
        runAt,
        timeout: '5m',
        staleAfter: 90_000,
        maxAttempts: 7,
        backoff: { kind: 'list', delaysMs: [1, 2], jitterMs: 0 },
        gpu: 1,
        vram: 8000,
        labels: { zone: 'eu' },
      },
    );
    expect(await recordOf(id)).toMatchObject({
      state: 'scheduled',
      name: 'later',
      queue: 'batch',
      priority: 'low',
      tags: ['x', 'y'],
      timeoutMs: 300_000,
      staleAfterMs: 90_000,
      requirements: { gpu: 1, vramMb: 8000, labels: { zone: 'eu' } },
      context: { dueAt: runAt.getTime(), maxAttempts: 7, backoff: { kind: 'list', delaysMs: [1, 2] } },
    });
  });

  test('the same id with the same content is the same job; with other content it is refused', async () => {
    const first = await yard.submit('add', { a: 1 }, { id: 'once' });
    const again = await yard.submit('add', { a: 1 }, { id: 'once' });
    expect([first.created, again.created]).toEqual([true, false]);
    expect(again.id).toBe(first.id);
    await expect(yard.submit('add', { a: 2 }, { id: 'once' })).rejects.toMatchObject({ code: 'job.conflict' });
    expect((await first.settled()).context.result).toEqual({ sum: 2 });
  });

  test('an idempotency key finds the first job, also when several ask at once', async () => {
    const jobs = await Promise.all(
      Array.from({ length: 5 }, () => yard.submit('add', { a: 5 }, { idempotencyKey: 'order-4711' })),
    );
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(jobs.filter(({ created }) => created)).toHaveLength(1);
  });

  test.each([
    ['nothing', {}, {}, 'Expected a job type that this cluster knows, got `nothing`.'],
    ['ad', {}, {}, 'Did you mean add?'],
    ['sleeper', { executionTimeMs: 'long' }, {}, 'Expected a payload of type sleeper'],
    ['add', {}, { queue: 'No Such' }, 'Expected a queue of a lower-case letter'],
    ['add', {}, { delay: 'soon' }, 'Expected `delay` to be a duration'],
    ['add', {}, { id: '_mine' }, 'Expected a job id of 1 to 64 letters'],
  ])('what is not expected is refused with a sentence: %s %j %j', async (type, payload, options, sentence) => {
    const refused = yard.submit(type, payload, options);
    await expect(refused).rejects.toMatchObject({ code: 'input.invalid', message: expect.stringContaining(sentence) });
  });

  test('a definition in hand checks the payload before anything is sent', async () => {
    const wrong: unknown = { a: 'one' };
    const refused = yard.submitMany([{ type: add, payload: wrong }]);
    await expect(refused).rejects.toMatchObject({ code: 'input.invalid', message: expect.stringContaining('`a`:') });
  });

  test('a thousand jobs are submitted at once and each runs once', async () => {
    const jobs = await yard.submitMany(
      Array.from({ length: 1_000 }, (_, a) => ({ type: 'add', payload: { a }, options: { queue: 'batch' } })),
    );
    const records = await Promise.all(jobs.map((job) => job.settled()));
    expect(records.map(({ context }) => context.result)).toEqual(
      Array.from({ length: 1_000 }, (_, a) => ({ sum: a + 1 })),
    );
    expect(records.every(({ attempts }) => attempts.length === 1)).toBe(true);
  });

  test('one wrong job among many is named, and none of them is submitted', async () => {
    const refused = yard.submitMany([
      { type: 'add', payload: { a: 1 }, options: { id: 'good-one' } },
      { type: 'add', payload: { a: 1 }, options: { priority: 'high', delay: '-1s' } },
    ]);
    await expect(refused).rejects.toMatchObject({ code: 'input.invalid' });
    const named = yard.submitMany([{ type: 'add', options: { id: 'good-one' } }, { type: 'substract' }]);
    await expect(named).rejects.toThrow('Item 2 of 2: Expected a job type that this cluster knows, got `substract`.');
    expect(await yard.job('good-one')).toBeUndefined();
  });
});

describe('watching', () => {
  test('every transition is seen once and in order, from whatever moment one watches', async () => {
    const jobs = await yard.submitMany(Array.from({ length: 30 }, () => ({ type: picky, payload: { until: 3 } })));
    const seen = await Promise.all(jobs.map((job) => all(job.watch())));
    const records = await Promise.all(jobs.map((job) => recordOf(job.id)));
    expect(seen).toEqual(records.map(({ transitions }) => transitions));
    expect(records.every(({ context }) => context.attempt === 3)).toBe(true);
    const [first] = jobs;
    expect(await all(yard.watch(first?.id ?? ''))).toEqual(records[0]?.transitions);
  });

  test('a watch that hears only some of the news misses nothing and tells nothing twice', async () => {
    const connection = await cluster.broker.connect();
    const clock = new SystemClock();
    const parts = { connection, names: names(), clock };
    const store = await NatsStore.open({ ...parts, retentionMs: 3_600_000 });
    const events = deafTo((n) => n % 3 !== 0, new NatsEvents(parts));
    const watches = new Watches({ store, events, clock });
    const job = await yard.submit(picky, { until: 4 });
    const seen = await all(watches.transitions(`default.${job.id}`));
    expect(seen.map(({ n }) => n)).toEqual(seen.map((_, at) => at + 1));
    expect(seen).toEqual((await recordOf(job.id)).transitions);
  });

  test('a watch survives a broker that is restarted', async () => {
    await using other = await testCluster();
    const there = await other.yard();
    const job = await there.submit('noop', {}, { delay: '1500ms' });
    const watch = job.watch()[Symbol.asyncIterator]();
    expect(await watch.next()).toMatchObject({ value: { to: 'scheduled' } });
    await other.broker.restart();
    await other.work([], { types: ['noop'] });
    const rest: string[] = [];
    for (let step = await watch.next(); step.done !== true; step = await watch.next()) rest.push(step.value.to);
    expect(rest.at(-1)).toBe('completed');
  });

  test('a watch ends when its caller has had enough', async () => {
    const { id } = await yard.submit('add', { a: 1 }, { delay: '1h' });
    const enough = new AbortController();
    const watch = yard.watch(id, { signal: enough.signal })[Symbol.asyncIterator]();
    await watch.next();
    const waiting = watch.next();
    enough.abort(new Error('Enough.'));
    await expect(waiting).rejects.toThrow('Enough.');
  });

  test('watching a job that is not there says so', async () => {
    await expect(all(yard.watch('nobody'))).rejects.toMatchObject({ code: 'job.missing' });
    await expect(yard.result('nobody')).rejects.toMatchObject({ code: 'job.missing' });
  });
});

/** Events of which some are never heard. */
function deafTo(isDropped: (n: number) => boolean, events: Events): Events {
  return {
    tell: (event) => events.tell(event),
    progress: (key, progress) => events.progress(key, progress),
    ack: (ack) => events.ack(ack),
    listenAck: (ref, onAck) => events.listenAck(ref, onAck),
    listenProgress: (of, onProgress) => events.listenProgress(of, onProgress),
    listen: (of, onEvent) =>
      events.listen(of, (event) => {
        if (!isDropped(event.transition.n)) onEvent(event);
      }),
  };
}

describe('waiting', () => {
  test('a job that fails for good says so with its record', async () => {
    const job = await yard.submit('picky', { until: 9 }, { maxAttempts: 2 });
    const failed = await job.result().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(JobFailed);
    expect(failed).toMatchObject({
      message: `Job ${job.id} failed after 2 attempts: Not before attempt 9.`,
      record: { state: 'failed', context: { error: { kind: 'error' } } },
    });
  });

  test('waiting gives up in time, and the job goes on', async () => {
    const job = await yard.submit('add', { a: 1 }, { delay: '1h' });
    await expect(job.result({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'wait.timedOut' });
    expect(await recordOf(job.id)).toMatchObject({ state: 'scheduled' });
  });
});

describe('cancelling', () => {
  test('a waiting job is cancelled at once, with the reason in its history', async () => {
    const job = await yard.submit('add', { a: 1 }, { delay: '1h' });
    const record = await job.cancel({ reason: 'changed my mind' });
    expect(record.state).toBe('cancelled');
    expect(record.transitions.at(-1)).toMatchObject({ event: 'job.cancel', reason: 'changed my mind' });
    await expect(job.result()).rejects.toThrow(`Job ${job.id} is cancelled.`);
  });

  test('a running job is told to stop, and its log can be followed to the last line', async () => {
    const job = await yard.submit(sitting, {});
    await reaches(job.id, 'processing');
    const lines = all(job.logs({ follow: true }));
    const wished = await job.cancel();
    expect(wished).toMatchObject({ state: 'processing', context: { cancelAt: expect.any(Number) } });
    expect(await job.settled()).toMatchObject({ state: 'cancelled', attempts: [{ outcome: 'cancelled' }] });
    expect((await lines).map(({ line, stream }) => `${stream}: ${line}`)).toEqual([
      'stdout: I sit here until I am told to go.',
      'stderr: I go.',
    ]);
  });

  test('what is done cannot be cancelled, and what is not there neither', async () => {
    const job = await yard.submit(add, { a: 1 });
    await job.settled();
    await expect(job.cancel()).rejects.toMatchObject({ code: 'job.refused' });
    await expect(yard.cancel('nobody')).rejects.toMatchObject({ code: 'job.missing' });
    await expect(yard.cancel('no.body')).rejects.toMatchObject({ code: 'input.invalid' });
  });
});

describe('looking', () => {
  test('jobs are listed by what they are, the newest first, as many as were asked for', async () => {
    const jobs: string[] = [];
    for (const queue of ['look', 'look', 'other', 'look']) {
      const tags = queue === 'look' && jobs.length === 0 ? ['first'] : [];
      // Of one millisecond, they are listed by id.
      const id = `looked-${jobs.length}`;
      jobs.push((await yard.submit('add', { a: 1 }, { id, queue, delay: '1h', tags })).id);
    }
    const [first, second, , fourth] = jobs;
    const idsOf = async (filter: Parameters<Yard['jobs']>[0]) => (await all(yard.jobs(filter))).map(({ id }) => id);
    expect(await idsOf({ queue: 'look' })).toEqual([fourth, second, first]);
    expect(await idsOf({ queue: 'look', limit: 2 })).toEqual([fourth, second]);
    expect(await idsOf({ queue: 'look', tag: 'first' })).toEqual([first]);
    expect(await idsOf({ queue: 'look', state: ['completed', 'failed'] })).toEqual([]);
    expect((await yard.census()).byQueue['look']).toEqual({ scheduled: 3 });
  });

  test('the leader tells who works, and why a job waits', async () => {
    const [worker] = await yard.workers();
    expect(worker).toMatchObject({ slots: 20, status: 'available' });
    expect(worker?.types.toSorted()).toEqual(['add', 'picky', 'sitting']);
    expect(await yard.cluster()).toMatchObject({ leader: { term: expect.any(Number) }, workers: [{ slots: 20 }] });
    const { id } = await yard.submit('add', { a: 1 }, { gpu: 3 });
    await expect
      .poll(() => yard.why(id))
      .toMatchObject({ code: 'no worker has it', sentence: expect.stringContaining('3 GPU') });
  });
});

describe('job types', () => {
  test('a job that asks for a version of its handler runs where that is, and nowhere else', async () => {
    const versioned = (version: string) =>
      defineJob({ type: 'versioned', version, payload: z.object({}), run: () => version });
    await cluster.work([versioned('1.9.0')], { types: ['versioned'] });
    const { id } = await yard.submit(versioned('1.9.0'), {}, { version: '>=1.10&<3' });
    await expect
      .poll(() => yard.why(id))
      .toMatchObject({
        code: 'no worker has it',
        sentence: expect.stringContaining('a handler of versioned of version >=1.10 and <3'),
      });
    await cluster.work([versioned('2.0.0')], { types: ['versioned'] });
    expect((await yard.settled(id)).context.result).toBe('2.0.0');
  });

  test('a name that is none, and a payload without a schema, are refused when they are defined', () => {
    const run = () => undefined;
    const definition = { type: 'Bad Name', payload: z.object({}), run };
    expect(() => defineJob(definition)).toThrow('Expected `type` to be a lower-case letter');
    const bare: object = { type: 'bare', payload: {}, run };
    expect(() => Reflect.apply(defineJob, undefined, [bare])).toThrow('to be a Standard Schema');
  });
});
