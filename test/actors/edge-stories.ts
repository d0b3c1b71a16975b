/**
 * For every edge of the job chart a story that ends with it: how the job was born, what happened to it, and what its
 * record says then. Which of several edges was taken shows in the state or in the context that the last event left.
 */

import type { Failure, JobContext, JobEvent, JobState } from '../../machines/job.ts';

/** What happened to one job. */
export interface Story {
  born?: Partial<JobContext>;
  events: readonly JobEvent[];
  ends: JobState;
  /** What the context says at the end. */
  with?: Partial<JobContext>;
}

const at = 5_000;
const lost: Failure = { kind: 'lost', message: 'Its worker was lost.' };
const broke: Failure = { kind: 'error', message: 'It broke.' };
const late: Failure = { kind: 'timeout', message: 'Too slow.' };
const expired: Failure = { kind: 'expired', message: 'Too late.' };
const unreachable: Failure = { kind: 'rejected', message: 'What it waited for has failed.' };

const held = { held: true } as const;
const blocked = { blockedBy: ['default.parent'] };
const early = { dueAt: 9_000 };
const once = { maxAttempts: 1 };

const cancel: JobEvent = { type: 'job.cancel', at };
const due: JobEvent = { type: 'job.due', at };
const release: JobEvent = { type: 'job.release', at };
const unblocked: JobEvent = { type: 'job.unblocked', at };
const reschedule: JobEvent = { type: 'job.reschedule', at, dueAt: 9_500 };
const queued: JobEvent = { type: 'job.queued', at, reason: 'all busy' };
const claim: JobEvent = { type: 'attempt.claimed', at, worker: 'w1' };
const start: JobEvent = { type: 'attempt.started', at, attempt: 1 };
const complete: JobEvent = { type: 'attempt.completed', at, attempt: 1, result: 42 };
const fail: JobEvent = { type: 'attempt.failed', at, attempt: 1, spread: 0, error: broke };
const timeOut: JobEvent = { type: 'attempt.timedOut', at, attempt: 1, spread: 0, error: late };
const lose: JobEvent = { type: 'attempt.lost', at, attempt: 1, spread: 0, error: lost };
const stopping: JobEvent = { type: 'attempt.cancelling', at, attempt: 1 };
const stopped: JobEvent = { type: 'attempt.cancelled', at, attempt: 1 };
const preempt: JobEvent = { type: 'job.preempt', at, by: 'urgent', reason: 'for urgent of queue live' };
const drained: JobEvent = { type: 'attempt.drained', at, attempt: 1, reason: 'the worker leaves' };
const preempted: JobEvent = { type: 'attempt.preempted', at, attempt: 1, reason: 'made room for urgent' };
const running = [claim, start];

/** The context that every story begins with, unless it says otherwise. */
export const newborn: JobContext = {
  attempt: 0,
  spent: 0,
  losses: 0,
  generation: 1,
  maxAttempts: 2,
  maxLosses: 2,
  backoff: { kind: 'fixed', delayMs: 1_000, jitterMs: 0 },
};

/** By the name of the edge that ends it. */
export const stories: Readonly<Record<string, Story>> = {
  'open --job.cancel--> cancelled': { events: [cancel], ends: 'cancelled' },
  'open.waiting --job.hold--> open.waiting.held': {
    events: [{ type: 'job.hold', at }],
    ends: 'held',
    with: held,
  },
  'open.waiting --job.move--> (stays)': {
    events: [queued, { type: 'job.move', at: 6_000, queue: 'batch' }],
    ends: 'queued',
    with: { laneAt: 6_000 },
  },
  'open.waiting --job.prioritise--> (stays)': {
    events: [{ type: 'job.prioritise', at: 6_000, priority: 'low' }],
    ends: 'pending',
    with: { laneAt: 6_000 },
  },
  'open.waiting --job.expired--> failed': {
    events: [{ type: 'job.expired', at, error: expired }],
    ends: 'failed',
    with: { error: expired },
  },
  'open.waiting --job.stopped--> failed': {
    born: held,
    events: [{ type: 'job.stopped', at, error: unreachable }],
    ends: 'failed',
    with: { error: unreachable },
  },
  'open.waiting --job.reschedule [isHeld]--> (stays)': {
    born: held,
    events: [reschedule],
    ends: 'held',
    with: { dueAt: 9_500 },
  },
  'open.waiting --job.reschedule [isBlocked]--> (stays)': {
    born: blocked,
    events: [reschedule],
    ends: 'blocked',
    with: { dueAt: 9_500 },
  },
  'open.waiting --job.reschedule--> open.waiting.scheduled': {
    events: [reschedule],
    ends: 'scheduled',
    with: { dueAt: 9_500 },
  },
  'open.waiting.submitted -- [isHeld]--> open.waiting.held': { born: held, events: [], ends: 'held' },
  'open.waiting.submitted -- [isBlocked]--> open.waiting.blocked': { born: blocked, events: [], ends: 'blocked' },
  'open.waiting.submitted -- [isEarly]--> open.waiting.scheduled': { born: early, events: [], ends: 'scheduled' },
  'open.waiting.submitted ----> open.waiting.pending': { events: [], ends: 'pending' },
  'open.waiting.scheduled --job.due--> open.waiting.pending': { born: early, events: [due], ends: 'pending' },
  'open.waiting.scheduled --job.retry--> open.waiting.pending': {
    born: early,
    events: [{ type: 'job.retry', at }],
    ends: 'pending',
    with: { dueAt: undefined },
  },
  'open.waiting.blocked --dependency.ended--> (stays)': {
    born: { blockedBy: ['a', 'b'] },
    events: [{ type: 'dependency.ended', at, left: ['b'] }],
    ends: 'blocked',
    with: { blockedBy: ['b'] },
  },
  'open.waiting.blocked --job.unblocked [isEarly]--> open.waiting.scheduled': {
    born: { ...blocked, ...early },
    events: [unblocked],
    ends: 'scheduled',
  },
  'open.waiting.blocked --job.unblocked--> open.waiting.pending': {
    born: blocked,
    events: [unblocked],
    ends: 'pending',
  },
  'open.waiting.blocked --job.unreachable--> failed': {
    born: blocked,
    events: [{ type: 'job.unreachable', at, error: unreachable }],
    ends: 'failed',
    with: { error: unreachable },
  },
  'open.waiting.held --job.release [isBlocked]--> open.waiting.blocked': {
    born: { ...held, ...blocked },
    events: [release],
    ends: 'blocked',
  },
  'open.waiting.held --job.release [isEarly]--> open.waiting.scheduled': {
    born: { ...held, ...early },
    events: [release],
    ends: 'scheduled',
  },
  'open.waiting.held --job.release--> open.waiting.pending': { born: held, events: [release], ends: 'pending' },
  'open.waiting.pending --attempt.claimed--> open.active': {
    events: [claim],
    ends: 'assigned',
    with: { attempt: 1, spent: 1, worker: 'w1' },
  },
  'open.waiting.pending --job.queued--> open.waiting.queued': { events: [queued], ends: 'queued' },
  'open.waiting.queued --attempt.claimed--> open.active': {
    events: [queued, claim],
    ends: 'assigned',
    with: { attempt: 1, spent: 1, worker: 'w1' },
  },
  'open.waiting.retrying --job.due--> open.waiting.pending': { events: [...running, fail, due], ends: 'pending' },
  'open.waiting.retrying --job.retry--> open.waiting.pending': {
    events: [...running, fail, { type: 'job.retry', at }],
    ends: 'pending',
  },
  'open.active --job.cancel--> (stays)': { events: [claim, cancel], ends: 'assigned', with: { cancelAt: at } },
  'open.active --attempt.lost [isCancelWished]--> cancelled': { events: [claim, cancel, lose], ends: 'cancelled' },
  'open.active --attempt.lost [isPoison]--> failed': {
    born: { maxLosses: 1 },
    events: [claim, lose],
    ends: 'failed',
    with: { losses: 1 },
  },
  'open.active --attempt.lost [mayRetry]--> open.waiting.retrying': {
    events: [claim, lose],
    ends: 'retrying',
    with: { losses: 1, dueAt: at, worker: undefined },
  },
  'open.active --attempt.lost--> failed': {
    born: once,
    events: [claim, lose],
    ends: 'failed',
    with: { error: lost, worker: undefined },
  },
  'open.active.assigned --attempt.started--> open.active.processing': { events: [claim, start], ends: 'processing' },
  'open.active.assigned --attempt.handedBack--> open.waiting.pending': {
    events: [claim, { type: 'attempt.handedBack', at, attempt: 1, reason: 'no free slot' }],
    ends: 'pending',
    with: { attempt: 1, spent: 0, worker: undefined },
  },
  'open.active.assigned --attempt.cancelled--> cancelled': { events: [claim, cancel, stopped], ends: 'cancelled' },
  'open.active.processing --attempt.completed--> completed': {
    events: [...running, complete],
    ends: 'completed',
    with: { result: 42 },
  },
  'open.active.processing --attempt.failed [isCancelWished]--> cancelled': {
    events: [...running, cancel, fail],
    ends: 'cancelled',
  },
  'open.active.processing --attempt.failed [mayRetry]--> open.waiting.retrying': {
    events: [...running, fail],
    ends: 'retrying',
    with: { error: broke, dueAt: at + 1_000 },
  },
  'open.active.processing --attempt.failed--> failed': {
    born: once,
    events: [...running, fail],
    ends: 'failed',
    with: { error: broke },
  },
  'open.active.processing --attempt.timedOut [isCancelWished]--> cancelled': {
    events: [...running, cancel, timeOut],
    ends: 'cancelled',
  },
  'open.active.processing --attempt.timedOut [mayRetry]--> open.waiting.retrying': {
    events: [...running, timeOut],
    ends: 'retrying',
    with: { error: late },
  },
  'open.active.processing --attempt.timedOut--> failed': {
    born: once,
    events: [...running, timeOut],
    ends: 'failed',
    with: { error: late },
  },
  'open.active.processing --job.preempt [isToStay]--> (stays)': {
    events: [...running, preempt],
    ends: 'processing',
    with: { preemptAt: at, preemptFor: 'urgent' },
  },
  'open.active.processing --attempt.drained [isCancelWished]--> cancelled': {
    events: [...running, cancel, drained],
    ends: 'cancelled',
  },
  'open.active.processing --attempt.drained--> open.waiting.pending': {
    events: [...running, drained],
    ends: 'pending',
    with: { attempt: 1, spent: 0 },
  },
  'open.active.processing --attempt.preempted [isCancelWished]--> cancelled': {
    events: [...running, preempt, cancel, preempted],
    ends: 'cancelled',
  },
  'open.active.processing --attempt.preempted--> open.waiting.pending': {
    events: [...running, preempt, preempted],
    ends: 'pending',
    with: { attempt: 1, spent: 0, preempted: 1, preemptAt: undefined, preemptFor: undefined },
  },
  'open.active.processing --attempt.cancelling [isCancelWished]--> open.active.cancelling': {
    events: [...running, cancel, stopping],
    ends: 'cancelling',
  },
  'open.active.cancelling --attempt.cancelled--> cancelled': {
    events: [...running, cancel, stopping, stopped],
    ends: 'cancelled',
  },
  'open.active.cancelling --attempt.completed--> completed': {
    events: [...running, cancel, stopping, complete],
    ends: 'completed',
    with: { result: 42 },
  },
  'failed --job.redrive [isBlocked]--> open.waiting.blocked': {
    born: blocked,
    events: [
      { type: 'job.unreachable', at, error: unreachable },
      { type: 'job.redrive', at: 6_000 },
    ],
    ends: 'blocked',
    with: { generation: 2, redrivenAt: 6_000, ...blocked },
  },
  'failed --job.redrive--> open.waiting.pending': {
    born: once,
    events: [...running, fail, { type: 'job.redrive', at }],
    ends: 'pending',
    with: { generation: 2, attempt: 1, spent: 0 },
  },
};
