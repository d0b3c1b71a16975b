/**
 * What was written to the bucket of jobs, read write by write: whether it kept every promise on the way.
 *
 * Knows the order of writes and nothing of who made them. Told of new writes, it says what they broke, in words. Where
 * the broker has lost the end of them, it goes back to what was there before: only what was lost may be undone, and all
 * that is written from then on must follow from what was left.
 */

import { isActive, isSettled } from '../../machines/job.ts';
import type { Write } from '../../runtime/memory/stream.ts';
import type { Lease } from '../../runtime/ports.ts';
import {
  type JobRecord,
  keptTransitions,
  lastTransition,
  storedAs,
  type Transition,
  upcast,
} from '../../runtime/record.ts';
import { isScheduleKey } from '../../runtime/schedule.ts';
import { BondHistory } from './bond-history.ts';
import { ScheduleHistory } from './schedule-history.ts';

/** What a write took the place of. */
interface Before {
  key: string;
  record: JobRecord | undefined;
  lease: (Lease & { revision: number }) | null;
  leaseBatch: number;
  undoSchedule?: () => void;
}

/** A job as the last write that was lost had it, and as it is again. */
export interface Undone {
  key: string;
  lost: JobRecord;
  left: JobRecord | undefined;
}

/** Edges that only a leader takes, under its lease. */
const leadersOnly: ReadonlySet<string> = new Set([
  'job.due',
  'job.queued',
  'job.expired',
  'job.preempt',
  'job.stopped',
  'dependency.ended',
  'job.unblocked',
  'job.unreachable',
]);

export class History {
  readonly schedules = new ScheduleHistory();
  readonly bonds = new BondHistory((key) => this.#jobs.get(key));
  readonly #jobs = new Map<string, JobRecord>();
  readonly #breaches: string[] = [];
  /** Edges of the chart that jobs took, as `from event to`. */
  readonly edges = new Set<string>();
  #lease: (Lease & { revision: number }) | null = null;
  #leaseBatch = 0;
  readonly #before: Before[] = [];

  /** The record under `key` as it was written last. */
  job(key: string): JobRecord | undefined {
    return this.#jobs.get(key);
  }

  jobs(): readonly JobRecord[] {
    return [...this.#jobs.values()];
  }

  get lease(): Lease | null {
    return this.#lease;
  }

  /** Everything that was broken so far. */
  get breaches(): readonly string[] {
    return this.#breaches;
  }

  /** Reads on in `writes`, of which it has read the beginning before. */
  read(writes: readonly Write[]): void {
    for (let at = this.#before.length; at < writes.length; at++) {
      const write = writes[at];
      if (write !== undefined) this.#written(write);
    }
  }

  /** The broker has lost all writes but the first `count`; what became of the jobs in them. */
  rollBack(count: number): readonly Undone[] {
    const undone = new Map<string, Undone>();
    for (const { key, record: left, lease, leaseBatch, undoSchedule } of this.#before.splice(count).reverse()) {
      undoSchedule?.();
      this.#lease = lease;
      this.#leaseBatch = leaseBatch;
      if (key.startsWith('_')) continue;
      const lost = undone.get(key)?.lost ?? this.#jobs.get(key);
      if (lost !== undefined) undone.set(key, { key, lost, left });
      if (left === undefined) this.#jobs.delete(key);
      else this.#jobs.set(key, left);
    }
    return [...undone.values()];
  }

  #written(write: Write): void {
    const { key } = write;
    const before = { key, record: this.#jobs.get(key), lease: this.#lease, leaseBatch: this.#leaseBatch };
    this.#before.push(isScheduleKey(key) ? { ...before, undoSchedule: this.schedules.undo(key) } : before);
    if (key === '_leader') this.#leaseWritten(write);
    else if (isScheduleKey(key)) this.#scheduleWritten(write);
    else if (!key.startsWith('_')) this.#jobWritten(write);
  }

  #leaseWritten({ revision, batch, entry }: Write): void {
    const lease = 'lease' in entry ? entry.lease : null;
    const before = this.#lease;
    this.#leaseBatch = batch;
    this.#lease = lease === null ? null : { ...lease, revision };
    if (lease === null || lease.term === 0) return;
    const isFirst = before?.term === 0 && before.holder === lease.holder && before.revision === lease.term;
    const isNext = before?.term === lease.term && before.holder === lease.holder && before.batch < lease.batch;
    if (!isFirst && !isNext)
      this.#breach(`${lease.name} wrote for term ${lease.term}, batch ${lease.batch}, after ${JSON.stringify(before)}`);
  }

  #scheduleWritten(write: Write): void {
    this.#breaches.push(...this.schedules.scheduleWritten(write, this.#leaseBatch === write.batch));
  }

  #jobWritten({ key, batch, body, revision }: Write): void {
    // Of what was there before, each transition must say by which write it was stored.
    const { record } = storedAs(upcast(body), revision);
    const before = this.#jobs.get(key);
    if (before === undefined) this.#breaches.push(...this.schedules.jobBorn(record, batch));
    this.#jobs.set(key, record);
    const news = record.transitions.filter(({ n }) => n > (before === undefined ? 0 : lastTransition(before)));
    for (const { from, event, to } of news) {
      this.edges.add(`${from} ${event} ${to}`);
      if (leadersOnly.has(event) && this.#leaseBatch !== batch)
        this.#breach(`${key} took ${event} to ${to} without the lease`);
    }
    if (before !== undefined) this.#compare(key, before, record);
    this.#breaches.push(...this.bonds.jobWritten({ key, before, record, news }));
    this.#check(key, record);
  }

  #compare(key: string, before: JobRecord, after: JobRecord): void {
    const kept = before.transitions.filter(({ n }) => n >= (after.transitions[0]?.n ?? 1));
    if (kept.some((transition, at) => !isSame(transition, after.transitions[at])))
      this.#breach(`${key} was rewritten: ${edges(before)} became ${edges(after)}`);
    if (before.state === 'completed' || before.state === 'cancelled')
      this.#breach(`${key} was ${before.state} and became ${after.state}`);
    if (before.state === 'failed' && after.context.generation !== before.context.generation + 1)
      this.#breach(`${key} had failed and became ${after.state} in the same generation`);
    if (after.context.attempt < before.context.attempt) this.#breach(`${key} counted its attempts back`);
  }

  #check(key: string, record: JobRecord): void {
    const { transitions, context, state, attempts } = record;
    const numbers = transitions.map(({ n }) => n);
    const first = numbers[0] ?? 1;
    if (numbers.some((n, at) => n !== first + at) || (numbers.length < keptTransitions && first !== 1))
      this.#breach(`${key} has transitions ${numbers.join(', ')}`);
    if (transitions.some(({ from }, at) => at > 0 && from !== transitions[at - 1]?.to))
      this.#breach(`${key} has a broken chain: ${edges(record)}`);
    if (transitions.at(-1)?.to !== state) this.#breach(`${key} is ${state} and went ${edges(record)}`);
    if (isActive(state) !== (context.worker !== undefined))
      this.#breach(`${key} is ${state}, held by ${context.worker}`);
    if (isSettled(state) !== (record.settledAt !== undefined))
      this.#breach(`${key} is ${state}, settled at ${record.settledAt}`);
    if (new Set(attempts.map(({ attempt }) => attempt)).size < attempts.length)
      this.#breach(`${key} has one attempt twice: ${attempts.map(({ attempt }) => attempt).join(', ')}`);
  }

  #breach(what: string): void {
    this.#breaches.push(what);
  }
}

function isSame(one: Transition, other: Transition | undefined): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}

function edges({ transitions }: JobRecord): string {
  return transitions.map(({ n, event, to }) => `${n} ${event}→${to}`).join(', ');
}
