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
import { type Account, limitName } from './account.ts';
import { Heap } from './heap.ts';

export interface ThrottleOptions {
  clock: Clock;
  /** How long an offer is valid, ms. */
  offerForMs: number;
}

/** What keeps jobs of an account from being served now. */
export type Hindrance = { account: Account } & (
  | { kind: 'paused' }
  | { kind: 'full'; most: number }
  /** The limit counts only what this leader knows, and it may not yet know all. */
  | { kind: 'unsure'; forMs: number }
  | { kind: 'rate'; perSecond: number; forMs: number }
);

/** Longer than the picture of a leader that offers anything may lag behind, and broker time be off. */
export const graceMs = 3_000;
const bucketSeconds = 0.1;
/** Tokens are sums of fractions: what lacks no more than that is whole. */
const rounding = 1e-9;
/** Buckets that are full again need not be kept; it is looked for them when there are so many more. */
const bucketsMore = 1_000;

interface Waiting {
  limit: string;
  /** When it is to be asked again, monotonic. */
  at: number;
}

interface Bucket {
  tokens: number;
  at: number;
  perSecond: number;
}

export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #since: number;
  readonly #buckets = new Map<string, Bucket>();
  /** What is limited and was asked for room since a decision began, and whether it had none when it was. */
  readonly #asked = new Map<Account, boolean>();
  /** What was asked for room, had none, and will have some by time alone. */
  readonly #waiting = new Heap<Waiting>(({ at: one }, { at: other }) => one < other);
  readonly #waitingBy = new Map<string, Waiting>();
  #sweepAt = bucketsMore;

  constructor(options: ThrottleOptions) {
    this.#options = options;
    this.#since = options.clock.mono();
  }

  /** A decision begins. Returns the limits under which there was no room, and by time alone may be some now. */
  begin(): readonly string[] {
    this.#note();
    const now = this.#options.clock.mono();
    const due: string[] = [];
    for (let next = this.#waiting.first; next !== undefined && next.at <= now; next = this.#waiting.first) {
      this.#waiting.remove(next);
      this.#waitingBy.delete(next.limit);
      due.push(next.limit);
    }
    return due;
  }

  /** How many jobs of an account may be offered now. */
  room(account: Account): number {
    const { maxActive, ratePerSecond } = account.policy;
    const room = this.#roomOf(account);
    const isLimited = Number.isFinite(maxActive) || Number.isFinite(ratePerSecond);
    if (isLimited) this.#asked.set(account, room <= 0 || this.#asked.get(account) === true);
    return room;
  }

  /** A job that is counted under these is offered. */
  took(accounts: readonly Account[]): void {
    for (const account of accounts) {
      const { ratePerSecond: perSecond } = account.policy;
      if (!Number.isFinite(perSecond)) continue;
      const tokens = this.#tokens(account) - 1;
      this.#buckets.set(limitName(account), { tokens, at: this.#options.clock.mono(), perSecond });
    }
    if (this.#buckets.size > this.#sweepAt) this.#sweep();
  }

  /** Other limits hold for an account from now on. */
  changed({ kind, name, policy }: Pick<Account, 'kind' | 'name' | 'policy'>): void {
    const at = this.#options.clock.mono();
    this.#buckets.set(limitName({ kind, name }), { tokens: 0, at, perSecond: policy.ratePerSecond });
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
    if (out.size >= maxActive) return { account, kind: 'full', most: maxActive };
    if (Number.isFinite(maxActive) && this.#unsureForMs() > 0)
      return { account, kind: 'unsure', forMs: this.#unsureForMs() };
    const forMs = ((1 - rounding - this.#tokens(account)) / ratePerSecond) * 1_000;
    return { account, kind: 'rate', perSecond: ratePerSecond, forMs: Math.ceil(forMs) };
  }

  /** What keeps a job from being served that is counted under all of these: what takes longest, where time alone helps. */
  hindranceOf(accounts: readonly Account[]): Hindrance | undefined {
    const found = accounts.flatMap((account) => this.hindrance(account) ?? []);
    return found.toSorted((one, other) => untilServed(other) - untilServed(one))[0];
  }

  /** In how many ms something that was asked for room, and had none, will have some by time alone. */
  againInMs(): number {
    this.#note();
    const next = this.#waiting.first;
    return next === undefined ? Number.POSITIVE_INFINITY : Math.max(0, next.at - this.#options.clock.mono());
  }

  /** Of what was asked for room: what has, or had, none, and until when. */
  #note(): void {
    const now = this.#options.clock.mono();
    for (const [account, hadNone] of this.#asked) {
      const hindrance = this.hindrance(account);
      if (hindrance !== undefined && 'forMs' in hindrance) this.#wait(account, now + hindrance.forMs);
      else if (hindrance === undefined && hadNone) this.#wait(account, now);
    }
    this.#asked.clear();
  }

  #wait(account: Account, at: number): void {
    const limit = limitName(account);
    const waiting = this.#waitingBy.get(limit) ?? { limit, at };
    waiting.at = at;
    this.#waitingBy.set(limit, waiting);
    this.#waiting.settle(waiting);
  }

  #roomOf(account: Account): number {
    const { paused = false, maxActive, ratePerSecond } = account.policy;
    if (paused) return 0;
    const places = Number.isFinite(maxActive) ? this.#places(account) : maxActive;
    const starts = Number.isFinite(ratePerSecond) ? Math.floor(this.#tokens(account) + rounding) : ratePerSecond;
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
    const bucket = this.#buckets.get(limitName(account)) ?? { tokens: 0, at: this.#since, perSecond };
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

function mostIn(perSecond: number): number {
  return Math.max(1, perSecond * bucketSeconds);
}

/** A pause and a full limit do not end by time: they come first. */
function untilServed(hindrance: Hindrance): number {
  return 'forMs' in hindrance ? hindrance.forMs : Number.POSITIVE_INFINITY;
}
