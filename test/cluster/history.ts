/**
 * What must hold of every cluster at the end of every test, whatever was killed on the way.
 *
 * Looks only at what lies on the broker and at what handlers did outside of it: records, rejections, the stream of
 * submissions, and the file of effects.
 */

import { expect } from 'vitest';
import { isActive, isSettled } from '../../machines/job.ts';
import { momentsBetween } from '../../machines/rules/cron.ts';
import type { Change, Head, Rejection } from '../../runtime/ports.ts';
import { type JobRecord, keptTransitions } from '../../runtime/record.ts';
import { chartEdges, edge } from '../../runtime/record-edge.ts';
import type { Firing, ScheduleRecord } from '../../runtime/schedule.ts';
import type { Effect } from './effects.ts';

/** All that a test can see of what a cluster did. */
export interface History {
  records: readonly JobRecord[];
  /** Of schedules that no test resumed, or gave another plan. */
  schedules: readonly ScheduleRecord[];
  rejections: readonly Rejection[];
  /** Sequences of all messages in the stream of submissions. */
  submitted: readonly number[];
  /** Sequences of those that name, or were told, a job that is there: its own, or that of an earlier one. */
  repeats: readonly number[];
  /** Ids whose submission was acknowledged to a test. */
  acknowledged: ReadonlySet<string>;
  /** Attempts that workers said they started, as `key#attempt`. */
  started: readonly string[];
  effects: readonly Effect[];
  /** What was heard to be written into the bucket of jobs, in order, perhaps with gaps. */
  changes: readonly Change[];
}

const edges = chartEdges();

/** Fails where the history is none that a correct cluster can have. */
export function expectSound(history: History): void {
  expectOnce(history);
  for (const record of history.records) expectSoundRecord(record);
  for (const schedule of history.schedules) expectFiredOnce(schedule, history.records);
  expectRunsKnown(history);
  expect(steps(history.changes), 'writes that changed what was over').toEqual([]);
  expectAllAccountedFor(history);
}

/** No attempt ran twice: not by what handlers did, nor by what workers said. */
function expectOnce({ effects, started }: History): void {
  const begun = effects.filter(({ what }) => what === 'begins').map(({ job, attempt }) => `${job}#${attempt}`);
  expect(twice(begun), 'attempts whose handler began twice').toEqual([]);
  expect(twice(started), 'attempts that workers started twice').toEqual([]);
}

/** What ran is what the record says: no attempt that it knows nothing of, and no end that no handler came to. */
function expectRunsKnown({ records, effects }: History): void {
  const known = new Map(records.map((record) => [record.id, record]));
  const unknown = effects.flatMap(({ what, job, attempt }) => {
    const record = known.get(job);
    if (what !== 'begins' || (record !== undefined && attempt <= record.context.attempt)) return [];
    return [`${job}#${attempt}`];
  });
  expect(unknown, 'attempts that ran and are in no record').toEqual([]);
  const named = (kind: Effect['what']) =>
    new Set(effects.flatMap(({ what, job, attempt }) => (what === kind ? [`${job}#${attempt}`] : [])));
  const [begun, ended] = [named('begins'), named('ends')];
  const completed = records
    .filter(({ state }) => state === 'completed')
    .map(({ id, context }) => `${id}#${context.attempt}`);
  const made = completed.filter((name) => begun.has(name) && !ended.has(name));
  expect(made, 'completed attempts whose handler did not end').toEqual([]);
}

/** Writes by which a term, an attempt or a settled job went back. A stream that was put back begins anew. */
function steps(changes: readonly Change[]): string[] {
  const heads = new Map<string, Head>();
  let [term, last] = [0, 0];
  return changes.flatMap((change) => {
    const revision = change.kind === 'job' ? change.head.revision : change.revision;
    if (revision < last) {
      heads.clear();
      term = 0;
    }
    last = revision;
    if (change.kind === 'other' || change.kind === 'schedule') return [];
    if (change.kind === 'job') return stepBack(heads, change.head);
    const wrote = change.lease?.term || revision;
    const former = term;
    term = Math.max(term, wrote);
    return wrote < former ? [`${change.lease?.name} wrote for term ${wrote} in term ${former}`] : [];
  });
}

function stepBack(heads: Map<string, Head>, after: Head): string[] {
  const before = heads.get(after.key);
  heads.set(after.key, after);
  if (before === undefined || !isBack(before, after)) return [];
  return [`${after.key} was ${before.state}, attempt ${before.attempt}; then ${after.state}, attempt ${after.attempt}`];
}

function isBack(before: Head, after: Head): boolean {
  if (before.revision === after.revision) return false;
  return before.state === 'completed' || before.state === 'cancelled' || after.attempt < before.attempt;
}

function twice(words: readonly string[]): string[] {
  return words.filter((word, at) => words.indexOf(word) !== at);
}

function expectSoundRecord(record: JobRecord): void {
  const { id, state, context, transitions, attempts } = record;
  const first = transitions[0];
  const whole = (transitions.at(-1)?.n ?? 0) <= keptTransitions;
  if (whole) expect(first, `birth of ${id}`).toMatchObject({ n: 1, from: 'submitted', event: 'job.submitted' });
  for (const [at, transition] of transitions.entries()) {
    expect(edges, `an edge of ${id}`).toContain(edge(transition));
    const before = transitions[at - 1];
    if (before !== undefined) expect([transition.n, transition.from], `${id}`).toEqual([before.n + 1, before.to]);
  }
  expect(transitions.at(-1)?.to, `last transition of ${id}`).toBe(state);
  if (isSettled(state)) expect(context.worker, `worker of ${id}, which is settled`).toBeUndefined();
  if (isActive(state)) expect(context.worker, `worker of ${id}, which is active`).toBeTypeOf('string');
  const numbers = attempts.map(({ attempt }) => attempt);
  expect(numbers, `attempts of ${id}`).toEqual(numbers.map((_, at) => context.attempt - numbers.length + 1 + at));
  for (const attempt of attempts.slice(0, -1)) expect(attempt.outcome, `an attempt of ${id}`).toBeTypeOf('string');
}

/** Each moment of a schedule that has come is decided once; it has a job exactly where it says so. */
function expectFiredOnce(
  { name, plan, createdAt, firings, context }: ScheduleRecord,
  jobs: readonly JobRecord[],
): void {
  const numbers = firings.map(({ n }) => n);
  expect(numbers, `firings of ${name}`).toEqual(numbers.map((_, at) => (numbers[0] ?? 1) + at));
  const byTime = firings.filter(({ byHand }) => byHand !== true);
  const first = numbers[0] === 1 ? createdAt : (byTime[0]?.at ?? 0) - 1;
  const last = byTime.at(-1)?.to ?? byTime.at(-1)?.at ?? 0;
  const to = context.nextAt === undefined ? last : context.nextAt - 1;
  const come = momentsBetween(plan, { from: first, to, atMost: 10_000 });
  const decided = byTime.flatMap(({ at, to: until = at }) =>
    momentsBetween(plan, { from: at - 1, to: until, atMost: 10_000 }),
  );
  expect(decided, `moments of ${name} that were decided`).toEqual(come);
  const [since, source] = [come[0] ?? 0, `schedule:${name}@`];
  const made = jobs.filter(
    (job) => job.source.startsWith(source) && momentIn(job.source) >= since && momentIn(job.source) <= to,
  );
  const fired = byTime.flatMap(({ outcome, job }: Firing) => (outcome === 'fired' ? [String(job)] : []));
  expect(made.map(({ id }) => id).sort(), `jobs of ${name}`).toEqual(fired.sort());
}

function momentIn(source: string): number {
  return Date.parse(source.slice(source.indexOf('@') + 1));
}

/** The ledger: each submission is a job, a repeat of one, or rejected; each acknowledged one is there. */
function expectAllAccountedFor({ records, rejections, submitted, repeats, acknowledged }: History): void {
  const ids = new Set(records.map(({ id }) => id));
  expect(
    [...acknowledged].filter((id) => !ids.has(id)),
    'acknowledged submissions without a job',
  ).toEqual([]);
  const created = records.flatMap(({ source }) => sequenceIn(source));
  expect(twice(created.map(String)), 'submissions that became two jobs').toEqual([]);
  const accounted = new Set([...created, ...repeats, ...rejections.map(({ sequence }) => sequence)]);
  const missing = submitted.filter((sequence) => !accounted.has(sequence));
  expect(missing, 'submissions that are neither a job nor rejected').toEqual([]);
}

/** `submission:<birthday>-17` is the 17th; jobs of other doors come from none. */
function sequenceIn(source: string): number[] {
  const found = /^submission:[0-9a-z]+-(\d+)$/.exec(source)?.[1];
  return found === undefined ? [] : [Number(found)];
}
