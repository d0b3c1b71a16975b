/**
 * One queue on the board: what holds for it, its jobs that wait, and those that are out.
 *
 * Waiting jobs stand in lines by level, by the priority that was asked for, by what they need, and by their group. A level is that
 * priority, or a better one where a job has waited for long (aging). What is out is offered or held by a worker:
 * that is what counts against the limit of the queue, derived from entries and never counted.
 */

import { type Priority, priorities, raised } from '../machines/rules/lanes.ts';
import type { QueuePolicy } from '../machines/rules/queue.ts';
import type { Account } from './account.ts';
import type { Entry } from './entry.ts';
import { groupOf } from './group.ts';
import { ReadyQueue } from './ready-queue.ts';

/** What waits in one lane: the jobs of a queue for which one priority was asked. */
export interface LaneView {
  queue: string;
  priority: Priority;
  /** Ready and not offered. */
  waiting: number;
  /** Since when the one that waits longest is ready, epoch ms of broker time; absent where none waits. */
  readyAt?: number;
}

export class Siding implements Account {
  readonly kind = 'queue';
  policy: QueuePolicy;
  /** Offered, or held by a worker. */
  readonly out = new Set<Entry>();
  readonly #lines = new Map<string, ReadyQueue>();
  readonly #levels = new Map<Priority, ReadyQueue[]>(priorities.map((level) => [level, []]));

  constructor(policy: QueuePolicy) {
    this.policy = policy;
  }

  get name(): string {
    return this.policy.queue;
  }

  /** The line in which `entry` has its place; `need` is what its type and requirements are called. */
  lineOf(entry: Entry, need: string): ReadyQueue {
    const { queue, priority, type, requirements, risen } = entry;
    const level = raised(priority, risen);
    const group = groupOf(entry);
    const key = `${level} ${priority} ${need} ${group.name}`;
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = new ReadyQueue({ queue, priority, level, type, requirements, group });
      this.#lines.set(key, line);
      this.#levels.get(level)?.push(line);
    }
    return line;
  }

  /** The lines of a level that have jobs. */
  at(level: Priority): readonly ReadyQueue[] {
    return (this.#levels.get(level) ?? []).filter((line) => line.size > 0);
  }

  get waiting(): number {
    let waiting = 0;
    for (const line of this.#lines.values()) waiting += line.size;
    return waiting;
  }

  /** Each line's type and size. */
  *sizes(): Iterable<[type: string, size: number]> {
    for (const { type, size } of this.#lines.values()) yield [type, size];
  }

  /** Its lanes by the priority that was asked for, whether or not jobs wait there. */
  lanes(): readonly LaneView[] {
    const lines = [...this.#lines.values()].filter((line) => line.size > 0);
    return priorities.map((priority) => {
      const own = lines.filter((line) => line.priority === priority);
      const waiting = own.reduce((sum, { size }) => sum + size, 0);
      const readyAt = Math.min(...own.map((line) => line.ripest?.readyAt ?? Number.POSITIVE_INFINITY));
      return { queue: this.name, priority, waiting, ...(Number.isFinite(readyAt) ? { readyAt } : {}) };
    });
  }

  /** How many jobs of this queue are served before `entry`, which may be of another one. */
  countBefore(entry: Entry): number {
    const own = priorities.indexOf(raised(entry.priority, entry.risen));
    let before = 0;
    for (const [at, level] of priorities.entries())
      for (const line of at > own ? [] : this.at(level)) before += at < own ? line.size : line.countBefore(entry);
    return before;
  }

  /** The first job that has waited long enough to rise, the worst level first. */
  ripe(now: number): Entry | undefined {
    for (const level of ['low', 'medium'] as const)
      for (const { ripest } of this.#levels.get(level) ?? [])
        if (ripest !== undefined && ripest.readyAt + this.policy.agingStepMs * (ripest.risen + 1) <= now) return ripest;
    return undefined;
  }

  /** Jobs that have risen. */
  *risen(): Iterable<Entry> {
    for (const line of this.#lines.values()) if (line.level !== line.priority) yield* line;
  }
}
