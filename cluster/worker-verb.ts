/**
 * Verbs of a person on a worker, whatever machine it runs on: take nothing more, or take jobs again.
 *
 * The worker is told by a notice, which may be lost; so it is told again until the leader has heard that it obeys.
 */

import type { WorkerView } from '../actors/desk.ts';
import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { nearest } from '../runtime/options/nearest.ts';
import type { Notices } from '../runtime/ports.ts';

export interface WorkerVerb {
  /** Name or incarnation of the worker. */
  worker: string;
  verb: 'drain' | 'undrain';
  notices: Notices;
  clock: Clock;
  /** The workers, as the leader sees them now. */
  look(): Promise<readonly WorkerView[]>;
}

const withinMs = 10_000;
const againMs = 500;
/** Often: who takes it back a moment later must not be told it again by the first asker, which has not seen that it was obeyed. */
const lookEveryMs = 50;

/**
 * Resolves with the worker once it obeys.
 *
 * @throws {Fault} `worker.missing` where no worker has that name, or several have; `wait.timedOut` where it does not obey.
 */
export async function tellWorker({ worker, verb, notices, clock, look }: WorkerVerb): Promise<WorkerView> {
  const { incarnation } = workerNamed(await look(), worker);
  const until = clock.mono() + withinMs;
  for (let toldAt = Number.NEGATIVE_INFINITY; clock.mono() < until; await pause(clock, lookEveryMs)) {
    if (clock.mono() - toldAt >= againMs) {
      notices.send(incarnation, { verb });
      toldAt = clock.mono();
      await pause(clock, lookEveryMs);
    }
    const now = workerNamed(await look(), incarnation);
    if ((now.status === 'draining') === (verb === 'drain')) return now;
  }
  throw new Fault('wait.timedOut', `Expected worker ${worker} to ${verb}, it did not. See \`yard worker list\`.`);
}

/** @throws {Fault} `worker.missing` where no worker that is there has that name or incarnation, or several have. */
export function workerNamed(workers: readonly WorkerView[], wanted: string): WorkerView {
  const here = workers.filter(({ status }) => status !== 'lost' && status !== 'offline');
  const [found, ...more] = here.filter(({ name, incarnation }) => name === wanted || incarnation === wanted);
  if (found !== undefined && more.length === 0) return found;
  if (found === undefined) throw missing(wanted, here);
  const ids = [found, ...more].map(({ incarnation }) => incarnation).join(', ');
  throw new Fault('worker.missing', `Expected one worker with the name ${wanted}, found ${ids}. Name one of these.`);
}

function missing(wanted: string, here: readonly WorkerView[]): Fault {
  const names = here.map(({ name }) => name);
  const meant = nearest(wanted, names);
  const hint = meant === undefined ? 'See `yard worker list`.' : `Did you mean ${meant}?`;
  return new Fault('worker.missing', `Expected the name or incarnation of a worker, got ${wanted}. ${hint}`);
}
