import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flawsOf, isRepairable, type Rule, repair } from '../../actors/invariants.ts';
import type { JobEvent } from '../../machines/job.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { born, step } from '../../runtime/step.ts';
import { births, eventsFor } from '../machines/walk.ts';
import { plainJob, specOf } from './stage.ts';

const at = 6_000;

/** Any record that the chart can bring about: a birth, and whatever may be said to the job after it. */
const history: fc.Arbitrary<JobRecord> = fc
  .tuple(fc.constantFrom(...births), fc.array(fc.nat(), { maxLength: 90 }))
  .map(([birth, choices]) => choices.reduce(move, born(specOf(plainJob('a')), birth)));

/** One of the moves that the chart has for the record as it is, if it has one. */
function move(record: JobRecord, choice: number): JobRecord {
  const moves = eventsFor(record)
    .map((event: JobEvent) => step(record, event))
    .filter(({ moved }) => moved);
  return moves[choice % Math.max(1, moves.length)]?.record ?? record;
}

const keyOf = (record: JobRecord) => jobKey(record);
const rulesOf = (record: JobRecord, key = keyOf(record)): Rule[] => flawsOf(key, record).map(({ rule }) => rule);
const carried = (record: JobRecord): JobRecord => JSON.parse(JSON.stringify(record));

test('no record that the chart can bring about has a flaw', () => {
  fc.assert(
    fc.property(history, (record) => {
      expect(flawsOf(keyOf(record), carried(record))).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

/** Ways to spoil a record that are seen in every one. */
const tamperings: readonly ((record: JobRecord) => JobRecord)[] = [
  (record) => ({ ...record, id: `${record.id}x` }),
  (record) => ({ ...record, transitions: record.transitions.slice(1) }),
  (record) => ({ ...record, transitions: [] }),
  (record) => ({ ...record, transitions: record.transitions.map((each) => ({ ...each, n: each.n + 1 })) }),
  (record) => ({
    ...record,
    transitions: record.transitions.map((each, place) => (place === 0 ? { ...each, event: 'job.teleported' } : each)),
  }),
  (record) => ({ ...record, state: record.state === 'pending' ? 'processing' : 'pending' }),
  (record) => ({ ...record, state: record.state === 'completed' ? 'queued' : 'completed' }),
  (record) => ({ ...record, context: { ...record.context, attempt: record.context.attempt + 1 } }),
  (record) => ({ ...record, context: { ...record.context, spent: record.context.attempt + 1 } }),
  (record) => ({ ...record, context: { ...record.context, spent: -1 } }),
  (record) => ({ ...record, attempts: [...record.attempts, { attempt: 1, worker: 'w', claimedAt: 1, endedAt: 1 }] }),
  ({ settledAt, ...record }) => (settledAt === undefined ? { ...record, settledAt: 1 } : record),
  (record) => carried({ ...record, createdAt: Number.NaN }),
  (record) => ({
    ...record,
    context:
      record.context.worker === undefined
        ? { ...record.context, worker: 'somebody' }
        : { ...record.context, worker: undefined },
  }),
];

test('any record that was tampered with has one', () => {
  fc.assert(
    fc.property(history, fc.constantFrom(...tamperings), (record, tamper) => {
      expect(flawsOf(keyOf(record), carried(tamper(record)))).not.toEqual([]);
    }),
    { numRuns: 300 },
  );
});

/** Takes away, or adds, what follows from the state. */
function spoil({ settledAt, ...record }: JobRecord): JobRecord {
  const { worker, dueAt: _due, blockedBy: _blocked, held: _held, ...context } = record.context;
  const spoilt = { ...record, context: { ...context, ...(worker === undefined ? { worker: 'somebody' } : {}) } };
  return settledAt === undefined ? { ...spoilt, settledAt: 1 } : spoilt;
}

test('what follows from the state is repaired in one step, whatever the state is', () => {
  fc.assert(
    fc.property(history, (record) => {
      const spoilt = carried(spoil(record));
      const flaws = flawsOf(keyOf(record), spoilt);
      expect(flaws).not.toEqual([]);
      expect(flaws.filter((flaw) => !isRepairable(flaw))).toEqual([]);
      expect(flawsOf(keyOf(record), carried(repair(spoilt, { at, spread: 0 }).record))).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

describe('a job that', () => {
  const early = born(specOf(plainJob('a')), { ...plainJob('a').context, dueAt: at + 1_000 });
  const blocked = born(specOf(plainJob('a')), { ...plainJob('a').context, blockedBy: ['default.b'] });
  const held = born(specOf(plainJob('a')), { ...plainJob('a').context, held: true });
  const claimed = step(plainJob('a'), { type: 'attempt.claimed', at, worker: 'w1' }).record;
  const without = (record: JobRecord, field: 'dueAt' | 'blockedBy' | 'worker' | 'held'): JobRecord => ({
    ...record,
    context: { ...record.context, [field]: undefined },
  });

  test.each<[string, JobRecord, Rule, string, string | undefined]>([
    ['is scheduled for no moment is due', without(early, 'dueAt'), 'waits for no moment', 'pending', 'job.due'],
    ['waits for no other job is ready', without(blocked, 'blockedBy'), 'waits for no job', 'pending', 'job.unblocked'],
    [
      'is active by no worker lost it',
      without(claimed, 'worker'),
      'active without a worker',
      'retrying',
      'attempt.lost',
    ],
    ['is held by nobody stays held', without(held, 'held'), 'held by nobody', 'held', undefined],
    [
      'waits and names a worker names none',
      { ...plainJob('a'), context: { ...plainJob('a').context, worker: 'w1' } },
      'worker without a claim',
      'pending',
      undefined,
    ],
  ])('%s', (_, record, rule, state, event) => {
    expect(rulesOf(record)).toEqual([rule]);
    const repaired = repair(record, { at, spread: 0 });
    expect({ state: repaired.record.state, event: repaired.event?.type }).toEqual({ state, event });
    expect(rulesOf(repaired.record)).toEqual([]);
  });

  test('has an alarm that never rang is due, and one whose moment has not come is left alone', () => {
    expect(repair(early, { at: at + 1_000, spread: 0 }).record.state).toBe('pending');
    expect(repair(early, { at, spread: 0 }).record).toEqual(early);
  });

  test('lies under the key of another is named with both keys', () => {
    expect(flawsOf('default.b', plainJob('a'))).toEqual([
      { rule: 'under another key', expected: 'key default.a', met: 'default.b' },
    ]);
  });
});
