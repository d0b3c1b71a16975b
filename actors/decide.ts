/**
 * Which waiting job goes to which worker. It changes neither the jobs nor what workers hold.
 *
 * Lanes are served strictly in order, and within a lane the oldest job that some worker can take goes first; a job
 * for which nobody has room lets others of its lane pass, since they need something else. Tenants of a lane are served
 * in turn by weight, each with its oldest job. In a lane that queues share, the queue whose turn it is by weight goes
 * first, with its best job. Of a queue no more is offered than it has room for, and no more under a limit.
 * Among workers with room the least loaded gets the job. Workers with a GPU get jobs that need none only when no other
 * has room; jobs that need one go where they leave the fewest GPUs free, so that whole machines stay free for those that
 * need many.
 *
 * None of that is worked out from the jobs. Who is next is kept with each level (`level.ts`), as jobs come and go; what waits
 * under a full limit is set aside until there is room (`parking.ts`); who is the best worker is kept with the crew
 * (`crew.ts`), which also knows what nobody had room for. So an offer costs about the same, however many wait. Who is next of each
 * of many queues that share a turn is looked at anew only where that may have changed.
 */

import type { Requirements } from '../machines/rules/capability.ts';
import { priorities } from '../machines/rules/lanes.ts';
import type { Board, Track } from './board.ts';
import type { Crew, CrewPolicy } from './crew.ts';
import { type Entry, isBefore } from './entry.ts';
import { type Level, type Need, Party, type Stand } from './level.ts';
import type { Parkable } from './parking.ts';
import type { LaneShares, Shares } from './shares.ts';
import { type Cursor, type Gate, Turn } from './turn.ts';

export interface Policy extends CrewPolicy {
  /** The most offers made at once. */
  most: number;
  /** Whether it has taken so long that others must have their turn; never unless given. It ends with one offer at least. */
  isLate?(): boolean;
  /** How many more jobs of a queue may be offered now. */
  room(queue: string): number;
  /** How many more jobs may be offered now under one of the limits of a group (`group.ts`). */
  roomUnder(limit: string): number;
  /** Whose turn it is among queues that share one. */
  shares: Shares;
  /** Whose turn it is among tenants, in each lane. */
  tenants: LaneShares;
}

export interface Offering {
  entry: Entry;
  worker: string;
  /** Whose turn it was: that of a queue, and that of a tenant in a lane. */
  turn: { queue: string; lane: string; tenant: string };
}

/** Notes that an offering has been made: whose turn it was has had it. */
export function served({ turn: { queue, lane, tenant } }: Offering, { shares, tenants }: Turns): void {
  shares.serve(queue);
  tenants.of(lane).serve(tenant);
}

type Turns = Pick<Policy, 'shares' | 'tenants'>;

/** The offers to make now, in the order in which the jobs are served. What they take of the crew is taken. */
export function decide(board: Pick<Board, 'tracks' | 'parking'>, crew: Crew, policy: Policy): Offering[] {
  const pass = new Pass(crew, policy);
  for (const lane of board.tracks()) {
    if (pass.isOver) break;
    pass.serve(lane);
  }
  for (const [one, limit] of pass.full) board.parking.park(one, limit);
  return pass.offers;
}

/** What one pass has come to so far. */
class Pass implements Gate {
  readonly offers: Offering[] = [];
  /** What was met under limits that had no room when it began. */
  readonly full = new Map<Parkable, string>();
  readonly #crew: Crew;
  readonly #policy: Policy;
  readonly #quota: Quota;
  readonly #turns: Turns;
  /** Counts what may have changed who is next elsewhere: a limit has no room any more, or nobody has any for a need. */
  #shutAt = 0;
  /** With how many that wait somebody was found to have room for a need, and with how many nobody. */
  readonly #asked = new Map<Requirements, { openTo: number; shutFrom: number }>();
  /** The oldest job of each need for which somebody had room, and kept it for others. */
  readonly #refused = new Map<Requirements, { entry: Entry; waiting: number }>();

  constructor(crew: Crew, policy: Policy) {
    this.#crew = crew;
    this.#policy = policy;
    this.#quota = new Quota(policy);
    this.#turns = { shares: policy.shares.copy(), tenants: policy.tenants.copy() };
  }

  get isOver(): boolean {
    return this.#hasEnough || this.#crew.isFull(this.#policy);
  }

  /** Offers, or time. */
  get #hasEnough(): boolean {
    const { length } = this.offers;
    return length >= this.#policy.most || (length > 0 && this.#policy.isLate?.() === true);
  }

  serve(lane: readonly Track[]): void {
    const bids = lane.flatMap((track) =>
      track.levels.filter(({ queue }) => this.#quota.of(queue) > 0).map((level) => this.#bidOf(track, level)),
    );
    while (!this.#hasEnough) {
      const best = this.#bestOf(bids);
      if (best?.cursor === undefined) return;
      const { track, turn, cursor } = best;
      if (this.#offer(track, cursor)) turn.advance();
      else turn.drop();
      // Tenants of a track are served in turn, whichever of its levels has the job; and all levels of a queue have its room.
      const { queue } = turn.level;
      for (const bid of bids) if (bid.track === track || bid.turn.level.queue === queue) bid.seenAt = -1;
    }
  }

  open(level: Level): readonly Need[] {
    return [...level.needs()].filter((need) => this.#mayGo(need));
  }

  /** Of many levels with the same need the crew is asked once: for fewer that wait somebody has room the more, and room gets less only. */
  #mayGo(need: Need): boolean {
    const { requirements, waiting } = need;
    const known = this.#asked.get(requirements) ?? { openTo: -1, shutFrom: Number.POSITIVE_INFINITY };
    if (waiting <= known.openTo) return true;
    if (waiting >= known.shutFrom) return false;
    this.#asked.set(requirements, known);
    const mayGo = this.#crew.mayHaveRoomFor(need, this.#policy);
    if (mayGo) known.openTo = waiting;
    else known.shutFrom = waiting;
    return mayGo;
  }

  letsIn(one: Party | Stand): boolean {
    const limits = one instanceof Party ? [`tenant ${one.tenant}`] : one.group.limits;
    const full = limits.find((limit) => this.#quota.under(limit) <= 0);
    if (full === undefined) return true;
    if (this.#policy.roomUnder(full) <= 0) this.full.set(one, full);
    return false;
  }

  lets({ line, need, next }: Cursor): boolean {
    const refused = this.#refused.get(need.requirements);
    const isRefused = refused !== undefined && need.waiting >= refused.waiting && !isBefore(next, refused.entry);
    return !isRefused && this.#quota.allows(line) && !this.#crew.isShut(need, this.#policy);
  }

  #bidOf(track: Track, level: Level): Bid {
    level.rank(this.#policy.tenants.of(track.name));
    const turn = new Turn({ level, shares: this.#turns.tenants.of(track.name), gate: this });
    return { track, turn, cursor: undefined, seenAt: -1 };
  }

  #bestOf(bids: readonly Bid[]): Bid | undefined {
    let best: Bid | undefined;
    for (const bid of bids) {
      if (bid.seenAt !== this.#shutAt) {
        bid.cursor = bid.turn.first;
        bid.seenAt = this.#shutAt;
      }
      if (bid.cursor !== undefined && (best === undefined || this.#goesBefore(bid, best))) best = bid;
    }
    return best;
  }

  /** Of one track, by the turns of tenants; else by the turns of queues, and there the best level counts. */
  #goesBefore(one: Bid, other: Bid): boolean {
    const by = one.track === other.track ? one.turn.mark - other.turn.mark : this.#compareQueues(one, other);
    if (by !== 0) return by < 0;
    return one.cursor !== undefined && (other.cursor === undefined || isBefore(one.cursor.next, other.cursor.next));
  }

  #compareQueues({ turn: { level: one } }: Bid, { turn: { level: other } }: Bid): number {
    const { shares } = this.#turns;
    const turns = shares.markOf(one.queue) - shares.markOf(other.queue);
    return turns === 0 ? priorities.indexOf(one.level) - priorities.indexOf(other.level) : turns;
  }

  #offer(track: Track, { line, next: entry, need }: Cursor): boolean {
    const hand = this.#crew.bestFor(entry, need, this.#policy);
    if (hand === undefined) {
      this.#refuse(entry, need);
      this.#shutAt++;
      return false;
    }
    const { queue, group } = line;
    const turn = { queue, lane: track.name, tenant: group.tenant };
    const offering = { entry, worker: hand.incarnation, turn };
    this.offers.push(offering);
    this.#crew.give(hand, entry, this.#policy);
    if (this.#quota.take(line)) this.#shutAt++;
    served(offering, this.#turns);
    return true;
  }

  /** Who comes later in line is refused as well. */
  #refuse(entry: Entry, { requirements, waiting }: Need): void {
    const known = this.#refused.get(requirements);
    if (known === undefined || isBefore(entry, known.entry)) this.#refused.set(requirements, { entry, waiting });
  }
}

/** A level that is served, as part of a track, and who was next there when that was looked at. */
interface Bid {
  track: Track;
  turn: Turn;
  cursor: Cursor | undefined;
  seenAt: number;
}

/** What is left in this pass of the room of queues and under limits. */
class Quota {
  readonly #policy: Policy;
  readonly #ofQueue = new Map<string, number>();
  readonly #underLimit = new Map<string, number>();

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  allows({ queue, group }: Cursor['line']): boolean {
    return this.of(queue) > 0 && group.limits.every((limit) => this.under(limit) > 0);
  }

  /** Whether nothing is left under one of the limits. */
  take({ queue, group }: Cursor['line']): boolean {
    this.#ofQueue.set(queue, this.of(queue) - 1);
    let isFull = false;
    for (const limit of group.limits) {
      const leftUnder = this.under(limit) - 1;
      this.#underLimit.set(limit, leftUnder);
      isFull ||= leftUnder <= 0;
    }
    return isFull;
  }

  of(queue: string): number {
    const left = this.#ofQueue.get(queue) ?? this.#policy.room(queue);
    this.#ofQueue.set(queue, left);
    return left;
  }

  under(limit: string): number {
    const left = this.#underLimit.get(limit) ?? this.#policy.roomUnder(limit);
    this.#underLimit.set(limit, left);
    return left;
  }
}
