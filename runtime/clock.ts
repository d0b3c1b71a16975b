/**
 * Time and chance: the only file that asks the machine for either.
 *
 * `now` is broker time: the monotonic clock plus an offset that is measured against the broker (`nats/time.ts`),
 * so that records and decisions of all processes agree. `mono` never jumps and is for spans within one process.
 * Tests hand in a `ManualClock` and move it by hand.
 */

/** Stops a timer; harmless when it has fired. */
export type Cancel = () => void;

export interface Clock {
  /** Broker time, epoch ms. */
  now(): number;
  /** Milliseconds that only ever grow; they agree between threads and mean nothing beyond this machine. */
  mono(): number;
  /** Runs `what` once, `ms` from now. */
  after(ms: number, what: () => void): Cancel;
  /** Runs `what` every `ms`; a late turn is not made up for. */
  every(ms: number, what: () => void): Cancel;
  /** Runs `what` at the end of this turn of the event loop, after all that is ready now. */
  endOfTurn(what: () => void): void;
  /** A number in [0, 1). */
  chance(): number;
  /** A name that no other process ever has: 12 characters of `[0-9a-z]`. */
  unique(): string;
}

/** The machine's clock, corrected by what `adjust` was last told. */
export class SystemClock implements Clock {
  #offsetMs = Date.now() - monotonic();

  now(): number {
    return Math.round(monotonic() + this.#offsetMs);
  }

  mono(): number {
    return monotonic();
  }

  /** Takes over broker time, measured as epoch ms at the monotonic moment `mono`. */
  adjust(brokerMs: number, mono: number): void {
    this.#offsetMs = brokerMs - mono;
  }

  /** How far the machine's own clock is ahead of broker time, in ms. */
  skew(): number {
    return Date.now() - this.now();
  }

  after(ms: number, what: () => void): Cancel {
    const timer = setTimeout(what, Math.min(ms, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  }

  every(ms: number, what: () => void): Cancel {
    const timer = setInterval(what, ms);
    return () => clearInterval(timer);
  }

  endOfTurn(what: () => void): void {
    setImmediate(what);
  }

  chance(): number {
    return Math.random();
  }

  unique(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    return Array.from(bytes, (byte) => (byte % 36).toString(36)).join('');
  }
}

/** The machine's monotonic clock in ms: the same line in all threads, unlike `performance.now()`. */
function monotonic(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1_000 + nanos / 1e6;
}

/** Resolves `ms` from now. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
