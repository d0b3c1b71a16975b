/**
 * The step against XState's own `transition`, on random walks through the chart: the short cut through the inert
 * scope, the stored paths and the cached snapshots must never lead anywhere else.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { initialTransition, type SnapshotFrom, type StateValue, transition } from 'xstate';
import { type JobContext, type JobEvent, type JobState, jobMachine, jobStates } from '../../machines/job.ts';
import { type JobRecord, type JobSpec, keptAttempts, keptTransitions } from '../../runtime/record.ts';
import { born, step } from '../../runtime/step.ts';

type Official = SnapshotFrom<typeof jobMachine>;

const spec: JobSpec = {
  id: 'j1',
  tenant: 'default',
  type: 'noop',
  queue: 'default',
  priority: 'medium',
  requirements: {},
  payload: { n: 1 },
  staleAfterMs: 1_000,
  source: 'test',
  createdAt: 1_000,
};

const fresh: JobContext = {
  attempt: 0,
  spent: 0,
  losses: 0,
  generation: 1,
  maxAttempts: 3,
  maxLosses: 2,
  backoff: { kind: 'fixed', delayMs: 10, jitterMs: 5 },
};

/** What one turn of a walk draws: which event, and what stands in it. */
const turn = fc.record({
  pick: fc.nat(),
  /** Mostly an event for which the chart has an edge, else any. */
  blind: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  attemptOff: fc.constantFrom(0, 0, 0, 0, 0, 0, -1, 1),
  retryable: fc.constantFrom(true, true, true, false),
  retryAfterMs: fc.option(fc.nat(1_000), { nil: undefined }),
  spread: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});
type Turn = typeof turn extends fc.Arbitrary<infer Drawn> ? Drawn : never;

const start = fc.record({
  held: fc.constantFrom(undefined, undefined, true as const),
  blockedBy: fc.constantFrom(undefined, undefined, ['a', 'b']),
  dueAt: fc.constantFrom(undefined, undefined, 5_000),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
});

/** Every event the chart knows, as this turn would send it. */
function eventsOf(drawn: Turn, attempt: number, at: number): readonly JobEvent[] {
  const { retryable, retryAfterMs, spread } = drawn;
  const own = attempt + drawn.attemptOff;
  const error = {
    kind: 'error',
    message: 'no',
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  } as const;
  return [
    { type: 'job.due', at },
    { type: 'job.queued', at, reason: 'no worker' },
    { type: 'job.hold', at },
    { type: 'job.release', at },
    { type: 'dependency.ended', at, left: ['b'] },
    { type: 'job.unblocked', at },
    { type: 'job.unreachable', at, error },
    { type: 'job.stopped', at, error },
    { type: 'job.expired', at, error },
    { type: 'job.retry', at },
    { type: 'job.reschedule', at, dueAt: at + 100 },
    { type: 'job.move', at, queue: 'batch' },
    { type: 'job.prioritise', at, priority: 'low' },
    { type: 'job.cancel', at },
    { type: 'job.redrive', at },
    { type: 'attempt.claimed', at, worker: `w${drawn.pick % 3}` },
    { type: 'attempt.started', at, attempt: own },
    { type: 'attempt.completed', at, attempt: own, result: { ok: true } },
    { type: 'attempt.failed', at, attempt: own, error, spread },
    { type: 'attempt.timedOut', at, attempt: own, error, spread },
    { type: 'attempt.lost', at, attempt: own, error, spread },
    { type: 'attempt.handedBack', at, attempt: own, reason: 'full' },
    { type: 'job.preempt', at, by: 'urgent', reason: 'for urgent' },
    { type: 'attempt.drained', at, attempt: own, reason: 'leaving' },
    { type: 'attempt.preempted', at, attempt: own, reason: 'urgent' },
    { type: 'attempt.cancelling', at, attempt: own },
    { type: 'attempt.cancelled', at, attempt: own },
  ];
}

/** Few walks shall end before a worker ever had the job; and what is rarely possible is mostly done. */
function isWorthwhile({ type }: JobEvent, drawn: Turn, snapshot: Official): boolean {
  if (drawn.pick % 5 === 0) return true;
  if (type === 'job.cancel' || type === 'job.expired' || type === 'job.stopped')
    return snapshot.context.worker !== undefined;
  return type === 'attempt.cancelling' || !snapshot.can({ type: 'attempt.cancelling', at: 0, attempt: 0 });
}

function choose(drawn: Turn, snapshot: Official, at: number): JobEvent {
  const all = eventsOf(drawn, snapshot.context.attempt, at);
  const known = drawn.blind ? all : all.filter((event) => snapshot.can(event) && isWorthwhile(event, drawn, snapshot));
  const from = known.length === 0 ? all : known;
  const event = from[drawn.pick % from.length];
  if (event === undefined) throw new Error('Expected an event, got none.');
  return event;
}

function leafOf(value: StateValue): string {
  if (typeof value === 'string') return value;
  const [inner] = Object.values(value);
  return inner === undefined ? '' : leafOf(inner);
}

function isStale(event: JobEvent, snapshot: Official): boolean {
  return 'attempt' in event && event.attempt !== snapshot.context.attempt;
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/** What lies in KV: whatever JSON drops is gone, and nobody may change what was read. */
function stored(record: JobRecord): JobRecord {
  return deepFreeze<JobRecord>(JSON.parse(JSON.stringify(record)));
}

/** Walks both, turn by turn, and compares them; returns the states that were passed. */
function walk(first: Partial<JobContext>, turns: readonly Turn[]): JobState[] {
  const context = { ...fresh, ...first };
  let [official] = initialTransition(jobMachine, context);
  let record = stored(born(spec, context));
  const passed = [record.state];
  turns.forEach((drawn, index) => {
    const event = choose(drawn, official, 2_000 + index);
    const before = structuredClone(record);
    const ours = step(record, event);
    expect(record).toEqual(before);
    const theirs = isStale(event, official) ? official : transition(jobMachine, official, event)[0];
    expect([ours.moved, ours.record.state]).toEqual([theirs !== official, leafOf(theirs.value)]);
    expect(ours.record.context).toEqual(theirs.context);
    if (!ours.moved) expect(ours.refused).toBe(isStale(event, official) ? 'stale attempt' : 'no such edge');
    official = theirs;
    record = stored(ours.record);
    passed.push(record.state);
  });
  return passed;
}

test('a step goes wherever XState itself would go, with the same context', () => {
  const seen = new Set<JobState>();
  fc.assert(
    fc.property(start, fc.array(turn, { minLength: 10, maxLength: 40 }), (first, turns) => {
      for (const state of walk(first, turns)) seen.add(state);
    }),
    { numRuns: 400 },
  );
  expect([...seen].sort()).toEqual([...jobStates].sort());
});

/** Takes these steps one after the other; every one of them must be taken. */
function take(record: JobRecord, ...events: readonly JobEvent[]): JobRecord {
  return events.reduce((now, event) => {
    const taken = step(now, event);
    expect(taken.moved, `${event.type} from ${now.state}`).toBe(true);
    return stored(taken.record);
  }, stored(record));
}

const claimed: JobEvent = { type: 'attempt.claimed', at: 2_000, worker: 'w1' };
const failure = { kind: 'error', message: 'no' } as const;

function started(attempt: number): JobEvent {
  return { type: 'attempt.started', at: 2_001, attempt };
}
function completed(attempt: number): JobEvent {
  return { type: 'attempt.completed', at: 2_002, attempt, result: 'fine' };
}
function failed(attempt: number): JobEvent {
  return { type: 'attempt.failed', at: 2_003, attempt, error: failure, spread: 0 };
}

test.each<[JobState, readonly JobEvent[]]>([
  ['completed', [claimed, started(1), completed(1)]],
  ['cancelled', [{ type: 'job.cancel', at: 2_000 }]],
])('a job that is %s takes no event any more', (state, events) => {
  const settled = take(born(spec, fresh), ...events);
  expect(settled.state).toBe(state);
  fc.assert(
    fc.property(turn, (drawn) => {
      for (const event of eventsOf({ ...drawn, attemptOff: 0 }, settled.context.attempt, 9_000))
        expect(step(settled, event)).toEqual({ moved: false, record: settled, refused: 'no such edge' });
    }),
    { numRuns: 20 },
  );
});

test('a worker whose attempt is over changes nothing, even while the next attempt is in the same state', () => {
  const second = take(
    born(spec, fresh),
    claimed,
    started(1),
    failed(1),
    { type: 'job.due', at: 3_000 },
    claimed,
    started(2),
  );
  expect(step(second, completed(1))).toEqual({ moved: false, record: second, refused: 'stale attempt' });
  expect(step(second, completed(3))).toEqual({ moved: false, record: second, refused: 'stale attempt' });
  expect(step(second, completed(2)).moved).toBe(true);
});

test('a record tells the life of its job: numbered transitions, attempts with their outcome, and its moments', () => {
  const record = take(
    born(spec, fresh),
    claimed,
    started(1),
    failed(1),
    { type: 'job.due', at: 3_000 },
    claimed,
    started(2),
    completed(2),
  );
  expect(record.transitions.map(({ n, from, to, attempt }) => [n, from, to, attempt])).toEqual([
    [1, 'submitted', 'pending', 0],
    [2, 'pending', 'assigned', 1],
    [3, 'assigned', 'processing', 1],
    [4, 'processing', 'retrying', 1],
    [5, 'retrying', 'pending', 1],
    [6, 'pending', 'assigned', 2],
    [7, 'assigned', 'processing', 2],
    [8, 'processing', 'completed', 2],
  ]);
  expect(record.attempts).toEqual([
    { attempt: 1, worker: 'w1', claimedAt: 2_000, startedAt: 2_001, endedAt: 2_003, outcome: 'failed', error: failure },
    { attempt: 2, worker: 'w1', claimedAt: 2_000, startedAt: 2_001, endedAt: 2_002, outcome: 'completed' },
  ]);
  expect(record).toMatchObject({ startedAt: 2_001, settledAt: 2_002, updatedAt: 2_002, context: { result: 'fine' } });
});

test('a redriven job is not settled any more, and numbers its attempts on', () => {
  const dead = take(born(spec, { ...fresh, maxAttempts: 1 }), claimed, started(1), failed(1));
  expect(dead).toMatchObject({ state: 'failed', settledAt: 2_003, context: { error: failure } });
  const again = take(dead, { type: 'job.redrive', at: 4_000 }, claimed);
  expect(again).toMatchObject({ state: 'assigned', context: { attempt: 2, spent: 1, generation: 2 } });
  expect(again).not.toHaveProperty('settledAt');
});

test('a record stays bounded however long its job lives, and drops no number', () => {
  let record = stored(born(spec, fresh));
  for (let attempt = 1; attempt <= 60; attempt++)
    record = take(record, claimed, { type: 'attempt.handedBack', at: 2_000, attempt, reason: 'full' });
  expect([record.attempts.length, record.transitions.length]).toEqual([keptAttempts, keptTransitions]);
  expect(record.transitions.at(-1)).toMatchObject({ n: 121, reason: 'full' });
  expect(record.context).toMatchObject({ attempt: 60, spent: 0 });
});

test('a record in a state that the chart does not have is an error that names the states there are', () => {
  const strange: JobRecord = JSON.parse(JSON.stringify({ ...born(spec, fresh), state: 'nowhere' }));
  expect(() => step(strange, claimed)).toThrow(/Expected one of .*pending.*, got state nowhere/);
});
