/**
 * One bulk operation, carried out by the master that has claimed it, until it is over or somebody else has it.
 *
 * The idea: the record says which jobs are being done to (the portion) before it is done to any of them, and how many were
 * after. So whoever takes over looks at the portion once more: a job that has the operation in its transitions was
 * done, by whomever. Each job is one conditional write, so of two who believe that they have the claim, one does it.
 *
 *     write: these are next ──▶ wait for the rate ──▶ do each ──▶ write: so many done, these are next ──▶ …
 *
 * The stream is read from its beginning to where it stood, then what was written meanwhile, until nothing is found any
 * more: jobs that moved on while it was read come in the next pass.
 */

import {
  type BulkRecord,
  type BulkState,
  type BulkWork,
  hasEnded,
  refusedOf,
  type StoredBulk,
} from '../runtime/bulk.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { isFault } from '../runtime/faults.ts';
import { idIn } from '../runtime/key.ts';
import type { World } from '../runtime/ports.ts';
import type { Stored } from '../runtime/record.ts';
import { allowance, countAll, type Found, isWanted, nextPage } from './bulk-page.ts';
import type { Commit } from './committer.ts';
import { patiently } from './patience.ts';
import { act, isRefusal, wasDoneBy } from './verb.ts';

export interface BulkRunOptions {
  world: Pick<World, 'store' | 'notices' | 'events' | 'control'>;
  clock: Clock;
  commit: Commit;
  incarnation: string;
}

/** As long as others leave an operation to who has claimed it, after it was to do something. */
export const claimForMs = 5_000;
const tellEveryMs = 1_000;
const atOnce = 200;
const portionsASecond = 4;
const leastPasses = 2;
const keptReasons = 20;
const keptSamples = 5;

interface Doing {
  /** Somebody may have done it before, and not have counted it. */
  isRepeat: boolean;
  read(key: string): Promise<Stored | undefined>;
}

type Outcome = 'done' | 'gone' | { refused: string; id: string };

export class BulkRun {
  readonly #options: BulkRunOptions;
  #operation: BulkRecord;
  #revision: number;
  #savedAt: number;
  #stock: Found[] = [];
  /** How far the stream was read for the stock. */
  #readTo: number;
  #isLast = false;
  #isStopped = false;
  #isAborted: boolean;
  #wake: Cancel = () => {};

  constructor(options: BulkRunOptions, { operation, revision }: StoredBulk) {
    this.#options = options;
    this.#operation = operation;
    this.#revision = revision;
    this.#savedAt = options.clock.mono();
    this.#readTo = operation.work.cursor;
    this.#isAborted = operation.abort !== undefined;
  }

  /** Goes on no further; somebody else may. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** What was stored of it, maybe by somebody who wishes it to stop. */
  heard({ abort }: BulkRecord): void {
    if (abort === undefined || this.#isAborted) return;
    this.#operation.abort = abort;
    this.#isAborted = true;
    this.#wake();
  }

  /** How it ended; `undefined` where it has not, or somebody else has it now. @throws what is no refusal of a job. */
  async carryOut(): Promise<BulkRecord | undefined> {
    try {
      return await this.#carryOut();
    } catch (cause) {
      if (this.#isStopped || !(cause instanceof Error)) throw cause;
      return await this.#end('failed', cause.message);
    }
  }

  async #carryOut(): Promise<BulkRecord | undefined> {
    if (!(await this.#settleIn())) return undefined;
    await this.#until(this.#operation.work.notBefore);
    if (!this.#isStopped) await this.#doTo(this.#operation.work.portion, true);
    for (;;) {
      if (this.#isStopped) return await this.#leave();
      if (this.#isAborted) return await this.#end('aborted');
      const work = await this.#next();
      if (this.#isStopped || this.#isAborted) continue;
      if (work === undefined) return await this.#end('done');
      if (!(await this.#save({ work }))) return undefined;
      await this.#until(work.notBefore);
      if (!this.#isStopped && !this.#isAborted) await this.#doTo(work.portion, false);
    }
  }

  /** Counts what there is to do, where nobody has; and begins anew in a stream that lost what it had. */
  async #settleIn(): Promise<boolean> {
    const { createdAt, lastRevision } = await this.#patiently(() => this.#options.world.store.state());
    const { work, matched } = this.#operation;
    if (createdAt !== work.streamAt || lastRevision < work.through || work.through === 0) {
      this.#operation.work = { ...work, streamAt: createdAt, cursor: 0, through: lastRevision, pass: 1, acted: false };
      this.#readTo = 0;
    }
    if (matched !== undefined) return true;
    const { through } = this.#operation.work;
    const onPage = async () => !this.#isAborted && (await this.#saveNowAndThen());
    const count = () => countAll(this.#options.world.store, this.#operation, through, onPage);
    const { matched: found, createdFrom } = await this.#patiently(count);
    const more = createdFrom === undefined ? {} : { createdFrom };
    return await this.#save({ matched: found, work: { ...this.#operation.work, ...more } });
  }

  /** What is to be done next, and how far that comes; `undefined` where nothing is left. */
  async #next(): Promise<BulkWork | undefined> {
    if (!(await this.#fillStock())) return undefined;
    const { work, perSecond = Number.POSITIVE_INFINITY } = this.#operation;
    const most = Math.max(1, Math.min(atOnce, Math.ceil(perSecond / portionsASecond), allowance(this.#operation)));
    const portion = this.#stock.splice(0, most);
    const cursor = this.#stock.length > 0 ? (portion.at(-1)?.revision ?? work.cursor) : this.#readTo;
    const now = this.#options.clock.now();
    const notBefore = Math.max(now, work.notBefore + (work.portion.length * 1_000) / perSecond);
    return { ...work, cursor, portion: portion.map(({ key }) => key), notBefore };
  }

  async #fillStock(): Promise<boolean> {
    if (allowance(this.#operation) <= 0) return false;
    while (this.#stock.length === 0) {
      if (this.#isStopped || this.#isAborted) return false;
      if (this.#isLast && !(await this.#nextPass())) return false;
      const { work, ...operation } = this.#operation;
      const sought = { ...operation, createdFrom: work.createdFrom };
      const stretch = { after: this.#readTo, through: work.through };
      const page = await this.#patiently(() => nextPage(this.#options.world.store, sought, stretch));
      this.#stock = [...page.jobs];
      this.#readTo = page.at;
      this.#isLast = page.isLast;
      await this.#saveNowAndThen();
    }
    return true;
  }

  /** Whether another pass may find something: what was written since the last one began. */
  async #nextPass(): Promise<boolean> {
    const { work } = this.#operation;
    if (!work.acted && work.pass >= leastPasses) return false;
    const { lastRevision } = await this.#patiently(() => this.#options.world.store.state());
    this.#operation.work = { ...work, pass: work.pass + 1, acted: false, cursor: work.through, through: lastRevision };
    this.#isLast = false;
    return true;
  }

  async #doTo(keys: readonly string[], isRepeat: boolean): Promise<void> {
    const { store } = this.#options.world;
    // What is done again is looked up with the leader of the stream; else a write that was refused tells.
    const found = isRepeat ? undefined : await this.#patiently(() => store.readMany(keys));
    const read = async (key: string) => found?.get(key) ?? (await this.#patiently(() => store.read(key)));
    const outcomes = await Promise.all(keys.map((key) => this.#doToOne(key, { isRepeat, read })));
    let { done, samples } = this.#operation;
    const refused = { ...this.#operation.refused };
    for (const outcome of outcomes) {
      if (outcome === 'done') done++;
      if (typeof outcome === 'string') continue;
      const reason = reasonIn(outcome, refused);
      refused[reason] = (refused[reason] ?? 0) + 1;
      if (samples.length < keptSamples) samples = [...samples, outcome.refused];
    }
    const acted = this.#operation.work.acted || done > this.#operation.done;
    const work = { ...this.#operation.work, acted };
    this.#operation = { ...this.#operation, done, refused, samples, work };
  }

  async #doToOne(key: string, { isRepeat, read }: Doing): Promise<Outcome> {
    const { world, clock, commit } = this.#options;
    const { id: by, verb } = this.#operation;
    const id = idIn(key);
    try {
      const stored = await read(key);
      if (stored === undefined) return 'gone';
      if (wasDoneBy(stored.record, by)) return isRepeat ? 'done' : 'gone';
      if (this.#isAborted || !isWanted(stored.record, this.#operation)) return 'gone';
      await this.#patiently(() => act({ world, clock, commit, by }, key, verb, stored));
      return 'done';
    } catch (cause) {
      if (isRefusal(cause) || isFault(cause, 'record.unreadable')) return { refused: cause.message, id };
      throw cause;
    }
  }

  async #leave(): Promise<undefined> {
    const { claim: _, ...left } = this.#operation;
    this.#operation = left;
    await this.#save({});
  }

  async #end(state: BulkState, error?: string): Promise<BulkRecord | undefined> {
    const { claim: _, ...operation } = this.#operation;
    const matched = state === 'done' ? operation.done + refusedOf(operation) : undefined;
    this.#operation = operation;
    const change: Partial<BulkRecord> = { state, endedAt: this.#options.clock.now() };
    if (error !== undefined) change.error = error;
    if (matched !== undefined && matched > (operation.matched ?? 0)) change.matched = matched;
    const work = { ...operation.work, portion: [] };
    return (await this.#save({ ...change, work })) ? this.#operation : undefined;
  }

  /** So that nobody takes a long reading for a dead master. */
  async #saveNowAndThen(): Promise<boolean> {
    if (this.#options.clock.mono() - this.#savedAt < tellEveryMs) return true;
    return await this.#save({});
  }

  /** Writes it down; `false` where somebody else has it now. */
  async #save(change: Partial<BulkRecord>): Promise<boolean> {
    const { clock, world } = this.#options;
    // Who follows it goes by this moment, whosever clock it is by.
    const updatedAt = Math.max(clock.now(), this.#operation.updatedAt);
    this.#operation = { ...this.#operation, ...change, updatedAt };
    const { claim, work } = this.#operation;
    if (claim !== undefined)
      this.#operation.claim = { ...claim, until: Math.max(clock.now(), work.notBefore) + claimForMs };
    for (;;) {
      const written = await this.#patiently(() => world.control.bulk.write(this.#operation, this.#revision));
      this.#savedAt = clock.mono();
      if (written !== undefined) {
        this.#revision = written;
        return true;
      }
      const stored = await this.#patiently(() => world.control.bulk.read(this.#operation.id));
      if (stored === undefined || !this.#isOurs(stored.operation)) return false;
      this.#adopt(stored);
    }
  }

  /** Somebody wished it to stop, or a write of ours had come through without an answer. */
  #adopt({ operation, revision }: StoredBulk): void {
    this.#revision = revision;
    this.heard(operation);
  }

  #isOurs(operation: BulkRecord): boolean {
    return !hasEnded(operation) && operation.claim?.by === this.#options.incarnation;
  }

  /** Waits for a moment of broker time, unless it is to stop. */
  #until(at: number): Promise<void> {
    const { clock } = this.#options;
    if (this.#isStopped || this.#isAborted || at <= clock.now()) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.after(at - clock.now(), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    return patiently(ask, { clock: this.#options.clock, isOver: () => this.#isStopped });
  }
}

/** The sentence without the id, or one for all that are too many to tell apart. */
function reasonIn({ refused, id }: { refused: string; id: string }, known: Readonly<Record<string, number>>): string {
  const reason = refused.replaceAll(id, 'one');
  return known[reason] !== undefined || Object.keys(known).length < keptReasons ? reason : 'Other reasons.';
}
