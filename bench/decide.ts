/**
 * What a decision costs the leader, however many jobs wait: a board with lanes, requirement sets, tenants and limits, and
 * a crew of workers, all in memory. Each round some of what runs ends and as many new jobs come, and the room is given
 * away again. What is timed is all that the leader's scheduler does for it: looking at workers that changed, the decision, and
 * noting what is offered; not the mail, and not what brings jobs and their ends to the board.
 */

import { Board } from '../actors/board.ts';
import { type Candidate, Crew } from '../actors/crew.ts';
import { decide as decided, type Offering, served } from '../actors/decide.ts';
import { LaneShares, Shares } from '../actors/shares.ts';
import { graceMs, Throttle } from '../actors/throttle.ts';
import type { Capacity, Requirements } from '../machines/rules/capability.ts';
import { priorities } from '../machines/rules/lanes.ts';
import { ManualClock, seeded } from '../runtime/memory/manual-clock.ts';
import type { Head } from '../runtime/ports.ts';
import { rounded, type Spread, spread } from './figure.ts';

export interface DecideResult {
  lanes: number;
  requirementSets: number;
  tenants: number;
  workers: number;
  assignments: number;
  /** By how many jobs wait, as `100000 waiting`. */
  [waiting: string]: number | Cost;
}

/** What an assignment costs, µs, over rounds; and the longest decision, ms, which other work of the leader waits for. */
interface Cost extends Spread {
  longestMs: number;
}

export interface DecideOptions {
  /** How many jobs wait, from few to many. */
  waiting: readonly number[];
  workers: number;
  rounds: number;
}

const queues = ['live', 'batch', 'backfill'];
const levels = priorities.slice(0, 3);
const tenants = Array.from({ length: 50 }, (_, n) => `tenant-${n}`);
const types = ['transcode', 'thumbnail'];
const zones = Array.from({ length: 10 }, (_, n) => `zone-${n}`);
const requirementSets = 200;
const machineModels = 40;
const warmUpRounds = 20;
/** Of the jobs that run, how many end in a round. */
const endedARound = 100;
/** As many offers as one decision of the leader makes at most. */
const offersAtOnce = 1_000;
const offerForMs = 5_000;

export async function decide({ waiting, workers, rounds }: DecideOptions): Promise<DecideResult> {
  const costs: Record<string, Cost> = {};
  let assignments = 0;
  for (const count of waiting) {
    const leader = await Leader.settled({ waiting: count, workers });
    for (let round = 0; round < warmUpRounds; round++) leader.round();
    const results = Array.from({ length: rounds }, () => leader.round());
    const { median, min, max } = spread(results.map(({ ms, offers }) => (1_000 * ms) / Math.max(1, offers)));
    const longestMs = rounded(Math.max(...results.map(({ ms }) => ms)));
    costs[`${count} waiting`] = { median: rounded(median), min: rounded(min), max: rounded(max), longestMs };
    assignments += results.reduce((sum, { offers }) => sum + offers, 0);
    process.stderr.write(`${count} waiting: ${rounded(median)} µs an assignment\n`);
  }
  return {
    ...{ lanes: queues.length * levels.length, requirementSets, tenants: tenants.length, workers, assignments },
    ...costs,
  };
}

/** What a leader decides with. */
class Leader {
  readonly #clock = new ManualClock();
  readonly #random = seeded(1);
  readonly #board = new Board({ queues });
  readonly #crew = new Crew();
  readonly #capacities = new Map<string, Capacity>();
  readonly #needs: readonly Requirements[];
  readonly #throttle = new Throttle({ clock: this.#clock, offerForMs });
  readonly #tenants = new LaneShares((name) => this.#board.accounts.weightOf(name));
  readonly #shares = new Shares(() => undefined);
  readonly #running: Offering['entry'][] = [];
  #revision = 0;

  private constructor({ waiting, workers }: { waiting: number; workers: number }) {
    this.#needs = Array.from({ length: requirementSets }, (_, n) => this.#need(n));
    for (let n = 0; n < workers; n++) this.#capacities.set(`worker-${n}`, capacityOf(n % machineModels));
    this.#limit();
    for (const worker of this.#capacities.keys()) this.#muster(worker);
    for (let n = 0; n < waiting; n++) this.#submit();
  }

  /** One that has led for so long that no offers of another one are waited for, and has given all room away. */
  static async settled(options: { waiting: number; workers: number }): Promise<Leader> {
    const leader = new Leader(options);
    await leader.#clock.advance(offerForMs + graceMs);
    while (leader.#decide().length > 0);
    return leader;
  }

  /** Some of what runs ends, as many come, and the room is given away. */
  round(): { ms: number; offers: number } {
    for (let n = 0; n < endedARound && this.#running.length > 0; n++) this.#end();
    const before = performance.now();
    const offers = this.#decide();
    const ms = performance.now() - before;
    for (let n = 0; n < offers.length; n++) this.#submit();
    return { ms, offers: offers.length };
  }

  /** Some tenants and keys may have only so many jobs out, and some queues too. */
  #limit(): void {
    const { accounts } = this.#board;
    for (const [n, tenant] of tenants.entries()) accounts.setTenant({ tenant, weight: 1 + (n % 5), maxActive: 20 + n });
    accounts.setLimit({ limit: 'api.*', maxActive: 3 });
    this.#board.setQueue({ queue: 'backfill', maxActive: 2_000 });
  }

  #decide(): readonly Offering[] {
    for (const worker of this.#board.touched()) this.#muster(worker);
    for (const limit of this.#throttle.begin()) this.#board.parking.free(limit);
    const offers = decided(this.#board, this.#crew, {
      ...{ most: offersAtOnce, lookAhead: () => 0, gpuSpillOver: false, holdsAt: () => [] },
      ...{ shares: this.#shares, tenants: this.#tenants },
      room: (queue) => this.#throttle.room(this.#board.queue(queue)),
      roomUnder: (limit) => this.#throttle.room(this.#board.accounts.named(limit)),
    });
    for (const offering of offers) {
      const { entry, worker } = offering;
      this.#board.offered(entry, worker, 1);
      this.#throttle.took(this.#board.accountsOf(entry));
      served(offering, { shares: this.#shares, tenants: this.#tenants });
      this.#running.push(entry);
    }
    return offers;
  }

  #muster(worker: string): void {
    const capacity = this.#capacities.get(worker);
    if (capacity === undefined) return;
    const candidate: Candidate = { incarnation: worker, capacity, usage: this.#board.holding(worker).usage };
    this.#crew.put(candidate);
  }

  #submit(): void {
    const n = ++this.#revision;
    const now = this.#clock.now();
    const limitKeys = n % 7 === 0 ? { limitKeys: [`api.${n % 100}`] } : {};
    const head: Head = {
      ...{ key: `${this.#one(tenants)}.job-${n}`, revision: n, state: 'pending', type: this.#one(types) },
      ...{ queue: this.#one(queues), priority: this.#one(levels), requirements: this.#one(this.#needs) },
      ...{ createdAt: n, updatedAt: now, attempt: 0, ...limitKeys },
    };
    this.#board.apply(head);
  }

  /** One of those that run has completed. */
  #end(): void {
    const at = Math.floor(this.#random() * this.#running.length);
    const [entry] = this.#running.splice(at, 1);
    if (entry === undefined) return;
    const { key, type, queue, priority, requirements, createdAt } = entry;
    const now = this.#clock.now();
    const known = { key, type, queue, priority, requirements, createdAt };
    this.#board.apply({ ...known, revision: ++this.#revision, state: 'completed', updatedAt: now, attempt: 1 });
  }

  #one<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new RangeError('Expected one to choose, got none.');
    return item;
  }

  /** Most ask for a zone and some memory, one in five for GPUs, and each for something else. */
  #need(n: number): Requirements {
    const zone = zones[n % zones.length] ?? '';
    const memoryMb = 100 + n;
    if (n % 5 === 0) return { gpu: 1 + (n % 2), vramMb: n % 3 === 0 ? 16_000 : 8_000, memoryMb, labels: { zone } };
    return { slots: 1 + (n % 3), memoryMb, ...(n % 4 === 0 ? {} : { labels: { zone } }) };
  }
}

/** One in four has GPUs. */
function capacityOf(model: number): Capacity {
  const gpu = model % 4 === 0 ? 4 : 0;
  return {
    ...{ slots: 8, types, gpu, vramMb: gpu === 0 ? 0 : 24_000, encoders: [], memoryMb: 16_000 + model },
    labels: { zone: zones[model % zones.length] ?? '' },
  };
}
