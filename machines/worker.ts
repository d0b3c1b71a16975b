/**
 * The life of a worker: what it may be, and what makes it so.
 *
 * The worker itself takes the edges it can know of and tells its state in its pulses; the leader takes `worker.silent`
 * and `worker.returned`, which only it can see. One life is one process; under `worker.returned` the same process goes
 * on as a new incarnation, which holds nothing. Run by `runtime/worker-step.ts`, drawn in `docs/lifecycle.md`.
 */

import { assign, setup } from 'xstate';

export interface WorkerContext {
  /** Slots for jobs, 1 or more. */
  slots: number;
  /** Slots that its jobs take up. */
  used: number;
}

/** What can happen to a worker. `used` is how many slots are taken now. */
export type WorkerEvent =
  | { type: 'worker.ready' }
  | { type: 'worker.filled'; used: number }
  | { type: 'worker.freed'; used: number }
  | { type: 'worker.drain' }
  | { type: 'worker.undrain' }
  | { type: 'worker.stopped' }
  | { type: 'worker.silent' }
  | { type: 'worker.returned' };

/** The worker chart. */
export const workerMachine = setup({
  types: { context: {} as WorkerContext, events: {} as WorkerEvent, input: {} as { slots: number } },
  guards: {
    isFull: ({ context, event }) => ('used' in event ? event.used : context.used) >= context.slots,
  },
  actions: {
    count: assign(({ event }) => ('used' in event ? { used: event.used } : {})),
    empty: assign({ used: 0 }),
  },
}).createMachine({
  id: 'worker',
  initial: 'present',
  context: ({ input }) => ({ slots: input.slots, used: 0 }),
  states: {
    present: {
      description: 'Its process runs and its pulse is heard.',
      initial: 'starting',
      on: {
        'worker.stopped': {
          target: 'offline',
          actions: 'empty',
          description: 'Its process ends in good order, having handed back what it held. Sets used to 0.',
        },
        'worker.silent': {
          target: 'lost',
          actions: 'empty',
          description: 'Its pulse has not been heard for too long; its jobs are taken back. Sets used to 0.',
        },
      },
      states: {
        starting: {
          description: 'Loads its handlers and measures what it has; takes no jobs yet.',
          on: {
            'worker.ready': { target: 'serving', description: 'It can take jobs. Keeps used.' },
          },
        },
        serving: {
          description: 'Takes jobs as long as it has room.',
          initial: 'available',
          on: {
            'worker.drain': {
              target: 'draining',
              description: 'A person, or its own end, wants it empty. Keeps used.',
            },
          },
          states: {
            available: {
              description: 'Has at least one free slot.',
              on: {
                'worker.filled': [
                  {
                    guard: 'isFull',
                    target: 'busy',
                    actions: 'count',
                    description: 'Its last free slot is taken. Sets used.',
                  },
                  { actions: 'count', description: 'A slot is taken, others are free. Sets used.' },
                ],
                'worker.freed': { actions: 'count', description: 'One more slot is free. Sets used.' },
              },
            },
            busy: {
              description: 'All of its slots are taken.',
              on: {
                'worker.filled': {
                  actions: 'count',
                  description: 'It has looked ahead and claimed more than its slots. Sets used.',
                },
                'worker.freed': [
                  {
                    guard: 'isFull',
                    actions: 'count',
                    description: 'A job ended, and one it had looked ahead to takes its slot. Sets used.',
                  },
                  { target: 'available', actions: 'count', description: 'A slot is free again. Sets used.' },
                ],
              },
            },
          },
        },
        draining: {
          description: 'Finishes what it has and takes nothing new.',
          on: {
            'worker.filled': { actions: 'count', description: 'A claim that was on its way is stored. Sets used.' },
            'worker.freed': { actions: 'count', description: 'One more of its jobs has ended. Sets used.' },
            'worker.undrain': [
              {
                guard: 'isFull',
                target: 'serving.busy',
                description: 'It may take jobs again, once it has room. Keeps used.',
              },
              { target: 'serving', description: 'It may take jobs again, and has room. Keeps used.' },
            ],
          },
        },
      },
    },
    lost: {
      description: 'Silent for too long: taken for dead, though it may be only cut off.',
      on: {
        'worker.returned': {
          target: 'present',
          description: 'It is heard again, as a new incarnation that holds nothing. Keeps used at 0.',
        },
        'worker.stopped': {
          target: 'offline',
          description: 'It is known by now that its process ended. Keeps used at 0.',
        },
      },
    },
    offline: { type: 'final', description: 'Its process has ended.' },
  },
});
