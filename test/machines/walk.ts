/**
 * Everywhere that the job chart can go, found by XState's own explorer from every way in which a job can be born.
 *
 * States are told apart by what guards and invariants look at, not by the number of the attempt: that one grows
 * without bound along a loop of claims that are handed back.
 */

import { adjacencyMapToArray, getAdjacencyMap, getShortestPaths } from 'xstate/graph';
import { type Failure, type JobContext, type JobEvent, jobMachine } from '../../machines/job.ts';

export type JobSnapshot = ReturnType<typeof jobMachine.resolveState>;

/** One step that the chart can take, or not: then `after` is `before`. */
export interface Move {
  before: JobSnapshot;
  event: JobEvent;
  after: JobSnapshot;
}

/** A way from birth to a state. */
export interface Path {
  start: JobContext;
  steps: readonly { event: JobEvent; state: JobSnapshot }[];
}

const error: Failure = { kind: 'error', message: 'It broke.' };
const lost: Failure = { kind: 'lost', message: 'Its worker was lost.' };

/** A new job that may be tried twice, and may take one worker down with it. */
export function newContext(more: Partial<JobContext> = {}): JobContext {
  const backoff = { kind: 'fixed', delayMs: 1_000, jitterMs: 0 } as const;
  return { attempt: 0, spent: 0, losses: 0, generation: 1, maxAttempts: 2, maxLosses: 2, backoff, ...more };
}

const held = { held: true } as const;
const blocked = { blockedBy: ['default.parent'] };
const early = { dueAt: 1_000 };

/** Every way in which a job can be born. */
export const births: readonly JobContext[] = [
  newContext(),
  newContext(held),
  newContext(blocked),
  newContext(early),
  newContext({ ...held, ...blocked }),
  newContext({ ...held, ...early }),
  newContext({ ...blocked, ...early }),
  newContext({ ...held, ...blocked, ...early }),
  newContext({ maxAttempts: 3 }),
];

/** Everything that could be said to a job in this state, whether it has an edge for it or not. */
export function eventsFor(state: Pick<JobSnapshot, 'context'>): readonly JobEvent[] {
  const { attempt } = state.context;
  const at = 5_000;
  return [
    { type: 'job.due', at },
    { type: 'job.queued', at, reason: 'busy' },
    { type: 'job.hold', at, reason: 'Wait.' },
    { type: 'job.release', at },
    { type: 'dependency.ended', at, left: ['default.parent'] },
    { type: 'job.unblocked', at },
    { type: 'job.unreachable', at, error },
    { type: 'job.stopped', at, error },
    { type: 'job.expired', at, error: { kind: 'expired', message: 'Too late.' } },
    { type: 'job.retry', at },
    { type: 'job.reschedule', at, dueAt: 9_000 },
    { type: 'job.move', at, queue: 'batch' },
    { type: 'job.prioritise', at, priority: 'low' },
    { type: 'job.cancel', at },
    { type: 'job.redrive', at },
    { type: 'attempt.claimed', at, worker: 'w1' },
    { type: 'attempt.started', at, attempt },
    { type: 'attempt.completed', at, attempt, result: 42 },
    { type: 'attempt.failed', at, attempt, spread: 0, error },
    { type: 'attempt.failed', at, attempt, spread: 0, error: { ...error, retryable: false } },
    { type: 'attempt.failed', at, attempt, spread: 0, error: { ...error, retryAfterMs: 60_000 } },
    { type: 'attempt.timedOut', at, attempt, spread: 0, error: { kind: 'timeout', message: 'Too slow.' } },
    { type: 'attempt.lost', at, attempt, spread: 0, error: lost },
    { type: 'attempt.handedBack', at, attempt, reason: 'Not started in time.' },
    { type: 'job.preempt', at, by: 'urgent', reason: 'For urgent.' },
    { type: 'attempt.drained', at, attempt, reason: 'The worker leaves.' },
    { type: 'attempt.preempted', at, attempt, reason: 'More urgent work.' },
    { type: 'attempt.cancelling', at, attempt },
    { type: 'attempt.cancelled', at, attempt },
  ];
}

/** What tells two states apart here. */
export function identity({ value, context }: Pick<JobSnapshot, 'value' | 'context'>): string {
  const { spent, losses, generation, worker, dueAt, held, blockedBy, cancelAt, preemptAt, result, error } = context;
  return JSON.stringify([
    value,
    [spent, losses, Math.min(generation, 2)],
    [worker, dueAt, cancelAt, preemptAt, result].map((given) => given !== undefined),
    [held, blockedBy?.length, error?.kind, error?.retryable],
  ]);
}

function exploration(start: JobContext) {
  return {
    input: start,
    events: eventsFor,
    serializeState: identity,
    serializeEvent: (event: JobEvent) => JSON.stringify(event),
    filterEvents: (state: JobSnapshot) => state.status === 'active',
    limit: 200_000,
  };
}

/** Every state that can be reached, with every event in it. */
export function movesFrom(start: JobContext): readonly Move[] {
  return adjacencyMapToArray(getAdjacencyMap(jobMachine, exploration(start))).map(({ state, event, nextState }) => ({
    before: state,
    event,
    after: nextState,
  }));
}

/** The shortest way to each state that can be reached. */
export function pathsFrom(start: JobContext): readonly Path[] {
  return getShortestPaths(jobMachine, exploration(start)).map(({ steps }) => ({
    start,
    steps: steps.map(({ event, state }) => ({ event, state })),
  }));
}
