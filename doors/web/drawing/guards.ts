/**
 * What the guards of a job's machine ask, in plain sentences, and which of them ask something that its record can answer.
 *
 * `test/doors/guards.test.ts` holds both against the machine.
 */

import type { JobContext } from '../../../machines/job.ts';

export interface GuardWords {
  /** Where it lets pass. */
  yes: string;
  /** Where it does not. */
  no: string;
  /** Whether it lets pass now; absent where that hangs on what happens. */
  holds?(context: Context): boolean;
}

type Context = Pick<
  JobContext,
  'held' | 'blockedBy' | 'dueAt' | 'cancelAt' | 'preemptAt' | 'losses' | 'maxLosses' | 'spent' | 'maxAttempts'
>;

export const guardWords: Readonly<Record<string, GuardWords>> = {
  isHeld: {
    yes: 'A person holds it.',
    no: 'Nobody holds it.',
    holds: ({ held }) => held === true,
  },
  isBlocked: {
    yes: 'It waits for other jobs.',
    no: 'It waits for no other job.',
    holds: ({ blockedBy }) => (blockedBy?.length ?? 0) > 0,
  },
  isEarly: {
    yes: 'It has a moment before which it must not run.',
    no: 'It has no moment to wait for.',
    holds: ({ dueAt }) => dueAt !== undefined,
  },
  isCancelWished: {
    yes: 'Somebody wished it cancelled.',
    no: 'Nobody wished it cancelled.',
    holds: ({ cancelAt }) => cancelAt !== undefined,
  },
  isToStay: {
    yes: 'Nobody wished it to stop or to make room.',
    no: 'It was already told to stop, or to make room.',
    holds: ({ cancelAt, preemptAt }) => cancelAt === undefined && preemptAt === undefined,
  },
  isPoison: {
    yes: 'One more lost worker, and it has taken down as many as it may.',
    no: 'It has not taken down as many workers as it may.',
    holds: ({ losses, maxLosses }) => losses + 1 >= maxLosses,
  },
  mayRetry: {
    yes: 'Attempts remain, unless the failure is for good.',
    no: 'No attempt remains.',
    holds: ({ spent, maxAttempts }) => spent < maxAttempts,
  },
};
