/**
 * The board: the leader's picture of all open jobs, kept from heads alone.
 *
 * It indexes what waits by lane and requirement set, so that a decision looks at heads of queues and never at all
 * jobs, and what is active by worker, so that credit is derived and never counted. It knows nothing of workers'
 * capacities, of time or of the broker. The newest revision of a key wins, in whatever order heads arrive; a job that
 * has settled is forgotten, so whoever brings the heads keeps away what is older (`follower.ts`).
 */

import { isActive, isReady, isSettled, type JobState } from '../machines/job.ts';
import { type Requirements, requirementKey, type Usage, usageOf } from '../machines/rules/capability.ts';
import { laneRank } from '../machines/rules/lanes.ts';
import type { Head } from '../runtime/ports.ts';
import { isOfNewer } from '../runtime/record.ts';
import type { Entry } from './entry.ts';
import { ReadyQueue } from './ready-queue.ts';

/** What a worker holds: its active jobs and the offers that are out to it. */
export interface Holding {
  readonly claims: Set<Entry>;
  readonly offers: Set<Entry>;
  usage: Usage;
}

/** What changed for the entry of a head that was applied. */
export interface Applied {
  entry: Entry;
  from: JobState | undefined;
}

export class Board {
  readonly #queues: readonly string[];
  readonly #entries = new Map<string, Entry>();
  readonly #lanes = new Map<number, Map<string, ReadyQueue>>();
  readonly #ranks: number[] = [];
  readonly #holdings = new Map<string, Holding>();
  readonly #left = new Set<Entry>();
  readonly #requirementSets = new Map<string, Requirements>();
  /** Of each of those, what it is called: many heads of a saved picture share one. */
  readonly #requirementKeys = new Map<Requirements, { type: string; key: string }>();

  constructor(options: { queues: readonly string[] }) {
    this.#queues = options.queues;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** How many jobs wait that only a newer version can move. They stand in no line here. */
  get leftToNewer(): number {
    return this.#left.size;
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** What the worker of this incarnation holds; workers that hold nothing share nothing. */
  holding(worker: string): Holding {
    let holding = this.#holdings.get(worker);
    if (holding === undefined) {
      holding = { claims: new Set(), offers: new Set(), usage: { slots: 0, gpu: 0, memoryMb: 0 } };
      this.#holdings.set(worker, holding);
    }
    return holding;
  }

  /** Incarnations that hold claims, whether or not anybody has heard of them. */
  *holders(): Iterable<string> {
    for (const [worker, holding] of this.#holdings) if (holding.claims.size > 0) yield worker;
  }

  /** Lanes that have jobs to offer, best first: the queues of each, one for each requirement set. */
  *lanes(): Iterable<readonly ReadyQueue[]> {
    for (const rank of this.#ranks) {
      const waiting = [...(this.#lanes.get(rank)?.values() ?? [])].filter((queue) => queue.size > 0);
      if (waiting.length > 0) yield waiting;
    }
  }

  /** How many jobs stand in line before `entry`: all of better lanes, and the older ones of its own. */
  aheadOf(entry: Entry): number {
    const own = laneRank(this.#queues, entry.queue, entry.priority);
    let ahead = 0;
    for (const [rank, lane] of this.#lanes)
      for (const queue of rank > own ? [] : lane.values()) ahead += rank < own ? queue.size : queue.countBefore(entry);
    return ahead;
  }

  /** Takes over a head unless a newer one of its key is known. `undefined` where it changed nothing. */
  apply(head: Head): Applied | undefined {
    const known = this.#entries.get(head.key);
    if (known === undefined) return isSettled(head.state) ? undefined : { entry: this.#add(head), from: undefined };
    if (head.revision <= known.revision) return undefined;
    const from = known.state;
    this.#detach(known);
    this.#update(known, head);
    if (isSettled(head.state)) this.#entries.delete(head.key);
    else this.#attach(known);
    return { entry: known, from };
  }

  /** Takes a job off the board, whose record is gone or can be read by nobody. */
  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#detach(entry);
    this.#entries.delete(key);
  }

  /** Forgets everything, before a reload. */
  clear(): void {
    this.#entries.clear();
    this.#lanes.clear();
    this.#ranks.length = 0;
    this.#holdings.clear();
    this.#left.clear();
  }

  /** Takes back the offers that are out to workers for which `isVoid` holds. One that claims all the same has its claim: the record decides. */
  withdrawOffers(isVoid: (worker: string) => boolean = () => true): void {
    for (const [worker, holding] of this.#holdings)
      if (holding.offers.size > 0 && isVoid(worker)) for (const entry of [...holding.offers]) this.withdraw(entry);
  }

  /** Notes that `entry` has been offered: it leaves its queue until it is claimed or `until` has passed. */
  offered(entry: Entry, worker: string, until: number): void {
    this.#detach(entry);
    entry.offer = { worker, until };
    const holding = this.holding(worker);
    holding.offers.add(entry);
    take(holding.usage, entry.requirements, 1);
  }

  /** The offer for `entry` is void: it stands in its queue again, at its old place in line. */
  withdraw(entry: Entry): void {
    this.#detach(entry);
    this.#attach(entry);
  }

  #add(head: Head): Entry {
    const entry: Entry = {
      key: head.key,
      birth: head.revision,
      createdAt: head.createdAt,
      type: head.type,
      requirements: this.#interned(head.type, head.requirements),
      revision: head.revision,
      state: head.state,
      queue: head.queue,
      priority: head.priority,
      attempt: head.attempt,
      updatedAt: head.updatedAt,
      worker: head.worker,
      dueAt: head.dueAt,
      expiresAt: head.expiresAt,
      timeoutMs: head.timeoutMs,
      isOfNewer: isOfNewer(head),
      place: undefined,
      offer: undefined,
    };
    this.#entries.set(head.key, entry);
    this.#attach(entry);
    return entry;
  }

  #update(entry: Entry, head: Head): void {
    entry.revision = head.revision;
    entry.state = head.state;
    entry.queue = head.queue;
    entry.priority = head.priority;
    entry.attempt = head.attempt;
    entry.updatedAt = head.updatedAt;
    entry.worker = head.worker;
    entry.dueAt = head.dueAt;
    entry.expiresAt = head.expiresAt;
    entry.timeoutMs = head.timeoutMs;
    entry.isOfNewer = isOfNewer(head);
  }

  /** Jobs with equal requirements share one object: a million entries, a handful of requirement sets. */
  #interned(type: string, requirements: Requirements): Requirements {
    if (this.#requirementKeys.get(requirements)?.type === type) return requirements;
    const key = requirementKey(type, requirements);
    const known = this.#requirementSets.get(key);
    if (known !== undefined) return known;
    // One object may come with two types, as defaults do: each set is called one thing only.
    const own = this.#requirementKeys.has(requirements) ? { ...requirements } : requirements;
    this.#requirementSets.set(key, own);
    this.#requirementKeys.set(own, { type, key });
    return own;
  }

  #attach(entry: Entry): void {
    if (entry.isOfNewer && !isActive(entry.state)) this.#left.add(entry);
    else if (isReady(entry.state)) {
      entry.place = this.#queueOf(entry);
      entry.place.add(entry);
    } else if (isActive(entry.state) && entry.worker !== undefined) {
      const holding = this.holding(entry.worker);
      holding.claims.add(entry);
      take(holding.usage, entry.requirements, 1);
    }
  }

  #detach(entry: Entry): void {
    this.#left.delete(entry);
    entry.place?.remove(entry);
    entry.place = undefined;
    if (entry.offer !== undefined) {
      const holding = this.holding(entry.offer.worker);
      if (holding.offers.delete(entry)) take(holding.usage, entry.requirements, -1);
      entry.offer = undefined;
    }
    if (isActive(entry.state) && entry.worker !== undefined) this.#release(entry, entry.worker);
  }

  #release(entry: Entry, worker: string): void {
    const holding = this.holding(worker);
    if (holding.claims.delete(entry)) take(holding.usage, entry.requirements, -1);
    if (holding.claims.size === 0 && holding.offers.size === 0) this.#holdings.delete(worker);
  }

  #queueOf(entry: Entry): ReadyQueue {
    const rank = laneRank(this.#queues, entry.queue, entry.priority);
    let lane = this.#lanes.get(rank);
    if (lane === undefined) {
      lane = new Map();
      this.#lanes.set(rank, lane);
      this.#ranks.push(rank);
      this.#ranks.sort((a, b) => a - b);
    }
    const key = this.#requirementKeys.get(entry.requirements)?.key ?? requirementKey(entry.type, entry.requirements);
    let queue = lane.get(key);
    if (queue === undefined) {
      queue = new ReadyQueue({ type: entry.type, requirements: entry.requirements });
      lane.set(key, queue);
    }
    return queue;
  }
}

function take(usage: Usage, requirements: Requirements, sign: 1 | -1): void {
  const more = usageOf(requirements);
  usage.slots += sign * more.slots;
  usage.gpu += sign * more.gpu;
  usage.memoryMb += sign * more.memoryMb;
}
