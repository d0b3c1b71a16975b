/**
 * Work of a leader that is done in the same turn as the news of it, one round at a time.
 *
 * Where a round fails, the broker is away or this leader was deposed: whoever wakes it next, as each tick does, has it tried again.
 */

import type { Clock } from '../runtime/clock.ts';

export interface ErrandOptions {
  clock: Clock;
  /** Whether there is anything to do. */
  isDue(): boolean;
  /** Does some of it. */
  round(): Promise<void>;
}

export class Errand {
  readonly #options: ErrandOptions;
  #busy = false;
  #stopped = false;

  constructor(options: ErrandOptions) {
    this.#options = options;
  }

  wake(): void {
    const { clock, isDue } = this.#options;
    if (this.#busy || this.#stopped || !isDue()) return;
    this.#busy = true;
    clock.endOfTurn(() => void this.#run());
  }

  /** Begins no further round. */
  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    try {
      while (this.#options.isDue() && !this.#stopped) await this.#options.round();
    } catch {
      // It is still due: who wakes it next has it tried again.
    }
    this.#busy = false;
  }
}

/** Goes through all that there is, again and again, some at a time. */
export class Beat<Item> {
  readonly #all: { readonly size: number; keys(): Iterator<Item> };
  #walk: Iterator<Item> | undefined;

  constructor(all: { readonly size: number; keys(): Iterator<Item> }) {
    this.#all = all;
  }

  /** The next `most` of them, none twice. */
  *next(most: number): Iterable<Item> {
    for (let count = Math.min(most, this.#all.size); count > 0; count--) {
      this.#walk ??= this.#all.keys();
      const { value, done } = this.#walk.next();
      if (done === true) this.#walk = undefined;
      else yield value;
    }
  }
}
