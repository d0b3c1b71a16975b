/**
 * One queue on the board: what holds for it, its jobs that wait, and those that are out.
 *
 * Waiting jobs stand by level (`level.ts`). A level is the priority that was asked for, or a better one where a job has
 * waited for long (aging). What is out is offered or held by a worker: that is what counts against the limit of the
 * queue, derived from entries and never counted.
 */

import { type Priority, priorities, raised } from '../machines/rules/lanes.ts';
import type { QueuePolicy } from '../machines/rules/queue.ts';
import type { Account } from './account.ts';
import type { Entry } from './entry.ts';
import { groupOf } from './group.ts';
import { Level } from './level.ts';
import type { ReadyQueue } from './ready-queue.ts';

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
  readonly #levels: ReadonlyMap<Priority, Level>;

  constructor(policy: QueuePolicy) {
    this.policy = policy;
    this.#levels = new Map(priorities.map((level) => [level, new Level(policy.queue, level)]));
  }

  get name(): string {
    return this.policy.queue;
  }

  /** The line in which `entry` has its place; `need` is what its type and requirements are called. */
  lineOf(entry: Entry, need: string): ReadyQueue {
    const { priority, risen } = entry;
    const level = this.#levels.get(raised(priority, risen));
    if (level === undefined) throw new RangeError(`Expected one of ${priorities.join(', ')}, got ${priority}.`);
    return level.lineOf(entry, need, groupOf(entry));
  }

  /** A level, where it has jobs. */
  at(level: Priority): readonly Level[] {
    const there = this.#levels.get(level);
    return there === undefined || there.isEmpty ? [] : [there];
  }

  get waiting(): number {
    let waiting = 0;
    for (const level of this.#levels.values()) for (const need of level.needs()) waiting += need.waiting;
    return waiting;
  }

  /** How many wait of each type; one may come several times. */
  *sizes(): Iterable<[type: string, size: number]> {
    for (const level of this.#levels.values()) for (const { type, waiting } of level.needs()) yield [type, waiting];
  }

  /** Its lanes by the priority that was asked for, whether or not jobs wait there. */
  lanes(): readonly LaneView[] {
    const lines = priorities.flatMap((level) => [...this.#linesAt(level)]);
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
    for (const [at, level] of [...this.#levels.values()].slice(0, own + 1).entries())
      for (const line of level.lines()) before += at < own ? line.size : line.countBefore(entry);
    return before;
  }

  /** The first job that has waited long enough to rise, the worst level first. */
  ripe(now: number): Entry | undefined {
    for (const level of ['low', 'medium'] as const)
      for (const { ripest } of this.#linesAt(level))
        if (ripest !== undefined && ripest.readyAt + this.policy.agingStepMs * (ripest.risen + 1) <= now) return ripest;
    return undefined;
  }

  /** Jobs that have risen. */
  *risen(): Iterable<Entry> {
    for (const level of priorities)
      for (const line of this.#linesAt(level)) if (line.level !== line.priority) yield* line;
  }

  #linesAt(level: Priority): Iterable<ReadyQueue> {
    return this.#levels.get(level)?.lines() ?? [];
  }
}
