/**
 * How long a failed job waits before its next attempt.
 *
 * Knows the four shapes of backoff and nothing of clocks or chance: the caller hands in the attempt
 * that failed and a number in [0, 1) that spreads retries apart.
 */

/** A retry policy. All times are milliseconds; `jitterMs` is added on top, uniformly from 0 up. */
export type Backoff =
  | { kind: 'exponential'; baseMs: number; factor: number; maxMs: number; jitterMs: number }
  | { kind: 'linear'; baseMs: number; stepMs: number; maxMs: number; jitterMs: number }
  | { kind: 'fixed'; delayMs: number; jitterMs: number }
  | { kind: 'list'; delaysMs: readonly number[]; jitterMs: number };

/** Exponential from 500 ms, doubled each time, at most 30 s, with up to 500 ms of jitter. */
export const defaultBackoff: Backoff = {
  kind: 'exponential',
  baseMs: 500,
  factor: 2,
  maxMs: 30_000,
  jitterMs: 500,
};

/**
 * Milliseconds to wait after the `failures`-th counted failure (1 is the first).
 *
 * @param spread a number in [0, 1), from the clock's chance.
 */
export function backoff(policy: Backoff, failures: number, spread: number): number {
  return Math.round(withoutJitter(policy, Math.max(1, failures)) + policy.jitterMs * spread);
}

function withoutJitter(policy: Backoff, failures: number): number {
  switch (policy.kind) {
    case 'exponential':
      return Math.min(policy.maxMs, policy.baseMs * policy.factor ** (failures - 1));
    case 'linear':
      return Math.min(policy.maxMs, policy.baseMs + policy.stepMs * (failures - 1));
    case 'fixed':
      return policy.delayMs;
    case 'list':
      return policy.delaysMs[Math.min(failures, policy.delaysMs.length) - 1] ?? 0;
  }
}
