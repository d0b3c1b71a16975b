/**
 * The pace of a door that looks again now and then.
 */

import { SystemClock } from '../runtime/clock.ts';

/** Resolves after `ms`, or as soon as `signal` fires. */
export function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = new SystemClock().after(ms, end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** Milliseconds that only ever grow, for spans within this process. */
export function monotonicMs(): number {
  return new SystemClock().mono();
}
