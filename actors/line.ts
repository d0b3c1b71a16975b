/**
 * Jobs in some order: a sorted array with a moving head.
 *
 * New jobs come last and the first ones leave first, so both are cheap; a job that returns (retried, handed back, its
 * offer expired) finds its old place by halving, as one does that leaves from the middle.
 */

import type { Entry } from './entry.ts';

const sweepAt = 1_024;

export class Line {
  readonly #isBefore: (one: Entry, other: Entry) => boolean;
  #line: (Entry | undefined)[] = [];
  #head = 0;
  #size = 0;

  constructor(isBefore: (one: Entry, other: Entry) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#size;
  }

  get first(): Entry | undefined {
    return this.#line[this.#head];
  }

  add(entry: Entry): void {
    this.#size++;
    const last = this.#line.at(-1);
    if (this.#line.length === this.#head || (last !== undefined && this.#isBefore(last, entry))) this.#line.push(entry);
    else this.#insert(entry);
  }

  /** Takes `entry` out; to be called only for an entry that was added. */
  remove(entry: Entry): void {
    this.#size--;
    if (this.#line[this.#head] === entry) {
      this.#line[this.#head++] = undefined;
      this.#sweep();
      return;
    }
    const at = this.#find(entry);
    if (this.#line[at] === entry) this.#line.splice(at, 1);
  }

  /** How many stand here before `entry`, which may stand elsewhere. */
  countBefore(entry: Entry): number {
    return this.#find(entry) - this.#head;
  }

  /** The jobs in order. Must not be changed while it is walked. */
  *[Symbol.iterator](): Iterator<Entry> {
    for (let at = this.#head; at < this.#line.length; at++) {
      const entry = this.#line[at];
      if (entry !== undefined) yield entry;
    }
  }

  #insert(entry: Entry): void {
    const at = this.#find(entry);
    if (at === this.#head && this.#head > 0) this.#line[--this.#head] = entry;
    else this.#line.splice(at, 0, entry);
  }

  /** The first place at or behind the head whose job is not before `entry`. */
  #find(entry: Entry): number {
    let low = this.#head;
    let high = this.#line.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const there = this.#line[middle];
      if (there !== undefined && this.#isBefore(there, entry)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #sweep(): void {
    if (this.#head < sweepAt || this.#head * 2 < this.#line.length) return;
    this.#line = this.#line.slice(this.#head);
    this.#head = 0;
  }
}
