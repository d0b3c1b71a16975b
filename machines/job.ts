/**
 * The life of a job: every state it can be in, every edge it can take, and what each edge does to `attempt`.
 *
 * This chart says what may happen and nothing else: no clock, no chance, no I/O. Moments and spreads arrive in
 * the events. It is run by `runtime/step.ts`, drawn in `docs/lifecycle.md` and walked by `test/machines`.
 *
 * Two counters, because they answer two questions. `attempt` numbers the claims and is never used twice, so
 * (job, attempt) is the fence that a handler gets. `spent` counts the claims that weigh against `maxAttempts`:
 * a claim that was handed back unstarted, drained or preempted is given back; one lost with its worker is not.
 */

import { assign, setup } from 'xstate';
import { type Backoff, backoff } from './rules/backoff.ts';
import type { Priority } from './rules/lanes.ts';

/** Raised when an edge, a state or the meaning of the context changes. */
export const jobMachineVersion = 1;

/** Why a job came to rest as `failed`. */
export type FailureKind = 'error' | 'timeout' | 'lost' | 'rejected' | 'expired';

/** What went wrong, as data. Texts are bounded by whoever makes one (`runtime/failure.ts`). */
export interface Failure {
  kind: FailureKind;
  message: string;
  /** The class of the error, such as `TypeError`. */
  name?: string;
  stack?: string;
  exitCode?: number;
  stderr?: string;
  /** `false` sends the job to the dead letter at once. */
  retryable?: boolean;
  /** Milliseconds that the handler asked to wait before the next attempt, instead of the backoff. */
  retryAfterMs?: number;
}

/** The part of a record that edges change. Times are epoch ms of broker time. */
export interface JobContext {
  /** The number of the last claim; 0 before the first. Never used twice. */
  attempt: number;
  /** Claims that count against `maxAttempts` in this generation. */
  spent: number;
  /** Workers that were lost while they held this job, in this generation. */
  losses: number;
  /** Raised by each redrive; the first is 1. */
  generation: number;
  maxAttempts: number;
  /** Workers it may take down with it before it is quarantined. */
  maxLosses: number;
  backoff: Backoff;
  /** Incarnation of the worker that holds the claim. */
  worker?: string | undefined;
  /** The moment before which the job must not run. */
  dueAt?: number | undefined;
  /** A person's hold, set at birth or by `job.hold`. */
  held?: true | undefined;
  /** When a person last gave it another queue or priority. */
  laneAt?: number | undefined;
  /** Ids of the jobs that it still waits for; kept where it failed before they let it go. */
  blockedBy?: readonly string[] | undefined;
  /** When a person last opened a new generation. */
  redrivenAt?: number | undefined;
  /** A person wished the running attempt to stop; the worker that holds the claim does it. */
  cancelAt?: number | undefined;
  /** The leader wished the running attempt to make room; the worker that holds the claim does it. */
  preemptAt?: number | undefined;
  /** The job for which it makes room. */
  preemptFor?: string | undefined;
  /** How often it has made room for others, in this generation. */
  preempted?: number | undefined;
  result?: unknown;
  error?: Failure | undefined;
}

/** Where something lies that is too large for a record: its name in the object store, its bytes, and their digest. */
export interface Aside {
  blob: string;
  bytes: number;
  digest: string;
}

/** Everything that can happen to a job. `at` is broker time, epoch ms; `attempt` fences out earlier attempts. */
export type JobEvent =
  | { type: 'job.due'; at: number }
  | { type: 'job.queued'; at: number; reason: string }
  | { type: 'job.hold'; at: number; reason?: string }
  | { type: 'job.release'; at: number }
  | { type: 'dependency.ended'; at: number; left: readonly string[] }
  | { type: 'job.unblocked'; at: number }
  | { type: 'job.unreachable'; at: number; error: Failure }
  | { type: 'job.stopped'; at: number; error: Failure }
  | { type: 'job.expired'; at: number; error: Failure }
  | { type: 'job.retry'; at: number }
  | { type: 'job.reschedule'; at: number; dueAt: number }
  | { type: 'job.move'; at: number; queue: string; reason?: string }
  | { type: 'job.prioritise'; at: number; priority: Priority; reason?: string }
  | { type: 'job.cancel'; at: number; reason?: string }
  | { type: 'job.preempt'; at: number; by: string; reason: string }
  | { type: 'job.redrive'; at: number }
  | { type: 'attempt.claimed'; at: number; worker: string; trace?: string }
  | { type: 'attempt.started'; at: number; attempt: number; vramsMb?: readonly number[]; devices?: readonly string[] }
  | { type: 'attempt.completed'; at: number; attempt: number; result: unknown; aside?: Aside }
  | { type: 'attempt.failed'; at: number; attempt: number; error: Failure; spread: number }
  | { type: 'attempt.timedOut'; at: number; attempt: number; error: Failure; spread: number }
  | { type: 'attempt.lost'; at: number; attempt: number; error: Failure; spread: number }
  | { type: 'attempt.handedBack'; at: number; attempt: number; reason: string }
  | { type: 'attempt.drained'; at: number; attempt: number; reason: string }
  | { type: 'attempt.preempted'; at: number; attempt: number; reason: string }
  | { type: 'attempt.cancelling'; at: number; attempt: number }
  | { type: 'attempt.cancelled'; at: number; attempt: number };

type Retryable = Extract<JobEvent, { type: 'attempt.failed' | 'attempt.timedOut' | 'attempt.lost' }>;

/**
 * When the next attempt is due: what the handler asked for, else the backoff of the counted failures. A job whose
 * worker was lost has waited long enough, and it was not the job that failed.
 */
function nextDue(context: JobContext, event: Retryable): number {
  if (event.type === 'attempt.lost') return event.at;
  return event.at + (event.error.retryAfterMs ?? backoff(context.backoff, context.spent, event.spread));
}

const release = { worker: undefined, cancelAt: undefined, preemptAt: undefined, preemptFor: undefined };

const machine = setup({
  types: {
    context: {} as JobContext,
    events: {} as JobEvent,
    input: {} as JobContext,
    meta: {} as { settled?: true; happy?: true },
  },
  guards: {
    isHeld: ({ context }) => context.held === true,
    isBlocked: ({ context }) => (context.blockedBy?.length ?? 0) > 0,
    isEarly: ({ context }) => context.dueAt !== undefined,
    isCancelWished: ({ context }) => context.cancelAt !== undefined,
    isToStay: ({ context }) => context.cancelAt === undefined && context.preemptAt === undefined,
    isPoison: ({ context }) => context.losses + 1 >= context.maxLosses,
    mayRetry: ({ context, event }) =>
      context.spent < context.maxAttempts && 'error' in event && event.error.retryable !== false,
  },
  actions: {
    /** A claim is a new number and counts until it is given back. */
    claim: assign(({ context, event }) =>
      event.type === 'attempt.claimed'
        ? { attempt: context.attempt + 1, spent: context.spent + 1, worker: event.worker, dueAt: undefined }
        : {},
    ),
    /** The claim is given back: it keeps its number and costs nothing. */
    giveBack: assign(({ context }) => ({ ...release, spent: context.spent - 1 })),
    /** As `giveBack`; how often that was so is counted, so that the next attempt is left alone for longer. */
    makeRoom: assign(({ context }) => ({
      ...release,
      spent: context.spent - 1,
      preempted: (context.preempted ?? 0) + 1,
    })),
    /** The attempt is over and counted; the next one waits out its backoff. */
    backOff: assign(({ context, event }) =>
      event.type === 'attempt.failed' || event.type === 'attempt.timedOut' || event.type === 'attempt.lost'
        ? {
            ...release,
            error: event.error,
            dueAt: nextDue(context, event),
            losses: context.losses + (event.type === 'attempt.lost' ? 1 : 0),
          }
        : {},
    ),
    /** The job comes to rest with what went wrong. */
    fail: assign(({ event }) => ('error' in event ? { ...release, dueAt: undefined, error: event.error } : {})),
    quarantine: assign(({ context, event }) =>
      'error' in event
        ? {
            ...release,
            losses: context.losses + 1,
            error: {
              ...event.error,
              message: `Quarantined: ${context.losses + 1} workers were lost while they ran it. ${event.error.message}`,
            },
          }
        : {},
    ),
    complete: assign(({ event }) =>
      event.type === 'attempt.completed' ? { ...release, result: event.result, error: undefined } : {},
    ),
    stop: assign({ ...release, dueAt: undefined, held: undefined }),
    wishCancel: assign(({ event }) => ({ cancelAt: event.at })),
    wishRoom: assign(({ event }) =>
      event.type === 'job.preempt' ? { preemptAt: event.at, preemptFor: event.by } : {},
    ),
    ready: assign({ dueAt: undefined, held: undefined }),
    unblock: assign({ blockedBy: undefined }),
    shorten: assign(({ event }) => (event.type === 'dependency.ended' ? { blockedBy: event.left } : {})),
    hold: assign({ held: true }),
    letGo: assign({ held: undefined }),
    reschedule: assign(({ event }) => (event.type === 'job.reschedule' ? { dueAt: event.dueAt } : {})),
    relane: assign(({ event }) => ({ laneAt: event.at })),
    /** A new generation: the attempts are numbered on, the budget starts anew. What it still waited for, it waits for. */
    redrive: assign(({ context, event }) => ({
      ...release,
      generation: context.generation + 1,
      redrivenAt: event.at,
      spent: 0,
      losses: 0,
      preempted: undefined,
      dueAt: undefined,
      held: undefined,
      result: undefined,
    })),
  },
}).createMachine({
  id: 'job',
  initial: 'open',
  context: ({ input }) => input,
  states: {
    open: {
      description: 'Not settled: it still has to run, runs, or waits to run again.',
      initial: 'waiting',
      on: {
        'job.cancel': {
          target: 'cancelled',
          actions: 'stop',
          description: 'A person cancels a job that no worker holds. Keeps attempt.',
        },
      },
      states: {
        waiting: {
          description: 'No worker holds it.',
          initial: 'submitted',
          on: {
            'job.hold': {
              target: '.held',
              actions: 'hold',
              description: 'A person pauses the job. Keeps attempt.',
            },
            'job.move': {
              actions: 'relane',
              description: 'A person puts it into another queue. Keeps attempt.',
            },
            'job.prioritise': {
              actions: 'relane',
              description: 'A person gives it another priority. Keeps attempt.',
            },
            'job.expired': {
              target: '#job.failed',
              actions: 'fail',
              description: 'It was not started before its expiry. Keeps attempt.',
            },
            'job.stopped': {
              target: '#job.failed',
              actions: 'fail',
              description: 'Another job of its workflow has failed, and the rest was to stop then. Keeps attempt.',
            },
            'job.reschedule': [
              {
                guard: 'isHeld',
                actions: 'reschedule',
                description: 'A person sets another moment; it stays held until it is released. Keeps attempt.',
              },
              {
                guard: 'isBlocked',
                actions: 'reschedule',
                description: 'A person sets another moment; it goes on waiting for other jobs. Keeps attempt.',
              },
              {
                target: '.scheduled',
                actions: 'reschedule',
                description: 'A person sets another moment before which it must not run. Keeps attempt.',
              },
            ],
          },
          states: {
            submitted: {
              description: 'Being born; never stored.',
              always: [
                { guard: 'isHeld', target: 'held', description: 'Submitted on hold. Attempt is 0.' },
                { guard: 'isBlocked', target: 'blocked', description: 'Submitted after other jobs. Attempt is 0.' },
                { guard: 'isEarly', target: 'scheduled', description: 'Submitted for later. Attempt is 0.' },
                { target: 'pending', description: 'Submitted to run now. Attempt is 0.', meta: { happy: true } },
              ],
            },
            scheduled: {
              description: 'Due later: delayed, or fired by a schedule.',
              on: {
                'job.due': { target: 'pending', actions: 'ready', description: 'Its moment has come. Keeps attempt.' },
                'job.retry': {
                  target: 'pending',
                  actions: 'ready',
                  description: 'A person lets it run before its moment. Keeps attempt.',
                },
              },
            },
            blocked: {
              description: 'Waits for other jobs.',
              on: {
                'dependency.ended': {
                  actions: 'shorten',
                  description: 'Some of the jobs it waited for have ended; it waits for the others. Keeps attempt.',
                },
                'job.unblocked': [
                  {
                    guard: 'isEarly',
                    target: 'scheduled',
                    actions: 'unblock',
                    description: 'The jobs it waited for have ended, its moment has not come. Keeps attempt.',
                  },
                  {
                    target: 'pending',
                    actions: 'unblock',
                    description: 'The jobs it waited for have ended as it asked. Keeps attempt.',
                  },
                ],
                'job.unreachable': {
                  target: '#job.failed',
                  actions: 'fail',
                  description: 'A job it waited for can no longer end as it asked. Keeps attempt.',
                },
              },
            },
            held: {
              description: 'Paused by a person.',
              on: {
                'job.release': [
                  {
                    guard: 'isBlocked',
                    target: 'blocked',
                    actions: 'letGo',
                    description: 'Released, and still waits for other jobs. Keeps attempt.',
                  },
                  {
                    guard: 'isEarly',
                    target: 'scheduled',
                    actions: 'letGo',
                    description: 'Released, and not yet due. Keeps attempt.',
                  },
                  { target: 'pending', actions: 'letGo', description: 'Released, and ready. Keeps attempt.' },
                ],
              },
            },
            pending: {
              description: 'Ready; the scheduler has not yet found that it must wait.',
              on: {
                'attempt.claimed': {
                  target: '#job.open.active',
                  actions: 'claim',
                  description: 'A worker claims its offer. Adds 1 to attempt.',
                  meta: { happy: true },
                },
                'job.queued': { target: 'queued', description: 'No worker can take it now. Keeps attempt.' },
              },
            },
            queued: {
              description: 'Ready, and no worker could take it.',
              on: {
                'attempt.claimed': {
                  target: '#job.open.active',
                  actions: 'claim',
                  description: 'A worker has room at last and claims it. Adds 1 to attempt.',
                },
              },
            },
            retrying: {
              description: 'Waits out its backoff.',
              on: {
                'job.due': { target: 'pending', actions: 'ready', description: 'The backoff is over. Keeps attempt.' },
                'job.retry': {
                  target: 'pending',
                  actions: 'ready',
                  description: 'A person cuts the backoff short. Keeps attempt.',
                },
              },
            },
          },
        },
        active: {
          description: 'A worker holds it; only that worker moves it, or the leader once the worker is lost.',
          initial: 'assigned',
          on: {
            'job.cancel': {
              actions: 'wishCancel',
              description: 'A person wishes it to stop; the worker that holds it does so. Keeps attempt.',
            },
            'attempt.lost': [
              {
                guard: 'isCancelWished',
                target: '#job.cancelled',
                actions: 'stop',
                description: 'Its worker was lost, and it was to be cancelled anyway. Keeps attempt.',
              },
              {
                guard: 'isPoison',
                target: '#job.failed',
                actions: 'quarantine',
                description: 'It has taken down too many workers and is quarantined. Keeps attempt, counted.',
              },
              {
                guard: 'mayRetry',
                target: '#job.open.waiting.retrying',
                actions: 'backOff',
                description: 'Its worker was lost; attempts remain, and it is due at once. Keeps attempt, counted.',
              },
              {
                target: '#job.failed',
                actions: 'fail',
                description: 'Its worker was lost with its last attempt. Keeps attempt, counted.',
              },
            ],
          },
          states: {
            assigned: {
              description: 'A worker has claimed it.',
              on: {
                'attempt.started': {
                  target: 'processing',
                  description: 'Its handler starts. Keeps attempt.',
                  meta: { happy: true },
                },
                'attempt.handedBack': {
                  target: '#job.open.waiting.pending',
                  actions: 'giveBack',
                  description: 'The worker could not start it in time. Keeps attempt, not counted.',
                },
                'attempt.cancelled': {
                  target: '#job.cancelled',
                  actions: 'stop',
                  description: 'It was to be cancelled before its handler started. Keeps attempt, counted.',
                },
              },
            },
            processing: {
              description: 'Its handler runs.',
              on: {
                'attempt.completed': {
                  target: '#job.completed',
                  actions: 'complete',
                  description: 'The handler returned a result. Keeps attempt, counted.',
                  meta: { happy: true },
                },
                'attempt.failed': [
                  {
                    guard: 'isCancelWished',
                    target: '#job.cancelled',
                    actions: 'stop',
                    description: 'The handler failed, and was to be cancelled anyway. Keeps attempt, counted.',
                  },
                  {
                    guard: 'mayRetry',
                    target: '#job.open.waiting.retrying',
                    actions: 'backOff',
                    description: 'The handler failed; attempts remain. Keeps attempt, counted.',
                  },
                  {
                    target: '#job.failed',
                    actions: 'fail',
                    description: 'The handler failed for the last time, or for good. Keeps attempt, counted.',
                  },
                ],
                'attempt.timedOut': [
                  {
                    guard: 'isCancelWished',
                    target: '#job.cancelled',
                    actions: 'stop',
                    description: 'It took too long, and was to be cancelled anyway. Keeps attempt, counted.',
                  },
                  {
                    guard: 'mayRetry',
                    target: '#job.open.waiting.retrying',
                    actions: 'backOff',
                    description: 'It took too long or gave no sign of life; attempts remain. Keeps attempt, counted.',
                  },
                  {
                    target: '#job.failed',
                    actions: 'fail',
                    description: 'It took too long for the last time. Keeps attempt, counted.',
                  },
                ],
                'job.preempt': {
                  guard: 'isToStay',
                  actions: 'wishRoom',
                  description: 'It is to make room for a more urgent job; its worker does so. Keeps attempt.',
                },
                'attempt.drained': [
                  {
                    guard: 'isCancelWished',
                    target: '#job.cancelled',
                    actions: 'stop',
                    description: 'The worker is leaving, and it was to be cancelled anyway. Keeps attempt, counted.',
                  },
                  {
                    target: '#job.open.waiting.pending',
                    actions: 'giveBack',
                    description: 'The worker is leaving and hands it back. Keeps attempt, not counted.',
                  },
                ],
                'attempt.preempted': [
                  {
                    guard: 'isCancelWished',
                    target: '#job.cancelled',
                    actions: 'stop',
                    description:
                      'It made room for another job, and was to be cancelled anyway. Keeps attempt, counted.',
                  },
                  {
                    target: '#job.open.waiting.pending',
                    actions: 'makeRoom',
                    description: 'It made room for a more urgent job. Keeps attempt, not counted.',
                  },
                ],
                'attempt.cancelling': {
                  guard: 'isCancelWished',
                  target: 'cancelling',
                  description: 'Its handler has been told to stop. Keeps attempt.',
                },
              },
            },
            cancelling: {
              description: 'Its handler has been told to stop.',
              on: {
                'attempt.cancelled': {
                  target: '#job.cancelled',
                  actions: 'stop',
                  description: 'The handler stopped, or was abandoned after its grace. Keeps attempt, counted.',
                },
                'attempt.completed': {
                  target: '#job.completed',
                  actions: 'complete',
                  description: 'The handler finished before it could be stopped. Keeps attempt, counted.',
                },
              },
            },
          },
        },
      },
    },
    completed: { type: 'final', meta: { settled: true }, description: 'Done; its result is in the record.' },
    cancelled: { type: 'final', meta: { settled: true }, description: 'Stopped by a person.' },
    failed: {
      meta: { settled: true },
      description: 'The dead letter: it will not run again unless it is redriven.',
      on: {
        'job.redrive': [
          {
            guard: 'isBlocked',
            target: 'open.waiting.blocked',
            actions: 'redrive',
            description: 'A person opens a new generation; it waits for other jobs again. Keeps attempt, none counted.',
          },
          {
            target: 'open.waiting.pending',
            actions: 'redrive',
            description: 'A person opens a new generation. Keeps attempt, none counted.',
          },
        ],
      },
    },
  },
});

/** The job chart. */
export const jobMachine = machine;

/** The words for a job's state, as users see them in the API, in KV, in metrics and in charts. */
export const jobStates = [
  'scheduled',
  'blocked',
  'held',
  'pending',
  'queued',
  'retrying',
  'assigned',
  'processing',
  'cancelling',
  'completed',
  'cancelled',
  'failed',
] as const;
export type JobState = (typeof jobStates)[number];

/** Whether a job in this state will not move again by itself. */
export function isSettled(state: JobState): boolean {
  return state === 'completed' || state === 'cancelled' || state === 'failed';
}

/** Whether a worker holds a job in this state. */
export function isActive(state: JobState): boolean {
  return state === 'assigned' || state === 'processing' || state === 'cancelling';
}

/** Whether a job in this state may be offered to a worker. */
export function isReady(state: JobState): boolean {
  return state === 'pending' || state === 'queued';
}
