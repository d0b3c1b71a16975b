/**
 * What is free on the disk that a worker writes to. A pulse is made without waiting, so whoever asks gets what was read
 * last, at most ten seconds before the asking; where the file system does not tell, it stays what it was.
 */

import { statfs } from 'node:fs/promises';
import type { Clock } from '../runtime/clock.ts';

const everyMs = 10_000;

export class DiskGauge {
  readonly #folder: string;
  readonly #clock: Clock;
  #readAt = Number.NEGATIVE_INFINITY;
  #freeMb: number | undefined;

  private constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  static async open({ folder, clock }: { folder: string; clock: Clock }): Promise<DiskGauge> {
    const gauge = new DiskGauge(folder, clock);
    await gauge.#read();
    return gauge;
  }

  /** MiB that such a process may still write; `undefined` where the file system does not tell. */
  get freeMb(): number | undefined {
    if (this.#clock.mono() - this.#readAt >= everyMs) void this.#read();
    return this.#freeMb;
  }

  async #read(): Promise<void> {
    this.#readAt = this.#clock.mono();
    const found = await statfs(this.#folder).catch(() => undefined);
    if (found !== undefined) this.#freeMb = Math.floor((found.bavail * found.bsize) / 2 ** 20);
  }
}
