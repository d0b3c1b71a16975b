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

/** As long as a process that starts waits for a broker that is electing its leaders, ms. */
const startWithinMs = 15_000;

/** The answer to `ask`, for which a process that starts waits, but not for ever. @throws its last fault. */
export async function patientlyAtStart<Answer>(ask: () => Promise<Answer>, clock: Clock): Promise<Answer> {
  const deadline = clock.mono() + startWithinMs;
  return await patiently(ask, { clock, isOver: () => clock.mono() > deadline });
}
