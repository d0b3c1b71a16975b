/**
 * The view: a copy of what lists and searches need of all jobs, beside each master. The records stay the only truth.
 *
 * Here is what is asked of it and what it answers, and the port of what keeps it (`view/shelf.ts`). Who fills it is
 * `actors/projector.ts`. A key names a job; whoever lists reads the records of the keys, so that what is shown is never older
 * than a record, and only *which* jobs are shown can lag.
 */

import type { JobState } from '../machines/job.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import type { JobFilter } from './bulk.ts';
import type { Page } from './ports.ts';

/** In which order jobs are listed; `-` is downwards, so `-created` has the newest first. */
export const jobSorts = ['-created', 'created', '-updated', 'updated'] as const;
export type JobSort = (typeof jobSorts)[number];

/** Which jobs a list has; what is not said is not asked for. Moments are epoch ms, `…From` is in, `…To` is not. */
export interface ListFilter extends JobFilter {
  /** The name or incarnation of the worker that holds it, or held it last. */
  worker?: string | undefined;
  createdFrom?: number | undefined;
  createdTo?: number | undefined;
  updatedFrom?: number | undefined;
  updatedTo?: number | undefined;
  /** Words that all stand in its id, name, type, tags, error or payload; `intro*` is the beginning of one, `"in order"` several. */
  search?: string | undefined;
}

/** A list, piece by piece. */
export interface ListOptions extends ListFilter {
  sort?: JobSort | undefined;
  /** Where a former page said that it goes on. */
  cursor?: string | undefined;
}

/** One page of a tenant's jobs. */
export interface ListQuery extends Omit<ListOptions, 'limit' | 'group' | 'worker'> {
  tenant: string;
  limit: number;
  /** Incarnations. */
  workers?: readonly string[] | undefined;
}

/** Keys in the order of the list. There may be fewer than were asked for, even none, and more behind them. */
export interface KeyPage {
  keys: readonly string[];
  /** Where the next page begins; absent where there is none. */
  next?: string;
}

/** How many jobs of a tenant there are of one kind. */
export interface LaneCount {
  tenant: string;
  state: JobState;
  queue: string;
  priority: Priority;
  count: number;
}

/** How old the view is. */
export interface ViewAge {
  /** All up to this revision is in it. */
  revision: number;
  /** How many revisions are missing, as far as it knows. */
  behindBy: number;
  /** When it last was all there was, so long ago, ms. */
  behindMs: number;
  /** It is being made anew, and may lack any job. */
  isBuilding: boolean;
}

/** A question to the view, which waits a little until it is complete up to `atLeast`. */
export type ViewAsk =
  | { what: 'keys'; atLeast: number; query: ListQuery }
  | { what: 'counts'; atLeast: number; tenant?: string | undefined };

export type ViewAnswer = { age: ViewAge } & ({ page: KeyPage } | { counts: readonly LaneCount[] });

/** What keeps the view. */
export interface Shelf {
  /** Takes over what lies under keys now: all of it or nothing. */
  take(pages: readonly Page[]): void;
  /** Forgets everything. */
  empty(): void;
  /** Forgets jobs that the broker has forgotten at this moment, because their time was over. */
  expire(now: number): void;
  /** How many jobs it has. */
  size(): number;
  /** @throws {Fault} `input.invalid` for a cursor of another list, and for a search that says nothing. */
  list(query: ListQuery): KeyPage;
  counts(tenant: string | undefined): readonly LaneCount[];
}
