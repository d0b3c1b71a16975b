/**
 * A clock that stands still until it is told, with chances that are given.
 */

import type { Cancel, Clock } from '../../runtime/clock.ts';

interface Timer {
  due: number;
  every: number | undefined;
  what(): void;
}

export class StillClock implements Clock {
  readonly #timers = new Set<Timer>();
  readonly #chances: number[];
  #at = 0;

  constructor(chances: readonly number[] = []) {
    this.#chances = [...chances];
  }

  now(): number {
    return this.#at;
  }

  mono(): number {
    return this.#at;
  }

  after(ms: number, what: () => void): Cancel {
    return this.#add({ due: this.#at + ms, every: undefined, what });
  }

  every(ms: number, what: () => void): Cancel {
    return this.#add({ due: this.#at + ms, every: ms, what });
  }

  endOfTurn(what: () => void): void {
    setImmediate(what);
  }

  chance(): number {
    return this.#chances.shift() ?? 0.5;
  }

  unique(): string {
    return 'unique';
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Passes that much time, timer by timer. */
  pass(ms: number): void {
    const end = this.#at + ms;
    for (let timer = this.#next(end); timer; timer = this.#next(end)) {
      this.#at = timer.due;
      if (timer.every === undefined) this.#timers.delete(timer);
      else timer.due += timer.every;
      timer.what();
    }
    this.#at = end;
  }

  #next(end: number): Timer | undefined {
    return [...this.#timers].filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0];
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
}
