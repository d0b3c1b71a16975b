/**
 * Keeps the number of settled jobs within its bound: the oldest are forgotten first. What is too old by age, the broker
 * forgets by itself.
 *
 * It remembers nothing but a place in the stream. A record never changes at its revision, and whatever moves goes to
 * the end, so before the place there is no settled job, now or ever: only open ones, and keys of other kinds. How many
 * jobs are settled is what the stream holds less what is ours and what is on the board; keys of other kinds are taken for
 * settled jobs, so it keeps that many less. Each is forgotten only at the revision that was looked at, so one that was
 * redriven meanwhile stays, and none younger than ten minutes goes: followers need not hear of it.
 */

import { isSettled } from '../machines/job.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import type { Change, JobStore, Revision } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { Board } from './board.ts';
import { revisionOf } from './follower.ts';

export interface PrunerOptions {
  store: JobStore;
  board: Pick<Board, 'size'>;
  clock: Clock;
  telemetry: Telemetry;
  keepAtMost: number;
  /** Whether this leader is still believed to lead (`Term.isTrusted`). */
  isTrusted: () => boolean;
}

const everyMs = 10_000;
/** The lease, and the word of a saved picture. */
const ownKeys = 2;
const atOnce = 500;
const youngForMs = 10 * 60_000;

export class Pruner {
  readonly #options: PrunerOptions;
  /** No settled job stands at or before this revision. */
  #place = 0;
  #pruning = false;
  #stopped = false;
  #stop: Cancel = () => {};

  constructor(options: PrunerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stop = this.#options.clock.every(everyMs, () => void this.#check());
  }

  stop(): void {
    this.#stopped = true;
    this.#stop();
  }

  async #check(): Promise<void> {
    if (this.#pruning) return;
    this.#pruning = true;
    const { telemetry, keepAtMost: most } = this.#options;
    const count = await this.#prune().catch((cause) => this.#failed(cause));
    if (count > 0) telemetry.tell('jobs.forgotten', { count, most });
    this.#pruning = false;
  }

  /** A broker that is away comes back, and the next check finds what this one left. */
  #failed(cause: unknown): number {
    const isPassing = cause instanceof Fault && cause.retryable;
    if (!isPassing)
      this.#options.telemetry.tell('process.failed', { what: 'forgetting jobs', error: messageOf(cause) });
    return 0;
  }

  async #prune(): Promise<number> {
    const { store, board, keepAtMost } = this.#options;
    const excess = (await store.state()).keys - ownKeys - board.size - keepAtMost;
    let forgotten = 0;
    if (excess <= 0) return forgotten;
    let some: Revision[] = [];
    let place = this.#place;
    for await (const change of store.changesAfter(this.#place)) {
      if (this.#isTooYoung(change)) break;
      place = revisionOf(change);
      if (isSettledJob(change)) some.push({ key: change.head.key, revision: place });
      if (some.length < Math.min(atOnce, excess - forgotten)) continue;
      forgotten += await this.#forget(some, place);
      some = [];
      if (forgotten >= excess || !this.#mayGoOn()) return forgotten;
    }
    return forgotten + (await this.#forget(some, place));
  }

  async #forget(settled: readonly Revision[], place: number): Promise<number> {
    if (!this.#mayGoOn()) return 0;
    const count = settled.length === 0 ? 0 : await this.#options.store.forget(settled);
    this.#place = place;
    return count;
  }

  #mayGoOn(): boolean {
    return !this.#stopped && this.#options.isTrusted();
  }

  #isTooYoung(change: Change): boolean {
    return isSettledJob(change) && change.head.updatedAt > this.#options.clock.now() - youngForMs;
  }
}

function isSettledJob(change: Change): change is Extract<Change, { kind: 'job' }> {
  return change.kind === 'job' && isSettled(change.head.state);
}
