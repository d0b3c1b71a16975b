/**
 * Whose turn it is among queues that share one by weight.
 *
 * Start-time fair queueing: each queue has a mark, which moves by 1/weight with each job that it is served, and the
 * one with the smallest mark is next. A queue that had nothing to serve begins at the present mark, so that nobody
 * saves up turns.
 */

export class Shares {
  readonly #weightOf: (queue: string) => number | undefined;
  readonly #marks: Map<string, number>;
  #now: number;

  /** @param weightOf `undefined` for a queue that shares with nobody. */
  constructor(
    weightOf: (queue: string) => number | undefined,
    marks: ReadonlyMap<string, number> = new Map(),
    now = 0,
  ) {
    this.#weightOf = weightOf;
    this.#marks = new Map(marks);
    this.#now = now;
  }

  copy(): Shares {
    return new Shares(this.#weightOf, this.#marks, this.#now);
  }

  /** The mark of `queue`: of several, the smallest is next. All that share with nobody have the same. */
  markOf(queue: string): number {
    return this.#weightOf(queue) === undefined ? 0 : Math.max(this.#now, this.#marks.get(queue) ?? 0);
  }

  /** A job of `queue` is served. */
  serve(queue: string): void {
    const weight = this.#weightOf(queue);
    if (weight === undefined) return;
    this.#now = this.markOf(queue);
    this.#marks.set(queue, this.#now + 1 / weight);
  }
}
