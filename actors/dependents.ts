/**
 * Lets jobs go that wait for others, or ends them where what they wait for can no longer come.
 *
 * The idea: the board says which jobs wait and for which others, and which of those are open; what is not open is read.
 * So nothing is counted and nothing can be missed. News of a settled job has its dependents looked at within the same
 * turn. A new term looks at all that wait, and each tick at some of them, whatever news there was.
 *
 *     open on the board       it is waited for
 *     completed, cancelled    final: kept in mind for as long as somebody waits for it
 *     failed                  read each time, since a person may redrive it
 *     no record               it may still come, for a day after the one that waits was submitted; then it will not
 *
 * A settled record is forgotten after a while (retention). So a job that goes on waiting for others has written into its
 * own record that some have ended, minutes after they did and long before they can be gone.
 *
 * Jobs that wait in a circle are looked for when one comes that is waited for itself, or waits for fewer than before: that
 * one may have closed it.
 */

import { type Failure, isSettled, type JobEvent, type JobState } from '../machines/job.ts';
import { type After, cyclesOf, type Standing, type Verdict, verdictOf } from '../machines/rules/after.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { idIn, tenantIn } from '../runtime/key.ts';
import type { Head, JobStore } from '../runtime/ports.ts';
import { afterOf, type JobRecord, jobKey } from '../runtime/record.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { Board } from './board.ts';
import type { Entry } from './entry.ts';
import { Beat, Errand } from './errand.ts';
import type { Move, Mover } from './mover.ts';
import { whereUnreadable } from './unreadable.ts';

export interface DependentsOptions {
  board: Board;
  store: JobStore;
  move: Mover;
  clock: Clock;
  telemetry: Telemetry;
  everyMs: number;
}

/** How a job stands that somebody waits for, and in which state it is, where it has a record. */
export interface Awaited {
  id: string;
  state: JobState | undefined;
}

interface Fact {
  state: JobState;
  /** Since when. */
  at: number;
}

type Facts = ReadonlyMap<string, Fact>;

const atOnce = 500;
const inTickAtMost = 1_000;
/** As long as a submission may lie in its stream before it becomes a job. */
const comesWithinMs = 24 * 3_600_000;
/** What ended so long ago is noted in the record of a job that goes on waiting. */
const noteAfterMs = 5 * 60_000;

export class Dependents {
  readonly #options: DependentsOptions;
  /** Of every blocked job, what it waits for; `undefined` until its record was read, where the head did not say. */
  readonly #waiting = new Map<Entry, After | undefined>();
  /** Who waits for the job under a key. */
  readonly #waiters = new Map<string, Set<Entry>>();
  /** Jobs that somebody waits for and that have ended for good. */
  readonly #ended = new Map<string, Fact>();
  /** Keys of jobs of whose failure there was news: a replica may not have heard of it. */
  readonly #failed = new Set<string>();
  readonly #due = new Set<Entry>();
  readonly #suspects = new Set<Entry>();
  readonly #beat = new Beat(this.#waiting);
  readonly #errand: Errand;
  #stop: Cancel = () => {};

  constructor(options: DependentsOptions) {
    this.#options = options;
    this.#errand = new Errand({
      clock: options.clock,
      isDue: () => this.#due.size > 0,
      round: () => this.#pass(),
    });
  }

  start(): void {
    const { board, clock, everyMs } = this.#options;
    for (const entry of board.entries()) this.#index(entry);
    for (const entry of this.#waiting.keys()) {
      this.#due.add(entry);
      if (this.#waiters.has(entry.key)) this.#suspects.add(entry);
    }
    this.#stop = clock.every(everyMs, () => this.#tick());
    this.#errand.wake();
  }

  stop(): void {
    this.#errand.stop();
    this.#stop();
  }

  /** A job has moved on the board: it waits for others, or others wait for it. */
  moved(entry: Entry, head: Head): void {
    const before = this.#waiting.get(entry)?.jobs.length;
    this.#forget(entry);
    this.#index(entry);
    if (this.#waiting.has(entry)) {
      this.#due.add(entry);
      const isOther = before === undefined || before !== this.#waiting.get(entry)?.jobs.length;
      if (isOther && this.#waiters.has(entry.key)) this.#suspects.add(entry);
      this.#errand.wake();
    }
    if (isSettled(head.state)) this.#settled(head);
  }

  /** The jobs for which `entry` still waits, as they stand now. */
  async awaited(entry: Entry): Promise<readonly Awaited[]> {
    const facts = await this.#learn([entry]);
    const jobs = this.#waiting.get(entry)?.jobs ?? [];
    return jobs.map((id) => {
      const key = keyBeside(entry, id);
      return { id, state: this.#options.board.get(key)?.state ?? facts.get(key)?.state };
    });
  }

  #settled({ key, state, updatedAt: at }: Head): void {
    const waiters = this.#waiters.get(key);
    if (waiters === undefined) return;
    if (state === 'failed') this.#failed.add(key);
    else this.#ended.set(key, { state, at });
    for (const waiter of waiters) this.#due.add(waiter);
    this.#errand.wake();
  }

  #index(entry: Entry): void {
    if (entry.state !== 'blocked' || entry.isOfNewer) return;
    // No history leads there: the patrol puts it right, and counts it.
    if (entry.rare?.after?.jobs.length === 0) return;
    this.#waiting.set(entry, entry.rare?.after);
    for (const key of keysOf(entry, entry.rare?.after)) {
      const waiters = this.#waiters.get(key);
      if (waiters === undefined) this.#waiters.set(key, new Set([entry]));
      else waiters.add(entry);
    }
  }

  #forget(entry: Entry): void {
    if (!this.#waiting.has(entry)) return;
    for (const key of keysOf(entry, this.#waiting.get(entry))) {
      const waiters = this.#waiters.get(key);
      if (waiters?.delete(entry) !== true || waiters.size > 0) continue;
      this.#waiters.delete(key);
      this.#ended.delete(key);
    }
    this.#waiting.delete(entry);
    this.#due.delete(entry);
    this.#suspects.delete(entry);
  }

  #tick(): void {
    for (const entry of this.#beat.next(inTickAtMost)) this.#due.add(entry);
    this.#errand.wake();
  }

  /** Decides about some of those that are due; they are due again where that fails. */
  async #pass(): Promise<void> {
    const some = [...this.#due].slice(0, atOnce).filter((entry) => this.#isThere(entry));
    const suspects = new Set(this.#suspects);
    for (const entry of some) this.#due.delete(entry);
    this.#suspects.clear();
    try {
      await this.#decide(some, suspects);
    } catch (cause) {
      for (const entry of some) if (this.#waiting.has(entry)) this.#due.add(entry);
      for (const entry of suspects) if (this.#waiting.has(entry)) this.#suspects.add(entry);
      throw cause;
    }
  }

  async #decide(some: readonly Entry[], suspects: ReadonlySet<Entry>): Promise<void> {
    const facts = await this.#learn(some);
    const circles = this.#circles(suspects);
    const moves = some.flatMap((entry) => (circles.has(entry) ? [] : this.#moveOf(entry, facts)));
    const count = await this.#options.move([...moves, ...circles.values()]);
    if (count > 0) this.#options.telemetry.tell('dependents.moved', { count });
  }

  /** Somebody may have taken a record away by hand. */
  #isThere(entry: Entry): boolean {
    const isThere = this.#options.board.get(entry.key) === entry;
    if (!isThere) this.#forget(entry);
    return isThere;
  }

  /** What is to be known of the jobs for which these wait, and that are not on the board. */
  async #learn(entries: readonly Entry[]): Promise<Facts> {
    await this.#readUnsaid(entries);
    const { board, store } = this.#options;
    const facts = new Map<string, Fact>();
    const unknown = new Set<string>();
    const overdue = new Set<string>();
    for (const entry of entries)
      for (const key of keysOf(entry, this.#waiting.get(entry))) {
        const ended = this.#ended.get(key);
        if (board.get(key) !== undefined) continue;
        if (ended !== undefined) facts.set(key, ended);
        else unknown.add(key);
        if (this.#isOverdue(entry)) overdue.add(key);
      }
    const read = unknown.size === 0 ? [] : await store.readMany([...unknown]);
    for (const [key, { record }] of read) this.#note(facts, key, record);
    await Promise.all([...unknown].map((key) => this.#readSurely(key, facts, overdue.has(key))));
    return facts;
  }

  /** A replica may lag: where there was news, or much hangs on it, the stream's leader is asked. */
  async #readSurely(key: string, facts: Map<string, Fact>, isOverdue: boolean): Promise<void> {
    const state = facts.get(key)?.state;
    const hasNews = this.#failed.delete(key);
    // A person may have redriven it since.
    if (!hasNews && state !== 'failed' && !(isOverdue && state === undefined)) return;
    // Of one that cannot be read nobody here can say that it has ended.
    const stored = await whereUnreadable(this.#options.store.read(key), null);
    if (stored === null) facts.set(key, { state: 'pending', at: 0 });
    else if (stored !== undefined) this.#note(facts, key, stored.record);
  }

  #note(facts: Map<string, Fact>, key: string, { state, updatedAt: at }: JobRecord): void {
    facts.set(key, { state, at });
    if (state === 'completed' || state === 'cancelled') this.#ended.set(key, { state, at });
  }

  /** An older version may have written a head that does not say what the job waits for. */
  async #readUnsaid(entries: readonly Entry[]): Promise<void> {
    const unsaid = entries.filter((entry) => this.#waiting.has(entry) && this.#waiting.get(entry) === undefined);
    if (unsaid.length === 0) return;
    const read = await this.#options.store.readMany(unsaid.map(({ key }) => key));
    for (const entry of unsaid) {
      const stored = read.get(entry.key);
      if (stored?.revision !== entry.revision) continue;
      entry.rare = { ...entry.rare, after: afterOf(stored.record) };
      this.#forget(entry);
      this.#index(entry);
    }
  }

  #isOverdue({ createdAt }: Entry): boolean {
    return this.#options.clock.now() - createdAt > comesWithinMs;
  }

  #standingIn(entry: Entry, facts: Facts): (id: string) => Standing {
    return (id) => {
      const key = keyBeside(entry, id);
      if (this.#options.board.get(key) !== undefined) return 'open';
      const state = facts.get(key)?.state;
      if (state === undefined) return this.#isOverdue(entry) ? 'gone' : 'missing';
      return state === 'completed' || state === 'failed' || state === 'cancelled' ? state : 'open';
    };
  }

  #moveOf(entry: Entry, facts: Facts): Move[] {
    const after = this.#waiting.get(entry);
    if (after === undefined) return [];
    const verdict = verdictOf(after, this.#standingIn(entry, facts));
    const event = verdict.kind === 'waits' ? this.#noteOf(entry, verdict, facts) : eventOf(verdict, after);
    return event === undefined ? [] : [this.#move(entry, event)];
  }

  #noteOf(entry: Entry, { left }: Extract<Verdict, { kind: 'waits' }>, facts: Facts): Event | undefined {
    const before = this.#options.clock.now() - noteAfterMs;
    const ended = (this.#waiting.get(entry)?.jobs ?? []).filter((id) => !left.includes(id));
    const isOld = ended.some((id) => (facts.get(keyBeside(entry, id))?.at ?? before) < before);
    return isOld ? { type: 'dependency.ended', left } : undefined;
  }

  #move({ key, revision }: Entry, event: Event): Move {
    return { key, revision, event: () => ({ ...event, at: this.#options.clock.now() }) };
  }

  /** The moves of jobs that stand in a circle with one of the suspects. */
  #circles(suspects: ReadonlySet<Entry>): ReadonlyMap<Entry, Move> {
    const moves = new Map<Entry, Move>();
    const near = this.#near(suspects);
    const waiting = new Map([...near].map(([key, entry]) => [key, keyed(entry, this.#waiting.get(entry))]));
    for (const circle of cyclesOf(waiting)) {
      const ids = circle.map(idIn);
      const error = refusal(`It waits for itself: ${sentenceOf(ids)}. Submit one of them anew, without \`after\`.`);
      for (const entry of circle.flatMap((key) => near.get(key) ?? []))
        moves.set(entry, this.#move(entry, { type: 'job.unreachable', error }));
    }
    return moves;
  }

  /** All blocked jobs that can be reached from these by what they wait for. */
  #near(from: ReadonlySet<Entry>): ReadonlyMap<string, Entry> {
    const found = new Map([...from].map((entry) => [entry.key, entry]));
    for (const entry of found.values())
      for (const key of keysOf(entry, this.#waiting.get(entry))) {
        const next = this.#options.board.get(key);
        if (next !== undefined && this.#waiting.has(next)) found.set(key, next);
      }
    return found;
  }
}

type Event =
  | Pick<Extract<JobEvent, { type: 'dependency.ended' }>, 'type' | 'left'>
  | Pick<Extract<JobEvent, { type: 'job.unblocked' }>, 'type'>
  | Pick<Extract<JobEvent, { type: 'job.unreachable' }>, 'type' | 'error'>;

function eventOf(verdict: Exclude<Verdict, { kind: 'waits' }>, after: After): Event {
  if (verdict.kind === 'unblocked') return { type: 'job.unblocked' };
  return { type: 'job.unreachable', error: refusal(unreachableText(verdict, after)) };
}

const wanted = { success: 'complete', failure: 'fail', end: 'end' } as const;

function unreachableText({ job, standing }: Extract<Verdict, { kind: 'unreachable' }>, { when }: After): string {
  const advice = 'Redrive that one where it has failed, then this one.';
  if (standing === 'gone')
    return `It waited for job ${job}, which does not exist: it never came, or it settled so long ago that it is forgotten. Submit it, then redrive this one.`;
  return `It waited for job ${job} to ${wanted[when]}, and that one is ${standing}. ${advice}`;
}

function refusal(message: string): Failure {
  return { kind: 'rejected', message, retryable: false };
}

/** `a waits for b, b for c, c for a`. */
function sentenceOf(ids: readonly string[]): string {
  return ids.map((id, at) => `${id}${at === 0 ? ' waits' : ''} for ${ids[(at + 1) % ids.length]}`).join(', ');
}

/** The key of another job of the same tenant. */
function keyBeside({ key }: Entry, id: string): string {
  return jobKey({ tenant: tenantIn(key), id });
}

function keysOf(entry: Entry, after: After | undefined): readonly string[] {
  return (after?.jobs ?? []).map((id) => keyBeside(entry, id));
}

function keyed(entry: Entry, after: After | undefined): Pick<After, 'jobs' | 'need'> {
  return { jobs: keysOf(entry, after), need: after?.need ?? 'all' };
}
