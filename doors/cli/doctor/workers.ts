/**
 * Checks of the workers: whether any is there, whether each is heard and obeys, and whether they have room.
 */

import { durationText } from '../../../cluster/settings.ts';
import type { WorkerView } from '../../../sdk/index.ts';
import { takenText } from '../worker-words.ts';
import { about, type Check, counted, fail, named, ok, skip, type Verdict, warn } from './check.ts';
import type { Findings } from './findings.ts';

export const workerChecks: readonly Check[] = [
  {
    area: 'workers',
    name: 'workers',
    expected: 'a worker that takes jobs',
    judge: anyThere,
  },
  among('lost-workers', {
    expected: 'no worker to have been lost in the last ten minutes',
    well: 'none was',
    isWrong: ({ status }) => status === 'lost',
    status: 'warn',
    met: 'lost, its jobs were taken back',
    cure: 'start another one: `yard worker`; look why it died in its log',
  }),
  among('pulses', {
    expected: 'each worker to be heard every second',
    well: 'each is heard',
    isWrong: ({ status, heardMsAgo }) => isThere(status) && heardMsAgo > 3_000,
    status: 'warn',
    met: 'not heard for more than 3 s',
    cure: 'look at its machine and network; after `--lost-after` its jobs are taken back',
  }),
  among('hung-workers', {
    expected: 'workers whose main loop turns',
    well: 'each turns',
    isWrong: ({ isHung }) => isHung,
    status: 'fail',
    met: 'hung, and offered nothing',
    cure: 'a handler computes without a pause; kill the process where it does not end',
  }),
  among('deaf-workers', {
    expected: 'workers that answer what they are offered',
    well: 'each answers',
    isWrong: ({ isDeaf }) => isDeaf === true,
    status: 'fail',
    met: 'deaf: what is offered expires unclaimed',
    cure: 'look at its log and its permissions (`yard auth nats`), and restart it',
  }),
  among('drained-workers', {
    expected: 'no worker to be drained',
    well: 'none is',
    isWrong: ({ status }) => status === 'draining',
    status: 'warn',
    met: 'draining, and takes nothing more',
    cure: 'yard worker undrain NAME',
  }),
  {
    area: 'workers',
    name: 'worker-clocks',
    expected: 'clocks within a second of the broker',
    judge: ({ cluster }) => ofWorkers(cluster, clocks),
  },
  {
    area: 'workers',
    name: 'room',
    expected: 'a free slot, or nothing that has waited for a minute',
    judge: room,
  },
];

function isThere(status: WorkerView['status']): boolean {
  return status !== 'lost' && status !== 'offline';
}

function takesJobs({ status, isHung, isDeaf }: WorkerView): boolean {
  return (status === 'available' || status === 'busy') && !isHung && isDeaf !== true;
}

function ofWorkers(cluster: Findings['cluster'], judge: (workers: readonly WorkerView[]) => Verdict): Verdict {
  return about(cluster, (view) => (view === undefined ? skip('nobody leads') : judge(view.workers)));
}

interface Ailment {
  expected: string;
  /** What is said where none has it. */
  well: string;
  isWrong: (worker: WorkerView) => boolean;
  status: 'warn' | 'fail';
  met: string;
  cure: string;
}

/** A check that no worker has something. The cure names the first that has. */
function among(name: string, { expected, well, isWrong, status, met, cure }: Ailment): Check {
  const judge = (workers: readonly WorkerView[]): Verdict => {
    const wrong = workers.filter(isWrong).map((worker) => worker.name);
    if (wrong.length === 0) return ok(workers.length === 0 ? 'there is none' : well);
    return { status, met: `${named(wrong)}: ${met}`, cure: cure.replace('NAME', wrong[0] ?? 'NAME') };
  };
  return { area: 'workers', name, expected, judge: ({ cluster }) => ofWorkers(cluster, judge) };
}

function anyThere({ cluster }: Findings): Verdict {
  return about(cluster, (view) => {
    if (view === undefined) return skip('nobody leads');
    const able = view.workers.filter(takesJobs);
    if (able.length > 0)
      return ok(`${counted(able.length, 'worker')} of ${view.workers.filter(({ status }) => isThere(status)).length}`);
    const waiting = (view.byState.pending ?? 0) + (view.byState.queued ?? 0);
    const met = view.workers.some(({ status }) => isThere(status)) ? 'none of those that are there takes jobs' : 'none';
    return waiting > 0
      ? fail(`${met}, and ${counted(waiting, 'job waits', 'jobs wait')}`, 'yard worker')
      : warn(met, 'yard worker');
  });
}

function clocks(workers: readonly WorkerView[]): Verdict {
  const wrong = workers.filter(({ skewMs = 0 }) => Math.abs(skewMs) > 1_000);
  if (wrong.length === 0) return ok('they agree');
  const words = wrong.map(({ name, skewMs = 0 }) => `${name} is off by ${durationText(Math.abs(skewMs))}`);
  return warn(named(words), 'set its clock, such as with chrony: nothing is decided by it');
}

const longWaitMs = 60_000;

/** Busy workers are as it should be; jobs that wait long for them are not. */
function room({ cluster, advice }: Findings): Verdict {
  return ofWorkers(cluster, (workers) => {
    const able = workers.filter(takesJobs);
    const slots = able.reduce((sum, worker) => sum + worker.slots, 0);
    const used = able.reduce((sum, worker) => sum + worker.used, 0);
    const met = takenText(able);
    const demands = advice.isKnown ? advice.value.demands : [];
    const late = demands.filter(
      ({ waiting, oldestMs, workers: able }) => waiting > 0 && able > 0 && oldestMs > longWaitMs,
    );
    if (slots === 0) return skip('no worker takes jobs');
    if (used < slots || late.length === 0) return ok(met);
    const oldest = durationText(Math.max(...late.map(({ oldestMs }) => oldestMs)));
    const waiting = late.reduce((sum, demand) => sum + demand.waiting, 0);
    return warn(
      `${met}; ${counted(waiting, 'job waits', 'jobs wait')}, the first for ${oldest}`,
      '`yard scale advise` tells how many workers it takes; start them',
    );
  });
}
