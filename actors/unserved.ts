/**
 * Types of waiting jobs that no worker serves, such as after the last one that did was upgraded to a release without it.
 *
 * Such jobs are not lost: they wait until somebody serves them, they expire, or they are cancelled. But nobody would
 * notice, so it is said when it begins and when it is over. A worker that drains serves nothing that waits now.
 */

import type { Cancel, Clock } from '../runtime/clock.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { Board } from './board.ts';
import type { Fleet } from './fleet.ts';

/** How many jobs wait, by types that no worker serves. */
export function unserved(board: Pick<Board, 'lanes'>, fleet: Pick<Fleet, 'members'>): Readonly<Record<string, number>> {
  const served = new Set(fleet.members().flatMap(({ status, pulse }) => (serves(status) ? pulse.capacity.types : [])));
  const jobs: Record<string, number> = {};
  for (const lane of board.lanes())
    for (const { type, size } of lane) if (!served.has(type)) jobs[type] = (jobs[type] ?? 0) + size;
  return jobs;
}

function serves(status: string): boolean {
  return status === 'starting' || status === 'available' || status === 'busy';
}

export interface UnservedOptions {
  board: Board;
  fleet: Fleet;
  clock: Clock;
  telemetry: Telemetry;
  everyMs: number;
}

/** Tells, once, which types are not served, and again when other ones are not. Returns how to stop it. */
export function tellUnserved({ board, fleet, clock, telemetry, everyMs }: UnservedOptions): Cancel {
  let told = '';
  return clock.every(everyMs, () => {
    const jobs = unserved(board, fleet);
    const types = Object.keys(jobs).sort();
    if (types.join(',') === told) return;
    told = types.join(',');
    if (types.length > 0) telemetry.tell('types.unserved', { jobs, types: types.length });
    else telemetry.tell('types.served', {});
  });
}
