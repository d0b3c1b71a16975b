/**
 * One step of a worker: its state, an event, and its next state. Pure.
 */

import { type WorkerContext, type WorkerEvent, workerMachine } from '../machines/worker.ts';
import { inertScope } from './inert-scope.ts';
import type { WorkerStatus } from './ports.ts';

/** What a worker is, and how full. */
export interface WorkerState extends WorkerContext {
  status: WorkerStatus;
}

type Snapshot = ReturnType<typeof workerMachine.resolveState>;

const scope = inertScope();

/** Where each status is in the chart. */
const places = {
  starting: { present: 'starting' },
  available: { present: { serving: 'available' } },
  busy: { present: { serving: 'busy' } },
  draining: { present: 'draining' },
  lost: 'lost',
  offline: 'offline',
} as const satisfies Record<WorkerStatus, Snapshot['value']>;

const statuses = Object.keys(places).filter(isStatus);

function isStatus(text: string): text is WorkerStatus {
  return Object.hasOwn(places, text);
}

/** A worker that has just been started. */
export function newWorker(slots: number): WorkerState {
  return stateOf(workerMachine.getInitialSnapshot(scope, { slots }));
}

/**
 * The state of a worker after `event`; the very same object where the chart has no such edge.
 *
 * @example workerStep(newWorker(12), { type: 'worker.ready' }).status // 'available'
 */
export function workerStep(worker: WorkerState, event: WorkerEvent): WorkerState {
  const { status, ...context } = worker;
  const before = workerMachine.resolveState({ value: places[status], context });
  if (before.status !== 'active') return worker;
  const after = workerMachine.transition(before, event, scope);
  return after === before ? worker : stateOf(after);
}

function stateOf(snapshot: Snapshot): WorkerState {
  const status = statuses.find((one) => snapshot.matches(places[one]));
  if (status === undefined)
    throw new RangeError(`Expected a status for ${JSON.stringify(snapshot.value)}, found none.`);
  return { status, ...snapshot.context };
}
