/** Work that goes on while something happens: one job each 50 ms. */

import type { Cluster } from './harness.ts';

/** Submits by `submit`, which is told the turn and gives the job's id, until `done`; the ids of all. */
export async function loadUntil(
  yard: Cluster,
  done: Promise<unknown>,
  submit: (turn: number) => Promise<string>,
): Promise<readonly string[]> {
  const ended = done.then(() => true);
  const ids: string[] = [];
  for (let turn = 0; ; turn++) {
    ids.push(await submit(turn));
    if (await Promise.race([ended, yard.lasts(50).then(() => false)])) return ids;
  }
}
