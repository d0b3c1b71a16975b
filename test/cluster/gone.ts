/**
 * Waiting for what no event tells: that processes are gone, also those that are nobody's children any more.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { isAlive } from '../../nats/leftover.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { News } from './news.ts';

/** Resolves when `look` finds what was waited for; fails after 20 s. */
export function until(
  look: () => Promise<boolean>,
  what: string,
  instead = async () => 'something else',
): Promise<true> {
  const news = new News(new SystemClock());
  return news.until(async () => ((await look()) ? true : undefined), { what, withinMs: 20_000, instead });
}

/** Resolves when none of them is alive; fails with those that are after 20 s. */
export async function gone(pids: readonly (number | undefined)[]): Promise<void> {
  const known = pids.filter((pid) => pid !== undefined);
  const alive = () => known.filter((pid) => isAlive(pid) && commandOf(pid) !== 'ended');
  const told = async () => alive().map(commandOf).join('\n');
  await until(async () => alive().length === 0, `processes ${known.join(', ')} to be gone`, told);
}

/** The processes in whose command line `text` stands. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid && commandOf(pid).includes(text));
}

/** The command line; `ended` for a process that its parent has not asked about. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') || 'ended';
  } catch {
    return 'ended';
  }
}
