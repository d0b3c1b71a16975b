/**
 * What tests of single actors have in common: a clock moved by hand, a broker in memory, jobs, and a worker.
 */

import { Committer } from '../../actors/committer.ts';
import { Worker } from '../../actors/worker.ts';
import type { Capacity } from '../../machines/rules/capability.ts';
import type { JobDefinition, JobRun } from '../../runtime/handler.ts';
import { headOf } from '../../runtime/head.ts';
import { MemoryBroker, type MemoryWorld } from '../../runtime/memory/broker.ts';
import { type Chaos, calm, type WriteFate } from '../../runtime/memory/chaos.ts';
import { ManualClock } from '../../runtime/memory/manual-clock.ts';
import type { Entry, Head, JobStore, Pulse } from '../../runtime/ports.ts';
import { type JobRecord, type JobSpec, jobKey } from '../../runtime/record.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { newJob } from '../ports.contract.ts';

/** A job without any wishes. */
export function plainJob(id: string, more: Partial<JobSpec> = {}): JobRecord {
  return newJob(id, { requirements: {}, payload: {}, queue: 'default', priority: 'medium', ...more });
}

/** What was said of a job at its birth. */
export function specOf({ state: _s, context: _c, attempts: _a, transitions: _t, ...spec }: JobRecord): JobSpec {
  return spec;
}

/** The head of a waiting job. */
export function headWith(more: Partial<Head> & { key: string; revision: number }): Head {
  return { ...headOf(more.key, more.revision, plainJob('a')), ...more };
}

/** A clock, a broker, and the world of one node. */
export function stage(options: { chaos?: Chaos; answerWithinMs?: number } = {}) {
  const clock = new ManualClock();
  const { chaos = calm, answerWithinMs = 1_000 } = options;
  const broker = new MemoryBroker({ clock, chaos, answerWithinMs });
  const world = broker.world();
  const telemetry = createTelemetry();
  const told: string[] = [];
  telemetry.subscribe(({ name }) => told.push(name));
  return { clock, broker, world, telemetry, told };
}

export type Stage = ReturnType<typeof stage>;

/** Nothing goes wrong but the next writes, in this order. */
export function fates(...list: WriteFate[]): Chaos {
  return { ...calm, fate: () => list.shift() ?? 'normal', lateMs: () => 5_000 };
}

export function entryOf(record: JobRecord, expected = 0): Entry & { record: JobRecord } {
  return { key: jobKey(record), expected, record };
}

/** Stores new jobs and returns their revisions. */
export async function create(store: JobStore, ...records: readonly JobRecord[]): Promise<readonly number[]> {
  const outcome = await store.write(records.map((record) => entryOf(record)));
  if (outcome.kind !== 'accepted') throw new RangeError(`Expected to create jobs, got ${outcome.kind}.`);
  return outcome.revisions;
}

/** The same store, but for what is given. */
export function storeWith(store: JobStore, own: Partial<JobStore>): JobStore {
  return {
    broker: () => store.broker(),
    write: (entries) => store.write(entries),
    read: (key) => store.read(key),
    readMany: (keys) => store.readMany(keys),
    readLease: () => store.readLease(),
    readPicture: () => store.readPicture(),
    changesAfter: (revision) => store.changesAfter(revision),
    records: (filter) => store.records(filter),
    state: () => store.state(),
    readSchedule: (key) => store.readSchedule(key),
    readPointer: (key) => store.readPointer(key),
    uniqueKeys: () => store.uniqueKeys(),
    workflowKeys: (tenant) => store.workflowKeys(tenant),
    schedules: () => store.schedules(),
    forget: (revisions) => store.forget(revisions),
    ...own,
  };
}

/** The most open jobs that the history shows at any of its moments. */
export function mostOpenAtOnce(history: readonly { batch: number; key: string; json: string }[]): number {
  const open = new Set<string>();
  let most = 0;
  for (const [at, { batch, key, json }] of history.entries()) {
    const { settledAt }: Partial<JobRecord> = JSON.parse(json);
    if (settledAt !== undefined) open.delete(key);
    else if (!key.startsWith('_')) open.add(key);
    if (history[at + 1]?.batch !== batch) most = Math.max(most, open.size);
  }
  return most;
}

/** What is stored for a job, whatever is wrong with the network. */
export function written(broker: MemoryBroker, id: string): readonly JobRecord[] {
  const key = `default.${id}`;
  return broker.history().flatMap((write): JobRecord[] => (write.key === key ? [JSON.parse(write.json)] : []));
}

/** The last record of a job. */
export function lastOf(broker: MemoryBroker, id: string): JobRecord {
  const record = written(broker, id).at(-1);
  if (record === undefined) throw new RangeError(`Expected a record of ${id}, found none.`);
  return record;
}

export const capacity: Capacity = {
  slots: 2,
  types: ['noop'],
  gpu: 0,
  vramMb: 0,
  encoders: [],
  memoryMb: 1_000,
  labels: {},
};

/** A sign of life of worker `w1`. */
export function pulseOf(has: Capacity = capacity, more: Partial<Pulse> = {}): Pulse {
  return {
    incarnation: 'w1',
    name: 'w1',
    host: 'test',
    pid: 1,
    version: '0',
    status: 'available',
    capacity: has,
    declared: [],
    startedAt: 0,
    loopLagMs: 0,
    claims: { count: 0, hash: 0 },
    load: { cpuPercent: 0, memoryMb: 0 },
    ...more,
  };
}

/** A job type whose handler is `run`. */
export function jobType(run: (job: JobRun<unknown>) => unknown): JobDefinition {
  return {
    type: 'noop',
    payload: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } },
    run,
  };
}

/** A worker `w1` of `world` that runs jobs of type `noop` by `run`. */
export async function workerOn(
  { clock, telemetry }: Stage,
  world: MemoryWorld,
  run: (job: JobRun<unknown>) => unknown,
  has: Capacity = capacity,
): Promise<{ worker: Worker; committer: Committer }> {
  const committer = new Committer({ store: world.store, clock, telemetry });
  const worker = new Worker({
    world,
    clock,
    telemetry,
    commit: committer.commit,
    definitions: [jobType(run)],
    identity: {
      incarnation: 'w1',
      name: 'w1',
      host: 'test',
      pid: 1,
      version: '0',
      capacity: has,
      declared: [],
      startedAt: clock.now(),
    },
    load: () => ({ cpuPercent: 0, memoryMb: 0 }),
    cancelGraceMs: 10_000,
    drainDeadlineMs: 30_000,
    pulseEveryMs: 1_000,
  });
  await clock.until(worker.start());
  return { worker, committer };
}
