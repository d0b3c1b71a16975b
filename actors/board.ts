/**
 * The board: the leader's picture of all open jobs, kept from heads alone.
 *
 * It indexes what waits by queue, level and requirement set, so that a decision looks at heads of lines and never at
 * all jobs, and what is active by worker and by queue, so that credit is derived and never counted. It knows what people
 * have set for queues, and nothing of workers' capacities, of time or of the broker. The newest revision of a key wins, in whatever order heads arrive; a job that
 * has settled is forgotten, so whoever brings the heads keeps away what is older (`follower.ts`).
 */

import { isActive, isReady, isSettled, type JobState } from '../machines/job.ts';
import { type Held, idle, type Requirements, requirementKey, take, type Usage } from '../machines/rules/capability.ts';
import { type Priority, priorities, raised } from '../machines/rules/lanes.ts';
import { type QueuePolicy, type QueueSettings, queuePolicy } from '../machines/rules/queue.ts';
import type { Head } from '../runtime/ports.ts';
import { isOfNewer } from '../runtime/record.ts';
import { type Account, Accounts } from './account.ts';
import { type Entry, isBefore, rareOf } from './entry.ts';
import { Headcount } from './headcount.ts';
import type { Level } from './level.ts';
import { Parking } from './parking.ts';
import type { ReadyQueue } from './ready-queue.ts';
import { type LaneView, Siding } from './siding.ts';

/** What a worker holds: its active jobs and the offers that are out to it. */
export interface Holding {
  readonly claims: Set<Entry>;
  readonly offers: Set<Entry>;
  usage: Usage;
  /** The slots of that, by the types of the jobs. */
  readonly slotsByType: Map<string, number>;
}

/** What changed for the entry of a head that was applied. */
export interface Applied {
  entry: Entry;
  from: JobState | undefined;
}

/** Queues that are served in one turn: each in the order of its jobs, or all by weight. */
interface Turn {
  order: number;
  sidings: readonly Siding[];
  isShared: boolean;
}

/** A lane, or its part of one that queues share: its tenants are served in turn. */
export interface Track {
  /** What its tenants' shares are counted under. */
  name: string;
  /** One of each queue that has jobs to offer here. */
  levels: readonly Level[];
}

export class Board {
  /** What waits under a limit that is full. */
  readonly parking = new Parking();
  /** What jobs are counted under beside their queue. */
  readonly accounts = new Accounts(this.parking);
  readonly headcount = new Headcount();
  readonly #listed: readonly string[];
  readonly #set = new Map<string, QueueSettings>();
  readonly #entries = new Map<string, Entry>();
  readonly #sidings = new Map<string, Siding>();
  #turns: readonly Turn[] | undefined;
  readonly #holdings = new Map<string, Holding>();
  readonly #touched = new Set<string>();
  readonly #left = new Set<Entry>();
  /** Types of jobs that were seen to wait. */
  readonly #typesSeen = new Set<string>();
  readonly #keyLists = new Map<string, readonly string[]>();
  readonly #requirementSets = new Map<string, Requirements>();
  /** Of each of those, what it is called: many heads of a saved picture share one. */
  readonly #requirementKeys = new Map<Requirements, { type: string; key: string }>();

  /** @param options.queues queues in the order that holds where nobody has set another one. */
  constructor(options: { queues: readonly string[] }) {
    this.#listed = options.queues;
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
      holding = { claims: new Set(), offers: new Set(), usage: { ...idle }, slotsByType: new Map() };
      this.#holdings.set(worker, holding);
    }
    return holding;
  }

  /** Workers that hold other jobs than when this was last asked. */
  touched(): readonly string[] {
    const touched = [...this.#touched];
    this.#touched.clear();
    return touched;
  }

  /** Incarnations that hold claims, whether or not anybody has heard of them. */
  *holders(): Iterable<string> {
    for (const [worker, holding] of this.#holdings) if (holding.claims.size > 0) yield worker;
  }

  /**
   * Lanes that have jobs to offer, best first: the lines of each, one for each requirement set and group. Queues that share
   * a turn by weight are one lane, with all of their levels.
   */
  *lanes(): Iterable<readonly ReadyQueue[]> {
    for (const lane of this.tracks()) yield lane.flatMap(({ levels }) => levels.flatMap((level) => [...level.lines()]));
  }

  /** The same, by tracks: one for each lane, or one for each queue and level where queues share a turn. */
  *tracks(): Iterable<readonly Track[]> {
    for (const turn of this.#inTurn()) {
      const levels = priorities.map((level) => tracksOf(turn, level).filter(({ levels }) => levels.length > 0));
      for (const lane of turn.isShared ? [levels.flat()] : levels) if (lane.length > 0) yield lane;
    }
  }

  /** How many jobs stand in line before `entry`; of queues that share its turn or are paused, none are counted. */
  aheadOf(entry: Entry): number {
    const own = this.#sidingOf(entry.queue);
    let ahead = 0;
    for (const { sidings, isShared } of this.#inTurn()) {
      const isOwn = sidings.includes(own);
      const counted = sidings.filter((siding) => siding === own || !(siding.policy.paused || (isOwn && isShared)));
      for (const siding of counted) ahead += isOwn ? siding.countBefore(entry) : siding.waiting;
      if (isOwn) break;
    }
    return ahead;
  }

  /** Whether `one` is served before `other`: its queue has an earlier turn, or it goes first within the same one. */
  servesBefore(one: Entry, other: Entry): boolean {
    const turns = this.turnOf(one.queue) - this.turnOf(other.queue);
    if (turns !== 0) return turns < 0;
    const levels = this.#inTurn()[this.turnOf(one.queue)]?.isShared ? 0 : levelOf(one) - levelOf(other);
    return levels === 0 ? isBefore(one, other) : levels < 0;
  }

  /** The place of a queue's turn: a smaller number is served first. */
  turnOf(queue: string): number {
    const siding = this.#sidingOf(queue);
    return this.#inTurn().findIndex(({ sidings }) => sidings.includes(siding));
  }

  /** Queues that are listed, were set, or have had jobs. */
  queues(): readonly string[] {
    return [...new Set([...this.#listed, ...this.#set.keys(), ...this.#sidings.keys()])];
  }

  /** What holds for a queue. */
  policyOf(queue: string): QueuePolicy {
    return this.#sidings.get(queue)?.policy ?? queuePolicy(queue, this.#listed, this.#set.get(queue));
  }

  /** What is counted under a queue, and what holds for it. */
  queue(queue: string): Account {
    return this.#sidingOf(queue);
  }

  /** All that a job is counted under: its queue, its tenant, its limit keys. */
  accountsOf(entry: Entry): readonly Account[] {
    return [this.#sidingOf(entry.queue), ...this.accounts.of(entry)];
  }

  /** How many jobs of a queue are ready and not offered. */
  waitingIn(queue: string): number {
    return this.#sidings.get(queue)?.waiting ?? 0;
  }

  /** How many jobs are ready and not offered, by type; a type that has waited before stays, at 0. */
  waitingByType(): ReadonlyMap<string, number> {
    const waiting = new Map<string, number>([...this.#typesSeen].map((type) => [type, 0]));
    for (const siding of this.#sidings.values())
      for (const [type, size] of siding.sizes()) waiting.set(type, (waiting.get(type) ?? 0) + size);
    for (const type of waiting.keys()) this.#typesSeen.add(type);
    return waiting;
  }

  /** The lanes of a queue, each with what waits there. */
  lanesOf(queue: string): readonly LaneView[] {
    return this.#sidings.get(queue)?.lanes() ?? [];
  }

  /** People have set something for a queue: it holds from now on. */
  setQueue(settings: QueueSettings): void {
    const { agingStepMs } = this.policyOf(settings.queue);
    this.#set.set(settings.queue, settings);
    const siding = this.#sidingOf(settings.queue);
    siding.policy = queuePolicy(settings.queue, this.#listed, settings);
    this.#turns = undefined;
    if (siding.policy.agingStepMs !== agingStepMs) for (const entry of [...siding.risen()]) this.#rise(entry, 0);
  }

  /** Lets jobs rise that have waited long enough, so many at most; `now` is broker time. Returns how many did. */
  age(now: number, most: number): number {
    let risen = 0;
    for (const siding of this.#sidings.values())
      for (let ripe = siding.ripe(now); ripe !== undefined && risen < most; ripe = siding.ripe(now)) {
        this.#rise(ripe, ripe.risen + 1);
        risen++;
      }
    return risen;
  }

  /** Takes over a head unless a newer one of its key is known. `undefined` where it changed nothing. */
  apply(head: Head): Applied | undefined {
    const known = this.#entries.get(head.key);
    if (known === undefined) return isSettled(head.state) ? undefined : { entry: this.#add(head), from: undefined };
    if (head.revision <= known.revision) return undefined;
    const from = known.state;
    this.#detach(known);
    this.headcount.add(known, -1);
    this.#update(known, head);
    if (isSettled(head.state)) this.#remove(known);
    else {
      this.headcount.add(known, 1);
      this.#attach(known);
    }
    return { entry: known, from };
  }

  /** Takes a job off the board, whose record is gone or can be read by nobody. */
  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#detach(entry);
    this.headcount.add(entry, -1);
    this.#remove(entry);
  }

  /** Forgets everything, before a reload. */
  clear(): void {
    this.#entries.clear();
    this.accounts.clear();
    this.headcount.clear();
    this.#sidings.clear();
    this.parking.freeAll();
    this.#turns = undefined;
    for (const worker of this.#holdings.keys()) this.#touched.add(worker);
    this.#holdings.clear();
    this.#left.clear();
  }

  /** Takes back the offers that are out to a worker, or to all, but for those that are kept. One that claims all the same has its claim: the record decides. */
  withdrawOffers(worker?: string, isKept: (entry: Entry) => boolean = () => false): void {
    const holdings = worker === undefined ? [...this.#holdings.values()] : [this.#holdings.get(worker)];
    for (const entry of holdings.flatMap((holding) => [...(holding?.offers ?? [])]))
      if (!isKept(entry)) this.withdraw(entry);
  }

  /** Notes that `entry` has been offered: it leaves its queue until it is claimed or `until` has passed. */
  offered(entry: Entry, worker: string, until: number): void {
    this.#detach(entry);
    entry.offer = { worker, until };
    const holding = this.holding(worker);
    holding.offers.add(entry);
    this.#touched.add(worker);
    hold(holding, entry, 1);
    this.#out(entry);
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
      limitKeys: this.#internedKeys(head.limitKeys),
      revision: head.revision,
      state: head.state,
      queue: head.queue,
      priority: head.priority,
      attempt: head.attempt,
      updatedAt: head.updatedAt,
      readyAt: head.readyAt ?? head.updatedAt,
      risen: 0,
      worker: head.worker,
      dueAt: head.dueAt,
      expiresAt: head.expiresAt,
      timeoutMs: head.timeoutMs,
      rare: rareOf(head),
      isOfNewer: isOfNewer(head),
      place: undefined,
      offer: undefined,
    };
    this.#entries.set(head.key, entry);
    this.accounts.opened(entry);
    this.headcount.add(entry, 1);
    this.#attach(entry);
    return entry;
  }

  #remove(entry: Entry): void {
    if (this.#entries.delete(entry.key)) this.accounts.closed(entry);
  }

  #update(entry: Entry, head: Head): void {
    const readyAt = head.readyAt ?? head.updatedAt;
    const waitsOn = isReady(entry.state) && entry.readyAt === readyAt;
    if (!waitsOn || entry.priority !== head.priority || entry.queue !== head.queue) entry.risen = 0;
    entry.readyAt = readyAt;
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
    entry.rare = rareOf(head);
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

  /** Jobs with the same limit keys share one list of them. */
  #internedKeys(keys: readonly string[] | undefined): readonly string[] | undefined {
    if (keys === undefined) return undefined;
    const name = keys.join(',');
    const known = this.#keyLists.get(name);
    if (known !== undefined) return known;
    this.#keyLists.set(name, keys);
    return keys;
  }

  /** What its type and requirements are called: the same for all jobs with the same. */
  #needOf({ type, requirements }: Entry): string {
    return this.#requirementKeys.get(requirements)?.key ?? requirementKey(type, requirements);
  }

  #attach(entry: Entry): void {
    if (entry.isOfNewer && !isActive(entry.state)) this.#left.add(entry);
    else if (isReady(entry.state)) {
      entry.place = this.#sidingOf(entry.queue).lineOf(entry, this.#needOf(entry));
      entry.place.add(entry);
    } else if (isActive(entry.state) && entry.worker !== undefined) {
      this.#out(entry);
      const holding = this.holding(entry.worker);
      holding.claims.add(entry);
      this.#touched.add(entry.worker);
      hold(holding, entry, 1, entry.rare);
    }
  }

  #out(entry: Entry): void {
    this.#sidingOf(entry.queue).out.add(entry);
    this.accounts.out(entry);
  }

  #detach(entry: Entry): void {
    this.#left.delete(entry);
    this.#sidings.get(entry.queue)?.out.delete(entry);
    this.accounts.in(entry);
    entry.place?.remove(entry);
    entry.place = undefined;
    if (entry.offer !== undefined) {
      const holding = this.holding(entry.offer.worker);
      if (holding.offers.delete(entry)) hold(holding, entry, -1);
      this.#touched.add(entry.offer.worker);
      entry.offer = undefined;
    }
    if (isActive(entry.state) && entry.worker !== undefined) this.#release(entry, entry.worker);
  }

  #release(entry: Entry, worker: string): void {
    const holding = this.holding(worker);
    if (holding.claims.delete(entry)) hold(holding, entry, -1, entry.rare);
    this.#touched.add(worker);
    if (holding.claims.size === 0 && holding.offers.size === 0) this.#holdings.delete(worker);
  }

  #rise(entry: Entry, steps: number): void {
    this.#detach(entry);
    entry.risen = steps;
    this.#attach(entry);
  }

  #sidingOf(queue: string): Siding {
    let siding = this.#sidings.get(queue);
    if (siding === undefined) {
      siding = new Siding(queuePolicy(queue, this.#listed, this.#set.get(queue)));
      this.#sidings.set(queue, siding);
      this.#turns = undefined;
    }
    return siding;
  }

  #inTurn(): readonly Turn[] {
    this.#turns ??= turnsOf([...this.#sidings.values()]);
    return this.#turns;
  }
}

/** A job is with a worker, or with -1 no more. */
function hold({ usage, slotsByType }: Holding, { type, requirements }: Entry, sign: 1 | -1, held?: Held): void {
  take(usage, requirements, sign, held);
  const slots = (slotsByType.get(type) ?? 0) + sign * (requirements.slots ?? 1);
  if (slots === 0) slotsByType.delete(type);
  else slotsByType.set(type, slots);
}

function levelOf({ priority, risen }: Entry): number {
  return priorities.indexOf(raised(priority, risen));
}

function tracksOf({ order, sidings, isShared }: Turn, level: Priority): Track[] {
  if (!isShared) return [{ name: `${order} ${level}`, levels: sidings.flatMap((siding) => siding.at(level)) }];
  return sidings.map((siding) => ({ name: `${siding.name} ${level}`, levels: siding.at(level) }));
}

/** Strict queues by their order, those of one order together; all that share, where the first of them would stand. */
function turnsOf(sidings: readonly Siding[]): readonly Turn[] {
  const strict = sidings.filter(({ policy }) => policy.mode === 'strict');
  const shared = sidings.filter(({ policy }) => policy.mode === 'weighted');
  const turns = [...Map.groupBy(strict, ({ policy }) => policy.order)].map(([order, together]) => ({
    order,
    sidings: together,
    isShared: false,
  }));
  if (shared.length > 0)
    turns.push({ order: Math.min(...shared.map(({ policy }) => policy.order)), sidings: shared, isShared: true });
  return turns.sort((one, other) => one.order - other.order || Number(one.isShared) - Number(other.isShared));
}
