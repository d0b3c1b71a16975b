/**
 * Finds the jobs of a bulk operation, a page at a time: by their heads, in the order of their newest writes; records are
 * read only of those whose heads pass.
 *
 * It finds jobs that were there when the operation began; for verbs that start a job anew, those that were in their state by
 * then, so that one which fails again meanwhile is left as it is.
 */

import { type BulkFilter, type BulkRecord, refusedOf, type Verb } from '../runtime/bulk.ts';
import type { Head, JobStore } from '../runtime/ports.ts';
import type { JobRecord } from '../runtime/record.ts';
import { revisionOf } from './follower.ts';
import { asksForBody, headPasses, recordPasses } from './job-filter.ts';
import { statesFor, wasDoneBy } from './verb.ts';

/** A stretch of the stream that was read, up to the revision `at`, and the jobs that were found there. */
export interface BulkPage {
  at: number;
  jobs: readonly Found[];
  /** There is nothing more before the end that was asked for. */
  isLast: boolean;
}

export interface Found {
  key: string;
  revision: number;
  createdAt: number;
}

/** What is looked for. */
export interface Sought {
  id: string;
  tenant: string;
  verb: Verb;
  filter: BulkFilter;
  createdAt: number;
  createdFrom?: number | undefined;
}

export interface Stretch {
  after: number;
  through: number;
}

const foundAtOnce = 1_000;
const headsAtOnce = 20_000;
const anew: readonly Verb['verb'][] = ['release', 'retry', 'redrive'];

/** The filter with the states in which the verb can be done, where it names none. */
function wholeFilter({ verb, filter }: Pick<Sought, 'verb' | 'filter'>): BulkFilter {
  return filter.state === undefined ? { ...filter, state: statesFor(verb) } : filter;
}

/** How many jobs it may still take. */
export function allowance({ filter, done, ...operation }: BulkRecord): number {
  return (filter.limit ?? Number.POSITIVE_INFINITY) - done - refusedOf(operation);
}

/** The next jobs in this stretch. */
export async function nextPage(store: JobStore, sought: Sought, stretch: Stretch): Promise<BulkPage> {
  if (sought.filter.id !== undefined) return await pageOf([sought.filter.id].flat(), store, sought, stretch);
  const { heads, at, isLast } = await nextHeads(store, sought, stretch);
  const records = await store.readMany(heads.map(({ key }) => key));
  const jobs = heads.filter(({ key }) => {
    const record = records.get(key)?.record;
    return record !== undefined && isWanted(record, sought);
  });
  return { at, isLast, jobs };
}

/** Jobs that are named are looked up; the stream is not read for them. */
async function pageOf(
  ids: readonly string[],
  store: JobStore,
  sought: Sought,
  { after, through }: Stretch,
): Promise<BulkPage> {
  const stored = await store.readMany([...new Set(ids)].map((id) => `${sought.tenant}.${id}`));
  const jobs = [...stored]
    .filter(([, { record, revision }]) => revision > after && revision <= through && isWanted(record, sought))
    .map(([key, { record, revision }]) => ({ key, revision, createdAt: record.createdAt }));
  return { at: through, jobs, isLast: true };
}

/** Whether the record is of such a job, to which it was not done yet. */
export function isWanted(record: JobRecord, sought: Sought): boolean {
  return recordPasses(record, wholeFilter(sought)) && isOfThen(record, sought) && !wasDoneBy(record, sought.id);
}

interface Heads {
  heads: readonly Head[];
  at: number;
  isLast: boolean;
}

async function nextHeads(store: JobStore, sought: Sought, { after, through }: Stretch): Promise<Heads> {
  const heads = new Map<string, Head>();
  const filter = wholeFilter(sought);
  let seen = 0;
  let at = after;
  for await (const change of store.changesAfter(after)) {
    if (revisionOf(change) > through) break;
    at = revisionOf(change);
    if (change.kind === 'job' && isOf(change.head, sought) && headPasses(change.head, filter))
      heads.set(change.head.key, change.head);
    if (heads.size >= foundAtOnce || ++seen >= headsAtOnce) return { heads: [...heads.values()], at, isLast: false };
  }
  return { heads: [...heads.values()], at: through, isLast: true };
}

function isOf(head: Head, sought: Sought): boolean {
  return head.key.startsWith(`${sought.tenant}.`) && isOfThen(head, sought);
}

function isOfThen(job: Pick<Head, 'createdAt' | 'updatedAt'>, { verb, createdAt, createdFrom = 0 }: Sought): boolean {
  const since = anew.includes(verb.verb) ? job.updatedAt : job.createdAt;
  return since <= createdAt && job.createdAt >= createdFrom;
}

/** How many there are up to a revision, and with a limit, from which moment on the newest of them were created. */
export interface Count {
  matched: number;
  createdFrom?: number;
}

/** Counts them; calls `onPage` now and then, and ends early where that says so. */
export async function countAll(
  store: JobStore,
  sought: Sought,
  through: number,
  onPage: () => Promise<boolean> = async () => true,
): Promise<Count> {
  const { limit } = sought.filter;
  const newest = limit === undefined ? undefined : new Newest(limit);
  let matched = 0;
  let after = 0;
  for (;;) {
    const { at, jobs, isLast } = await countedPage(store, sought, { after, through });
    matched += jobs.length;
    for (const { createdAt } of jobs) newest?.add(createdAt);
    if (isLast || !(await onPage())) break;
    after = at;
  }
  if (limit === undefined || newest === undefined || matched <= limit) return { matched };
  return { matched: limit, createdFrom: newest.first() };
}

/** Where heads tell all, no record is read. */
async function countedPage(store: JobStore, sought: Sought, stretch: Stretch): Promise<BulkPage> {
  if (sought.filter.id !== undefined || asksForBody(sought.filter)) return await nextPage(store, sought, stretch);
  const { heads, at, isLast } = await nextHeads(store, sought, stretch);
  return { at, isLast, jobs: heads };
}

/** The greatest of many numbers; keeps no more than twice as many as asked for. */
class Newest {
  readonly #most: number;
  #kept: number[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  add(value: number): void {
    this.#kept.push(value);
    if (this.#kept.length >= 2 * this.#most) this.#trim();
  }

  /** The least of the greatest. */
  first(): number {
    this.#trim();
    return this.#kept.at(-1) ?? 0;
  }

  #trim(): void {
    this.#kept = this.#kept.sort((a, b) => b - a).slice(0, this.#most);
  }
}
