/**
 * A whole cluster in this process, for users' tests: a broker in memory, a master, a worker and a client, all of them the real
 * ones, on a clock that is moved by hand.
 *
 * What needs no time happens by itself. Handlers run in real time, so the clock waits for those that run before it moves on;
 * else hours would pass while one reads a file. While nothing is due, master and worker sleep, as on a machine that is suspended:
 * a day of their heartbeats would take a minute. They are woken well before the next moment at which something is.
 */

import { Committer } from '../actors/committer.ts';
import { Master } from '../actors/master.ts';
import { Worker } from '../actors/worker.ts';
import { shippedTypes } from '../handlers/shipped.ts';
import { isSettled, type JobState } from '../machines/job.ts';
import { Fault } from '../runtime/faults.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import { MemoryBroker } from '../runtime/memory/broker.ts';
import { ManualClock, type NodeClock } from '../runtime/memory/manual-clock.ts';
import { type Options, resolveOptions } from '../runtime/options.ts';
import type { Change, JobStore } from '../runtime/ports.ts';
import { createTelemetry, next } from '../runtime/telemetry/telemetry.ts';
import { parseAdvertised } from './advertise.ts';
import { Client } from './client.ts';
import { masterSettings } from './master.ts';
import type { MasterView } from './masters.ts';
import { Running } from './running.ts';
import { durationOf, momentOf } from './schedule-given.ts';
import type { Duration, Moment } from './submit-options.ts';
import { version } from './version.ts';

export interface MemoryClusterOptions {
  /** What its worker runs. */
  definitions: readonly JobDefinition[];
  startAt: Moment;
  seed: number;
  concurrency: number;
  advertise: string;
}

/** How the clock is moved. */
export interface MoveOptions {
  /** Whether it moves on while handlers run, without waiting for them. */
  whileRunning?: boolean | undefined;
}

/** In less, a master is elected and has heard the worker. */
const startsWithinMs = 5_000;
/** In less, a master that has slept leads again and has heard the worker. */
const wakesWithinMs = 15_000;
/** A shorter sleep is not worth it. */
const shortestSleepMs = 60_000;
const plentyMb = 1_000_000;
const never = Number.POSITIVE_INFINITY;
const name = 'test';
/** Nothing happens to an open job in such a state before a moment that its head names. */
const still: ReadonlySet<JobState> = new Set(['scheduled', 'retrying', 'held', 'blocked']);

/** What a cluster is made of. */
interface Parts {
  clock: ManualClock;
  broker: MemoryBroker;
  options: Options;
  running: Running;
  /** Of the master and of the worker. */
  nodes: readonly [NodeClock, NodeClock];
}

export class MemoryCluster {
  readonly client: Client;
  readonly #parts: Parts;
  readonly #store: JobStore;
  readonly #end: () => Promise<void>;

  /** @throws {Fault} `input.invalid`, `option.invalid` */
  static async open(given: MemoryClusterOptions): Promise<MemoryCluster> {
    const startAt = momentOf('startAt', given.startAt);
    const clock = new ManualClock({ startAt: startAt - startsWithinMs, seed: given.seed, settlesItself: true });
    const parts: Parts = {
      clock,
      broker: new MemoryBroker({ clock }),
      options: resolveOptions({ flags: {}, env: {} }, 'worker'),
      running: new Running(),
      nodes: [clock.forNode(), clock.forNode()],
    };
    const stopMaster = await startMaster(parts);
    const stopWorker = await startWorker(parts, given);
    await clock.advance(startAt - clock.now());
    return new MemoryCluster(parts, async () => {
      await stopWorker();
      await stopMaster();
    });
  }

  private constructor(parts: Parts, end: () => Promise<void>) {
    this.client = clientOf(parts);
    this.#parts = parts;
    this.#store = parts.broker.world().store;
    this.#end = end;
  }

  /** Lets so much time pass. @throws {Fault} `wait.timedOut` where a handler does not end. */
  async advance(by: Duration, options: MoveOptions = {}): Promise<void> {
    await this.#move(durationOf('by', by), () => true, options);
  }

  /** Lets time pass until the promise is settled. @throws {Fault} `wait.timedOut`; what the promise is rejected with. */
  async until<Value>(promise: Promise<Value>, within: Duration, options: MoveOptions = {}): Promise<Value> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await this.#move(durationOf('within', within), () => !settled, options);
    if (settled) return await promise;
    throw new Fault('wait.timedOut', `Expected it to be done within ${within} of the test's clock, it is not.`);
  }

  /** Goes on as long as it is `wanted`. */
  async #move(ms: number, wanted: () => boolean, { whileRunning = false }: MoveOptions): Promise<void> {
    const { clock, running } = this.#parts;
    const end = clock.mono() + ms;
    const left = () => end - clock.mono();
    const may = () => wanted() && (whileRunning || running.isEmpty);
    // What has just been asked for may start handlers, and may be all that was wanted.
    await clock.settle();
    while (left() > 0 && wanted()) {
      if (!whileRunning) await running.ended();
      await this.#sleep(Math.min(left(), await this.#dueInMs()) - wakesWithinMs, may);
      await clock.advanceWhile(may, Math.min(left(), wakesWithinMs));
    }
    for (; !whileRunning && wanted() && !running.isEmpty; await clock.settle()) await running.ended();
  }

  async #sleep(ms: number, may: () => boolean): Promise<void> {
    if (ms < shortestSleepMs) return;
    const { clock, nodes } = this.#parts;
    for (const node of nodes) node.freeze();
    await clock.advanceWhile(may, ms);
    for (const node of nodes) node.thaw();
  }

  /** In how long the next moment comes at which something is due; not positive while something is going on. */
  async #dueInMs(): Promise<number> {
    const bulks = await this.client.bulk.list();
    let at = bulks.some(({ state }) => state === 'running') ? 0 : never;
    for await (const change of this.#store.changesAfter(0)) at = Math.min(at, dueOf(change));
    return at - this.#parts.clock.now();
  }

  /** Handlers that run are told to stop. */
  async close(): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.#parts.clock.until(this.#end());
  }
}

/** The moment before which nothing happens to what is told of. */
function dueOf(change: Change): number {
  if (change.kind === 'schedule') return change.head.nextAt ?? never;
  if (change.kind !== 'job' || isSettled(change.head.state)) return never;
  const { state, dueAt = never, expiresAt = never } = change.head;
  return still.has(state) ? Math.min(dueAt, expiresAt) : 0;
}

/** Resolves when it leads. */
async function startMaster({ broker, options, clock, nodes: [own] }: Parts): Promise<() => Promise<void>> {
  const telemetry = createTelemetry();
  const world = broker.world({ clock: own });
  const master = new Master({
    ...{ world, clock: own, telemetry, incarnation: own.unique(), name },
    definitions: shippedTypes({ clock: own }),
    settings: masterSettings(options),
  });
  const elected = next(telemetry, 'leader.elected');
  await clock.until(master.start());
  await clock.until(elected);
  const who = { host: name, pid: process.pid, version, startedAt: own.now() };
  const view = (): MasterView => ({ ...master.standing(), ...who, clock: { skewMs: 0, uncertaintyMs: 0 } });
  await world.desk.answer('masters', view);
  return () => master.stop();
}

async function startWorker(
  { broker, options, running, clock, nodes: [, own] }: Parts,
  { definitions, concurrency, advertise }: MemoryClusterOptions,
): Promise<() => Promise<void>> {
  const [world, telemetry] = [broker.world({ clock: own }), createTelemetry()];
  const committer = new Committer({ store: world.store, clock: own, telemetry });
  const { capacity, declared } = parseAdvertised(advertise);
  const types = definitions.map(({ type }) => type);
  const versions = definitions.flatMap(({ type, version: of }) => (of === undefined ? [] : [[type, of]]));
  const has = { slots: concurrency, types, versions: Object.fromEntries(versions), labels: {}, ...capacity };
  const worker = new Worker({
    ...{ world, clock: own, telemetry, commit: committer.commit },
    definitions: definitions.map((each) => running.noting(each)),
    typeDefaults: { maxAttempts: options.maxAttempts, staleAfterMs: options.staleAfter },
    identity: {
      ...{ incarnation: own.unique(), name, host: name, pid: process.pid, version, declared, startedAt: own.now() },
      capacity: { gpu: 0, vramMb: 0, encoders: [], memoryMb: plentyMb, ...has },
    },
    load: () => ({ cpuPercent: 0, memoryMb: 0 }),
    diskMb: () => capacity.diskMb ?? plentyMb,
    cancelGraceMs: options.cancelGrace,
    drainDeadlineMs: 0,
    pulseEveryMs: options.pulse,
  });
  await clock.until(worker.start());
  return async () => {
    await worker.drain();
    committer.close();
  };
}

function clientOf({ clock, broker, options }: Parts): Client {
  const to = {
    ...{ clock, world: broker.world(), incarnation: clock.unique(), durability: 'fast' as const },
    brokers: async () => ({ all: 1, current: 1, brokers: [] }),
    [Symbol.asyncDispose]: async () => {},
  };
  return Client.over(to, { options });
}
