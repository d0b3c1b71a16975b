/**
 * Job types that do nothing useful on purpose: for first steps, load, and for seeing failures on demand.
 *
 *     noop         succeeds at once
 *     sleeper      takes `executionTimeMs` (1 s where absent)
 *     flaky        fails its first `failAttempts` attempts (2 where nothing is said), then succeeds
 *     always_fail  fails every attempt
 *
 * Each takes `executionTimeMs` and `failRate` (0 to 1, thrown anew in each attempt) too, and `input`, which is anything that a
 * client likes to send along, and is not looked at. `sleeper` takes `steps`: it passes its
 * time in so many equal ones, saves after each how many are done, and goes on from there in its next attempt.
 */

import { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { type JobDefinition, JobError, type JobRun } from '../runtime/handler.ts';
import { between, strict, whole } from './payload.ts';

const day = 86_400_000;
const common = {
  executionTimeMs: between(0, day, 'milliseconds').optional().meta({ description: 'How long it takes, ms.' }),
  failRate: between(0, 1, 'a chance').optional().meta({ description: 'The chance that an attempt fails.' }),
  input: z.unknown().optional().meta({ description: 'Anything; nobody looks at it.' }),
};
const attempts = whole(0, 1_000_000, 'attempts')
  .optional()
  .meta({ description: 'How many attempts fail: 2, where nothing is said of failRate either.' });

const plainPayload = strict(common).prefault({});
const sleeperPayload = strict({
  ...common,
  steps: whole(1, 10_000, 'steps')
    .optional()
    .meta({ description: 'Passes its time in so many steps, and saves after each.' }),
}).prefault({});
const flakyPayload = strict({
  ...common,
  failAttempts: attempts,
  retryAfterMs: whole(0, 86_400_000, 'milliseconds')
    .optional()
    .meta({ description: 'When it asks to come again, ms.' }),
}).prefault({});
const failingPayload = strict({
  ...common,
  retryable: z
    .boolean('Expected retryable true or false.')
    .optional()
    .meta({ description: 'Whether another attempt may help.', default: true }),
}).prefault({});

type Plain = z.output<typeof plainPayload>;
type Sleeper = z.output<typeof sleeperPayload>;
type Flaky = z.output<typeof flakyPayload>;
type Failing = z.output<typeof failingPayload>;

export interface SimulateResult {
  attempt: number;
  /** How many steps this attempt had to do itself, of a job that has some. */
  stepsDone?: number;
}

/** All four types. */
export function simulate({ clock }: { clock: Clock }): readonly JobDefinition[] {
  return [noop(clock), sleeper(clock), flaky(clock), alwaysFail(clock)];
}

function noop(clock: Clock): JobDefinition<Plain, SimulateResult> {
  return {
    type: 'noop',
    description: 'Succeeds at once.',
    payload: plainPayload,
    run: (job) => perform(job, clock, 0),
  };
}

function sleeper(clock: Clock): JobDefinition<Sleeper, SimulateResult> {
  return {
    type: 'sleeper',
    description: 'Takes executionTimeMs, in steps where it is told how many, then succeeds.',
    payload: sleeperPayload,
    run: (job) => sleep(job, clock),
  };
}

function flaky(clock: Clock): JobDefinition<Flaky, SimulateResult> {
  return {
    type: 'flaky',
    description: 'Fails its first failAttempts attempts, asking to come again after retryAfterMs, then succeeds.',
    payload: flakyPayload,
    run: async (job) => {
      const result = await perform(job, clock, 0);
      const { failAttempts = job.payload.failRate === undefined ? 2 : 0 } = job.payload;
      if (job.fence.attempt <= failAttempts)
        throw new JobError(
          `Failed on purpose: attempt ${job.fence.attempt} of ${failAttempts} that were to fail.`,
          retryAfter(job.payload),
        );
      return result;
    },
  };
}

function alwaysFail(clock: Clock): JobDefinition<Failing, SimulateResult> {
  return {
    type: 'always_fail',
    description: 'Fails every attempt.',
    payload: failingPayload,
    run: async (job) => {
      await perform(job, clock, 0);
      throw new JobError('Failed on purpose, as every attempt of this type.', {
        retryable: job.payload.retryable ?? true,
      });
    },
  };
}

function retryAfter({ retryAfterMs }: Flaky): { retryAfterMs?: number } {
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

/** One step after the other, from where an earlier attempt has come to. */
async function sleep(job: JobRun<Sleeper>, clock: Clock): Promise<SimulateResult> {
  const { steps, executionTimeMs = 1000 } = job.payload;
  if (steps === undefined) return perform(job, clock, executionTimeMs);
  const from = typeof job.saved === 'number' ? job.saved : 0;
  for (let done = from; done < steps; done++) {
    await spend({ signal: job.signal, progress: () => {} }, clock, executionTimeMs / steps);
    job.checkpoint(done + 1);
    job.progress({ percent: Math.round((100 * (done + 1)) / steps), message: `step ${done + 1} of ${steps}` });
  }
  throwByChance(job, clock);
  return { attempt: job.fence.attempt, stepsDone: steps - from };
}

async function perform(job: JobRun<Plain>, clock: Clock, usualMs: number): Promise<SimulateResult> {
  const { executionTimeMs = usualMs } = job.payload;
  if (executionTimeMs > 0) await spend(job, clock, executionTimeMs);
  throwByChance(job, clock);
  return { attempt: job.fence.attempt };
}

function throwByChance({ payload: { failRate: rate = 0 } }: JobRun<Plain>, clock: Clock): void {
  if (rate > 0 && clock.chance() < rate) throw new JobError(`Failed on purpose, by a chance of ${rate}.`);
}

/** Passes the time, telling each second how much of it; throws the signal's reason when told to stop. */
async function spend(job: Pick<JobRun<unknown>, 'signal' | 'progress'>, clock: Clock, ms: number): Promise<void> {
  job.signal.throwIfAborted();
  const start = clock.mono();
  const tell = () => {
    const passed = Math.min(ms, clock.mono() - start);
    job.progress({ percent: Math.round((passed / ms) * 100), etaMs: Math.round(ms - passed) });
  };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(job.signal.reason);
  const cancels = [clock.after(ms, resolve), clock.every(1000, tell)];
  job.signal.addEventListener('abort', abort, { once: true });
  try {
    await promise;
  } finally {
    for (const cancel of cancels) cancel();
    job.signal.removeEventListener('abort', abort);
  }
}
