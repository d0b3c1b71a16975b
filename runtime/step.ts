/**
 * One step of a job: a record, an event, and what becomes of the record. Pure; the only code that sets `state`.
 *
 * The chart is asked through XState's own `machine.transition`, in surroundings that do nothing (`inert-scope.ts`),
 * instead of the official `transition()`, which is several times slower. The two are compared on random walks in
 * `test/runtime/step.test.ts`. This file is the XState border: casts live here and nowhere else.
 *
 * What belongs to another attempt is dropped before the chart sees it: XState's events carry no fence, ours do.
 */

import type { StateValue } from 'xstate';
import {
  isActive,
  isSettled,
  type JobContext,
  type JobEvent,
  type JobState,
  jobMachine,
  jobMachineVersion,
} from '../machines/job.ts';
import { inertScope } from './inert-scope.ts';
import {
  type AttemptEntry,
  type JobRecord,
  type JobSpec,
  keptAttempts,
  keptTransitions,
  lastTransition,
  recordVersion,
  type Transition,
} from './record.ts';

type Snapshot = ReturnType<typeof jobMachine.resolveState>;

/** What a step did: the new record and the edge that was taken, or why nothing changed. */
export type Step =
  | { moved: true; record: JobRecord; transition: Transition }
  | { moved: false; record: JobRecord; refused: 'stale attempt' | 'no such edge' };

const scope = inertScope();

/** The path of each leaf in the chart, read off the chart itself: `processing` is `{open: {active: 'processing'}}`. */
const chartPaths: ReadonlyMap<JobState, StateValue> = new Map(leaves(jobMachine.root, []));

type StateNode = typeof jobMachine.root;

function leaves(node: StateNode, path: readonly string[]): [JobState, StateValue][] {
  const children = Object.values(node.states) as StateNode[];
  if (children.length === 0) return [[node.key as JobState, toValue(path)]];
  return children.flatMap((child) => leaves(child, [...path, child.key]));
}

function toValue(path: readonly string[]): StateValue {
  return path.slice(0, -1).reduceRight<StateValue>((inner, key) => ({ [key]: inner }), path.at(-1) ?? '');
}

function leafOf(value: StateValue): JobState {
  let leaf: StateValue | undefined = value;
  while (typeof leaf === 'object') leaf = Object.values(leaf)[0];
  return leaf as JobState;
}

const prototypes = new Map<JobState, Snapshot>();

/** A live snapshot for a stored state: resolved once per state, then only its context is exchanged. */
function revive(state: JobState, context: JobContext): Snapshot {
  let prototype = prototypes.get(state);
  if (prototype === undefined) {
    const value = chartPaths.get(state);
    if (value === undefined)
      throw new RangeError(`Expected one of ${[...chartPaths.keys()].join(', ')}, got state ${state}.`);
    prototype = jobMachine.resolveState({ value: value as never, context });
    prototypes.set(state, prototype);
  }
  return Object.assign(Object.create(Object.getPrototypeOf(prototype) as object), prototype, { context }) as Snapshot;
}

/** The record of a new job: its first transition leads from `submitted` to where it waits. */
export function born(spec: JobSpec, context: JobContext): JobRecord {
  const snapshot = jobMachine.getInitialSnapshot(scope, context);
  const state = leafOf(snapshot.value);
  const first: Transition = {
    n: 1,
    at: spec.createdAt,
    event: 'job.submitted',
    from: 'submitted',
    to: state,
    attempt: 0,
  };
  return {
    version: recordVersion,
    machine: jobMachineVersion,
    ...spec,
    state,
    context: snapshot.context,
    attempts: [],
    transitions: [first],
    updatedAt: spec.createdAt,
  };
}

/** Takes one step, as a part of the bulk operation `by`. The record that was handed in is never changed. */
export function step(record: JobRecord, event: JobEvent, { by }: { by?: string } = {}): Step {
  if ('attempt' in event && event.attempt !== record.context.attempt)
    return { moved: false, record, refused: 'stale attempt' };
  const before = revive(record.state, record.context);
  if (before.status !== 'active') return { moved: false, record, refused: 'no such edge' };
  const after = jobMachine.transition(before, event, scope);
  if (after === before) return { moved: false, record, refused: 'no such edge' };
  return moved(record, event, { state: leafOf(after.value), context: after.context, by });
}

interface Landed {
  state: JobState;
  context: JobContext;
  by: string | undefined;
}

function moved(record: JobRecord, event: JobEvent, { state, context, by }: Landed): Step {
  const transition: Transition = {
    n: lastTransition(record) + 1,
    at: event.at,
    event: event.type,
    from: record.state,
    to: state,
    attempt: context.attempt,
    ...('reason' in event && event.reason !== undefined ? { reason: event.reason } : {}),
    ...(by === undefined ? {} : { by }),
  };
  const next: JobRecord = {
    ...record,
    machine: jobMachineVersion,
    state,
    context,
    attempts: attemptsAfter(record, event, context),
    transitions: bounded([...record.transitions, transition], keptTransitions),
    updatedAt: event.at,
  };
  if (event.type === 'job.move') next.queue = event.queue;
  if (event.type === 'job.prioritise') next.priority = event.priority;
  // Who redrives a job that has expired wants it to run.
  if (event.type === 'job.redrive') delete next.expiresAt;
  if (event.type === 'attempt.started' && next.startedAt === undefined) next.startedAt = event.at;
  if (isSettled(state)) next.settledAt = event.at;
  else delete next.settledAt;
  if (!isActive(state)) delete next.progress;
  return { moved: true, record: next, transition };
}

const outcomes: Partial<Record<JobEvent['type'], NonNullable<AttemptEntry['outcome']>>> = {
  'attempt.completed': 'completed',
  'attempt.failed': 'failed',
  'attempt.timedOut': 'timed out',
  'attempt.lost': 'lost',
  'attempt.handedBack': 'handed back',
  'attempt.drained': 'drained',
  'attempt.preempted': 'preempted',
  'attempt.cancelled': 'cancelled',
};

function attemptsAfter(record: JobRecord, event: JobEvent, context: JobContext): readonly AttemptEntry[] {
  if (event.type === 'attempt.claimed')
    return bounded(
      [...record.attempts, { attempt: context.attempt, worker: event.worker, claimedAt: event.at }],
      keptAttempts,
    );
  if (event.type === 'attempt.started') return changeLast(record, { startedAt: event.at });
  const outcome = outcomes[event.type];
  if (outcome === undefined) return record.attempts;
  return changeLast(record, { endedAt: event.at, outcome, ...('error' in event ? { error: event.error } : {}) });
}

function changeLast(record: JobRecord, change: Partial<AttemptEntry>): readonly AttemptEntry[] {
  const last = record.attempts.at(-1);
  if (last === undefined) return record.attempts;
  return [...record.attempts.slice(0, -1), { ...last, ...change }];
}

function bounded<Item>(items: readonly Item[], most: number): readonly Item[] {
  return items.length > most ? items.slice(items.length - most) : items;
}
