/**
 * Job types for these tests, to be loaded by `yard worker --handlers`: each tells by a line in a file that it ran.
 *
 *     mark      takes `ms`, obeys its signal
 *     stubborn  takes `ms`, whatever its signal says
 *     blocking  keeps the event loop of its worker for `ms`
 *     chatty    takes `ms` and gives a sign of life every `everyMs`
 *     deadly    kills its worker
 *     odd       returns or throws what no handler should
 *     echo      returns its payload
 *     gather    returns what it was handed of the jobs that it waited for; fails before its attempt `from`
 *
 * `laterMs` is what attempts after the first take, where that is not the same.
 */

import { z } from 'zod';
import { SystemClock } from '../../runtime/clock.ts';
import { defineJob, JobError, type JobRun } from '../../sdk/index.ts';
import { addEffect, type Effect } from './effects.ts';

const clock = new SystemClock();
const path = process.env['EFFECTS'] ?? '/dev/null';
const payload = z
  .strictObject({
    ms: z.number().default(0),
    laterMs: z.number().optional(),
    everyMs: z.number().default(200),
    note: z.string().optional(),
  })
  .prefault({});

type Run = JobRun<z.output<typeof payload>>;

function tell({ id, fence }: Run, what: Effect['what']): void {
  addEffect(path, { what, job: id, attempt: fence.attempt, pid: process.pid, at: clock.mono() });
}

function msOf({ payload, fence }: Run): number {
  return fence.attempt === 1 ? payload.ms : (payload.laterMs ?? payload.ms);
}

/** Resolves in its time, or when the signal fires and is listened to. */
function spend(job: Run, { obeys }: { obeys: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(msOf(job), resolve);
    job.signal.addEventListener('abort', () => {
      tell(job, 'is told to stop');
      if (!obeys) return;
      cancel();
      reject(job.signal.reason);
    });
  });
}

async function run(job: Run, how: { obeys: boolean }): Promise<{ pid: number }> {
  tell(job, 'begins');
  if (msOf(job) > 0) await spend(job, how);
  tell(job, 'ends');
  return { pid: process.pid };
}

export const mark = defineJob({ type: 'mark', payload, run: (job) => run(job, { obeys: true }) });

export const stubborn = defineJob({ type: 'stubborn', payload, run: (job) => run(job, { obeys: false }) });

export const blocking = defineJob({
  type: 'blocking',
  payload,
  run: (job) => {
    tell(job, 'begins');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, job.payload.ms);
    tell(job, 'ends');
  },
});

export const chatty = defineJob({
  type: 'chatty',
  payload,
  run: async (job) => {
    const stop = clock.every(job.payload.everyMs, () => job.progress({ message: 'still here' }));
    await run(job, { obeys: true }).finally(stop);
  },
});

export const deadly = defineJob({
  type: 'deadly',
  payload,
  run: async (job) => {
    tell(job, 'begins');
    await spend(job, { obeys: false });
    process.kill(process.pid, 'SIGKILL');
  },
});

const odd = z.strictObject({
  what: z.enum(['nothing', 'a bigint', 'a circle', 'too much', 'a function', 'a throw of nothing']),
});

export const oddJob = defineJob({
  type: 'odd',
  payload: odd,
  run: ({ payload: { what } }) => {
    if (what === 'a throw of nothing') return Promise.reject();
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const results = {
      nothing: undefined,
      'a bigint': 1n,
      'a circle': circle,
      'too much': 'x'.repeat(2 ** 26),
      'a function': () => 1,
    };
    return results[what];
  },
});

export const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: (job) => job.payload });

export const gather = defineJob({
  type: 'gather',
  payload: z.strictObject({ note: z.string().optional(), from: z.number().default(1) }).prefault({}),
  run: ({ payload: { note, from }, inputs, waitedFor, fence }) => {
    if (fence.attempt < from) throw new JobError(`Not before attempt ${from}.`, { retryable: false });
    return { note, inputs, states: waitedFor.map(({ state }) => state) };
  },
});
