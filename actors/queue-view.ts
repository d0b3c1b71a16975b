/**
 * A queue as people see it: what holds for it, and what of it waits and is out.
 */

import type { QueueMode, QueuePolicy } from '../machines/rules/queue.ts';

export interface QueueView {
  queue: string;
  order: number;
  mode: QueueMode;
  weight: number;
  paused: boolean;
  /** Absent where there is no limit. */
  maxActive?: number;
  ratePerSecond?: number;
  /** Absent where nothing rises. */
  agingStepMs?: number;
  /** Queues that make room for it; absent where there is none. */
  mayEvict?: readonly string[];
  /** Absent where the leader is of a version that does not say. */
  evictAfterMs?: number;
  /** Absent where nothing is reserved. */
  reserveAfterMs?: number;
  /** Jobs that are ready and not offered; absent where nobody leads. */
  waiting?: number;
  /** How long the one of them that waits longest has been ready; absent where none waits. */
  oldestMs?: number;
  /** Jobs that are offered, or held by a worker; absent where nobody leads. */
  out?: number;
}

/** Limits that are none are left out: JSON has no word for them. */
export function queueView(
  { maxActive, ratePerSecond, agingStepMs, mayEvict, reserveAfterMs, ...policy }: QueuePolicy,
  counts: { waiting?: number; oldestMs?: number; out?: number } = {},
): QueueView {
  return {
    ...policy,
    ...(Number.isFinite(maxActive) ? { maxActive } : {}),
    ...(Number.isFinite(ratePerSecond) ? { ratePerSecond } : {}),
    ...(Number.isFinite(agingStepMs) ? { agingStepMs } : {}),
    ...(mayEvict.length > 0 ? { mayEvict } : {}),
    ...(Number.isFinite(reserveAfterMs) ? { reserveAfterMs } : {}),
    ...counts,
  };
}

/** In the order in which they are served. */
export function inTurn(views: readonly QueueView[]): QueueView[] {
  return views.toSorted((one, other) => one.order - other.order || (one.queue < other.queue ? -1 : 1));
}
