/**
 * The decision worked out the slow way, to hold the quick one against: again and again each waiting job is tried with
 * each worker, and of all that could go the first is taken. It shares no code with `actors/decide.ts` and keeps
 * nothing between two decisions but who has been served.
 */

import type { Board } from '../../actors/board.ts';
import type { Candidate } from '../../actors/crew.ts';
import type { Entry } from '../../actors/entry.ts';
import { type Hold, leavesRoom } from '../../actors/hold.ts';
import { isReady } from '../../machines/job.ts';
import { hasRoom, idle, requirementKey, take, type Usage, unmet } from '../../machines/rules/capability.ts';
import { priorities, raised } from '../../machines/rules/lanes.ts';

export interface Rules {
  lookAhead: (type: string, slots: number) => number;
  gpuSpillOver: boolean;
  most: number;
  room: (queue: string) => number;
  /** How many more jobs of a tenant may be offered. */
  roomOf: (tenant: string) => number;
  /** The same of those that name a limit key. */
  roomOfKey?: (key: string) => number;
  weightOf: (tenant: string) => number;
  holdsAt?: (worker: string) => readonly Hold[];
}

export class Reference {
  /** Starts divided by weight, of queues that share and of tenants in their lanes. */
  readonly #served = new Map<string, number>();
  readonly #now = new Map<string, number>();

  /** The offers to make, as `key→worker`. All that is offered counts as served. */
  decide(board: Board, candidates: readonly Candidate[], rules: Rules): string[] {
    const left = [...board.entries()].filter((entry) => isReady(entry.state) && entry.offer === undefined);
    const waiting = [...left];
    const used = new Map(candidates.map((one) => [one.incarnation, { ...one.usage }]));
    const offered: { entry: Entry; worker: string }[] = [];
    const offers: string[] = [];
    while (offers.length < rules.most) {
      const able = left.flatMap((entry) => {
        if (!isAllowed(entry, offered, rules)) return [];
        const worker = workerFor(entry, { candidates, used, offered, waiting, rules });
        return worker === undefined ? [] : [{ entry, worker }];
      });
      const first = this.#first(able, board);
      if (first === undefined) return offers;
      const { entry, worker } = first;
      offers.push(`${entry.key}→${worker}`);
      offered.push({ entry, worker });
      left.splice(left.indexOf(entry), 1);
      take(used.get(worker) ?? { ...idle }, entry.requirements);
      this.#serve(entry, board, rules);
    }
    return offers;
  }

  /** In each track the first by tenants' turns; of those the first by queues' turns. */
  #first<Able extends { entry: Entry }>(able: readonly Able[], board: Board): Able | undefined {
    const tracks = Map.groupBy(able, ({ entry }) => trackOf(entry, board));
    const inTrack = ({ entry }: Able) => [
      this.#mark(trackOf(entry, board), `${trackOf(entry, board)} tenant ${tenantOf(entry)}`),
      entry.createdAt,
      entry.birth,
    ];
    const inAll = ({ entry }: Able) => [
      ...turnOf(entry, board),
      isShared(entry, board) ? this.#mark('queues', `queue ${entry.queue}`) : 0,
      levelOf(entry),
      entry.createdAt,
      entry.birth,
    ];
    return least(
      [...tracks.values()].flatMap((those) => least(those, inTrack) ?? []),
      inAll,
    );
  }

  #mark(clock: string, name: string): number {
    return Math.max(this.#now.get(clock) ?? 0, this.#served.get(name) ?? 0);
  }

  #serve(entry: Entry, board: Board, { weightOf }: Rules): void {
    const track = trackOf(entry, board);
    this.#count(track, `${track} tenant ${tenantOf(entry)}`, weightOf(tenantOf(entry)));
    if (isShared(entry, board)) this.#count('queues', `queue ${entry.queue}`, board.policyOf(entry.queue).weight);
  }

  #count(clock: string, name: string, weight: number): void {
    const mark = this.#mark(clock, name);
    this.#now.set(clock, mark);
    this.#served.set(name, mark + 1 / weight);
  }
}

function tenantOf({ key }: Entry): string {
  return key.includes('.') ? (key.split('.')[0] ?? '') : '';
}

function levelOf({ priority, risen }: Entry): number {
  return priorities.indexOf(raised(priority, risen));
}

function isShared({ queue }: Entry, board: Board): boolean {
  return board.policyOf(queue).mode === 'weighted';
}

/** Strict before shared where both have the same turn; all that share have that of the first of them. */
function turnOf(entry: Entry, board: Board): number[] {
  if (!isShared(entry, board)) return [board.policyOf(entry.queue).order, 0];
  const sharing = board.queues().map((queue) => board.policyOf(queue));
  return [Math.min(...sharing.filter(({ mode }) => mode === 'weighted').map(({ order }) => order)), 1];
}

function trackOf(entry: Entry, board: Board): string {
  const { order } = board.policyOf(entry.queue);
  return `${isShared(entry, board) ? entry.queue : order} at ${levelOf(entry)}`;
}

function isAllowed(entry: Entry, before: Situation['offered'], { room, roomOf, roomOfKey }: Rules): boolean {
  const offered = before.map((one) => one.entry);
  const ofQueue = offered.filter(({ queue }) => queue === entry.queue).length;
  const ofTenant = offered.filter((other) => tenantOf(other) === tenantOf(entry)).length;
  const ofKey = (key: string) => offered.filter(({ limitKeys }) => limitKeys?.includes(key)).length;
  const isKeyFull = entry.limitKeys?.some((key) => (roomOfKey?.(key) ?? Number.POSITIVE_INFINITY) <= ofKey(key));
  return room(entry.queue) > ofQueue && roomOf(tenantOf(entry)) > ofTenant && isKeyFull !== true;
}

interface Situation {
  candidates: readonly Candidate[];
  used: ReadonlyMap<string, Usage>;
  offered: readonly { entry: Entry; worker: string }[];
  waiting: readonly Entry[];
  rules: Rules;
}

/** The cheapest of those that may take it, the first of them where several are. */
function workerFor(entry: Entry, { candidates, used, offered, waiting, rules }: Situation): string | undefined {
  const { type, requirements } = entry;
  const alike = waiting.filter(
    (other) =>
      other.queue === entry.queue &&
      levelOf(other) === levelOf(entry) &&
      requirementKey(other.type, other.requirements) === requirementKey(type, requirements),
  ).length;
  const able = candidates.flatMap(({ incarnation, capacity, usage, long = 0 }) => {
    const now = used.get(incarnation) ?? idle;
    const given = offered.filter(({ worker, entry }) => worker === incarnation && rules.lookAhead(entry.type, 1) === 0);
    const forLong = given.reduce((sum, { entry: { requirements } }) => sum + (requirements.slots ?? 1), long);
    const brisk = Math.max(0, capacity.slots - forLong);
    const lookAhead = rules.lookAhead(type, brisk);
    const half = (brisk + lookAhead) / 2;
    const isHungry = usage.slots < capacity.slots || usage.slots - forLong <= half || alike < half;
    const isKept = !rules.gpuSpillOver && capacity.gpu > 0 && (requirements.gpu ?? 0) === 0;
    const fits = unmet(type, requirements, capacity) === undefined && hasRoom(requirements, capacity, now, lookAhead);
    if (!fits || !isHungry || isKept) return [];
    const holds = rules.holdsAt?.(incarnation) ?? [];
    if (!leavesRoom(entry, { holds, capacity, usage: now, lookAhead })) return [];
    const gpusLeft = (requirements.gpu ?? 0) > 0 ? capacity.gpu - now.gpu - (requirements.gpu ?? 0) : 0;
    const isSpilled = (requirements.gpu ?? 0) === 0 && capacity.gpu > 0;
    return [{ incarnation, cost: [gpusLeft, isSpilled ? 1 : 0, now.slots / capacity.slots] }];
  });
  return least(able, ({ cost }) => cost)?.incarnation;
}

/** The first of those that no other goes before, by the first number in which they differ. */
function least<Value>(values: readonly Value[], keyOf: (value: Value) => readonly number[]): Value | undefined {
  return values.reduce<Value | undefined>(
    (best, value) => (best === undefined || isLess(keyOf(value), keyOf(best)) ? value : best),
    undefined,
  );
}

function isLess(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at !== -1 && (one[at] ?? 0) < (other[at] ?? 0);
}
