/**
 * Whether a master may lead: it knows what time it is, its picture of all jobs is complete, and the broker is near.
 *
 * Who is unfit does not stand for election. A leader that cannot prove its picture complete makes no offers after two
 * seconds, and gives the lease up after six; one whose broker time may be more than five seconds off gives it up at
 * once, and so does one to which answers come so late, again and again, that it is never sure to hold the lease. Looks are counted, not time: a process that stood still for a while must first be able to hear what it missed.
 */

import type { Accuracy, Cancel, Clock } from '../runtime/clock.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';

export interface FitnessOptions {
  clock: Clock;
  accuracy: Accuracy;
  telemetry: Telemetry;
  /** How long ago the picture was last known to be complete, ms. */
  behindMs: () => number;
  /** Whether it leads, and the broker is too far for that. */
  isTooFar: () => boolean;
  /** It has been unfit for so long that it must not lead any more; called at each look until it is over. */
  onUnfit: (reason: string) => void;
}

const lookEveryMs = 250;
const mostUncertainMs = 5_000;
const behindAfterMs = 2_000;
/** One look may come before what the process has slept through. */
const looksUntilSure = 2;
const looksUntilLost = (6_000 - behindAfterMs) / lookEveryMs;

interface Doubt {
  reason: string;
  /** After so many looks a leader gives up. */
  looks: number;
}

export class Fitness {
  readonly #options: FitnessOptions;
  #looks = 0;
  #stop: Cancel = () => {};

  constructor(options: FitnessOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stop = this.#options.clock.every(lookEveryMs, () => this.#look());
  }

  stop(): void {
    this.#stop();
  }

  /** Whether it may stand for election now. */
  isFit(): boolean {
    return this.#doubt() === undefined;
  }

  /** Whether decisions would rest on an old picture. */
  isBehind(): boolean {
    return this.#options.behindMs() > behindAfterMs;
  }

  #doubt(): Doubt | undefined {
    const uncertainMs = this.#options.accuracy.uncertainty();
    if (uncertainMs > mostUncertainMs)
      return { reason: `its broker time may be off by ${Math.round(uncertainMs)} ms`, looks: looksUntilSure };
    if (this.isBehind())
      return { reason: 'its picture of all jobs is not known to be complete', looks: looksUntilLost };
    if (this.#options.isTooFar())
      return { reason: 'answers of the broker take longer than `--leader-silence` allows', looks: looksUntilSure };
    return undefined;
  }

  #look(): void {
    const { telemetry, onUnfit } = this.#options;
    const doubt = this.#doubt();
    if (doubt === undefined) {
      if (this.#looks >= looksUntilSure) telemetry.tell('master.fit', {});
      this.#looks = 0;
      return;
    }
    this.#looks++;
    if (this.#looks === looksUntilSure) telemetry.tell('master.unfit', { reason: doubt.reason });
    if (this.#looks >= doubt.looks) onUnfit(doubt.reason);
  }
}
