/**
 * Which waiting job goes to which worker. Pure: it looks at the board and the fleet and changes neither.
 *
 * Lanes are served strictly in order, and within a lane the oldest job that some worker can take goes first; a job
 * for which nobody has room lets others of its lane pass, since they need something else. In a lane that queues share,
 * the queue whose turn it is by weight goes first, with its best job. Of a queue no more is offered than it has room for.
 * Among workers with room the least loaded gets the job. Workers with a GPU get jobs that need none only when no other
 * has room; jobs that need one go where they leave the fewest GPUs free, so that whole machines stay free for those that
 * need many.
 */

import { type Capacity, hasRoom, type Requirements, take, type Usage, unmet } from '../machines/rules/capability.ts';
import { priorities } from '../machines/rules/lanes.ts';
import type { Account } from './account.ts';
import type { Board } from './board.ts';
import { type Entry, isBefore } from './entry.ts';
import type { ReadyQueue } from './ready-queue.ts';
import type { Shares } from './shares.ts';

/** A worker that takes jobs, with what it holds now. */
export interface Candidate {
  incarnation: string;
  capacity: Capacity;
  usage: Usage;
}

export interface Policy {
  /** Jobs of a type that may wait on the worker itself beyond its slots. */
  lookAhead(type: string): number;
  /** Whether workers with a GPU take jobs that need none. */
  gpuSpillOver: boolean;
  /** The most offers made at once. */
  most: number;
  /** How many more jobs may be offered now that are counted under this. */
  room(account: Account): number;
  /** What a job is counted under. */
  accountsOf(entry: Entry): readonly Account[];
  /** Whose turn it is among queues that share one. */
  shares: Shares;
}

export interface Offering {
  entry: Entry;
  worker: string;
}

/** The offers to make now, in the order in which the jobs are served. */
export function decide(board: Pick<Board, 'lanes'>, candidates: readonly Candidate[], policy: Policy): Offering[] {
  const offers: Offering[] = [];
  const fleet = candidates.map((candidate) => ({
    ...candidate,
    usage: { ...candidate.usage },
    held: candidate.usage.slots,
  }));
  const pass: Pass = { fleet, policy, offers, quota: new Quota(policy), shares: policy.shares.copy() };
  for (const lane of board.lanes()) {
    if (offers.length >= policy.most || !fleet.some((candidate) => mayTakeAny(candidate, policy))) break;
    serveLane(lane, pass);
  }
  return offers;
}

/** What one pass has come to so far. */
interface Pass {
  fleet: readonly Taker[];
  policy: Policy;
  offers: Offering[];
  quota: Quota;
  shares: Shares;
}

/** What is left in this pass of the room of whatever jobs are counted under. */
class Quota {
  readonly #policy: Policy;
  readonly #left = new Map<string, number>();

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  hasRoom(entry: Entry): boolean {
    return this.#policy.accountsOf(entry).every((account) => this.#of(account) > 0);
  }

  take(entry: Entry): void {
    for (const account of this.#policy.accountsOf(entry))
      this.#left.set(`${account.kind} ${account.name}`, this.#of(account) - 1);
  }

  #of(account: Account): number {
    const name = `${account.kind} ${account.name}`;
    let left = this.#left.get(name);
    if (left === undefined) {
      left = this.#policy.room(account);
      this.#left.set(name, left);
    }
    return left;
  }
}

function mayTakeAny({ usage, capacity }: Candidate, policy: Policy): boolean {
  return capacity.types.some((type) => usage.slots < capacity.slots + policy.lookAhead(type));
}

/** A candidate during a pass: `usage` grows with each offer, `held` is what it held before. */
type Taker = Candidate & { held: number };

interface Line {
  queue: ReadyQueue;
  next: Entry;
  rest: Iterator<Entry>;
  eligible: readonly Taker[];
}

function serveLane(lane: readonly ReadyQueue[], { fleet, policy, offers, quota, shares }: Pass): void {
  const lines = lane.flatMap((queue) => lineOf(queue, fleet, policy));
  while (lines.length > 0 && offers.length < policy.most) {
    const line = firstOf(lines, shares);
    if (!quota.hasRoom(line.next)) {
      if (!advance(line)) lines.splice(lines.indexOf(line), 1);
      continue;
    }
    const taker = leastLoaded(line.eligible, line.next, policy);
    if (taker === undefined) {
      lines.splice(lines.indexOf(line), 1);
      continue;
    }
    offers.push({ entry: line.next, worker: taker.incarnation });
    take(taker.usage, line.next.requirements);
    quota.take(line.next);
    shares.serve(line.queue.queue);
    if (!advance(line)) lines.splice(lines.indexOf(line), 1);
  }
}

function lineOf(queue: ReadyQueue, fleet: readonly Taker[], policy: Policy): Line[] {
  const lookAhead = policy.lookAhead(queue.type);
  const eligible = fleet.filter(
    (taker) =>
      unmet(queue.type, queue.requirements, taker.capacity) === undefined && isHungry(taker, lookAhead, queue.size),
  );
  const rest = queue[Symbol.iterator]();
  const first = rest.next();
  return first.done === true || eligible.length === 0 ? [] : [{ queue, next: first.value, rest, eligible }];
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

/** The line of the queue whose turn it is; of its lines the one at the best level, and there the oldest job. */
function firstOf(lines: readonly Line[], shares: Shares): Line {
  return lines.reduce((best, line) => (goesBefore(line, best, shares) ? line : best));
}

function goesBefore(one: Line, other: Line, shares: Shares): boolean {
  const turns = shares.markOf(one.queue.queue) - shares.markOf(other.queue.queue);
  if (turns !== 0) return turns < 0;
  const levels = priorities.indexOf(one.queue.level) - priorities.indexOf(other.queue.level);
  return levels === 0 ? isBefore(one.next, other.next) : levels < 0;
}

function leastLoaded(
  eligible: readonly Candidate[],
  { type, requirements }: Entry,
  policy: Policy,
): Candidate | undefined {
  const lookAhead = policy.lookAhead(type);
  let best: Candidate | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const candidate of eligible) {
    if (!hasRoom(requirements, candidate.capacity, candidate.usage, lookAhead)) continue;
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
