/**
 * What must hold of every cluster at the end of every test, whatever was killed on the way.
 *
 * Looks only at what lies on the broker and at what handlers did outside of it: records, rejections, the stream of
 * submissions, and the file of effects.
 */

import { expect } from 'vitest';
import { isActive, isSettled } from '../../machines/job.ts';
import type { Rejection } from '../../runtime/ports.ts';
import { type JobRecord, keptTransitions } from '../../runtime/record.ts';
import { chartEdges, edge } from '../../runtime/record-edge.ts';
import type { Effect } from './effects.ts';

/** All that a test can see of what a cluster did. */
export interface History {
  records: readonly JobRecord[];
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
}

const edges = chartEdges();

/** Fails where the history is none that a correct cluster can have. */
export function expectSound(history: History): void {
  expectOnce(history);
  for (const record of history.records) expectSoundRecord(record);
  expectAllAccountedFor(history);
}

/** No attempt ran twice: not by what handlers did, nor by what workers said. */
function expectOnce({ effects, started }: History): void {
  const begun = effects.filter(({ what }) => what === 'begins').map(({ job, attempt }) => `${job}#${attempt}`);
  expect(twice(begun), 'attempts whose handler began twice').toEqual([]);
  expect(twice(started), 'attempts that workers started twice').toEqual([]);
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
