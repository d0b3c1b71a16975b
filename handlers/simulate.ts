/**
 * Job types that do nothing useful on purpose: for first steps, load, and for seeing failures on demand.
 *
 *     noop         succeeds at once
 *     sleeper      takes `executionTimeMs` (1 s where absent)
 *     flaky        fails its first `failAttempts` attempts (2 where nothing is said), then succeeds
 *     always_fail  fails every attempt
 *
 * Each takes `executionTimeMs` and `failRate` (0 to 1, thrown anew in each attempt) too.
 */

import { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { type JobDefinition, JobError, type JobRun } from '../runtime/handler.ts';
import { between, strict, whole } from './payload.ts';

const day = 86_400_000;
const common = {
  executionTimeMs: between(0, day, 'milliseconds').optional(),
  failRate: between(0, 1, 'a chance').optional(),
};
const attempts = whole(0, 1_000_000, 'attempts').optional();

const plainPayload = strict(common).prefault({});
const flakyPayload = strict({ ...common, failAttempts: attempts }).prefault({});
const failingPayload = strict({
  ...common,
  retryable: z.boolean('Expected retryable true or false.').optional(),
}).prefault({});

type Plain = z.output<typeof plainPayload>;
type Flaky = z.output<typeof flakyPayload>;
type Failing = z.output<typeof failingPayload>;

export interface SimulateResult {
  attempt: number;
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

function sleeper(clock: Clock): JobDefinition<Plain, SimulateResult> {
  return {
    type: 'sleeper',
    description: 'Takes executionTimeMs, then succeeds.',
    payload: plainPayload,
    run: (job) => perform(job, clock, 1000),
  };
}

function flaky(clock: Clock): JobDefinition<Flaky, SimulateResult> {
  return {
    type: 'flaky',
    description: 'Fails its first failAttempts attempts, then succeeds.',
    payload: flakyPayload,
    run: async (job) => {
      const result = await perform(job, clock, 0);
      const { failAttempts = job.payload.failRate === undefined ? 2 : 0 } = job.payload;
      if (job.fence.attempt <= failAttempts)
        throw new JobError(`Failed on purpose: attempt ${job.fence.attempt} of ${failAttempts} that were to fail.`);
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

async function perform(job: JobRun<Plain>, clock: Clock, usualMs: number): Promise<SimulateResult> {
  const { executionTimeMs = usualMs, failRate: rate = 0 } = job.payload;
  if (executionTimeMs > 0) await spend(job, clock, executionTimeMs);
  if (rate > 0 && clock.chance() < rate) throw new JobError(`Failed on purpose, by a chance of ${rate}.`);
  return { attempt: job.fence.attempt };
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
