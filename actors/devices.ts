/**
 * Which GPUs of a worker are free: each attempt gets its own, for as long as its handler runs, and nobody else has them
 * meanwhile. How many a worker has is in its capacity; here they have names.
 */

export class Devices {
  readonly #free: string[];

  /** Names as the driver gives them: `0`, `1`, or a UUID. */
  constructor(names: readonly string[]) {
    this.#free = [...names];
  }

  get free(): number {
    return this.#free.length;
  }

  /** Takes so many, those that were named first before others. */
  take(count: number): readonly string[] {
    if (count > this.#free.length)
      throw new RangeError(`Expected ${count} free GPUs, got ${this.#free.length}. Ask \`free\` before.`);
    return this.#free.splice(0, count);
  }

  giveBack(names: readonly string[]): void {
    this.#free.unshift(...names);
  }
}
