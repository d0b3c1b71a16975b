/**
 * Asking a broker that may be away for the moment.
 */

import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';

export interface Patience {
  clock: Clock;
  /** Nobody wants to know any more. */
  isOver?: () => boolean;
}

/**
 * The answer to `ask`, which is asked again while the broker is away.
 *
 * @throws what `ask` throws for good, and its last fault when it `isOver`.
 */
export async function patiently<Answer>(
  ask: () => Promise<Answer>,
  { clock, isOver = () => false }: Patience,
): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (cause) {
      if (!(cause instanceof Fault) || !cause.retryable || isOver()) throw cause;
    }
    await pause(clock, 50 + 50 * clock.chance());
  }
}
