/**
 * A clock that stands still until it is moved by hand, and a chance that a seed determines.
 *
 * Timers run in the order in which they are due, those of one moment in the order in which they were set; between
 * any two, all promises that can settle do. So a whole cluster in one process, on one such clock, does the same thing
 * again for the same seed. `forNode` gives each node a clock of its own that can be frozen, as a process can.
 */

import { afterPromises, type Cancel, type Clock } from '../clock.ts';

interface Timer {
  at: number;
  order: number;
  run: () => void;
}

export interface ManualClockOptions {
  /** Broker time at the start, epoch ms. */
  startAt?: number;
  seed?: number;
  /** What needs no time happens by itself, as soon as it is asked for, so that who asks need not play the clock. */
  settlesItself?: boolean;
}

export class ManualClock implements Clock {
  readonly #startAt: number;
  readonly #draw: () => number;
  #mono = 0;
  #order = 0;
  #timers: Timer[] = [];
  #endOfTurn: (() => void)[] = [];
  readonly #settlesItself: boolean;
  /** How many are at it now. */
  #plays = 0;

  constructor(options: ManualClockOptions = {}) {
    this.#startAt = options.startAt ?? 1_700_000_000_000;
    this.#draw = seeded(options.seed ?? 1);
    this.#settlesItself = options.settlesItself ?? false;
  }

  now(): number {
    return Math.round(this.#startAt + this.#mono);
  }

  mono(): number {
    return this.#mono;
  }

  after(ms: number, what: () => void): Cancel {
    return this.#set(this.#mono + Math.max(0, ms), what);
  }

  every(ms: number, what: () => void): Cancel {
    return repeated(this, ms, what);
  }

  endOfTurn(what: () => void): void {
    this.#endOfTurn.push(what);
    if (this.#settlesItself && this.#plays === 0) void this.settle();
  }

  chance(): number {
    return this.#draw();
  }

  unique(): string {
    return Array.from({ length: 12 }, () => Math.floor(this.chance() * 36).toString(36)).join('');
  }

  /** Lets `ms` pass: runs what comes due on the way, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#mono + ms;
    await this.#play(() => this.#step(end));
    this.#mono = end;
  }

  /** Lets everything happen that needs no time to pass. */
  settle(): Promise<void> {
    return this.#play(() => false);
  }

  /**
   * Moves on, from timer to timer, until `promise` settles.
   *
   * @throws {RangeError} where it has not after `withinMs`.
   */
  async until<Value>(promise: Promise<Value>, withinMs = 60_000): Promise<Value> {
    const end = this.#mono + withinMs;
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await this.#play(() => !settled && this.#step(end));
    if (!settled) throw new RangeError(`Expected it to be done within ${withinMs} ms, and it was not.`);
    return promise;
  }

  /** As `advance`, as long as it `may`; stops before the first timer at which it may not. Returns whether it came to the end. */
  async advanceWhile(may: () => boolean, ms: number): Promise<boolean> {
    const end = this.#mono + ms;
    let stopped = false;
    await this.#play(() => {
      stopped = !may();
      return !stopped && this.#step(end);
    });
    if (!stopped) this.#mono = end;
    return !stopped;
  }

  /** The clock of one node, which can be frozen; `offsetMs` is how far its broker time is off. */
  forNode(options: { offsetMs?: number } = {}): NodeClock {
    return new NodeClock(this, options.offsetMs ?? 0);
  }

  /** Lets everything settle, goes on by `step`, and so on until that goes no further. */
  #play(step: () => boolean): Promise<void> {
    this.#plays++;
    return new Promise((resolve, reject) => {
      const end = (how: () => void) => {
        this.#plays--;
        how();
      };
      const turn = () => {
        try {
          if (this.#endTurn() || step()) afterPromises(turn);
          else end(resolve);
        } catch (cause) {
          end(() => reject(cause));
        }
      };
      afterPromises(turn);
    });
  }

  /** Runs what was to wait for the end of the turn; `false` where there is nothing. */
  #endTurn(): boolean {
    if (this.#endOfTurn.length === 0) return false;
    for (const what of this.#endOfTurn.splice(0)) what();
    return true;
  }

  /** Runs the next timer that is due by `end`; `false` where there is none. */
  #step(end: number): boolean {
    const [next] = this.#timers;
    if (next === undefined || next.at > end) return false;
    this.#timers.shift();
    this.#mono = next.at;
    next.run();
    return true;
  }

  #set(at: number, run: () => void): Cancel {
    const timer: Timer = { at, order: this.#order++, run };
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return () => {
      const place = this.#timers.indexOf(timer);
      if (place !== -1) this.#timers.splice(place, 1);
    };
  }

  /** Where a timer goes so that the list stays in order. */
  #placeOf({ at }: Timer): number {
    let [low, high] = [0, this.#timers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#timers[middle]?.at ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A node's view of a manual clock. While it is frozen, nothing of it runs; what came due meanwhile runs at the thaw. */
export class NodeClock implements Clock {
  readonly #clock: ManualClock;
  readonly #offsetMs: number;
  #frozen = false;
  #held: (() => void)[] = [];

  constructor(clock: ManualClock, offsetMs: number) {
    this.#clock = clock;
    this.#offsetMs = offsetMs;
  }

  now(): number {
    return this.#clock.now() + this.#offsetMs;
  }

  mono(): number {
    return this.#clock.mono();
  }

  after(ms: number, what: () => void): Cancel {
    let cancelled = false;
    const cancel = this.#clock.after(ms, () => this.#run(() => void (cancelled || what())));
    return () => {
      cancelled = true;
      cancel();
    };
  }

  every(ms: number, what: () => void): Cancel {
    return repeated(this, ms, what);
  }

  endOfTurn(what: () => void): void {
    this.#clock.endOfTurn(() => this.#run(what));
  }

  chance(): number {
    return this.#clock.chance();
  }

  unique(): string {
    return this.#clock.unique();
  }

  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
    for (const what of this.#held.splice(0)) this.#clock.endOfTurn(() => this.#run(what));
  }

  #run(what: () => void): void {
    if (this.#frozen) this.#held.push(what);
    else what();
  }
}

/** The next turn is counted from the end of the last one, so that a late one is not made up for. */
function repeated(clock: Clock, ms: number, what: () => void): Cancel {
  let cancel = clock.after(ms, turn);
  let stopped = false;
  function turn() {
    cancel = clock.after(ms, turn);
    what();
    if (stopped) cancel();
  }
  return () => {
    stopped = true;
    cancel();
  };
}

/** Numbers in [0, 1) that `seed` determines (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
