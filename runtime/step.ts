/**
 * One step of a job: a record, an event, and what becomes of the record. Pure; the only code that sets `state`.
 *
 * Where an event leads, `edge.ts` asks the chart. The result is compared with XState's own `transition` on random walks in
 * `test/runtime/step.test.ts`.
 *
 * What belongs to another attempt is dropped before the chart sees it: XState's events carry no fence, ours do.
 */

import { isActive, isSettled, type JobContext, type JobEvent, jobMachineVersion } from '../machines/job.ts';
import { type Arrival, arrival, birth } from './edge.ts';
import { shortened } from './failure.ts';
import {
  type AttemptEntry,
  asideVersion,
  type JobRecord,
  type JobSpec,
  keptAttempts,
  keptTransitions,
  lastTransition,
  plainVersion,
  type Transition,
} from './record.ts';

/** What a step did: the new record and the edge that was taken, or why nothing changed. */
export type Step =
  | { moved: true; record: JobRecord; transition: Transition }
  | { moved: false; record: JobRecord; refused: 'stale attempt' | 'no such edge' };

/** The record of a new job: its first transition leads from `submitted` to where it waits. */
export function born(spec: JobSpec, context: JobContext): JobRecord {
  const { state } = birth(context);
  const first: Transition = {
    n: 1,
    at: spec.createdAt,
    event: 'job.submitted',
    from: 'submitted',
    to: state,
    attempt: 0,
  };
  return {
    version: plainVersion,
    machine: jobMachineVersion,
    ...spec,
    state,
    context,
    attempts: [],
    transitions: [first],
    updatedAt: spec.createdAt,
  };
}

/** Takes one step, as a part of the bulk operation `by`. The record that was handed in is never changed. */
export function step(record: JobRecord, event: JobEvent, { by }: { by?: string } = {}): Step {
  if ('attempt' in event && event.attempt !== record.context.attempt)
    return { moved: false, record, refused: 'stale attempt' };
  const reached = arrival(record.state, record.context, event);
  if (reached === undefined) return { moved: false, record, refused: 'no such edge' };
  return moved(record, event, { ...reached, by });
}

interface Landed extends Arrival {
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
  if (event.type === 'attempt.completed' && event.aside !== undefined) {
    next.aside = { ...record.aside, result: event.aside };
    next.version = Math.max(record.version, asideVersion);
  }
  if (isSettled(state)) next.settledAt = event.at;
  else delete next.settledAt;
  if (!isActive(state)) delete next.progress;
  if (state === 'completed' || state === 'cancelled' || event.type === 'job.redrive') delete next.checkpoint;
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
  if (event.type === 'attempt.claimed') {
    const { worker, at: claimedAt, trace } = event;
    const claimed = { attempt: context.attempt, worker, claimedAt, ...(trace === undefined ? {} : { trace }) };
    return bounded([...earlier(record.attempts), claimed], keptAttempts);
  }
  if (event.type === 'attempt.started') {
    const { at: startedAt, vramsMb, devices } = event;
    const on = { ...(vramsMb === undefined ? {} : { vramsMb }), ...(devices === undefined ? {} : { devices }) };
    return changeLast(record, { startedAt, ...on });
  }
  const outcome = outcomes[event.type];
  if (outcome === undefined) return record.attempts;
  return changeLast(record, { endedAt: event.at, outcome, ...('error' in event ? { error: event.error } : {}) });
}

/** Of all but the newest failure less is kept; those before the last are short already. */
function earlier(attempts: readonly AttemptEntry[]): readonly AttemptEntry[] {
  const last = attempts.at(-1);
  if (last?.error === undefined) return attempts;
  return [...attempts.slice(0, -1), { ...last, error: shortened(last.error) }];
}

function changeLast(record: JobRecord, change: Partial<AttemptEntry>): readonly AttemptEntry[] {
  const last = record.attempts.at(-1);
  if (last === undefined) return record.attempts;
  return [...record.attempts.slice(0, -1), { ...last, ...change }];
}

function bounded<Item>(items: readonly Item[], most: number): readonly Item[] {
  return items.length > most ? items.slice(items.length - most) : items;
}
