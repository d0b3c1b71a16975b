/**
 * A bulk operation: one verb on all jobs that pass a filter, as a record in the control bucket.
 *
 * Knows its shape, and how its work stands. Who carries it out is in `actors/bulk.ts`. The record is readable JSON
 * (`nats kv get yard_control bulk.ID`); moments are epoch ms of broker time.
 */

import type { JobState } from '../machines/job.ts';
import type { Priority } from '../machines/rules/lanes.ts';

/** What a person may do to a job. */
export type Verb =
  | { verb: 'cancel' | 'hold'; reason?: string | undefined }
  | { verb: 'release' | 'retry' | 'redrive' }
  | { verb: 'move'; queue: string }
  | { verb: 'prioritise'; priority: Priority }
  /** The moment before which it must not run, epoch ms of broker time. */
  | { verb: 'reschedule'; dueAt: number };

/** Which jobs; what is not said is not asked for. */
export interface JobFilter {
  state?: JobState | readonly JobState[] | undefined;
  queue?: string | undefined;
  type?: string | undefined;
  priority?: Priority | undefined;
  tag?: string | undefined;
  /** Of failed jobs, those of this group of the dead letter. */
  group?: string | undefined;
  /** At most so many, the newest of them. */
  limit?: number | undefined;
}

/** Which jobs something is done to. */
export interface BulkFilter extends JobFilter {
  /** These, by their ids, where they pass the rest too. */
  id?: string | readonly string[] | undefined;
}

export type BulkState = 'running' | 'done' | 'aborted' | 'failed';

/** A bulk operation as it lies in KV. */
export interface BulkRecord {
  id: string;
  tenant: string;
  verb: Verb;
  filter: BulkFilter;
  /** At most so many jobs a second. */
  perSecond?: number;
  /** Who asked for it, such as `mia@host`. */
  by: string;
  createdAt: number;
  updatedAt: number;
  state: BulkState;
  /** How many jobs passed the filter when it began; absent until they are counted. */
  matched?: number;
  done: number;
  /** How many were refused, by the sentence with which they were, without their ids. */
  refused: Readonly<Record<string, number>>;
  /** A few of those sentences in full. */
  samples: readonly string[];
  /** A person wished it to stop. */
  abort?: { at: number; by: string };
  endedAt?: number;
  /** Why it failed. */
  error?: string;
  /** The master that works at it, and until when nobody else does. */
  claim?: { by: string; name: string; until: number };
  work: BulkWork;
}

/** How far it has come, for whoever takes it over. */
export interface BulkWork {
  /** When the stream was created that the revisions are of. */
  streamAt: number;
  /** All jobs whose newest write is at or before this revision are dealt with. */
  cursor: number;
  /** Where this pass over the stream ends. Jobs that moved meanwhile come in the next one. */
  through: number;
  /** Which pass it is, from 1 on, and whether anything was done in it. */
  pass: number;
  acted: boolean;
  /** With a limit: only jobs that were created then or later. */
  createdFrom?: number;
  /** Keys of the jobs that it is being done to: some are done, and nobody has counted them. */
  portion: readonly string[];
  /** The moment before which the portion must not be begun, by the rate. */
  notBefore: number;
}

/** A bulk operation and the revision of its record. */
export interface StoredBulk {
  operation: BulkRecord;
  revision: number;
}

/** Whether it is over. */
export function hasEnded({ state }: Pick<BulkRecord, 'state'>): boolean {
  return state !== 'running';
}

/** How many jobs were refused. */
export function refusedOf({ refused }: Pick<BulkRecord, 'refused'>): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0);
}

/** How many jobs are left to do, as far as one can tell; none of an operation that has ended in order. */
export function leftOf(operation: BulkRecord): number | undefined {
  const { matched, done, state } = operation;
  if (state === 'done') return 0;
  return matched === undefined ? undefined : Math.max(0, matched - done - refusedOf(operation));
}
