import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Committer } from '../../actors/committer.ts';
import { mover } from '../../actors/mover.ts';
import { Timekeeper } from '../../actors/timekeeper.ts';
import type { JobContext, JobEvent } from '../../machines/job.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { headOf } from '../../runtime/head.ts';
import type { Head } from '../../runtime/ports.ts';
import { type JobRecord, type JobSpec, jobKey } from '../../runtime/record.ts';
import { born } from '../../runtime/step.ts';
import { moved } from '../ports.contract.ts';
import { entryOf, lastOf, plainJob, specOf, stage, written } from './stage.ts';

const start = 1_700_000_000_000;
const overdueAfterMs = 14_000;

/** A timekeeper, and jobs that are in the store and on its board. Moments are ms from the beginning. */
async function setUp() {
  const on = stage();
  const { clock, world, telemetry, broker } = on;
  const { commit } = new Committer({ store: world.store, clock, telemetry });
  const board = new Board({ queues: defaultQueues });
  const apply = (head: Head) => {
    const applied = board.apply(head);
    if (applied !== undefined) timekeeper.watch(applied.entry);
  };
  const move = mover({ store: world.store, commit, events: world.events, apply });
  const batches: number[] = [];
  const timekeeper: Timekeeper = new Timekeeper({
    board,
    clock,
    overdueAfterMs,
    move: (moves) => {
      if (moves.length > 0) batches.push(moves.length);
      return move(moves);
    },
  });
  const put = async (...records: readonly JobRecord[]) => {
    for (const record of records) {
      const expected = board.get(jobKey(record))?.revision ?? 0;
      const outcome = await clock.until(world.store.write([entryOf(record, expected)]));
      if (outcome.kind !== 'accepted') throw new RangeError(`Expected to store ${record.id}, got ${outcome.kind}.`);
      apply(headOf(jobKey(record), outcome.revisions[0] ?? 0, record));
    }
  };
  const stateOf = (id: string) => lastOf(broker, id).state;
  return { ...on, board, timekeeper, put, stateOf, batches };
}

const context: JobContext = {
  attempt: 0,
  spent: 0,
  losses: 0,
  generation: 1,
  maxAttempts: 4,
  maxLosses: 3,
  backoff: { kind: 'fixed', delayMs: 2_000, jitterMs: 0 },
};

function delayed(id: string, ms: number, more: Partial<JobSpec> = {}): JobRecord {
  return born(specOf(plainJob(id, more)), { ...context, dueAt: start + ms });
}

const steps = (record: JobRecord, ...events: JobEvent[]) => events.reduce(moved, record);
const claim: JobEvent = { type: 'attempt.claimed', at: start, worker: 'w1' };
const begin: JobEvent = { type: 'attempt.started', at: start, attempt: 1 };
const error = { kind: 'error', message: 'It broke.' } as const;

describe('a moment that was set', () => {
  test('makes a delayed job ready when it comes, and no sooner', async () => {
    const { clock, put, stateOf, broker } = await setUp();
    await put(delayed('a', 5_000));
    await clock.advance(4_999);
    expect(stateOf('a')).toBe('scheduled');
    await clock.advance(1);
    expect(stateOf('a')).toBe('pending');
    expect(lastOf(broker, 'a').transitions.at(-1)).toMatchObject({ event: 'job.due', at: start + 5_000 });
  });

  test('ends a backoff', async () => {
    const { clock, put, stateOf } = await setUp();
    await put(steps(plainJob('a'), claim, begin, { type: 'attempt.failed', at: start, attempt: 1, spread: 0, error }));
    expect(stateOf('a')).toBe('retrying');
    await clock.advance(9);
    expect(stateOf('a')).toBe('retrying');
    await clock.advance(1);
    expect(stateOf('a')).toBe('pending');
  });

  test('that is later than others does not wait for them, nor they for it', async () => {
    const { clock, put, stateOf } = await setUp();
    await put(delayed('c', 9_000), delayed('a', 1_000), delayed('b', 5_000), delayed('d', 1_000));
    await clock.advance(1_000);
    expect(['a', 'b', 'c', 'd'].map(stateOf)).toEqual(['pending', 'scheduled', 'scheduled', 'pending']);
    await clock.advance(4_000);
    expect(['b', 'c'].map(stateOf)).toEqual(['pending', 'scheduled']);
  });

  test('is kept to the millisecond, however many there are and in whatever order they were set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 40 }), async (delays) => {
        const { clock, put, broker } = await setUp();
        await put(...delays.map((ms, n) => delayed(`j${n}`, ms)));
        await clock.advance(3_000);
        const readyAt = delays.map((_, n) => lastOf(broker, `j${n}`).updatedAt - start);
        expect(readyAt).toEqual(delays);
      }),
      { numRuns: 20 },
    );
  });

  test('and was put off since means nothing any more', async () => {
    const { clock, put, stateOf } = await setUp();
    const first = delayed('a', 1_000);
    await put(first);
    await put(steps(first, { type: 'job.reschedule', at: start, dueAt: start + 8_000 }));
    await clock.advance(7_999);
    expect(stateOf('a')).toBe('scheduled');
    await clock.advance(1);
    expect(stateOf('a')).toBe('pending');
  });

  test('of a job that was held since means nothing until it is released', async () => {
    const { clock, put, stateOf } = await setUp();
    const first = delayed('a', 1_000);
    await put(first);
    const held = steps(first, { type: 'job.hold', at: start });
    await put(held);
    await clock.advance(5_000);
    expect(stateOf('a')).toBe('held');
    await put(steps(held, { type: 'job.release', at: start + 5_000 }));
    await clock.advance(100);
    expect(stateOf('a')).toBe('pending');
  });
});

describe('after a pause', () => {
  test('all that was missed is made ready at once, a batch at a time', async () => {
    const { clock, put, stateOf, batches, broker } = await setUp();
    const ids = Array.from({ length: 1_200 }, (_, n) => `j${n}`);
    await put(...ids.map((id, n) => delayed(id, 1_000 + n)));
    broker.stop();
    await clock.advance(10_000);
    batches.length = 0;
    broker.start();
    await clock.advance(3_000);
    expect(ids.every((id) => stateOf(id) === 'pending')).toBe(true);
    expect(batches.every((count) => count <= 500)).toBe(true);
    expect(batches.length).toBeLessThan(10);
  });

  test('what was due while nobody kept the time comes with the one who takes over', async () => {
    const { clock, put, timekeeper, board, world, telemetry, stateOf } = await setUp();
    timekeeper.stop();
    await put(delayed('a', 1_000), delayed('b', 60_000));
    await clock.advance(30_000);
    expect(stateOf('a')).toBe('scheduled');
    const { commit } = new Committer({ store: world.store, clock, telemetry });
    const apply = (head: Head) => void board.apply(head);
    const move = mover({ store: world.store, commit, events: world.events, apply });
    new Timekeeper({ board, clock, overdueAfterMs, move }).start();
    await clock.advance(10);
    expect(['a', 'b'].map(stateOf)).toEqual(['pending', 'scheduled']);
  });

  test('of the broker, what was due comes when it is back', async () => {
    const { clock, put, stateOf, broker } = await setUp();
    await put(delayed('a', 1_000));
    broker.stop();
    await clock.advance(10_000);
    broker.start();
    await clock.advance(3_000);
    expect(stateOf('a')).toBe('pending');
    expect(written(broker, 'a')).toHaveLength(2);
  });
});

describe('an expiry', () => {
  test('ends a job that waits, with the moment in a sentence', async () => {
    const { clock, put, broker } = await setUp();
    await put(plainJob('a', { expiresAt: start + 3_000 }));
    await clock.advance(2_999);
    expect(lastOf(broker, 'a').state).toBe('pending');
    await clock.advance(1);
    expect(lastOf(broker, 'a')).toMatchObject({ state: 'failed', context: { error: { kind: 'expired' } } });
    expect(lastOf(broker, 'a').context.error?.message).toContain('2023-11-14T22:13:23.000Z');
  });

  test('that comes before a job is due ends it', async () => {
    const { clock, put, stateOf } = await setUp();
    await put(delayed('a', 5_000, { expiresAt: start + 3_000 }));
    await clock.advance(3_000);
    expect(stateOf('a')).toBe('failed');
  });

  test('that comes later leaves a job its time, and counts on', async () => {
    const { clock, put, stateOf } = await setUp();
    await put(delayed('a', 2_000, { expiresAt: start + 3_000 }));
    await clock.advance(2_000);
    expect(stateOf('a')).toBe('pending');
    await clock.advance(1_000);
    expect(stateOf('a')).toBe('failed');
  });

  test('that was missed together with its due moment ends the job: it must not start any more', async () => {
    const { clock, put, stateOf, broker } = await setUp();
    await put(delayed('a', 2_000, { expiresAt: start + 3_000 }));
    broker.stop();
    await clock.advance(10_000);
    broker.start();
    await clock.advance(3_000);
    expect(stateOf('a')).toBe('failed');
    expect(written(broker, 'a').map(({ state }) => state)).toEqual(['scheduled', 'failed']);
  });

  test('does not touch a job that runs', async () => {
    const { clock, put, stateOf } = await setUp();
    await put(steps(plainJob('a', { expiresAt: start + 3_000, timeoutMs: 60_000 }), claim, begin));
    await clock.advance(10_000);
    expect(stateOf('a')).toBe('processing');
  });
});

describe('an attempt that its worker does not end', () => {
  test('is ended long after its timeout, as lost', async () => {
    const { clock, put, stateOf, broker } = await setUp();
    await put(steps(plainJob('a', { timeoutMs: 5_000 }), claim, begin));
    await clock.advance(5_000 + overdueAfterMs - 1);
    expect(stateOf('a')).toBe('processing');
    await clock.advance(1);
    expect(lastOf(broker, 'a').context).toMatchObject({ losses: 1, error: { kind: 'timeout' } });
  });

  test('and has no timeout may go on for ever', async () => {
    const { clock, put, stateOf } = await setUp();
    const { timeoutMs: _, ...endless } = plainJob('a');
    await put(steps(endless, claim, begin));
    await clock.advance(3_600_000);
    expect(stateOf('a')).toBe('processing');
  });
});

test('who has stopped moves nothing', async () => {
  const { clock, put, stateOf, timekeeper } = await setUp();
  await put(delayed('a', 1_000));
  timekeeper.stop();
  await put(delayed('b', 1_000));
  await clock.advance(5_000);
  expect(['a', 'b'].map(stateOf)).toEqual(['scheduled', 'scheduled']);
});
