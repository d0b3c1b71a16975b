/**
 * What became of a load, read from the records of its jobs.
 */

import type { AttemptEntry, JobRecord } from '../../../sdk/index.ts';
import type { Kind, Mix, Planned } from './mix.ts';

/** Times are ms. */
export interface Outcome {
  jobs: number;
  /** From the first submission until the last job was settled. */
  drainMs: number;
  jobsPerSecond: number;
  /** The most attempts that ran at the same time; one of a lost worker counts until it is taken back. */
  inFlight: number;
  runMs: Figures;
  /** From a job's submission until its first handler started. */
  waitMs: Figures;
  failedPercent: number;
  /** Attempts after the first of their job. */
  retries: number;
  /** Attempts that were taken back from a worker that was lost. */
  reaped: number;
  /** Jobs that did not end as their type must. */
  wrong: readonly { id: string; expected: string; met: string }[];
}

export interface Figures {
  p50: number;
  p95: number;
}

/** One job as it was meant, and as it ended. */
export interface Ended {
  plan: Planned;
  record: JobRecord;
}

export function outcomeOf(ended: readonly Ended[], mix: Mix): Outcome {
  const records = ended.map(({ record }) => record);
  const attempts = records.flatMap(({ attempts: all }) => all);
  const first = Math.min(...records.map(({ createdAt }) => createdAt));
  const last = Math.max(...records.map(({ settledAt = 0 }) => settledAt));
  const drainMs = Math.max(1, last - first);
  return {
    jobs: records.length,
    drainMs,
    jobsPerSecond: Math.round((1_000 * records.length) / drainMs),
    inFlight: most(attempts),
    runMs: figures(attempts.flatMap(({ startedAt, endedAt }) => (startedAt && endedAt ? [endedAt - startedAt] : []))),
    waitMs: figures(records.flatMap(({ createdAt, startedAt }) => (startedAt ? [startedAt - createdAt] : []))),
    failedPercent: (100 * records.filter(({ state }) => state === 'failed').length) / records.length,
    retries: records.reduce((sum, { context }) => sum + Math.max(0, context.spent - 1), 0),
    reaped: attempts.filter(({ outcome }) => outcome === 'lost').length,
    wrong: ended.flatMap((each) => wrongIn(each, mix)),
  };
}

/** How a job of each kind must end, where no worker died: a lost worker costs attempts, so more of them is no wrong. */
function wrongIn({ plan: { kind }, record }: Ended, { flakyAttempts }: Mix): Outcome['wrong'] {
  const expected = kind === 'fail' ? 'failed' : 'completed';
  const least = leastAttempts(kind, record, flakyAttempts);
  if (record.state === expected && record.context.attempt >= least) return [];
  const met = `${record.state} after ${record.context.attempt} attempts`;
  return [{ id: record.id, expected: `${expected} after ${least} attempts or more`, met }];
}

function leastAttempts(kind: Kind, { context }: JobRecord, flakyAttempts: number): number {
  switch (kind) {
    case 'flaky':
      return flakyAttempts + 1;
    case 'fail':
      return context.maxAttempts;
    default:
      return 1;
  }
}

/** The most intervals that overlap. One that ends in the millisecond in which another starts does not meet it. */
function most(attempts: readonly AttemptEntry[]): number {
  const edges = attempts.flatMap(({ startedAt, endedAt }): [at: number, by: 1 | -1][] =>
    startedAt === undefined || endedAt === undefined
      ? []
      : [
          [startedAt, 1],
          [endedAt, -1],
        ],
  );
  edges.sort(([a, up], [b, down]) => a - b || up - down);
  let now = 0;
  let top = 0;
  for (const [, by] of edges) {
    now += by;
    top = Math.max(top, now);
  }
  return top;
}

function figures(values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p95: at(0.95) };
}
