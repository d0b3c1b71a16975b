/**
 * A term of leadership: the writes of a leader, each batch of which proves that it still leads.
 *
 * The idea: the lease is the fence. The first write of every batch rewrites `_leader`, expecting the revision that
 * this term wrote last. Whoever moved the lease on has deposed us, and the server refuses all that we send after.
 * One batch is in flight at a time, so "the revision that we wrote last" is always known, with one exception:
 *
 *     sent ──accepted──▶ the new fence
 *      │ └──no answer──▶ the same batch again (same batch number), until it is accepted or refused
 *      └────refused────▶ read the lease from the stream's leader
 *                          unmoved            some job had moved on: halves, each with the lease
 *                          ours, this batch   it had landed in the silence: adopt it
 *                          anybody else's     deposed: every write fails, the term ends
 *
 * A broker that was started anew may have lost the end of what it had: the fence, and what this leader decided from. It
 * may even have given the revision of our fence to another leader's. So a term ends with the broker that it was won from.
 *
 * When 200 ms passed without a batch, the lease is renewed alone. Once more than the silence that candidates wait
 * for, less a margin, has passed since the last accepted batch was sent, `isTrusted` says no: then also the things
 * stop that no fence reaches (mail, notices). It is asked at the moment of use, never by a timer: after a freeze,
 * timers run before sockets.
 */

import { type Clock, pause } from '../runtime/clock.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import type { Entry, JobStore, Lease, WriteOutcome } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { type Commit, settleAll, type Unit, unitOf } from './committer.ts';
import { patiently } from './patience.ts';

const entriesAtOnce = 500;
const renewAfterMs = 200;
/** When what was not stored is said again. */
const againMs = { full: 50, unknown: 50, forbidden: 1_000 } as const;
const marginMs = 150;
const lateAnswersAtMost = 10;

export interface TermOptions {
  store: JobStore;
  clock: Clock;
  telemetry: Telemetry;
  /** The lease as it was won, and the revision of the write that won it. */
  lease: Lease;
  revision: number;
  /** The broker in which it stands. */
  broker: string;
  /** When that write was sent (monotonic, ms): nobody can have seen it earlier. */
  sentAt: number;
  /** How long candidates wait before they depose a silent leader, ms. */
  silenceMs: number;
  onDeposed: (reason: string) => void;
}

export class Term {
  readonly #options: TermOptions;
  readonly number: number;
  #ready: Unit[] = [];
  #revision: number;
  #batch = 0;
  #sentAt: number;
  #running = false;
  /** Who waits until nothing is on its way any more. */
  readonly #afterwards: (() => void)[] = [];
  /** How many answers in a row came too late to be trusted by. */
  #lateAnswers = 0;
  #over: Fault | undefined;
  readonly #stopRenewing: () => void;

  constructor(options: TermOptions) {
    this.#options = options;
    this.#revision = options.revision;
    this.number = options.revision;
    this.#sentAt = options.sentAt;
    this.#stopRenewing = options.clock.every(renewAfterMs / 4, () => this.#renew());
  }

  /** Whether nobody can have deposed us yet, as far as the clock tells. */
  isTrusted(): boolean {
    const silentMs = this.#options.clock.mono() - this.#sentAt;
    return this.#over === undefined && this.#isSameBroker() && silentMs < this.#options.silenceMs - marginMs;
  }

  /** Whether the way to the broker is so long that it is never trusted, though it holds the lease. */
  get isTooFar(): boolean {
    return this.#lateAnswers >= lateAnswersAtMost;
  }

  readonly commit: Commit = (entries) => {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    const { unit, committed } = unitOf(entries, this.#options.broker);
    this.#ready.push(unit);
    this.#runSoon();
    return committed;
  };

  /** Ends the term at once: the next master acts as soon as it sees the empty lease. */
  async stepDown(): Promise<void> {
    this.#end('stepped down');
    if (this.#running) await new Promise<void>((resolve) => void this.#afterwards.push(resolve));
    if (!this.#isSameBroker()) return;
    await this.#options.store.write([{ key: '_leader', expected: this.#revision, lease: null }]);
  }

  #isSameBroker(): boolean {
    return this.#options.store.broker() === this.#options.broker;
  }

  #renew(): void {
    if (this.#running || this.#over !== undefined) return;
    if (this.#options.clock.mono() - this.#sentAt >= renewAfterMs) void this.#run();
  }

  #runSoon(): void {
    if (this.#running) return;
    this.#running = true;
    this.#options.clock.endOfTurn(() => void this.#run());
  }

  async #run(): Promise<void> {
    this.#running = true;
    do await this.#sendOrEnd(this.#take());
    while (this.#ready.length > 0 && this.#over === undefined);
    this.#running = false;
    if (this.#over !== undefined) this.#failAll(this.#ready.splice(0), this.#over);
    for (const go of this.#afterwards.splice(0)) go();
  }

  async #sendOrEnd(units: readonly Unit[]): Promise<void> {
    try {
      await this.#send(units);
    } catch (cause) {
      this.#failAll(units, cause);
      this.#depose(messageOf(cause));
    }
  }

  #take(): Unit[] {
    const keys = new Set<string>();
    const batch: Unit[] = [];
    let entries = 0;
    let at = 0;
    for (; at < this.#ready.length; at++) {
      const unit = this.#ready[at];
      if (
        unit === undefined ||
        entries + unit.entries.length > entriesAtOnce ||
        unit.entries.some(({ key }) => keys.has(key))
      )
        break;
      for (const { key } of unit.entries) keys.add(key);
      entries += unit.entries.length;
      batch.push(unit);
    }
    this.#ready.splice(0, at);
    return batch;
  }

  async #send(units: readonly Unit[]): Promise<void> {
    const lease: Lease = { ...this.#options.lease, term: this.number, batch: ++this.#batch };
    const fence: Entry = { key: '_leader', expected: this.#revision, lease };
    const entries = [fence, ...units.flatMap((unit) => unit.entries)];
    const outcome = await this.#write(entries);
    if (outcome.kind === 'accepted') {
      const [revision = 0, ...revisions] = outcome.revisions;
      this.#revision = revision;
      settleAll(units, revisions);
    } else await this.#refused(lease, units);
  }

  /** Writes until there is an answer, or the term is over. */
  async #write(
    entries: readonly Entry[],
  ): Promise<Exclude<WriteOutcome, { kind: 'busy' | 'full' | 'forbidden' | 'unknown' }>> {
    const { store, clock, telemetry } = this.#options;
    for (;;) {
      if (!this.#isSameBroker()) throw new Fault('leader.deposed', 'The broker was started anew.');
      const sentAt = clock.mono();
      const outcome = await store.write(entries);
      telemetry.tell('commit.batch', { entries: entries.length, ms: clock.mono() - sentAt, outcome: outcome.kind });
      if (outcome.kind === 'accepted') this.#accepted(sentAt);
      if (outcome.kind === 'accepted' || outcome.kind === 'refused') return outcome;
      // Nobody waits for a broker that is away in order to leave: what was in the air stays open.
      if (this.#over !== undefined) throw this.#over;
      await pause(clock, outcome.kind === 'busy' ? 2 + 8 * clock.chance() : againMs[outcome.kind]);
    }
  }

  #accepted(sentAt: number): void {
    this.#sentAt = sentAt;
    this.#lateAnswers = this.isTrusted() ? 0 : this.#lateAnswers + 1;
  }

  async #refused(tried: Lease, units: readonly Unit[]): Promise<void> {
    const { store, clock } = this.#options;
    const { revision, lease } = await patiently(() => store.readLease(), {
      clock,
      isOver: () => this.#over !== undefined,
    });
    if (revision === this.#revision) return this.#split(units);
    if (lease?.holder === tried.holder && lease.term === tried.term && lease.batch === tried.batch) {
      this.#revision = revision;
      const landed = units.reduce((sum, unit) => sum + unit.entries.length, 0);
      settleAll(
        units,
        Array.from({ length: landed }, (_, at) => revision + 1 + at),
      );
      return;
    }
    this.#depose(lease === null ? 'the lease was given up' : `${lease.name} holds the lease`);
    this.#failAll(units, this.#over);
  }

  async #split(units: readonly Unit[]): Promise<void> {
    if (units.length <= 1) {
      for (const unit of units) unit.settle({ kind: 'conflict' });
      return;
    }
    const middle = units.length >> 1;
    await this.#send(units.slice(0, middle));
    if (this.#over === undefined) await this.#send(units.slice(middle));
    else this.#failAll(units.slice(middle), this.#over);
  }

  #depose(reason: string): void {
    if (this.#over !== undefined) return;
    this.#end(reason);
    this.#options.onDeposed(reason);
  }

  #end(reason: string): void {
    this.#over ??= new Fault('leader.deposed', `This master does not lead any more: ${reason}.`);
    this.#stopRenewing();
  }

  #failAll(units: readonly Unit[], cause: unknown): void {
    for (const unit of units) unit.fail(cause);
  }
}
