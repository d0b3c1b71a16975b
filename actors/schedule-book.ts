/**
 * The picture of all schedules: which are there, and when each has something to do next. Kept from heads alone.
 *
 * Every master has one, whether it leads or not, so that a new leader knows at once what has come meanwhile. The newest
 * revision wins. It may be wrong, and then only by too much: whoever fires a schedule reads its record first.
 */

import type { ScheduleHead } from '../runtime/schedule.ts';

interface Line {
  revision: number;
  state: ScheduleHead['state'];
  nextAt: number | undefined;
}

export class ScheduleBook {
  readonly #lines = new Map<string, Line>();

  get size(): number {
    return this.#lines.size;
  }

  *entries(): Iterable<{ head: ScheduleHead; revision: number }> {
    for (const [key, { revision, state, nextAt }] of this.#lines)
      yield { head: { key, state, ...(nextAt === undefined ? {} : { nextAt }) }, revision };
  }

  apply({ key, state, nextAt }: ScheduleHead, revision: number): void {
    if (revision > (this.#lines.get(key)?.revision ?? 0)) this.#lines.set(key, { revision, state, nextAt });
  }

  /** Its record is gone, or can be read by nobody: nothing to do, until it is written again. */
  rest(key: string): void {
    const line = this.#lines.get(key);
    if (line !== undefined) line.nextAt = undefined;
  }

  /** The keys of those whose moment has come, the longest due first. */
  due(now: number): readonly string[] {
    return [...this.#lines]
      .flatMap(([key, { nextAt }]) => (nextAt === undefined || nextAt > now ? [] : [{ key, nextAt }]))
      .sort((a, b) => a.nextAt - b.nextAt)
      .map(({ key }) => key);
  }

  /** When the first of them has something to do; `undefined` where none has. */
  get nextAt(): number | undefined {
    let first: number | undefined;
    for (const { nextAt } of this.#lines.values())
      if (nextAt !== undefined && nextAt < (first ?? Number.POSITIVE_INFINITY)) first = nextAt;
    return first;
  }

  /** Forgets everything, before a reload. */
  clear(): void {
    this.#lines.clear();
  }
}
