/**
 * Group commit for everybody but the leader: what became ready within a turn of the loop goes out as one batch.
 *
 * A unit is a set of writes that must land together (most often one record). Units join a batch, at most one write
 * per key in flight. A refused batch does not say who was to blame, so it is split in halves until the unit stands
 * alone. No answer leaves the outcome open: the same unit is written again until it is accepted or refused, and a
 * refusal after a silence is settled by reading, since the first write may have landed after all.
 *
 * A broker that was started anew may have lost the end of what it had, and given the revision that a unit expects to
 * something else. So what was not accepted by then is read first: it is sent again only where what stands there is what
 * it was made from, and that shows in the transitions, which a record carries along.
 */

import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { Entry, JobStore, Pointer } from '../runtime/ports.ts';
import { type JobRecord, type Stored, storedAs } from '../runtime/record.ts';
import type { StoredSchedule } from '../runtime/schedule.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { patiently } from './patience.ts';
import { whereUnreadable } from './unreadable.ts';

/** What became of a unit: stored under these revisions, or some key in it had moved on. */
export type Committed = { kind: 'stored'; revisions: readonly number[] } | { kind: 'conflict' };

/** Writes a unit, all of it or nothing. */
export type Commit = (entries: readonly Entry[]) => Promise<Committed>;

export interface Unit {
  entries: readonly Entry[];
  /** When it was handed in (monotonic, ms), where that matters. */
  since: number;
  /** It was sent once without an answer. */
  doubtful: boolean;
  /** The broker that gave the revisions which it expects. */
  broker: string;
  settle(committed: Committed): void;
  fail(cause: unknown): void;
}

/** A unit and the promise of what becomes of it. */
export function unitOf(
  entries: readonly Entry[],
  broker: string,
  since = 0,
): { unit: Unit; committed: Promise<Committed> } {
  const { promise, resolve, reject } = Promise.withResolvers<Committed>();
  return { unit: { entries, since, doubtful: false, broker, settle: resolve, fail: reject }, committed: promise };
}

export interface CommitterOptions {
  store: JobStore;
  clock: Clock;
  telemetry: Telemetry;
  /**
   * How long somebody waits for it, ms: what has no answer then fails, and what the broker has no room for, or does not let this
   * user write, fails at once. Without end unless given.
   */
  patienceMs?: number;
}

const entriesAtOnce = 500;
const batchesAtOnce = 2;
/** Opening a batch costs the broker as much as dozens of single writes: fewer units than this go one by one. */
const batchFrom = 48;
const fullMs = 250;
/** Permissions are changed by people, if at all. */
const forbiddenMs = 2_000;

export class Committer {
  readonly #store: JobStore;
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;
  readonly #patienceMs: number;
  #ready: Unit[] = [];
  readonly #keysInFlight = new Set<string>();
  #open = 0;
  #flushing = false;
  #closed = false;

  constructor(options: CommitterOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#telemetry = options.telemetry;
    this.#patienceMs = options.patienceMs ?? Number.POSITIVE_INFINITY;
  }

  readonly commit: Commit = (entries) => {
    const { unit, committed } = unitOf(entries, this.#store.broker(), this.#clock.mono());
    if (this.#closed) unit.fail(stopping());
    else this.#ready.push(unit);
    this.#flushSoon();
    return committed;
  };

  /** Gives up what is still open, as on a stop that cannot wait for a broker that is away. */
  close(): void {
    this.#closed = true;
    const waiting = this.#ready.splice(0);
    for (const unit of waiting) unit.fail(stopping());
  }

  #flushSoon(): void {
    if (this.#flushing || this.#open >= batchesAtOnce) return;
    this.#flushing = true;
    this.#clock.endOfTurn(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#open < batchesAtOnce) {
      const batch = this.#take();
      if (batch.length === 0) return;
      void this.#run(batch);
    }
  }

  /** The next units that share no key with one another or with what is in flight. */
  #take(): Unit[] {
    const batch: Unit[] = [];
    const left: Unit[] = [];
    let entries = 0;
    for (const unit of this.#ready) {
      const free = unit.entries.every(({ key }) => !this.#keysInFlight.has(key));
      const isTooMuch = batch.length > 0 && entries + unit.entries.length > entriesAtOnce;
      if (!free || isTooMuch) left.push(unit);
      else {
        batch.push(unit);
        entries += unit.entries.length;
        for (const { key } of unit.entries) this.#keysInFlight.add(key);
      }
    }
    this.#ready = left;
    return batch;
  }

  async #run(batch: readonly Unit[]): Promise<void> {
    this.#open++;
    if (batch.length < batchFrom) await Promise.all(batch.map((unit) => this.#send([unit])));
    else await this.#send(batch);
    for (const unit of batch) for (const { key } of unit.entries) this.#keysInFlight.delete(key);
    this.#open--;
    if (this.#ready.length > 0) this.#flushSoon();
  }

  /** Writes until each unit has been told what became of it. One that nobody takes fails, and fails alone. */
  async #send(units: readonly Unit[]): Promise<void> {
    try {
      await this.#write(units);
    } catch (cause) {
      if (units.length > 1 && !this.#closed) return this.#inHalves(units);
      for (const unit of units) unit.fail(cause);
    }
  }

  async #write(units: readonly Unit[]): Promise<void> {
    const broker = this.#store.broker();
    const isOfAnother = (unit: Unit) => unit.broker !== broker;
    if (!units.some(isOfAnother)) return this.#writeNow(units);
    const checked = await Promise.all(
      units.map(async (unit) => !isOfAnother(unit) || (await this.#isStillGood(unit, broker))),
    );
    const good = units.filter((_, at) => checked[at]);
    if (good.length > 0) await this.#write(good);
  }

  /** Whether a unit may be sent to `broker`, which is another one than the one it was made for; else it is settled. */
  async #isStillGood(unit: Unit, broker: string): Promise<boolean> {
    const found = await Promise.all(unit.entries.map((entry) => this.#standing(entry)));
    if (this.#store.broker() !== broker) return true;
    if (unit.entries.every((entry, at) => isItself(entry, found[at]))) {
      unit.settle({ kind: 'stored', revisions: found.map((stored) => stored?.revision ?? 0) });
      return false;
    }
    unit.broker = broker;
    if (unit.entries.every((entry, at) => isMadeFrom(entry, found[at]))) return true;
    unit.settle({ kind: 'conflict' });
    return false;
  }

  /** What stands under the key of an entry; nothing where nobody here can read it. */
  async #standing(entry: Entry): Promise<Standing | undefined> {
    const read = () => whereUnreadable(this.#readAs(entry), undefined);
    return patiently(read, { clock: this.#clock, isOver: () => this.#closed });
  }

  async #readAs(entry: Entry): Promise<Standing | undefined> {
    if ('schedule' in entry) return this.#store.readSchedule(entry.key);
    if ('pointer' in entry) return standingPointer(await this.#store.readPointer(entry.key));
    return 'record' in entry ? this.#store.read(entry.key) : undefined;
  }

  async #writeNow(units: readonly Unit[]): Promise<void> {
    const startedAt = this.#clock.mono();
    const entries = units.flatMap((unit) => unit.entries);
    const outcome = await this.#store.write(entries);
    this.#telemetry.tell('commit.batch', {
      entries: entries.length,
      ms: this.#clock.mono() - startedAt,
      outcome: outcome.kind,
    });
    switch (outcome.kind) {
      case 'accepted':
        return settleAll(units, outcome.revisions);
      case 'refused':
        return this.#refused(units);
      case 'busy':
        return this.#again(units, 2 + 8 * this.#clock.chance());
      case 'full':
        if (Number.isFinite(this.#patienceMs)) throw outcome.cause;
        return this.#again(units, fullMs * (1 + this.#clock.chance()));
      case 'forbidden':
        if (Number.isFinite(this.#patienceMs)) throw outcome.cause;
        return this.#again(units, forbiddenMs);
      case 'unknown':
        for (const unit of units) unit.doubtful = true;
        return this.#again(this.#stillWaitedFor(units), 50 + 100 * this.#clock.chance());
    }
  }

  /** Those of them for which somebody still waits; the others are told that nobody knows. */
  #stillWaitedFor(units: readonly Unit[]): readonly Unit[] {
    const since = this.#clock.mono() - this.#patienceMs;
    for (const unit of units) if (unit.since < since) unit.fail(unanswered(this.#patienceMs));
    return units.filter((unit) => unit.since >= since);
  }

  async #again(units: readonly Unit[], ms: number): Promise<void> {
    if (units.length === 0) return;
    await pause(this.#clock, ms);
    if (this.#closed)
      throw new Fault('broker.unavailable', 'This process is stopping; the outcome of its last writes is open.');
    return this.#send(units);
  }

  async #refused(units: readonly Unit[]): Promise<void> {
    const [only] = units;
    if (only === undefined || units.length > 1) return this.#inHalves(units);
    const landed = only.doubtful ? await this.#landedBefore(only.entries) : undefined;
    only.settle(landed ?? { kind: 'conflict' });
  }

  async #inHalves(units: readonly Unit[]): Promise<void> {
    const middle = units.length >> 1;
    await Promise.all([this.#send(units.slice(0, middle)), this.#send(units.slice(middle))]);
  }

  /** Whether writes that were refused after a silence had landed in it: then the record there is ours, byte for byte. */
  async #landedBefore(entries: readonly Entry[]): Promise<Committed | undefined> {
    const revisions: number[] = [];
    for (const entry of entries) {
      const stored = await this.#standing(entry);
      if (!isItself(entry, stored)) return undefined;
      revisions.push(stored?.revision ?? 0);
    }
    return { kind: 'stored', revisions };
  }
}

function unanswered(ms: number): Fault {
  return new Fault(
    'broker.unavailable',
    `Expected the broker to answer a write within ${ms / 1_000} s, it did not; whether it was stored is open. Look at the broker, whose disk may be full; the same write under the same id may be repeated.`,
  );
}

/** What an entry would replace. */
type Standing = Stored | StoredSchedule | StandingPointer;

interface StandingPointer {
  pointer: Pointer | null;
  revision: number;
}

function standingPointer(read: StandingPointer): StandingPointer | undefined {
  return read.revision === 0 ? undefined : read;
}

/** Whether what stands there is this very entry. */
function isItself(entry: Entry, standing: Standing | undefined): boolean {
  if (standing === undefined) return false;
  if ('record' in entry && 'record' in standing)
    return JSON.stringify(standing.record) === JSON.stringify(storedAs(entry.record, standing.revision).record);
  if ('pointer' in entry && 'pointer' in standing)
    return JSON.stringify(standing.pointer) === JSON.stringify(entry.pointer);
  const areSchedules = 'schedule' in entry && 'schedule' in standing;
  return areSchedules && JSON.stringify(standing.schedule) === JSON.stringify(entry.schedule);
}

/** Whether an entry was made from what stands there. Of a schedule nobody can tell: whoever changes one reads it again. */
function isMadeFrom(entry: Entry, standing: Standing | undefined): boolean {
  if ((standing?.revision ?? 0) !== entry.expected) return false;
  if (standing === undefined) return true;
  return 'record' in entry && 'record' in standing && comesFrom(entry.record, standing.record);
}

/** Whether `record` took every transition that `former` took, as far as both remember. */
function comesFrom(record: JobRecord, former: JobRecord): boolean {
  const first = record.transitions[0]?.n ?? 1;
  const common = former.transitions.filter(({ n }) => n >= first);
  return edgesOf(common) === edgesOf(record.transitions.slice(0, common.length));
}

function edgesOf(transitions: JobRecord['transitions']): string {
  return JSON.stringify(transitions.map(({ revision: _, ...edge }) => edge));
}

function stopping(): Fault {
  return new Fault('broker.unavailable', 'This process is stopping.');
}

/** Hands each unit its part of the revisions of a batch. */
export function settleAll(units: readonly Unit[], revisions: readonly number[]): void {
  let from = 0;
  for (const unit of units) {
    unit.settle({ kind: 'stored', revisions: revisions.slice(from, from + unit.entries.length) });
    from += unit.entries.length;
  }
}
