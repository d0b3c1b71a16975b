/**
 * How often each may do something: a bucket for each name, which fills by `ratePerSecond` up to two seconds' worth, or to one.
 */

import { Fault } from '../../sdk/index.ts';

interface Bucket {
  left: number;
  /** When `left` was true, ms. */
  at: number;
}

/** Full buckets are the same as none: they are thrown away when there are this many. */
const bucketsAtMost = 10_000;

export class Pace {
  readonly #ratePerSecond: number;
  readonly #now: () => number;
  readonly #most: number;
  #buckets = new Map<string, Bucket>();

  /** No limit where the rate is 0. `now` in ms. */
  constructor(ratePerSecond: number, now: () => number) {
    this.#ratePerSecond = ratePerSecond;
    this.#most = Math.max(1, 2 * ratePerSecond);
    this.#now = now;
  }

  /** @throws {Fault} `rate.exceeded`, with `againInMs`. */
  spend(name: string): void {
    if (this.#ratePerSecond === 0) return;
    const { left, at } = this.#filled(name);
    if (left < 1) throw this.#exceeded(left);
    if (this.#buckets.size >= bucketsAtMost) this.#forgetFull();
    this.#buckets.set(name, { left: left - 1, at });
  }

  #exceeded(left: number): Fault {
    const againInMs = Math.ceil(((1 - left) / this.#ratePerSecond) * 1_000);
    return new Fault(
      'rate.exceeded',
      `Expected at most ${this.#ratePerSecond} a second, got more. Try again in ${againInMs} ms.`,
      { facts: { againInMs } },
    );
  }

  #filled(name: string): Bucket {
    const now = this.#now();
    const { left, at } = this.#buckets.get(name) ?? { left: Number.POSITIVE_INFINITY, at: now };
    return { left: Math.min(this.#most, left + ((now - at) / 1_000) * this.#ratePerSecond), at: now };
  }

  #forgetFull(): void {
    const isFull = (name: string) => this.#filled(name).left >= this.#most;
    this.#buckets = new Map([...this.#buckets].filter(([name]) => !isFull(name)));
  }
}
