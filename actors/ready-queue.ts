/**
 * Jobs of one queue, one priority, one group and the same requirements that stand at one level, in the order in which
 * they were created; beside it, in the order in which they became ready, for who may rise and for how long they wait.
 */

import type { Requirements } from '../machines/rules/capability.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import { type Entry, isBefore, ripensBefore } from './entry.ts';
import type { Group } from './group.ts';
import { Line } from './line.ts';

export interface ReadyQueueOptions {
  queue: string;
  /** What was asked for. */
  priority: Priority;
  /** Where they stand now; better than what was asked for where they have waited for long. */
  level: Priority;
  type: string;
  requirements: Requirements;
  /** Whose they are, and which limits hold for them. */
  group: Group;
  /** A job has come, or gone. */
  onChange?: (line: ReadyQueue, change: Change) => void;
}

export interface Change {
  /** How many more wait here than before. */
  more: 1 | -1;
  /** Another one is the first now. */
  isOfHead: boolean;
}

export class ReadyQueue {
  readonly queue: string;
  readonly priority: Priority;
  readonly level: Priority;
  readonly type: string;
  readonly requirements: Requirements;
  readonly group: Group;
  readonly #onChange: (line: ReadyQueue, change: Change) => void;
  readonly #line = new Line(isBefore);
  readonly #ripening = new Line(ripensBefore);
  /** The one that is served first. Kept here, since nothing is asked for as often. */
  first: Entry | undefined;

  constructor({ queue, priority, level, type, requirements, group, onChange = () => {} }: ReadyQueueOptions) {
    this.queue = queue;
    this.priority = priority;
    this.level = level;
    this.type = type;
    this.requirements = requirements;
    this.group = group;
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#line.size;
  }

  /** The one that has been ready for longest. */
  get ripest(): Entry | undefined {
    return this.#ripening.first;
  }

  add(entry: Entry): void {
    this.#line.add(entry);
    this.#ripening.add(entry);
    this.#changed(1);
  }

  /** Takes `entry` out; to be called only for an entry that was added. */
  remove(entry: Entry): void {
    this.#line.remove(entry);
    this.#ripening.remove(entry);
    this.#changed(-1);
  }

  /** How many stand here before `entry`, which may stand elsewhere. */
  countBefore(entry: Entry): number {
    return this.#line.countBefore(entry);
  }

  /** The jobs in order, oldest first. Must not be changed while it is walked. */
  [Symbol.iterator](): Iterator<Entry> {
    return this.#line[Symbol.iterator]();
  }

  #changed(more: Change['more']): void {
    const isOfHead = this.first !== this.#line.first;
    this.first = this.#line.first;
    this.#onChange(this, { more, isOfHead });
  }
}
