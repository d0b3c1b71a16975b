/**
 * Lists and counts jobs. What can be told from heads is: bodies are read only of jobs that are shown.
 */

import { asksForBody, headPasses, recordPasses } from '../actors/job-filter.ts';
import type { JobState } from '../machines/job.ts';
import type { JobFilter } from '../runtime/bulk.ts';
import type { Head, JobStore } from '../runtime/ports.ts';
import type { JobRecord, Stored } from '../runtime/record.ts';
import type { ViewAge } from '../runtime/view.ts';

type Counts = Readonly<Partial<Record<JobState, number>>>;

/** How many jobs there are, in each state; by queue and by priority too. */
export interface Census {
  total: number;
  byState: Counts;
  byQueue: Readonly<Record<string, Counts>>;
  byPriority: Readonly<Record<string, Counts>>;
  /** How old the view is that counted them; absent where the heads of all were read. */
  view?: ViewAge;
}

export type { JobFilter };

/** Whose jobs to list. */
type OfTenant = JobFilter & { tenant: string };

const readAtOnce = 200;

/** Jobs that pass the filter, the newest first. */
export async function* listJobs(store: JobStore, filter: OfTenant): AsyncGenerator<JobRecord> {
  const { limit = Number.POSITIVE_INFINITY } = filter;
  const keys = await newestKeys(store, filter);
  let shown = 0;
  for (let from = 0; from < keys.length && shown < limit; from += readAtOnce) {
    const some = keys.slice(from, from + Math.min(readAtOnce, asksForBody(filter) ? readAtOnce : limit - shown));
    const found = await store.readMany(some);
    for (const { record } of some.flatMap((key) => listed(found.get(key), filter))) {
      yield record;
      if (++shown >= limit) return;
    }
  }
}

/** The record may have moved on since its head was read. */
function listed(stored: Stored | undefined, filter: JobFilter): readonly Stored[] {
  return stored !== undefined && recordPasses(stored.record, filter) ? [stored] : [];
}

async function newestKeys(store: JobStore, filter: OfTenant): Promise<readonly string[]> {
  const createdAt = new Map<string, number>();
  for await (const head of heads(store)) {
    if (!head.key.startsWith(`${filter.tenant}.`)) continue;
    if (headPasses(head, filter)) createdAt.set(head.key, head.createdAt);
    else createdAt.delete(head.key);
  }
  // Of one millisecond, those that were written last come first.
  return [...createdAt]
    .toReversed()
    .toSorted(([, a], [, b]) => b - a)
    .map(([key]) => key);
}

async function* heads(store: Pick<JobStore, 'changesAfter'>): AsyncGenerator<Head> {
  for await (const change of store.changesAfter(0)) if (change.kind === 'job') yield change.head;
}

/** Counts all jobs by their heads. */
export async function takeCensus(store: Pick<JobStore, 'changesAfter'>): Promise<Census> {
  const newest = new Map<string, Pick<Head, 'state' | 'queue' | 'priority'>>();
  for await (const { key, state, queue, priority } of heads(store)) newest.set(key, { state, queue, priority });
  return tallied(newest.values());
}

/** Adds up jobs, each once unless it says how many it stands for. */
export function tallied(
  lanes: Iterable<Pick<Head, 'state' | 'queue' | 'priority'> & { count?: number }>,
): Omit<Census, 'view'> {
  let total = 0;
  const byState: Tally = {};
  const byQueue: Record<string, Tally> = {};
  const byPriority: Record<string, Tally> = {};
  for (const { state, queue, priority, count = 1 } of lanes) {
    total += count;
    add(byState, state, count);
    byQueue[queue] = add(byQueue[queue] ?? {}, state, count);
    byPriority[priority] = add(byPriority[priority] ?? {}, state, count);
  }
  return { total, byState, byQueue, byPriority };
}

type Tally = Partial<Record<JobState, number>>;

function add(tally: Tally, state: JobState, count: number): Tally {
  tally[state] = (tally[state] ?? 0) + count;
  return tally;
}
