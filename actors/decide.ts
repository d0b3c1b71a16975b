/**
 * Which waiting job goes to which worker. Pure: it looks at the board and the fleet and changes neither.
 *
 * Lanes are served strictly in order, and within a lane the oldest job that some worker can take goes first; a job
 * for which nobody has room lets others of its lane pass, since they need something else. Tenants of a lane are served
 * in turn by weight, each with its oldest job. In a lane that queues share, the queue whose turn it is by weight goes
 * first, with its best job. Of a queue no more is offered than it has room for, and no more under a limit.
 * Among workers with room the least loaded gets the job. Workers with a GPU get jobs that need none only when no other
 * has room; jobs that need one go where they leave the fewest GPUs free, so that whole machines stay free for those that
 * need many.
 */

import { type Capacity, hasRoom, type Requirements, take, type Usage, unmet } from '../machines/rules/capability.ts';
import { priorities } from '../machines/rules/lanes.ts';
import type { Board, Track } from './board.ts';
import { type Entry, isBefore } from './entry.ts';
import { type Hold, leavesRoom } from './hold.ts';
import type { ReadyQueue } from './ready-queue.ts';
import type { LaneShares, Shares } from './shares.ts';

/** A worker that takes jobs, with what it holds now. */
export interface Candidate {
  incarnation: string;
  capacity: Capacity;
  usage: Usage;
  /** Room that it keeps for jobs that wait. */
  holds?: readonly Hold[];
}

export interface Policy {
  /** Jobs of a type that may wait on the worker itself beyond its slots. */
  lookAhead(type: string): number;
  /** Whether workers with a GPU take jobs that need none. */
  gpuSpillOver: boolean;
  /** The most offers made at once. */
  most: number;
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

/** The offers to make now, in the order in which the jobs are served. */
export function decide(board: Pick<Board, 'tracks'>, candidates: readonly Candidate[], policy: Policy): Offering[] {
  const fleet = candidates.map((candidate) => ({
    ...candidate,
    usage: { ...candidate.usage },
    held: candidate.usage.slots,
  }));
  const turns = { shares: policy.shares.copy(), tenants: policy.tenants.copy() };
  const pass: Pass = { fleet, policy, offers: [], quota: new Quota(policy), turns };
  for (const lane of board.tracks()) {
    if (pass.offers.length >= policy.most || !fleet.some((candidate) => mayTakeAny(candidate, policy))) break;
    serveLane(lane, pass);
  }
  return pass.offers;
}

/** What one pass has come to so far. */
interface Pass {
  fleet: readonly Taker[];
  policy: Policy;
  offers: Offering[];
  quota: Quota;
  turns: Turns;
}

/** What is left in this pass of the room of queues and under limits. */
class Quota {
  readonly #policy: Policy;
  readonly #ofQueue = new Map<string, number>();
  readonly #underLimit = new Map<string, number>();

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  allows({ queue, group }: ReadyQueue): boolean {
    return this.#queue(queue) > 0 && group.limits.every((limit) => this.#limit(limit) > 0);
  }

  take({ queue, group }: ReadyQueue): void {
    this.#ofQueue.set(queue, this.#queue(queue) - 1);
    for (const limit of group.limits) this.#underLimit.set(limit, this.#limit(limit) - 1);
  }

  #queue(queue: string): number {
    const left = this.#ofQueue.get(queue) ?? this.#policy.room(queue);
    this.#ofQueue.set(queue, left);
    return left;
  }

  #limit(limit: string): number {
    const left = this.#underLimit.get(limit) ?? this.#policy.roomUnder(limit);
    this.#underLimit.set(limit, left);
    return left;
  }
}

function mayTakeAny({ usage, capacity }: Candidate, policy: Policy): boolean {
  return capacity.types.some((type) => usage.slots < capacity.slots + policy.lookAhead(type));
}

/** A candidate during a pass: `usage` grows with each offer, `held` is what it held before. */
type Taker = Candidate & { held: number };

interface Line {
  track: Track;
  queue: ReadyQueue;
  next: Entry;
  rest: Iterator<Entry>;
  eligible: readonly Taker[];
}

function serveLane(lane: readonly Track[], { fleet, policy, offers, quota, turns }: Pass): void {
  const lines = lane.flatMap((track) => {
    const waiting = waitingIn(track);
    return track.lines.flatMap((queue) =>
      quota.allows(queue) ? lineOf({ track, queue, waiting: waiting(queue) }, fleet, policy) : [],
    );
  });
  while (lines.length > 0 && offers.length < policy.most) {
    const line = firstOf(lines, turns);
    const taker = quota.allows(line.queue) ? leastLoaded(line.eligible, line.next, policy) : undefined;
    if (taker === undefined) {
      lines.splice(lines.indexOf(line), 1);
      continue;
    }
    const { queue, group } = line.queue;
    const turn = { queue, lane: line.track.name, tenant: group.tenant };
    const offering = { entry: line.next, worker: taker.incarnation, turn };
    offers.push(offering);
    take(taker.usage, line.next.requirements);
    quota.take(line.queue);
    served(offering, turns);
    if (!advance(line)) lines.splice(lines.indexOf(line), 1);
  }
}

/** How many jobs wait there with the need of a line, whatever their groups. */
function waitingIn({ lines }: Track): (line: ReadyQueue) => number {
  const waiting = new Map<Requirements, Map<string, number>>();
  for (const { queue, requirements, size } of lines) {
    const byQueue = waiting.get(requirements) ?? new Map<string, number>();
    waiting.set(requirements, byQueue.set(queue, (byQueue.get(queue) ?? 0) + size));
  }
  return ({ queue, requirements }) => waiting.get(requirements)?.get(queue) ?? 0;
}

interface Standing {
  track: Track;
  queue: ReadyQueue;
  /** How many jobs wait with its need. */
  waiting: number;
}

function lineOf({ track, queue, waiting }: Standing, fleet: readonly Taker[], policy: Policy): Line[] {
  const lookAhead = policy.lookAhead(queue.type);
  const eligible = fleet.filter(
    (taker) =>
      unmet(queue.type, queue.requirements, taker.capacity) === undefined && isHungry(taker, lookAhead, waiting),
  );
  const rest = queue[Symbol.iterator]();
  const first = rest.next();
  return first.done === true || eligible.length === 0 ? [] : [{ track, queue, next: first.value, rest, eligible }];
}

/**
 * Whether a worker is worth a letter now. Many short jobs go in few large mails, since every mail, claim and result
 * costs less in company: a worker that still holds half of what it may gets no more until it holds less.
 */
function isHungry({ capacity, held }: Taker, lookAhead: number, waiting: number): boolean {
  const half = (capacity.slots + lookAhead) / 2;
  return held < capacity.slots || waiting < half || held <= half;
}

function advance(line: Line): boolean {
  const next = line.rest.next();
  if (next.done === true) return false;
  line.next = next.value;
  return true;
}

/** Of each track the tenant whose turn it is, with its oldest job; of tracks that of the queue whose turn it is. */
function firstOf(lines: readonly Line[], turns: Turns): Line {
  const tracks = [...Map.groupBy(lines, ({ track }) => track).values()];
  const firsts = tracks.map((those) => those.reduce((best, line) => (isTurnBefore(line, best, turns) ? line : best)));
  return firsts.reduce((best, line) => (goesBefore(line, best, turns) ? line : best));
}

/** Of one track. */
function isTurnBefore(one: Line, other: Line, { tenants }: Turns): boolean {
  const shares = tenants.of(one.track.name);
  const turns = shares.markOf(one.queue.group.tenant) - shares.markOf(other.queue.group.tenant);
  return turns === 0 ? isBefore(one.next, other.next) : turns < 0;
}

/** Of one lane: at equal turns the best level counts, and there the oldest job. */
function goesBefore(one: Line, other: Line, { shares }: Turns): boolean {
  const turns = shares.markOf(one.queue.queue) - shares.markOf(other.queue.queue);
  if (turns !== 0) return turns < 0;
  const levels = priorities.indexOf(one.queue.level) - priorities.indexOf(other.queue.level);
  return levels === 0 ? isBefore(one.next, other.next) : levels < 0;
}

function leastLoaded(eligible: readonly Candidate[], entry: Entry, policy: Policy): Candidate | undefined {
  const { type, requirements } = entry;
  const lookAhead = policy.lookAhead(type);
  let best: Candidate | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const candidate of eligible) {
    if (!hasRoom(requirements, candidate.capacity, candidate.usage, lookAhead)) continue;
    if (candidate.holds !== undefined && !leavesRoom(entry, { ...candidate, holds: candidate.holds, lookAhead }))
      continue;
    const rank = rankOf(candidate, requirements, policy);
    if (rank < bestRank) {
      best = candidate;
      bestRank = rank;
    }
  }
  return best;
}

/**
 * From the best up. Of workers with GPUs, for a job that needs some: the one that has the fewest left beside it, then the
 * least loaded. For a job that needs none, a worker with GPUs ranks behind every other, or is out of the question.
 */
function rankOf({ capacity, usage }: Candidate, requirements: Requirements, policy: Policy): number {
  const load = usage.slots / capacity.slots;
  const gpu = requirements.gpu ?? 0;
  if (gpu > 0) return 1_000 * (capacity.gpu - usage.gpu - gpu) + load;
  if (capacity.gpu === 0) return load;
  return policy.gpuSpillOver ? 1_000 + load : Number.POSITIVE_INFINITY;
}
