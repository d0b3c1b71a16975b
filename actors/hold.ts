/**
 * Room that a worker keeps for a job that waits, and what that means for others.
 *
 * As long as the job waits, who is served before it may use the worker as ever; who comes after it, only where the job
 * fits in beside him and all that is there to stay. What is about to leave does not count: that is what the job waits for.
 */

import { type Capacity, hasRoom, take, type Usage, without } from '../machines/rules/capability.ts';
import type { Entry } from './entry.ts';

export interface Hold {
  /** For whom. */
  entry: Entry;
  /** What will have left the worker before the job starts there. */
  leaving: Usage;
  /** Whether a job is served before this one. */
  isPassedBy(other: Entry): boolean;
}

/** A worker that has room for the job at hand, as `decide` sees it now. */
export interface Keeper {
  holds: readonly Hold[];
  capacity: Capacity;
  usage: Usage;
  /** Jobs of a type that may wait on the worker itself beyond its slots. */
  lookAhead: number;
}

/** Whether `entry` may be offered to a worker that has room for it, for all that is kept there for others. */
export function leavesRoom(entry: Entry, { holds, capacity, usage, lookAhead }: Keeper): boolean {
  const kept = holds.filter((hold) => isKeptFrom(entry, hold));
  return kept.every(({ entry: waiting, leaving }) => {
    const stays = without(usage, leaving);
    take(stays, entry.requirements);
    for (const other of kept) if (other.entry !== waiting) take(stays, other.entry.requirements);
    return hasRoom(waiting.requirements, capacity, stays, lookAhead);
  });
}

/** A job that is offered, or gone, needs its room no more. */
function isKeptFrom(entry: Entry, { entry: waiting, isPassedBy }: Hold): boolean {
  return waiting !== entry && waiting.place !== undefined && !isPassedBy(entry);
}
