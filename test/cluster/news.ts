/**
 * Waiting for something to be so: looks again whenever there is news, and a few times a second without.
 *
 * The only place of these tests in which time passes. What does not come in its time is an error that says what was
 * waited for and what was there instead.
 */

import type { SystemClock } from '../../runtime/clock.ts';

const lookAgainMs = 200;

export interface Wait {
  /** What is waited for, as it stands in the error. */
  what: string;
  withinMs: number;
  /** What there is instead, for the error. */
  instead: () => Promise<string>;
}

export class News {
  readonly #clock: SystemClock;
  #listeners: (() => void)[] = [];

  constructor(clock: SystemClock) {
    this.#clock = clock;
  }

  /** Something has happened. */
  ring(): void {
    for (const listener of this.#listeners.splice(0)) listener();
  }

  /** The first answer of `look` that is not `undefined`. */
  async until<Value>(look: () => Promise<Value | undefined>, { what, withinMs, instead }: Wait): Promise<Value> {
    const deadline = this.#clock.mono() + withinMs;
    for (;;) {
      const next = this.#next();
      const value = await look();
      if (value !== undefined) return value;
      if (this.#clock.mono() > deadline)
        throw new Error(`Expected ${what} within ${withinMs} ms, got:\n${await instead()}`);
      await next;
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(lookAgainMs, resolve);
      this.#listeners.push(() => {
        cancel();
        resolve();
      });
    });
  }
}
