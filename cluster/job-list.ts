/**
 * Lists of jobs by the view: which ones it says, what they are is read from their records. So a job that has moved on since and
 * does not pass any more is left out, and what is shown is as it is.
 *
 * Where no view answers, or one is still being made, a plain list reads the heads of all jobs instead; a search, a page behind
 * another one and what heads do not tell need the view.
 */

import { recordPasses } from '../actors/job-filter.ts';
import { Fault } from '../runtime/faults.ts';
import type { Desk, JobStore } from '../runtime/ports.ts';
import type { JobRecord } from '../runtime/record.ts';
import type { LaneCount, ListOptions, ListQuery, ViewAge, ViewAnswer } from '../runtime/view.ts';
import { type Census, listJobs, takeCensus, tallied } from './listing.ts';
import { askView } from './view.ts';

/** One page of a list. */
export interface JobPage {
  jobs: readonly JobRecord[];
  /** The `cursor` of the next page; absent where this is the last. A page with fewer jobs than asked for need not be it. */
  next?: string;
  /** How old the view is that found them; absent where all heads were read. */
  view?: ViewAge;
}

export interface JobListOptions {
  world: { store: JobStore; desk: Desk };
  tenant: string;
  /** The incarnations of workers of this name. */
  incarnationsOf: (worker: string) => Promise<readonly string[]>;
}

const standardLimit = 100;
const pageOfAll = 200;

/** @throws {Fault} `input.invalid`; `broker.unavailable` where a view is needed and none answers. */
export async function jobPage(options: JobListOptions, list: ListOptions): Promise<JobPage> {
  const { store, desk } = options.world;
  const query = await queryOf(options, list);
  const { lastRevision } = await store.state();
  const answer = await askView(desk, { what: 'keys', atLeast: lastRevision, query });
  if (answer !== undefined && 'page' in answer && !answer.age.isBuilding) {
    const { keys, next } = answer.page;
    const found = await store.readMany(keys);
    const jobs = keys.flatMap((key) => found.get(key)?.record ?? []).filter((record) => recordPasses(record, list));
    return { jobs, ...(next === undefined ? {} : { next }), view: answer.age };
  }
  if (needsView(list)) return notThere(answer);
  const filter = { ...list, limit: query.limit, tenant: options.tenant };
  return { jobs: await Array.fromAsync(listJobs(store, filter)) };
}

/** Jobs of all pages, until there are `limit` of them. */
export async function* jobsOf(options: JobListOptions, list: ListOptions): AsyncGenerator<JobRecord> {
  const { limit = Number.POSITIVE_INFINITY } = list;
  let shown = 0;
  for (let { cursor } = list; ; ) {
    const page = await jobPage(options, { ...list, cursor, limit: Math.min(pageOfAll, limit - shown) });
    // Of heads there are no pages: then all are listed at once.
    if (page.view === undefined) return yield* listJobs(options.world.store, { ...list, tenant: options.tenant });
    for (const record of page.jobs) {
      yield record;
      if (++shown >= limit) return;
    }
    if (page.next === undefined) return;
    cursor = page.next;
  }
}

/** How many jobs a tenant has, by state, queue and priority. */
export interface LaneCounts {
  lanes: readonly Omit<LaneCount, 'tenant'>[];
  view: ViewAge;
}

/** Fewer keys than this are counted faster than a view is begun, which then stays. */
const headsUpTo = 5_000;

/** How many jobs there are, of all tenants: by the view where there are many and one is there, else by the heads of all. */
export async function census({ store, desk }: { store: CountedStore; desk: Desk }): Promise<Census> {
  const { keys, lastRevision } = await store.state();
  if (keys <= headsUpTo) return await takeCensus(store);
  const answer = await askView(desk, { what: 'counts', atLeast: lastRevision });
  if (answer === undefined || !('counts' in answer) || answer.age.isBuilding) return await takeCensus(store);
  return { ...tallied(answer.counts), view: answer.age };
}

type CountedStore = Pick<JobStore, 'state' | 'changesAfter'>;

/** @throws {Fault} `broker.unavailable` where no view answers. */
export async function laneCounts({ world: { store, desk }, tenant }: JobListOptions): Promise<LaneCounts> {
  const { lastRevision } = await store.state();
  const answer = await askView(desk, { what: 'counts', atLeast: lastRevision, tenant });
  if (answer === undefined || !('counts' in answer) || answer.age.isBuilding) return notThere(answer);
  return { lanes: answer.counts.map(({ tenant: _, ...lane }) => lane), view: answer.age };
}

function notThere(answer: ViewAnswer | undefined): never {
  throw new Fault(
    'broker.unavailable',
    answer === undefined
      ? 'Expected a master with a view of all jobs, none answers. Start one with `yard master`.'
      : `Expected the view of all jobs to be complete, it is being made (${answer.age.behindBy} revisions to go). Try again.`,
  );
}

async function queryOf({ tenant, incarnationsOf }: JobListOptions, list: ListOptions): Promise<ListQuery> {
  const { limit = standardLimit, group, worker, ...rest } = list;
  const workers = worker === undefined ? {} : { workers: [worker, ...(await incarnationsOf(worker))] };
  return { ...rest, ...(group === undefined ? {} : { state: 'failed' as const }), ...workers, limit, tenant };
}

function needsView({ search, cursor, sort = '-created', worker, ...list }: ListOptions): boolean {
  const isRanged = [list.createdFrom, list.createdTo, list.updatedFrom, list.updatedTo].some((at) => at !== undefined);
  return search !== undefined || cursor !== undefined || sort !== '-created' || worker !== undefined || isRanged;
}
