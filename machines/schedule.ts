/**
 * The life of a schedule: when it fires, when it does not, and what each edge does to its next moment.
 *
 * This chart says what may happen and nothing else: moments arrive in the events, from `rules/cron.ts` and
 * `rules/misfire.ts`. It is run by `runtime/schedule.ts`, drawn in `docs/lifecycle.md` and walked by `test/machines`.
 */

import { assign, setup } from 'xstate';

/** Raised when an edge, a state or the meaning of the context changes. */
export const scheduleMachineVersion = 1;

/** The part of a schedule's record that edges change. Times are epoch ms of broker time. */
export interface ScheduleContext {
  /** The first moment that nobody has decided; absent while it fires at none. */
  nextAt?: number | undefined;
  /** Id of the job that was made last. */
  lastJob?: string | undefined;
}

/** Everything that can happen to a schedule. `nextAt` is absent where no moment is left. */
export type ScheduleEvent =
  | { type: 'schedule.decided'; at: number; nextAt?: number | undefined; job?: string | undefined }
  | { type: 'schedule.ran'; at: number; job: string }
  | { type: 'schedule.edited'; at: number; nextAt?: number | undefined }
  | { type: 'schedule.paused'; at: number }
  | { type: 'schedule.resumed'; at: number; nextAt?: number | undefined }
  | { type: 'schedule.deleted'; at: number };

/** The schedule chart. */
export const scheduleMachine = setup({
  types: { context: {} as ScheduleContext, events: {} as ScheduleEvent, input: {} as ScheduleContext },
  guards: {
    isOver: ({ event }) => !('nextAt' in event) || event.nextAt === undefined,
  },
  actions: {
    goOn: assign(({ event }) => ({ nextAt: 'nextAt' in event ? event.nextAt : undefined })),
    note: assign(({ context, event }) => ({ lastJob: 'job' in event ? event.job : context.lastJob })),
    rest: assign({ nextAt: undefined }),
  },
}).createMachine({
  id: 'schedule',
  initial: 'kept',
  context: ({ input }) => input,
  states: {
    kept: {
      description: 'It is there, and a person may run, edit or delete it.',
      initial: 'active',
      on: {
        'schedule.ran': { actions: 'note', description: 'A person runs its job now. Keeps the next moment.' },
        'schedule.deleted': { target: 'deleted', actions: 'rest', description: 'A person deletes it. No next moment.' },
      },
      states: {
        active: {
          description: 'Fires at its moments.',
          on: {
            'schedule.decided': [
              {
                guard: 'isOver',
                target: 'ended',
                actions: ['note', 'rest'],
                description: 'Its last moment is decided. No next moment.',
              },
              {
                actions: ['note', 'goOn'],
                description: 'Moments that have come are fired, skipped or missed. Sets the next moment.',
              },
            ],
            'schedule.edited': [
              {
                guard: 'isOver',
                target: 'ended',
                actions: 'rest',
                description: 'A person leaves it no moment to come. No next moment.',
              },
              { actions: 'goOn', description: 'A person changes what it does or when. Sets the next moment.' },
            ],
            'schedule.paused': {
              target: 'paused',
              actions: 'rest',
              description: 'A person lets its moments pass. No next moment.',
            },
          },
        },
        paused: {
          description: 'Lets its moments pass: they are neither fired nor missed.',
          on: {
            'schedule.edited': { description: 'A person changes it; it stays paused. No next moment.' },
            'schedule.resumed': [
              {
                guard: 'isOver',
                target: 'ended',
                description: 'A person lets it fire again, and no moment is left. No next moment.',
              },
              {
                target: 'active',
                actions: 'goOn',
                description: 'A person lets it fire again, from now on. Sets the next moment.',
              },
            ],
          },
        },
        ended: {
          description: 'No moment is left at which it could fire.',
          on: {
            'schedule.edited': [
              { guard: 'isOver', description: 'A person changes it, and no moment is left still. No next moment.' },
              {
                target: 'active',
                actions: 'goOn',
                description: 'A person gives it moments to come. Sets the next moment.',
              },
            ],
          },
        },
      },
    },
    deleted: { type: 'final', description: 'Gone; its record is kept for a while, for its history.' },
  },
});

/** The words for a schedule's state, as users see them. */
export const scheduleStates = ['active', 'paused', 'ended', 'deleted'] as const;
export type ScheduleState = (typeof scheduleStates)[number];
