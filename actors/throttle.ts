/**
 * How many jobs of a queue may be offered now: none of one that is paused, else what is left of its limits.
 *
 * The limit on jobs at once is derived, not counted: what of a queue is offered or held by a worker is on the board.
 * An offer is no record, so three rules keep a limit from being overrun. An offer under a limit says so, and a worker
 * whose claim of it is answered after the offer has expired gives the job back before its handler starts. Such an
 * offer stays on the board for `graceMs` longer than it is valid, which is longer than any picture may lag behind. And
 * a new leader, who does not know what its predecessor had offered, offers nothing under a limit until all of that
 * must have expired and been seen.
 *
 * The limit on starts a second is a bucket of tokens that starts empty in each term and holds a tenth of a second's,
 * or one: in any span of `w` seconds at most `rate × w` and that bucket are offered.
 */

import type { Clock } from '../runtime/clock.ts';
import type { Board } from './board.ts';

export interface ThrottleOptions {
  board: Board;
  clock: Clock;
  /** How long an offer is valid, ms. */
  offerForMs: number;
}

/** What keeps a queue from being served now. */
export type Hindrance =
  | { kind: 'paused' }
  | { kind: 'full'; most: number; heldBy: readonly string[] }
  /** The limit counts only what this leader knows, and it may not yet know all. */
  | { kind: 'unsure'; forMs: number }
  | { kind: 'rate'; perSecond: number; forMs: number };

/** Longer than the picture of a leader that offers anything may lag behind, and broker time be off. */
export const graceMs = 3_000;
const bucketSeconds = 0.1;

export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #since: number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(options: ThrottleOptions) {
    this.#options = options;
    this.#since = options.clock.mono();
  }

  /** How many jobs of `queue` may be offered now. */
  room(queue: string): number {
    const { paused, maxActive, ratePerSecond } = this.#options.board.policyOf(queue);
    if (paused) return 0;
    const places = Number.isFinite(maxActive) ? this.#places(queue, maxActive) : maxActive;
    const starts = Number.isFinite(ratePerSecond) ? Math.floor(this.#tokens(queue, ratePerSecond)) : ratePerSecond;
    return Math.max(0, Math.min(places, starts));
  }

  /** A job of `queue` is offered. */
  took(queue: string): void {
    const { ratePerSecond } = this.#options.board.policyOf(queue);
    if (!Number.isFinite(ratePerSecond)) return;
    this.#buckets.set(queue, { tokens: this.#tokens(queue, ratePerSecond) - 1, at: this.#options.clock.mono() });
  }

  /** Other limits hold for `queue` from now on. */
  changed(queue: string): void {
    this.#buckets.set(queue, { tokens: 0, at: this.#options.clock.mono() });
  }

  /** Whether so many jobs of `queue` may be out that an offer must be seen to its end. */
  isLimited(queue: string): boolean {
    return Number.isFinite(this.#options.board.policyOf(queue).maxActive);
  }

  /** What keeps `queue` from being served now; `undefined` where nothing does. */
  hindrance(queue: string): Hindrance | undefined {
    if (this.room(queue) > 0) return undefined;
    const { board } = this.#options;
    const { paused, maxActive, ratePerSecond } = board.policyOf(queue);
    if (paused) return { kind: 'paused' };
    const out = board.out(queue);
    if (out.size >= maxActive) return { kind: 'full', most: maxActive, heldBy: [...out].map(({ key }) => key) };
    if (Number.isFinite(maxActive) && this.#unsureForMs() > 0) return { kind: 'unsure', forMs: this.#unsureForMs() };
    const forMs = ((1 - this.#tokens(queue, ratePerSecond)) / ratePerSecond) * 1_000;
    return { kind: 'rate', perSecond: ratePerSecond, forMs: Math.ceil(forMs) };
  }

  /** In how many ms a queue that is not served now may be, by time alone. */
  againInMs(queue: string): number {
    const hindrance = this.hindrance(queue);
    return hindrance !== undefined && 'forMs' in hindrance ? hindrance.forMs : Number.POSITIVE_INFINITY;
  }

  #places(queue: string, maxActive: number): number {
    return this.#unsureForMs() > 0 ? 0 : maxActive - this.#options.board.out(queue).size;
  }

  #unsureForMs(): number {
    const { clock, offerForMs } = this.#options;
    return Math.max(0, this.#since + offerForMs + graceMs - clock.mono());
  }

  #tokens(queue: string, perSecond: number): number {
    const { tokens, at } = this.#buckets.get(queue) ?? { tokens: 0, at: this.#since };
    const since = (this.#options.clock.mono() - at) / 1_000;
    return Math.min(Math.max(1, perSecond * bucketSeconds), tokens + since * perSecond);
  }
}
