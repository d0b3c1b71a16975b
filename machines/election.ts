/**
 * The election as one master lives it: when it waits, when it asks for the lease, and how far it is with leading.
 *
 * Each look at the lease is one event, `lease.read`, and the guards decide in their order what follows from it: here, and
 * nowhere else. Moments and what is known arrive in the events; reads, writes and timers are those of `actors/election.ts`,
 * which does what the state asks for. Run by `runtime/election-step.ts`, drawn in `docs/lifecycle.md`.
 */

import { assign, setup } from 'xstate';

/** A revision of the lease that has not moved, since when (monotonic, ms) and in how many reads. */
export interface Watched {
  revision: number;
  since: number;
  reads: number;
}

export interface ElectionContext {
  /** How long a lease must not have moved before it is taken, ms. */
  silenceMs: number;
  watched?: Watched | undefined;
  /** Until then, monotonic, it leaves the lease to others. */
  restsUntil: number;
}

/** Who has the lease: `own` is one of ours that is no campaign's, `campaign` what a campaign of ours wrote. */
export type Holder = 'nobody' | 'other' | 'own' | 'campaign';

/** What can happen to a master in the election. `at` is monotonic, ms. */
export type ElectionEvent =
  | { type: 'master.ready' }
  | { type: 'lease.read'; at: number; revision: number; holder: Holder; isFit: boolean; yields: boolean }
  | { type: 'broker.failed' }
  | { type: 'campaign.won' }
  | { type: 'campaign.lost' }
  | { type: 'campaign.forbidden'; at: number }
  | { type: 'picture.completed' }
  | { type: 'office.taken' }
  | { type: 'term.lost' }
  | { type: 'term.givenUp' }
  | { type: 'term.madeWay'; at: number }
  | { type: 'master.stopped' };

const readsAtLeast = 3;
const yieldingFactor = 3;
const restMs = 3_000;

type Read = Extract<ElectionEvent, { type: 'lease.read' }>;
type Of<Event> = { context: ElectionContext; event: Event };

function watch({ context: { watched }, event: { revision, at } }: Of<Read>): Watched {
  return watched?.revision === revision ? { ...watched, reads: watched.reads + 1 } : { revision, since: at, reads: 1 };
}

function isSilent({ context, event }: Of<Read>): boolean {
  const { reads, since } = watch({ context, event });
  const silenceMs = event.yields ? yieldingFactor * context.silenceMs : context.silenceMs;
  return reads >= readsAtLeast && event.at - since >= silenceMs;
}

/** The election chart. */
export const electionMachine = setup({
  types: {
    context: {} as ElectionContext,
    events: {} as ElectionEvent,
    input: {} as { silenceMs: number },
    meta: {} as { happy?: true },
  },
  guards: {
    rests: ({ context, event }) => event.type === 'lease.read' && event.at < context.restsUntil,
    isUnfit: ({ event }) => event.type === 'lease.read' && !event.isFit,
    hasWon: ({ event }) => event.type === 'lease.read' && event.holder === 'campaign',
    isOurs: ({ event }) => event.type === 'lease.read' && event.holder === 'own',
    isEmpty: ({ event }) => event.type === 'lease.read' && event.holder === 'nobody' && !event.yields,
    isSilent: ({ context, event }) => event.type === 'lease.read' && isSilent({ context, event }),
  },
  actions: {
    watch: assign(({ context, event }) => (event.type === 'lease.read' ? { watched: watch({ context, event }) } : {})),
    forget: assign({ watched: undefined }),
    rest: assign(({ event }) => ('at' in event ? { restsUntil: event.at + restMs } : {})),
  },
}).createMachine({
  id: 'election',
  initial: 'starting',
  context: ({ input: { silenceMs } }) => ({ silenceMs, restsUntil: 0 }),
  states: {
    starting: {
      description: 'Reads what jobs there are; it does not stand for election yet.',
      on: {
        'master.ready': {
          target: 'standingBy',
          description: 'It knows of all jobs, and follows what becomes of them. Keeps the watch.',
          meta: { happy: true },
        },
        'master.stopped': {
          target: 'stopped',
          description: 'Its process ends before it has stood. Keeps the watch.',
        },
      },
    },
    standingBy: {
      description: 'Follows all jobs, looks at the lease again and again, and does not lead.',
      initial: 'watching',
      on: {
        'lease.read': [
          {
            guard: 'rests',
            target: '.resting',
            description: 'It lets others go first for a while. Keeps the watch.',
          },
          {
            guard: 'isUnfit',
            target: '.unfit',
            description: 'Who cannot lead well must not stand. Keeps the watch.',
          },
          {
            guard: 'hasWon',
            target: 'leading',
            description: 'A campaign of its own was accepted, and only the answer was lost. Keeps the watch.',
          },
          {
            guard: 'isOurs',
            target: 'campaigning',
            actions: 'forget',
            description: 'The lease is that of a term of its own that ended without a last word. Forgets the watch.',
          },
          {
            guard: 'isEmpty',
            target: 'campaigning',
            actions: 'forget',
            description: 'Nobody holds the lease, and nobody else should rather lead. Forgets the watch.',
            meta: { happy: true },
          },
          {
            guard: 'isSilent',
            target: 'campaigning',
            actions: 'forget',
            description: 'The lease has not moved for long enough, in several reads. Forgets the watch.',
          },
          {
            target: '.watching',
            actions: 'watch',
            description: 'Somebody leads, or the silence is short yet. Counts the read.',
          },
        ],
        'broker.failed': {
          actions: 'forget',
          description: 'A read failed: an outage of the broker is nobody’s silence. Forgets the watch.',
        },
        'master.stopped': {
          target: 'stopped',
          description: 'Its process ends in good order. Keeps the watch.',
        },
      },
      states: {
        watching: { description: 'Watches the lease of whoever leads, and asks for it when it moves no more.' },
        resting: { description: 'Made way, or was refused for good: leaves the lease to others for three seconds.' },
        unfit: {
          description: 'Must not lead now: its broker time is unsure, its picture incomplete, or the broker too far.',
        },
      },
    },
    campaigning: {
      description: 'Has asked for the lease, expecting the revision that it read; awaits the answer.',
      on: {
        'campaign.won': {
          target: 'leading',
          description: 'The lease is its own. Keeps the watch.',
          meta: { happy: true },
        },
        'campaign.lost': {
          target: 'standingBy',
          description: 'Another master was faster, or the answer did not come. Keeps the watch.',
        },
        'campaign.forbidden': {
          target: 'standingBy.resting',
          actions: 'rest',
          description: 'The broker does not let it write: it asks again after a while. Keeps the watch.',
        },
        'broker.failed': {
          target: 'standingBy',
          description: 'The request failed; the next read tells whether it was accepted. Keeps the watch.',
        },
        'master.stopped': {
          target: 'stopped',
          description: 'Its process ends in good order; a lease that it wins yet is given up at once. Keeps the watch.',
        },
      },
    },
    leading: {
      description: 'Holds the lease; each of its writes proves that it still does.',
      initial: 'catchingUp',
      on: {
        'term.lost': {
          target: 'standingBy',
          description: 'Another master has moved the lease on, or the broker was started anew. Keeps the watch.',
        },
        'term.givenUp': {
          target: 'standingBy',
          description: 'It cannot serve this term, and stands again like everybody else. Keeps the watch.',
        },
        'term.madeWay': {
          target: 'standingBy.resting',
          actions: 'rest',
          description: 'A person asked it to step down, it became unfit, or it could not take office. Keeps the watch.',
        },
        'master.stopped': {
          target: 'stopped',
          description:
            'Its process ends in good order, and gives the lease up: the next one leads at once. Keeps the watch.',
        },
      },
      states: {
        catchingUp: {
          description: 'Decides nothing before its picture is complete through the write that won the lease.',
          on: {
            'picture.completed': {
              target: 'takingOffice',
              description: 'Nothing that was written before it led is unknown to it. Keeps the watch.',
              meta: { happy: true },
            },
          },
        },
        takingOffice: {
          description: 'Offers jobs and keeps schedules; taking in what was submitted is not its own yet.',
          on: {
            'office.taken': {
              target: 'serving',
              description: 'It takes in what is submitted. Keeps the watch.',
              meta: { happy: true },
            },
          },
        },
        serving: { description: 'Leads: takes jobs in, offers them to workers, and keeps time.' },
      },
    },
    stopped: { type: 'final', description: 'Its process has ended.' },
  },
});
