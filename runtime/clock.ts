/**
 * Time and chance: the only file that asks the machine for either.
 *
 * `now` is broker time: the monotonic clock plus an offset that is measured against the broker (`nats/time.ts`),
 * so that records and decisions of all processes agree. `mono` never jumps and is for spans within one process.
 * The machine's own wall clock decides nothing; how far off it is can be asked. Tests hand in a `ManualClock` and move
 * it by hand; those with real processes set `YARD_TEST_CLOCK_OFFSET`, by which a process sees its wall clock ahead (ms).
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

/** Broker time was `brokerMs` (epoch ms) at the monotonic moment `mono`, give or take `uncertaintyMs`. */
export interface TimeSample {
  brokerMs: number;
  mono: number;
  uncertaintyMs: number;
}

/** How good a clock is. */
export interface Accuracy {
  /** How far off broker time `now` may be, ms. */
  uncertainty(): number;
  /** How far the machine's own clock is ahead of broker time, ms. */
  skew(): number;
}

/** A clock that is never off. */
export const exact: Accuracy = { uncertainty: () => 0, skew: () => 0 };

/** How far two clocks may drift apart: 500 millionths, the most that NTP corrects by. */
const drift = 0.0005;

/** The machine's clock, corrected by what `adjust` was told. */
export class SystemClock implements Clock, Accuracy {
  #offsetMs = wall() - monotonic();
  #measured: TimeSample | undefined;

  now(): number {
    return Math.round(monotonic() + this.#offsetMs);
  }

  mono(): number {
    return monotonic();
  }

  /** Takes over broker time, unless what is known is better and does not contradict. */
  adjust(sample: TimeSample): void {
    const offsetMs = sample.brokerMs - sample.mono;
    const knownMs = this.uncertainty();
    const agrees = Math.abs(offsetMs - this.#offsetMs) <= sample.uncertaintyMs + knownMs;
    if (agrees && sample.uncertaintyMs > knownMs) return;
    this.#offsetMs = offsetMs;
    this.#measured = sample;
  }

  /** What the last good measurement left open, and what the clocks may have drifted apart since. */
  uncertainty(): number {
    if (this.#measured === undefined) return Number.POSITIVE_INFINITY;
    const { uncertaintyMs, mono } = this.#measured;
    return uncertaintyMs + drift * (monotonic() - mono);
  }

  skew(): number {
    return wall() - this.now();
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

/** What the machine takes the time to be, epoch ms. */
function wall(): number {
  return Date.now() + Number(process.env['YARD_TEST_CLOCK_OFFSET'] ?? 0);
}

/** The machine's monotonic clock in ms: the same line in all threads, unlike `performance.now()`. */
function monotonic(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1_000 + nanos / 1e6;
}

/** Runs `what` once every promise that waits for nothing but others has settled. */
export function afterPromises(what: () => void): void {
  // A tick waits for the promises only where it was set by one of them.
  queueMicrotask(() => process.nextTick(what));
}

/** Resolves `ms` from now. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
