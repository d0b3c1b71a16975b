/**
 * Moves jobs for the leader: reads them, steps them, and commits under the fence of its term.
 *
 * The board says which jobs, by key and revision; the record says the rest. A record that has moved on meanwhile is
 * left alone: its news is on its way to the board, and whoever asked will see it there and think again.
 */

import type { JobEvent } from '../machines/job.ts';
import { headOf } from '../runtime/head.ts';
import type { Events, Head, JobStore } from '../runtime/ports.ts';
import type { JobRecord, Stored } from '../runtime/record.ts';
import { step } from '../runtime/step.ts';
import type { Commit } from './committer.ts';
import { whereUnreadable } from './unreadable.ts';

/** A job to be moved, if it is still at this revision. */
export interface Move {
  key: string;
  revision: number;
  event: (record: JobRecord) => JobEvent;
}

export interface MoverOptions {
  store: JobStore;
  commit: Commit;
  events: Events;
  apply: (head: Head) => void;
}

export type Mover = (moves: readonly Move[]) => Promise<number>;

/** A mover; it resolves with the number of jobs that it moved. */
export function mover(options: MoverOptions): Mover {
  return async (moves) => {
    if (moves.length === 0) return 0;
    const stored = await options.store.readMany(moves.map(({ key }) => key));
    const moved = await Promise.all(moves.map((move) => moveOne(options, move, stored.get(move.key))));
    return moved.filter(Boolean).length;
  };
}

/** The record from the stream's leader. One that cannot be read, such as of a newer version, is not ours to move. */
async function readIfReadable(store: JobStore, key: string): Promise<Stored | undefined> {
  return await whereUnreadable(store.read(key), undefined);
}

async function moveOne(options: MoverOptions, move: Move, read: Stored | undefined): Promise<boolean> {
  const lags = read === undefined || read.revision < move.revision;
  const stored = lags ? await readIfReadable(options.store, move.key) : read;
  if (stored?.revision !== move.revision) return false;
  const { moved, record, ...rest } = step(stored.record, move.event(stored.record));
  if (!moved || !('transition' in rest)) return false;
  const committed = await options.commit([{ key: move.key, expected: stored.revision, record }]);
  if (committed.kind === 'conflict') return false;
  const revision = committed.revisions[0] ?? 0;
  options.apply(headOf(move.key, revision, record));
  const { type, queue, priority } = record;
  options.events.tell({ key: move.key, type, queue, priority, revision, transition: rest.transition });
  return true;
}
