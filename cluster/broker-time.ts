/**
 * Keeps a process's clock at broker time, and tells how far the machine's own clock is off.
 *
 * Measured every half minute, more often while that fails, and at once when the machine's clock has moved against the
 * monotonic one: somebody has set it, or the machine has slept and the monotonic one stood still. Nothing is decided
 * by the machine's own clock, so one that is an hour off is told of and otherwise without meaning.
 */

import type { Cancel, SystemClock, TimeSample } from '../runtime/clock.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';

export interface BrokerTimeOptions {
  clock: SystemClock;
  telemetry: Telemetry;
  measure: () => Promise<TimeSample>;
}

const lookEveryMs = 1_000;
const measureEveryMs = 30_000;
const againAfterMs = 5_000;
/** A change that is worth a word. */
const notableMs = 1_000;

export class BrokerTime {
  readonly #options: BrokerTimeOptions;
  #dueAt = 0;
  #measuring = false;
  #seenSkew = 0;
  #toldSkew = 0;

  constructor(options: BrokerTimeOptions) {
    this.#options = options;
  }

  /** Measures, and goes on until cancelled. @throws {Fault} where the first measurement fails. */
  async keep(): Promise<Cancel> {
    const { clock } = this.#options;
    await this.#measure();
    return clock.every(lookEveryMs, () => {
      const hasMoved = Math.abs(clock.skew() - this.#seenSkew) > notableMs;
      if (hasMoved || clock.mono() >= this.#dueAt) void this.#measure().catch(() => undefined);
    });
  }

  /** What was measured may be void: another broker may answer now. */
  renew(): void {
    this.#dueAt = 0;
  }

  async #measure(): Promise<void> {
    if (this.#measuring) return;
    const { clock, measure } = this.#options;
    this.#measuring = true;
    this.#dueAt = clock.mono() + againAfterMs;
    try {
      clock.adjust(await measure());
      this.#dueAt = clock.mono() + measureEveryMs;
      this.#seenSkew = clock.skew();
      this.#tell();
    } finally {
      this.#measuring = false;
    }
  }

  #tell(): void {
    const { clock, telemetry } = this.#options;
    if (Math.abs(this.#seenSkew - this.#toldSkew) <= notableMs) return;
    this.#toldSkew = this.#seenSkew;
    telemetry.tell('clock.skewed', { skewMs: this.#seenSkew, uncertaintyMs: clock.uncertainty() });
  }
}
