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
    const found = await diskOf(this.#folder);
    if (found !== undefined) this.#freeMb = Math.floor(found.free / 2 ** 20);
  }
}

/** The disk that a folder is on, in bytes: how large, and what such a process may still write; `undefined` where it does not tell. */
export async function diskOf(folder: string): Promise<{ all: number; free: number } | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  return found === undefined ? undefined : { all: found.blocks * found.bsize, free: found.bavail * found.bsize };
}
