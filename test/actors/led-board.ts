/**
 * A leader's board on a store, for actors that move jobs when others have moved: what is put into the store is heard of
 * at once, unless it is said otherwise.
 */

import { Board } from '../../actors/board.ts';
import type { Entry } from '../../actors/entry.ts';
import { type MoverOptions, mover } from '../../actors/mover.ts';
import type { JobEvent } from '../../machines/job.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { headOf } from '../../runtime/head.ts';
import type { Head, JobStore } from '../../runtime/ports.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';
import { entryOf, lastOf, stage, storeWith } from './stage.ts';

/** What hears of every job that moves. */
interface Hearing {
  moved(entry: Entry, head: Head): void;
}

type Parts = Pick<ReturnType<typeof stage>, 'clock' | 'telemetry'> & {
  board: Board;
  store: JobStore;
  move: ReturnType<typeof mover>;
  everyMs: number;
};

/** @param make makes the actor; the last one that was made hears. */
export function ledBoard<Actor extends Hearing>(make: (parts: Parts) => Actor) {
  const { clock, broker, world, telemetry, told } = stage();
  const board = new Board({ queues: defaultQueues });
  let isAway = false;
  let hearing: Actor | undefined;
  const store = storeWith(world.store, {
    readMany: (keys) => (isAway ? Promise.reject(new Error('away')) : world.store.readMany(keys)),
  });
  const apply = (head: Head) => {
    const applied = board.apply(head);
    if (applied !== undefined) hearing?.moved(applied.entry, head);
  };
  const commit: MoverOptions['commit'] = async (entries) => {
    const outcome = await world.store.write(entries);
    return outcome.kind === 'accepted' ? { kind: 'stored', revisions: outcome.revisions } : { kind: 'conflict' };
  };
  const move = mover({ store, events: world.events, apply, commit });
  return {
    clock,
    board,
    told,
    actor: (): Actor => {
      hearing = make({ board, store, move, clock, telemetry, everyMs: 5_000 });
      return hearing;
    },
    put: async (record: JobRecord, { isHeard = true } = {}): Promise<void> => {
      const key = jobKey(record);
      const known = (await clock.until(world.store.read(key)))?.revision ?? 0;
      const written = await clock.until(world.store.write([entryOf(record, known)]));
      if (written.kind !== 'accepted') throw new RangeError(`Expected ${key} to be stored, it was ${written.kind}.`);
      if (isHeard) apply(headOf(key, written.revisions[0] ?? 0, record));
    },
    last: (id: string) => lastOf(broker, id),
    goAway: (away: boolean) => {
      isAway = away;
    },
  };
}

const endings = {
  completed: (at: number): JobEvent[] => [
    { type: 'attempt.claimed', at, worker: 'w1' },
    { type: 'attempt.started', at, attempt: 1 },
    { type: 'attempt.completed', at, attempt: 1, result: 42 },
  ],
  failed: (at: number): JobEvent[] => [{ type: 'job.expired', at, error: { kind: 'expired', message: 'Too late.' } }],
  cancelled: (at: number): JobEvent[] => [{ type: 'job.cancel', at }],
};

/** What becomes of a job that waits and then ends so. */
export function endedJob(record: JobRecord, how: keyof typeof endings, at: number): JobRecord {
  return endings[how](at).reduce((before, event) => step(before, event).record, record);
}
