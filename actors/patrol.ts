/**
 * Walks through the jobs and looks whether each is as it must be: its record by itself, and its head beside it.
 *
 * Each round looks at what seemed odd when it came by on the feed, at the heads of a few thousand open jobs, and at
 * the records of a hundred, where the last round left off. What is wrong is put right by an edge of the chart or by
 * what follows from the state (`invariants.ts`), by CAS and under the lease, and counted. What cannot be put right is
 * told of, once for each revision, and kept from everybody else: a job that nobody can read is offered to nobody, and
 * is back as soon as its record is.
 */

import { isActive, isSettled } from '../machines/job.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { isFault, messageOf } from '../runtime/faults.ts';
import { headOf } from '../runtime/head.ts';
import type { Blobs, Events, Head, JobStore, Notices } from '../runtime/ports.ts';
import type { JobRecord, Stored } from '../runtime/record.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { asideFlaws } from './aside.ts';
import type { Board } from './board.ts';
import type { Commit } from './committer.ts';
import type { Entry } from './entry.ts';
import { type Flaw, flawsOf, headFlaw, isRepairable, lifetimeFlaw, repair } from './invariants.ts';
import type { Oddities, Oddity } from './oddity.ts';

export interface PatrolOptions {
  board: Board;
  oddities: Oddities;
  store: JobStore;
  blobs: Pick<Blobs, 'find'>;
  commit: Commit;
  events: Events;
  notices: Notices;
  apply: (head: Head) => void;
  clock: Clock;
  telemetry: Telemetry;
  everyMs: number;
  /** Whether this leader's own picture may be believed (`Term.isTrusted`). */
  isTrusted: () => boolean;
  /** Looks whether an open job has its unique key. */
  checkKey?: (record: JobRecord) => Promise<void>;
}

const headsAtOnce = 5_000;
const recordsAtOnce = 100;
const oddAtOnce = 1_000;
/** A moment that passed so long ago will not be acted on any more by the timekeeper. */
const lateAfterMs = 30_000;
const toldAtMost = 10_000;

export class Patrol {
  readonly #options: PatrolOptions;
  readonly #suspects = new Set<string>();
  readonly #told = new Map<string, number>();
  readonly #heads: Walk;
  readonly #records: Walk;
  #busy = false;
  #stop: Cancel = () => {};

  constructor(options: PatrolOptions) {
    this.#options = options;
    this.#heads = new Walk(options.board);
    this.#records = new Walk(options.board);
  }

  start(): void {
    for (const entry of this.#options.board.entries()) this.saw(entry);
    this.#stop = this.#options.clock.every(this.#options.everyMs, () => void this.#round());
  }

  stop(): void {
    this.#stop();
  }

  /** Notes an entry whose head cannot be right. */
  saw(entry: Entry): void {
    if (isOdd(entry)) this.#suspects.add(entry.key);
  }

  async #round(): Promise<void> {
    if (this.#busy || !this.#options.isTrusted()) return;
    this.#busy = true;
    try {
      await this.#inspect(this.#next());
    } catch {
      // The broker is away, or this leader was deposed: the walk, or the next leader, comes by again.
    }
    this.#busy = false;
  }

  #next(): readonly string[] {
    const { board, oddities, clock } = this.#options;
    const late = clock.now() - lateAfterMs;
    const heads = this.#heads
      .next(Math.min(headsAtOnce, board.size))
      .filter((entry) => isOdd(entry) || isLate(entry, late));
    const records = this.#records.next(Math.min(recordsAtOnce, board.size));
    const odd = oddities.keys().filter((key) => this.#told.get(key) !== oddities.at(key));
    const keys = new Set([
      ...this.#suspects,
      ...odd.slice(0, oddAtOnce),
      ...[...heads, ...records].map(({ key }) => key),
    ]);
    this.#suspects.clear();
    return [...keys];
  }

  async #inspect(keys: readonly string[]): Promise<void> {
    const { store, board } = this.#options;
    const before = new Map(keys.map((key) => [key, board.get(key)?.revision]));
    const read = await store.readMany(keys);
    for (const key of keys) {
      const stored = read.get(key);
      if (stored !== undefined && stored.revision >= this.#expected(key)) await this.#judge(key, stored);
      else await this.#lookCloser(key, before.get(key));
    }
  }

  /** The newest revision that anybody has told of. */
  #expected(key: string): number {
    const { board, oddities } = this.#options;
    return Math.max(board.get(key)?.revision ?? 0, oddities.at(key) ?? 0);
  }

  /** What a replica does not have or cannot read, the stream's leader is asked for. */
  async #lookCloser(key: string, before: number | undefined): Promise<void> {
    const { store, board, oddities } = this.#options;
    try {
      const stored = await store.read(key);
      if (stored !== undefined) return await this.#judge(key, stored);
    } catch (cause) {
      if (!isFault(cause, 'record.unreadable')) throw cause;
      return this.#setAside(key, { rule: 'cannot be read', expected: 'a record of a job', met: messageOf(cause) });
    }
    oddities.clear(key);
    if (before === undefined || board.get(key)?.revision !== before) return;
    board.forget(key);
    this.#repaired(key, 'removed by hand');
  }

  async #judge(key: string, stored: Stored): Promise<void> {
    const { board, oddities } = this.#options;
    const entry = board.get(key);
    const odd = oddities.of(key, stored.revision);
    if (odd === undefined) oddities.clear(key, stored.revision);
    // News of it is on its way, or it has settled meanwhile.
    if (odd === undefined && entry?.revision !== stored.revision) return;
    const flaws = this.#flawsOf(key, stored, odd);
    const fatal = flaws.find(({ rule }) => rule === 'not whole' || rule === 'under another key');
    if (fatal !== undefined) return this.#setAside(key, fatal);
    const lost = await asideFlaws(stored.record, this.#options.blobs);
    for (const flaw of [...flaws, ...lost]) if (!isRepairable(flaw)) this.#found(key, stored.revision, flaw);
    if (stored.record.unique !== undefined) await this.#options.checkKey?.(stored.record);
    const repairable = flaws.filter(isRepairable);
    if (repairable.length > 0) await this.#repair(key, stored, repairable);
  }

  #flawsOf(key: string, stored: Stored, odd: Oddity | undefined): readonly Flaw[] {
    const { record } = stored;
    const flaws = flawsOf(key, record);
    if (flaws.some(({ rule }) => rule === 'not whole')) return flaws;
    const lifetime = lifetimeFlaw(record, isSettled(record.state) !== (odd === 'kept for the wrong time'));
    const late = lateness(record, this.#options.clock.now() - lateAfterMs);
    return [flaws, this.#headFlaw(key, stored, odd) ?? [], lifetime ?? [], late].flat();
  }

  /** The board has no heads of settled jobs; of those that come by for another reason, theirs is believed. */
  #headFlaw(key: string, { record, revision }: Stored, odd: Oddity | undefined): Flaw | undefined {
    if (odd === 'no head') return headFlaw(undefined, record);
    const entry = this.#options.board.get(key);
    return entry?.revision === revision ? headFlaw(entry, record) : undefined;
  }

  async #repair(key: string, { record: broken, revision: expected }: Stored, flaws: readonly Flaw[]): Promise<void> {
    const { clock, commit, apply, events, oddities } = this.#options;
    const { record, event } = repair(broken, { at: clock.now(), spread: clock.chance() });
    const committed = await commit([{ key, expected, record }]);
    if (committed.kind === 'conflict') return;
    const revision = committed.revisions[0] ?? 0;
    oddities.clear(key);
    apply(headOf(key, revision, record));
    for (const { rule } of flaws) this.#repaired(key, rule);
    if (event?.type === 'attempt.lost') this.#tellWorker(key, record);
    const transition = event === undefined ? undefined : record.transitions.at(-1);
    const { type, queue, priority } = record;
    if (transition !== undefined) events.tell({ key, type, queue, priority, revision, transition });
  }

  /** Whoever still runs the attempt that was ended should know. */
  #tellWorker(key: string, { attempts }: JobRecord): void {
    const last = attempts.at(-1);
    if (last !== undefined) this.#options.notices.send(last.worker, { verb: 'look', key });
  }

  /** Nobody can do anything with it but a person. Where its head is none of ours, what the board says of it is void. */
  #setAside(key: string, flaw: Flaw): void {
    const { board, oddities } = this.#options;
    this.#found(key, this.#expected(key), flaw);
    if (oddities.of(key) === 'no head') board.forget(key);
  }

  #repaired(key: string, what: string): void {
    this.#options.telemetry.tell('auditor.repaired', { key, what });
  }

  #found(key: string, revision: number, { rule: what, expected, met }: Flaw): void {
    if (this.#told.get(key) === revision) return;
    if (this.#told.size >= toldAtMost) this.#told.clear();
    this.#told.set(key, revision);
    this.#options.telemetry.tell('auditor.found', { key, what, expected, met });
  }
}

/** Whether a head by itself says what cannot be. */
function isOdd({ state, worker, dueAt }: Entry): boolean {
  if (isActive(state) !== (worker !== undefined)) return true;
  return (state === 'scheduled' || state === 'retrying') && dueAt === undefined;
}

function isLate({ state, dueAt }: Pick<Entry, 'state' | 'dueAt'>, before: number): boolean {
  return (state === 'scheduled' || state === 'retrying') && dueAt !== undefined && dueAt < before;
}

function lateness({ state, context: { dueAt } }: JobRecord, before: number): readonly Flaw[] {
  if (!isLate({ state, dueAt }, before)) return [];
  return [{ rule: 'alarm that never rang', expected: `to be ready at ${dueAt}`, met: state }];
}

/** Goes round and round the open jobs, some at a time. */
class Walk {
  readonly #board: Board;
  #place: Iterator<Entry>;

  constructor(board: Board) {
    this.#board = board;
    this.#place = board.entries();
  }

  next(count: number): readonly Entry[] {
    const entries: Entry[] = [];
    while (entries.length < count) {
      const { value, done } = this.#place.next();
      if (done !== true) entries.push(value);
      else {
        this.#place = this.#board.entries();
        break;
      }
    }
    return entries;
  }
}
