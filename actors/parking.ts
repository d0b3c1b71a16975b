/**
 * What waits under a limit that is full: set aside, so that no decision comes across it, until there may be room again.
 *
 * Who sets something aside has seen that there is no room; who makes room says so (`free`). It is safe to say it too often:
 * what comes back too early is seen, and set aside again. To say it too seldom is not: it would wait for ever.
 */

/** Jobs that go or stay together. */
export interface Parkable {
  /** Among what it is set aside, while it is. */
  parked: Set<Parkable> | undefined;
  /** Takes its place in line again, or leaves it, as its state says. */
  settle(): void;
}

export class Parking {
  readonly #under = new Map<string, Set<Parkable>>();

  /** @param limit as a group calls it (`group.ts`). */
  park(one: Parkable, limit: string): void {
    const there = this.#under.get(limit) ?? new Set();
    this.#under.set(limit, there.add(one));
    one.parked = there;
    one.settle();
  }

  /** There may be room under a limit. */
  free(limit: string): void {
    const there = this.#under.get(limit);
    if (there === undefined) return;
    this.#under.delete(limit);
    for (const one of there) {
      one.parked = undefined;
      one.settle();
    }
  }

  /** There may be room under any. */
  freeAll(): void {
    for (const limit of [...this.#under.keys()]) this.free(limit);
  }
}

/** It is gone, and waits for nothing any more. */
export function unpark(one: Parkable): void {
  one.parked?.delete(one);
  one.parked = undefined;
}
