/**
 * Which GPUs of a worker are free: each attempt gets its own, for as long as its handler runs, and nobody else has them
 * meanwhile. How many a worker has, and with how much memory, is in its capacity; here they have names.
 *
 * Taking the smallest that will do never spoils what could have been done: whoever else could have had that GPU could as
 * well have the one that was left instead. So what the leader reckons by memory alone (`covers`) comes true here, in
 * whatever order jobs start. Where GPUs differ in kind that is not so: one that two could have may go to the one that could
 * have had another. The other then waits here for a moment, is handed back uncounted, and goes where the record of the first says that there is room.
 */

import type { Requirements } from '../machines/rules/capability.ts';
import { type Gpu, serves } from '../machines/rules/gpu.ts';

export class Devices {
  /** What works whichever GPU it is. */
  readonly #encoders: readonly string[];
  #free: readonly Gpu[];

  constructor(devices: readonly Gpu[], encoders: readonly string[] = []) {
    this.#free = devices;
    this.#encoders = encoders;
  }

  /**
   * Takes as many as are asked for, the smallest that will do, so that large ones stay free; of equal ones those that do
   * less, then those that were named first. `undefined` where there are too few.
   */
  take(needs: Requirements): readonly Gpu[] | undefined {
    const { gpu: count = 0 } = needs;
    const able = this.#free.filter((device) => serves(device, needs, this.#encoders)).toSorted(bySize);
    if (able.length < count) return undefined;
    const taken = new Set(able.slice(0, count));
    this.#free = this.#free.filter((device) => !taken.has(device));
    return [...taken];
  }

  giveBack(devices: readonly Gpu[]): void {
    this.#free = [...devices, ...this.#free];
  }
}

function bySize(one: Gpu, other: Gpu): number {
  return one.vramMb - other.vramMb || (one.encoders?.length ?? 0) - (other.encoders?.length ?? 0);
}
