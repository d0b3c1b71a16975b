/**
 * Ends what waits of a workflow that stops when a job of it has failed.
 *
 * What runs goes on; a job that waits and was born, or redriven, before the failure fails with it. So one that is redriven
 * after the failure runs. Derived from heads and records, like everything a leader decides: news of a failure is acted on
 * at once, and the records of every workflow that may have to stop are read when a term begins, and of some with each tick.
 */

import { isActive, isSettled, type JobEvent } from '../machines/job.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { idIn, tenantIn } from '../runtime/key.ts';
import type { Head, JobStore } from '../runtime/ports.ts';
import { type JobRecord, jobKey } from '../runtime/record.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { workflowJobIds } from '../runtime/workflow.ts';
import type { Board } from './board.ts';
import type { Entry } from './entry.ts';
import { Beat, Errand } from './errand.ts';
import type { Mover } from './mover.ts';

export interface WorkflowStopOptions {
  board: Board;
  store: JobStore;
  move: Mover;
  clock: Clock;
  telemetry: Telemetry;
  everyMs: number;
}

/** What of a workflow stops with it, and what is known of its failure. */
interface Stoppable {
  entries: Set<Entry>;
  failure: { at: number; id: string } | undefined;
}

const readInTick = 2;

export class WorkflowStop {
  readonly #options: WorkflowStopOptions;
  /** By tenant and id of the workflow. */
  readonly #workflows = new Map<string, Stoppable>();
  /** To be read, since a failure may have been missed. */
  readonly #unread = new Set<string>();
  /** Of which there was news. */
  readonly #due = new Set<string>();
  readonly #beat = new Beat(this.#workflows);
  readonly #errand: Errand;
  #stop: Cancel = () => {};

  constructor(options: WorkflowStopOptions) {
    this.#options = options;
    this.#errand = new Errand({
      clock: options.clock,
      isDue: () => this.#due.size > 0 || this.#unread.size > 0,
      round: () => this.#round(),
    });
  }

  start(): void {
    const { board, clock, everyMs } = this.#options;
    for (const entry of board.entries()) this.#index(entry);
    for (const name of this.#workflows.keys()) this.#unread.add(name);
    this.#stop = clock.every(everyMs, () => this.#tick());
    this.#errand.wake();
  }

  stop(): void {
    this.#errand.stop();
    this.#stop();
  }

  moved(entry: Entry, head: Head): void {
    if (head.workflow === undefined) return;
    const name = nameOf(head.key, head.workflow);
    if (isSettled(head.state)) this.#drop(name, entry);
    else this.#index(entry);
    const workflow = this.#workflows.get(name);
    if (workflow === undefined) return;
    if (head.state === 'failed') failedIn(workflow, { at: head.updatedAt, id: idIn(head.key) });
    if (workflow.failure === undefined) return;
    this.#due.add(name);
    this.#errand.wake();
  }

  #index(entry: Entry): void {
    if (entry.rare?.workflow === undefined || entry.rare?.stopsSince === undefined || entry.isOfNewer) return;
    const name = nameOf(entry.key, entry.rare?.workflow);
    const workflow = this.#workflows.get(name);
    if (workflow === undefined) this.#workflows.set(name, { entries: new Set([entry]), failure: undefined });
    else workflow.entries.add(entry);
  }

  #drop(name: string, entry: Entry): void {
    const workflow = this.#workflows.get(name);
    if (workflow?.entries.delete(entry) === true && workflow.entries.size === 0) this.#workflows.delete(name);
  }

  #tick(): void {
    for (const name of this.#beat.next(readInTick)) this.#unread.add(name);
    this.#errand.wake();
  }

  async #round(): Promise<void> {
    for (const name of this.#due) await this.#stopWaiting(name);
    for (const name of this.#unread) {
      await this.#read(name);
      await this.#stopWaiting(name);
      this.#unread.delete(name);
    }
  }

  /** Reads those of its jobs that are not open. */
  async #read(name: string): Promise<void> {
    const { board, store } = this.#options;
    const workflow = this.#workflows.get(name);
    const [some] = workflow?.entries ?? [];
    if (workflow === undefined || some === undefined) return;
    const part = (await store.readMany([some.key])).get(some.key)?.record.workflow;
    if (part === undefined) return;
    const tenant = tenantIn(some.key);
    const keys = workflowJobIds(part).map((id) => jobKey({ tenant, id }));
    const settled = await store.readMany(keys.filter((key) => board.get(key) === undefined));
    for (const { record } of settled.values())
      if (record.state === 'failed') failedIn(workflow, { at: failedAt(record), id: record.id });
  }

  async #stopWaiting(name: string): Promise<void> {
    const { board, move, clock, telemetry } = this.#options;
    const { entries = [], failure } = this.#workflows.get(name) ?? {};
    this.#due.delete(name);
    if (failure === undefined) return;
    const waiting = [...entries].filter(
      (entry) =>
        board.get(entry.key) === entry &&
        !isActive(entry.state) &&
        (entry.rare?.stopsSince ?? 0) <= failure.at &&
        !entry.isOfNewer,
    );
    const event = (): JobEvent => ({ type: 'job.stopped', at: clock.now(), error: stoppedBy(failure.id) });
    const moves = waiting.map(({ key, revision }) => ({ key, revision, event }));
    const count = await move(moves);
    if (count > 0) telemetry.tell('workflow.stopped', { workflow: idIn(name), count });
  }
}

function failedIn(workflow: Stoppable, failure: { at: number; id: string }): void {
  if (workflow.failure === undefined || workflow.failure.at < failure.at) workflow.failure = failure;
}

function failedAt({ settledAt, updatedAt }: JobRecord): number {
  return settledAt ?? updatedAt;
}

function stoppedBy(id: string) {
  return {
    kind: 'rejected' as const,
    message: `Its workflow stopped, since job ${id} has failed. Redrive the workflow to run both again.`,
    retryable: false,
  };
}

function nameOf(key: string, workflow: string): string {
  return jobKey({ tenant: tenantIn(key), id: workflow });
}
