/**
 * Whose turn it is among those who share something by weight: queues that share a turn, tenants in a lane.
 *
 * Start-time fair queueing: each has a mark, which moves by 1/weight with each job that it is served, and the
 * one with the smallest mark is next. Who had nothing to serve begins at the present mark, so that nobody
 * saves up turns. A copy keeps only what it serves itself, so that it costs nothing to try a decision.
 */

export class Shares {
  readonly #weightOf: (name: string) => number | undefined;
  readonly #marks = new Map<string, number>();
  readonly #base: Shares | undefined;
  #now: number;

  /** @param weightOf `undefined` for one who shares with nobody. */
  constructor(weightOf: (name: string) => number | undefined, base?: Shares) {
    this.#weightOf = weightOf;
    this.#base = base;
    this.#now = base === undefined ? 0 : base.#now;
  }

  /** The same shares, as they go on from here; to be used only until these are served again. */
  copy(): Shares {
    return new Shares(this.#weightOf, this);
  }

  /** The mark of `name`: of several, the smallest is next. All that share with nobody have the same. */
  markOf(name: string): number {
    return this.#weightOf(name) === undefined ? 0 : Math.max(this.#now, this.#markOf(name));
  }

  /** A job of `name` is served. */
  serve(name: string): void {
    const weight = this.#weightOf(name);
    if (weight === undefined) return;
    this.#now = this.markOf(name);
    this.#marks.set(name, this.#now + 1 / weight);
  }

  #markOf(name: string): number {
    return this.#marks.get(name) ?? (this.#base === undefined ? 0 : this.#base.#markOf(name));
  }
}

/** The shares of tenants, in each lane anew. */
export class LaneShares {
  readonly #weightOf: (tenant: string) => number;
  readonly #base: LaneShares | undefined;
  readonly #lanes = new Map<string, Shares>();

  constructor(weightOf: (tenant: string) => number, base?: LaneShares) {
    this.#weightOf = weightOf;
    this.#base = base;
  }

  copy(): LaneShares {
    return new LaneShares(this.#weightOf, this);
  }

  of(lane: string): Shares {
    let shares = this.#lanes.get(lane);
    if (shares === undefined) {
      shares = this.#base?.of(lane).copy() ?? new Shares(this.#weightOf);
      this.#lanes.set(lane, shares);
    }
    return shares;
  }
}
