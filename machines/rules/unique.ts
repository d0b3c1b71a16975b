/**
 * Unique rules: which job stands in the way of another one, and for how long.
 *
 * A key is held by the job that took it last. Whether it still holds it follows from what that job is now, so nothing
 * has to be given back: a job that has settled holds nothing, whoever forgot to say so.
 */

import { isSettled, type JobState } from '../job.ts';

export const uniqueBys = ['type', 'type+payload'] as const;
/** What makes the key, beside a text of the submitter's. */
export type UniqueBy = (typeof uniqueBys)[number];

export const uniqueWhiles = ['waiting', 'open', 'kept'] as const;
/**
 * How long a job holds its key: until a worker claims it for the first time (what waits for a retry does not hold it
 * again), until it is settled, or until its record is forgotten.
 */
export type UniqueWhile = (typeof uniqueWhiles)[number];

export const uniqueConflicts = ['reject', 'replace', 'coalesce'] as const;
/**
 * What becomes of a job whose key is held: it is refused; or it takes the place of the one that waits, which is
 * cancelled; or there is no second job, and its submitter is told of the one that is there.
 */
export type UniqueConflict = (typeof uniqueConflicts)[number];

/** What a submitter, or a job type, says of uniqueness. */
export interface UniqueOptions {
  by?: UniqueBy;
  /** Any text; with `by`, both make the key. */
  key?: string;
  /** The key is held for so long from the birth of the job on, whatever becomes of it, ms. */
  periodMs?: number;
  while?: UniqueWhile;
  onConflict?: UniqueConflict;
}

/** A rule, complete. */
export interface UniqueRule {
  periodMs?: number;
  while: UniqueWhile;
  onConflict: UniqueConflict;
}

/** What a rule asks of the job that took the key last. */
export interface Holder {
  state: JobState;
  /** The number of its last claim. */
  attempt: number;
}

/** Whether a job holds its key by what it is now. */
export function holdsKey({ while: until }: Pick<UniqueRule, 'while'>, { state, attempt }: Holder): boolean {
  switch (until) {
    case 'kept':
      return true;
    case 'open':
      return !isSettled(state);
    case 'waiting':
      return !isSettled(state) && attempt === 0;
  }
}

/** Whether a key that was taken at `takenAt` is held by that alone. */
export function isInPeriod({ periodMs = 0 }: Pick<UniqueRule, 'periodMs'>, takenAt: number, now: number): boolean {
  return now < takenAt + periodMs;
}
