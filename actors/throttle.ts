/**
 * How many jobs may be offered now of whatever they are counted under: a queue, a tenant, a limit key. None of a queue
 * that is paused, else what is left of its limits.
 *
 * The limit on jobs at once is derived, not counted: what of an account is offered or held by a worker is on the board.
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
import type { Account } from './account.ts';

export interface ThrottleOptions {
  clock: Clock;
  /** How long an offer is valid, ms. */
  offerForMs: number;
}

/** What keeps jobs of an account from being served now. */
export type Hindrance = { account: Account } & (
  | { kind: 'paused' }
  | { kind: 'full'; most: number; heldBy: readonly string[] }
  /** The limit counts only what this leader knows, and it may not yet know all. */
  | { kind: 'unsure'; forMs: number }
  | { kind: 'rate'; perSecond: number; forMs: number }
);

/** Longer than the picture of a leader that offers anything may lag behind, and broker time be off. */
export const graceMs = 3_000;
const bucketSeconds = 0.1;
/** Buckets that are full again need not be kept; it is looked for them when there are so many more. */
const bucketsMore = 1_000;

interface Bucket {
  tokens: number;
  at: number;
  perSecond: number;
}

export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #since: number;
  readonly #buckets = new Map<string, Bucket>();
  /** What is limited and was asked for room. */
  readonly #asked = new Set<Account>();
  #sweepAt = bucketsMore;

  constructor(options: ThrottleOptions) {
    this.#options = options;
    this.#since = options.clock.mono();
  }

  /** A decision begins: `againInMs` is about what is asked from now on. */
  begin(): void {
    this.#asked.clear();
  }

  /** How many jobs of an account may be offered now. */
  room(account: Account): number {
    const { maxActive, ratePerSecond } = account.policy;
    if (Number.isFinite(maxActive) || Number.isFinite(ratePerSecond)) this.#asked.add(account);
    return this.#roomOf(account);
  }

  /** A job that is counted under these is offered. */
  took(accounts: readonly Account[]): void {
    for (const account of accounts) {
      const { ratePerSecond: perSecond } = account.policy;
      if (!Number.isFinite(perSecond)) continue;
      const tokens = this.#tokens(account) - 1;
      this.#buckets.set(bucketOf(account), { tokens, at: this.#options.clock.mono(), perSecond });
    }
    if (this.#buckets.size > this.#sweepAt) this.#sweep();
  }

  /** Other limits hold for an account from now on. */
  changed({ kind, name, policy }: Pick<Account, 'kind' | 'name' | 'policy'>): void {
    const at = this.#options.clock.mono();
    this.#buckets.set(bucketOf({ kind, name }), { tokens: 0, at, perSecond: policy.ratePerSecond });
  }

  /** Whether so many jobs of one of these may be out that an offer must be seen to its end. */
  isLimited(accounts: readonly Account[]): boolean {
    return accounts.some(({ policy }) => Number.isFinite(policy.maxActive));
  }

  /** What keeps jobs of an account from being served now; `undefined` where nothing does. */
  hindrance(account: Account): Hindrance | undefined {
    if (this.#roomOf(account) > 0) return undefined;
    const { out, policy } = account;
    const { paused = false, maxActive, ratePerSecond } = policy;
    if (paused) return { account, kind: 'paused' };
    if (out.size >= maxActive)
      return { account, kind: 'full', most: maxActive, heldBy: [...out].map(({ key }) => key) };
    if (Number.isFinite(maxActive) && this.#unsureForMs() > 0)
      return { account, kind: 'unsure', forMs: this.#unsureForMs() };
    const forMs = ((1 - this.#tokens(account)) / ratePerSecond) * 1_000;
    return { account, kind: 'rate', perSecond: ratePerSecond, forMs: Math.ceil(forMs) };
  }

  /** What keeps a job from being served that is counted under all of these: what takes longest, where time alone helps. */
  hindranceOf(accounts: readonly Account[]): Hindrance | undefined {
    const found = accounts.flatMap((account) => this.hindrance(account) ?? []);
    return found.toSorted((one, other) => untilServed(other) - untilServed(one))[0];
  }

  /** In how many ms something that was asked for room, and has none now, will have some by time alone. */
  againInMs(): number {
    return Math.min(...[...this.#asked].flatMap((account) => this.hindrance(account) ?? []).map(untilServed));
  }

  #roomOf(account: Account): number {
    const { paused = false, maxActive, ratePerSecond } = account.policy;
    if (paused) return 0;
    const places = Number.isFinite(maxActive) ? this.#places(account) : maxActive;
    const starts = Number.isFinite(ratePerSecond) ? Math.floor(this.#tokens(account)) : ratePerSecond;
    return Math.max(0, Math.min(places, starts));
  }

  #places({ policy, out }: Account): number {
    return this.#unsureForMs() > 0 ? 0 : policy.maxActive - out.size;
  }

  #unsureForMs(): number {
    const { clock, offerForMs } = this.#options;
    return Math.max(0, this.#since + offerForMs + graceMs - clock.mono());
  }

  #tokens(account: Account): number {
    const perSecond = account.policy.ratePerSecond;
    const bucket = this.#buckets.get(bucketOf(account)) ?? { tokens: 0, at: this.#since, perSecond };
    return bucket.perSecond === perSecond ? this.#now(bucket) : this.#now({ ...bucket, tokens: 0, perSecond });
  }

  #now({ tokens, at, perSecond }: Bucket): number {
    const since = (this.#options.clock.mono() - at) / 1_000;
    return Math.min(mostIn(perSecond), tokens + since * perSecond);
  }

  /** A bucket that is full is as good as none. */
  #sweep(): void {
    for (const [name, bucket] of this.#buckets)
      if (this.#now(bucket) >= mostIn(bucket.perSecond)) this.#buckets.delete(name);
    this.#sweepAt = this.#buckets.size + bucketsMore;
  }
}

function bucketOf({ kind, name }: Pick<Account, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}

function mostIn(perSecond: number): number {
  return Math.max(1, perSecond * bucketSeconds);
}

/** A pause and a full limit do not end by time: they come first. */
function untilServed(hindrance: Hindrance): number {
  return 'forMs' in hindrance ? hindrance.forMs : Number.POSITIVE_INFINITY;
}
