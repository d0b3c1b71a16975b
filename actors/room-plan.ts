/**
 * For which waiting jobs a worker is to keep room, and which running jobs are to make some. Pure: it looks at the board and
 * the fleet and changes neither.
 *
 * It goes through the lines as `decide` does, best lane first, and gives each job the room that is there, else the room
 * that is about to be there. For a job that finds neither, jobs of queues that its own may evict make room, at the worker
 * where that costs least. A job that a limit keeps back evicts nobody, unless those that would go are what fills the limit. And for the first of a line that has waited for `reserveAfterMs`, and that others would pass for
 * ever since it needs much, the worker that is nearest to having room keeps it: what starts there from now on leaves the
 * job its place, so that it starts when the last of what ran there has ended. One for each set of requirements, and not
 * more than a quarter of the workers, at least one.
 *
 * Nothing is remembered but which worker keeps room for which job: a new leader comes to the same by itself.
 */

import {
  type Capacity,
  hasRoom,
  idle,
  type Requirements,
  take,
  type Usage,
  unmet,
  usageOf,
  without,
} from '../machines/rules/capability.ts';
import type { Account } from './account.ts';
import type { Board, Track } from './board.ts';
import type { Candidate } from './crew.ts';
import { type Entry, isBefore } from './entry.ts';
import { type Eviction, evictionFor, isCheaper, isLeaving } from './eviction.ts';
import type { ReadyQueue } from './ready-queue.ts';

/** A worker keeps room for a job. */
export interface Reservation {
  entry: Entry;
  worker: string;
  /** The jobs after which there is room: those that ran there when it began, or those that make room. */
  after: 'those that ran' | 'those that leave';
}

export interface RoomPlan {
  reservations: readonly Reservation[];
  evictions: readonly (Eviction & { wanted: Entry; worker: string })[];
}

export interface RoomPlanOptions {
  board: Pick<Board, 'tracks' | 'holding' | 'policyOf' | 'turnOf' | 'accountsOf'>;
  candidates: readonly Candidate[];
  /** What was reserved before: a job keeps its worker. */
  reserved: readonly Reservation[];
  /** Jobs of a type that may wait on a worker for so many slots. */
  lookAhead(type: string, slots: number): number;
  gpuSpillOver: boolean;
  /** How many more jobs may be offered now that are counted under this. */
  room(account: Account): number;
  /** Whether nothing but jobs that are out keeps others of it back. */
  isFull(account: Account): boolean;
  /** Whether running jobs may be evicted now. */
  mayEvict: boolean;
  /** Broker time, epoch ms. */
  now: number;
}

/** So many lines are looked at, those of the best lanes first. */
const linesAtOnce = 64;
const evictionsAtOnce = 20;

export function planRoom(options: RoomPlanOptions): RoomPlan {
  const plan = new Plan(options);
  let left = linesAtOnce;
  for (const lane of options.board.tracks()) {
    const lines = linesOf(lane, left);
    plan.serve(lines);
    left -= lines.length;
    if (left <= 0) break;
  }
  return plan;
}

/** So many of them at most. */
function linesOf(lane: readonly Track[], most: number): readonly ReadyQueue[] {
  const lines: ReadyQueue[] = [];
  for (const level of lane.flatMap(({ levels }) => levels))
    for (const line of level.lines()) if (lines.push(line) >= most) return lines;
  return lines;
}

/** A worker as it will be: what is there now, and what will be when all that leaves has left. */
interface Site {
  worker: string;
  capacity: Capacity;
  now: Usage;
  toCome: Usage;
  /** Slots that are not taken for long. */
  brisk: number;
}

/** Jobs with the same needs, in order. */
interface Line {
  next: Entry;
  rest: Iterator<Entry>;
  able: readonly Site[];
  evicts: boolean;
}

function advance(line: Line): boolean {
  const next = line.rest.next();
  if (next.done === true) return false;
  line.next = next.value;
  return true;
}

class Plan implements RoomPlan {
  readonly reservations: Reservation[] = [];
  readonly evictions: (Eviction & { wanted: Entry; worker: string })[] = [];
  readonly #options: RoomPlanOptions;
  readonly #sites: readonly Site[];
  readonly #spoken = new Set<Entry>();
  /** What is left of limits, by name. */
  readonly #left = new Map<string, number>();
  readonly #waitedFor = new Set<Requirements>();

  constructor(options: RoomPlanOptions) {
    this.#options = options;
    this.#sites = options.candidates.map(({ incarnation, capacity, usage, long = 0 }) => ({
      worker: incarnation,
      capacity,
      now: { ...usage },
      toCome: without(usage, leavingOf(options.board, incarnation)),
      brisk: Math.max(0, capacity.slots - long),
    }));
  }

  /** Gives the jobs of a lane what room there is, the oldest first; of a line, until one finds none. */
  serve(lane: readonly ReadyQueue[]): void {
    let lines = lane.flatMap((queue) => this.#lineOf(queue));
    while (lines.length > 0) {
      const line = lines.reduce((best, one) => (isBefore(one.next, best.next) ? one : best));
      if (!this.#serveOne(line) || !advance(line)) lines = lines.filter((one) => one !== line);
    }
  }

  #lineOf(queue: ReadyQueue): Line[] {
    const { board } = this.#options;
    const able = this.#sites.filter((site) => this.#isAble(queue, site));
    const rest = queue[Symbol.iterator]();
    const first = rest.next();
    if (first.done === true || able.length === 0) return [];
    const evicts = board.policyOf(queue.queue).mayEvict.length > 0;
    return [{ next: first.value, rest, able, evicts }];
  }

  /** Whether the first of a line finds room, or is about to. */
  #serveOne({ next, able, evicts }: Line): boolean {
    const accounts = this.#options.board.accountsOf(next);
    const full = accounts.filter((account) => this.#leftOf(account) <= 0);
    if (full.length > 0) return evicts && full.every((each) => this.#isFull(each)) && this.#evict(next, able, full);
    const site = able.find((each) => this.#fits(next, each, each.now));
    if (site !== undefined) this.#give(next, site);
    else if (this.#isReserved(next) || !(this.#waits(next, able, evicts) || (evicts && this.#evict(next, able, [])))) {
      this.#reserve(next, able);
      return false;
    }
    return true;
  }

  /** Of a limit, what is left in this plan. One who is about to leave has as good as left. */
  #leftOf(account: Account): number {
    const name = nameOf(account);
    const left = this.#left.get(name) ?? this.#roomOf(account);
    this.#left.set(name, left);
    return left;
  }

  #roomOf(account: Account): number {
    const { room } = this.#options;
    return this.#isFull(account) ? [...account.out].filter(isLeaving).length : room(account);
  }

  #isFull(account: Account): boolean {
    return this.#options.isFull(account);
  }

  /** What once has a worker wait for it keeps it until it starts: that all there is about to go may be a matter of minutes. */
  #isReserved(entry: Entry): boolean {
    return this.#options.reserved.some((one) => one.entry === entry && one.after === 'those that ran');
  }

  /** Room that is about to be there. */
  #waits(entry: Entry, able: readonly Site[], evicts: boolean): boolean {
    const site = able.find((each) => this.#fits(entry, each, each.toCome));
    if (site === undefined) return false;
    if (evicts) this.reservations.push({ entry, worker: site.worker, after: 'those that leave' });
    this.#give(entry, site);
    return true;
  }

  /** @param full the limits that those that go must leave room under. */
  #evict(wanted: Entry, able: readonly Site[], full: readonly Account[]): boolean {
    if (!this.#options.mayEvict || this.evictions.length >= evictionsAtOnce) return false;
    let best: (Eviction & { site: Site }) | undefined;
    for (const site of able) {
      const eviction = this.#evictionAt(site, wanted, full);
      if (eviction !== undefined && isCheaper(eviction, best)) best = { ...eviction, site };
    }
    if (best === undefined) return false;
    const { site, victims, lossMs } = best;
    for (const victim of victims) {
      this.#spoken.add(victim);
      take(site.toCome, victim.requirements, -1, victim.rare);
      for (const account of full) if (account.out.has(victim)) this.#count(account, 1);
    }
    this.evictions.push({ wanted, worker: site.worker, victims, lossMs });
    this.reservations.push({ entry: wanted, worker: site.worker, after: 'those that leave' });
    this.#give(wanted, site);
    return true;
  }

  #evictionAt({ worker, capacity, toCome }: Site, wanted: Entry, full: readonly Account[]): Eviction | undefined {
    const { board, now } = this.#options;
    const lookAhead = 0;
    return evictionFor(wanted, {
      ...{ board, worker, capacity, usage: toCome, lookAhead, now },
      isSpoken: (entry) => this.#spoken.has(entry),
      allows: (victims) =>
        full.every((account) => this.#leftOf(account) + victims.filter((each) => account.out.has(each)).length > 0),
    });
  }

  /** Has a worker keep room for the first of a line that has waited for long. */
  #reserve(entry: Entry, able: readonly Site[]): void {
    const { board, reserved, candidates, now } = this.#options;
    const waiting = this.reservations.filter(({ after }) => after === 'those that ran').length;
    const isTooMany = waiting >= Math.max(1, Math.floor(candidates.length / 4));
    if (isTooMany || this.#waitedFor.has(entry.requirements)) return;
    if (now - entry.readyAt < board.policyOf(entry.queue).reserveAfterMs) return;
    const kept = reserved.find((one) => one.entry === entry)?.worker;
    const isTaken = ({ worker }: Site) => this.reservations.some((one) => one.worker === worker);
    const site =
      able.find(({ worker }) => worker === kept) ??
      nearest(
        able.filter((one) => !isTaken(one)),
        entry,
      );
    if (site === undefined) return;
    this.#waitedFor.add(entry.requirements);
    this.reservations.push({ entry, worker: site.worker, after: 'those that ran' });
    this.#give(entry, site);
  }

  #give(entry: Entry, { now, toCome }: Site): void {
    take(now, entry.requirements);
    take(toCome, entry.requirements);
    for (const account of this.#options.board.accountsOf(entry)) this.#count(account, -1);
  }

  #count(account: Account, more: number): void {
    this.#left.set(nameOf(account), this.#leftOf(account) + more);
  }

  #isAble({ type, requirements }: ReadyQueue, { capacity }: Site): boolean {
    const isKept = !this.#options.gpuSpillOver && capacity.gpu > 0 && (requirements.gpu ?? 0) === 0;
    return !isKept && unmet(type, requirements, capacity) === undefined;
  }

  #fits({ type, requirements }: Entry, { capacity, brisk }: Site, usage: Usage): boolean {
    return hasRoom(requirements, capacity, usage, this.#options.lookAhead(type, brisk));
  }
}

function nameOf({ kind, name }: Account): string {
  return `${kind} ${name}`;
}

/** What of a worker's usage is about to go. */
export function leavingOf(board: Pick<Board, 'holding'>, worker: string): Usage {
  const leaving = { ...idle };
  for (const entry of board.holding(worker).claims)
    if (isLeaving(entry)) take(leaving, entry.requirements, 1, entry.rare);
  return leaving;
}

/** The worker that lacks the smallest part of what it has. */
function nearest(able: readonly Site[], entry: Entry): Site | undefined {
  return able.reduce<Site | undefined>(
    (best, site) => (best === undefined || lackOf(site, entry) < lackOf(best, entry) ? site : best),
    undefined,
  );
}

function lackOf({ capacity, now }: Site, { requirements }: Entry): number {
  const more = usageOf(requirements);
  const part = (all: number, used: number, wanted: number) =>
    wanted === 0 ? 0 : Math.max(0, used + wanted - all) / Math.max(1, all);
  return (
    part(capacity.slots, now.slots, more.slots) +
    part(capacity.gpu, now.gpu, more.gpu) +
    part(capacity.memoryMb, now.memoryMb, more.memoryMb) +
    part(capacity.diskMb ?? 0, now.diskMb, more.diskMb)
  );
}
