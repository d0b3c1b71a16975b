/**
 * Which GPUs of a worker are free: each attempt gets its own, for as long as its handler runs, and nobody else has them
 * meanwhile. How many a worker has, and with how much memory, is in its capacity; here they have names.
 *
 * Taking the smallest that will do never spoils what could have been done: whoever else could have had that GPU could as
 * well have the one that was left instead. So what the leader reckons by memory alone (`covers`) comes true here, in
 * whatever order jobs start.
 */

/** A GPU. */
export interface Device {
  /** As the driver gives it: `0`, `1`, or a UUID. */
  name: string;
  vramMb: number;
}

export class Devices {
  #free: readonly Device[];

  constructor(devices: readonly Device[]) {
    this.#free = devices;
  }

  /**
   * Takes so many with at least so much memory, the smallest that do, so that large ones stay free; of equal ones those that
   * were named first before others. `undefined` where there are too few.
   */
  take(count: number, vramMb: number): readonly Device[] | undefined {
    const able = this.#free
      .filter((device) => device.vramMb >= vramMb)
      .toSorted((one, other) => one.vramMb - other.vramMb);
    if (able.length < count) return undefined;
    const taken = new Set(able.slice(0, count));
    this.#free = this.#free.filter((device) => !taken.has(device));
    return [...taken];
  }

  giveBack(devices: readonly Device[]): void {
    this.#free = [...devices, ...this.#free];
  }
}
