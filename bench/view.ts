/**
 * The view: how long it takes to fill it with many jobs, how large it is, and how long a page of a list takes, first and deep ones.
 *
 * What is measured is the view itself, in this process: neither the broker, nor reading the records that a page shows.
 */

import { SystemClock } from '../runtime/clock.ts';
import type { Page } from '../runtime/ports.ts';
import type { JobRecord } from '../runtime/record.ts';
import { born, step } from '../runtime/step.ts';
import type { ListQuery } from '../runtime/view.ts';
import { SqliteShelf } from '../view/shelf.ts';
import { percentile, rounded } from './figure.ts';

export interface ViewResult {
  jobs: number;
  /** Milliseconds to fill it, and MiB that this process takes then. */
  fillMs: number;
  memoryMb: number;
  /** Milliseconds a page, by list: the median, the 95th percentile, and the longest. */
  pages: Readonly<Record<string, { p50: number; p95: number; max: number }>>;
}

const pagesAtOnce = 250;
const pagesEach = 40;
const firstAt = 1_790_000_000_000;

const lists: Readonly<Record<string, Partial<ListQuery>>> = {
  all: {},
  oldestFirst: { sort: 'created' },
  byUpdate: { sort: '-updated' },
  failed: { state: 'failed' },
  twoStates: { state: ['failed', 'cancelled'] },
  queueAndPriority: { queue: 'live', priority: 'critical' },
  rareType: { type: 'rare' },
  tag: { tag: 'night' },
  range: { createdFrom: firstAt + 40_000, createdTo: firstAt + 60_000 },
  commonWord: { search: 'transcode' },
  rareWord: { search: 'reel77777' },
  beginning: { search: 'reel77*' },
  commonWordRareFilter: { search: 'transcode', type: 'rare' },
};

export function view({ jobs }: { jobs: number }): ViewResult {
  const clock = new SystemClock();
  using shelf = new SqliteShelf();
  const filledFrom = clock.mono();
  for (let from = 0; from < jobs; from += pagesAtOnce)
    shelf.take(Array.from({ length: Math.min(pagesAtOnce, jobs - from) }, (_, at) => pageOf(from + at)));
  const fillMs = Math.round(clock.mono() - filledFrom);
  const memoryMb = Math.round(process.memoryUsage.rss() / 2 ** 20);
  process.stderr.write(`${jobs} jobs are there after ${fillMs} ms\n`);
  const pages = Object.entries(lists).map(([name, list]) => [name, timesOf(shelf, list, clock)] as const);
  return { jobs, fillMs, memoryMb, pages: Object.fromEntries(pages) };
}

function timesOf(shelf: SqliteShelf, list: Partial<ListQuery>, clock: SystemClock) {
  const took: number[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < pagesEach; page++) {
    const from = clock.mono();
    cursor = shelf.list({ tenant: 'default', limit: 100, ...list, cursor }).next;
    took.push(clock.mono() - from);
  }
  const sorted = took.toSorted((a, b) => a - b);
  return {
    p50: rounded(percentile(sorted, 50)),
    p95: rounded(percentile(sorted, 95)),
    max: rounded(sorted.at(-1) ?? 0),
  };
}

function pageOf(n: number): Page {
  const record = recordOf(n);
  return { kind: 'record', key: `default.${record.id}`, revision: n + 1, record };
}

/** Three of four are settled; the mix repeats every few hundred jobs. */
function recordOf(n: number): JobRecord {
  const createdAt = firstAt + Math.floor(n / 10);
  const backoff = { kind: 'fixed', delayMs: 10, jitterMs: 0 } as const;
  const record = born(
    {
      id: `${(n * 2_654_435_761).toString(36)}${n}`,
      tenant: 'default',
      type: n % 100_000 === 0 ? 'rare' : 'transcode',
      queue: ['live', 'default', 'batch'][n % 3] ?? 'default',
      priority: n % 40 === 0 ? 'critical' : 'medium',
      requirements: {},
      payload: { input: `/media/reel${n}.mov`, output: `/media/reel${n}.mp4`, preset: 'fast' },
      ...(n % 1_000 === 0 ? { tags: ['night'] } : {}),
      staleAfterMs: 60_000,
      source: 'bench',
      createdAt,
    },
    { attempt: 0, spent: 0, losses: 0, generation: 1, maxAttempts: 1, maxLosses: 3, backoff },
  );
  if (n % 4 === 0) return record;
  return n % 50 === 1 ? failed(record, createdAt) : step(record, { type: 'job.cancel', at: createdAt + 5 }).record;
}

function failed(record: JobRecord, at: number): JobRecord {
  const claimed = step(record, { type: 'attempt.claimed', at, worker: 'w1' }).record;
  const started = step(claimed, { type: 'attempt.started', at, attempt: 1 }).record;
  const error = { kind: 'error', message: 'Unknown encoder h264_nvenc' } as const;
  return step(started, { type: 'attempt.failed', at, attempt: 1, error, spread: 0 }).record;
}
