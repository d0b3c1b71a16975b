/**
 * A whole cluster of real processes on a real broker, with verbs for what may happen to one: start, stop, kill,
 * freeze, thaw, and for its wire: cut, drop, delay, mute, deafen, heal. What a user does and sees is in `user.ts`; what must hold at the end, in `history.ts`.
 *
 * All waiting is in here, and none of it is a sleep: whatever happens rings a bell, and the test looks again.
 */

import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Program, Role } from '../../cluster/member.ts';
import type { EmbeddedBroker } from '../../nats/embedded.ts';
import { natsFeed } from '../../nats/feed.ts';
import { names } from '../../nats/names.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { pause, SystemClock } from '../../runtime/clock.ts';
import type { Change } from '../../runtime/ports.ts';
import { type JobRecord, upcast } from '../../runtime/record.ts';
import { type Scratch, scratch, type TestBroker, testBroker, testBrokers } from '../nats/broker.ts';
import { Effects } from './effects.ts';
import { gatherHistory } from './gather.ts';
import { expectSound } from './history.ts';
import { News } from './news.ts';
import { type Flags, YardProcess } from './process.ts';
import { User } from './user.ts';
import { type Tap, Wire } from './wire.ts';

export interface ClusterOptions {
  masters?: number;
  workers?: number;
  /** Flags of all processes, each where its role has it. */
  flags?: Flags;
  /** How many brokers of its own: 1, or 3 as a cluster, which has no wires. */
  brokers?: 1 | 3;
  /** A broker to share with other clusters; one of its own unless given. */
  broker?: TestBroker;
  /** Gives each process a wire that can be cut. */
  wired?: boolean;
  /** What is done on the wires to what processes say. */
  tap?: Tap;
  /** How records are read from outside, where some are of another version. */
  read?: (json: unknown) => JobRecord;
}

const file = new URL('./jobs.ts', import.meta.url).pathname;
/** No encoder is measured: a worker that takes no transcode jobs is up in half the time. */
const quickTypes = 'noop,sleeper,flaky,always_fail,mark,stubborn,blocking,chatty,deadly,odd';
const startWithinMs = 30_000;
const stopWithinMs = 20_000;

/** A running cluster. Processes and broker are gone when it is disposed of. */
export class Cluster implements AsyncDisposable {
  readonly user: User;
  readonly broker: TestBroker;
  readonly effects: Effects;
  /** Where the processes run, and where transcode may read and write. */
  readonly folder: string;
  /** Measures as the broker does: they run on one machine. */
  readonly clock: SystemClock;
  readonly processes: YardProcess[] = [];
  readonly #parts: Parts;
  #count = 0;

  constructor(user: User, parts: Parts) {
    this.user = user;
    this.broker = parts.broker;
    this.effects = parts.effects;
    this.folder = parts.scratch.path;
    this.clock = parts.clock;
    this.#parts = parts;
  }

  /** Starts a process, with `more` in its environment; resolves when it is in the cluster. */
  async start(
    role: Role,
    flags: Flags = {},
    more: Readonly<Record<string, string>> = {},
    program?: Program,
  ): Promise<YardProcess> {
    const { broker, options, clock, news, effects } = this.#parts;
    const { PATH = '', HOME = '' } = process.env;
    const started = new YardProcess({
      name: `${role}-${++this.#count}`,
      role,
      url: broker.url,
      wire: options.wired === true ? await Wire.to({ url: broker.url, clock, tap: options.tap }) : undefined,
      flags: { prefix: this.user.names.prefix, handlers: file, types: quickTypes, ...options.flags, ...flags },
      directory: this.folder,
      env: { PATH, HOME, EFFECTS: effects.path, ...more },
      clock,
      news,
      program,
    });
    this.processes.push(started);
    await this.user.until(() => this.#isUp(started), `${started.name} to be up`, startWithinMs);
    return started;
  }

  async #isUp(started: YardProcess): Promise<true | undefined> {
    if (started.how !== undefined) throw new Error(`${started.name} ended with ${started.how}:\n${started.lastLines}`);
    if (!started.tells(started.role === 'master' ? 'broker.connected' : 'worker.started')) return undefined;
    if (!this.processes.some(({ role, how }) => role === 'master' && how === undefined)) return true;
    const view = await this.user.view();
    if (view === undefined) return undefined;
    return started.role === 'master' || view.workers.some(({ pid }) => pid === started.pid) ? true : undefined;
  }

  /** The master that leads, as the lease says. */
  leader(): Promise<YardProcess> {
    return this.user.until(async () => {
      const view = await this.user.view();
      return this.processes.find(({ name, how }) => name === view?.leader.name && how === undefined);
    }, 'a leader');
  }

  /** The process that runs the handler of a job. */
  async workerOf(id: string): Promise<YardProcess> {
    const { context } = await this.user.waitUntil(id, 'processing');
    const found = this.processes.find(({ told }) =>
      told.some(({ event, incarnation }) => event === 'worker.started' && incarnation === context.worker),
    );
    if (found === undefined) throw new Error(`Expected a worker of this cluster to hold ${id}, got ${context.worker}.`);
    return found;
  }

  /** The processes that have not ended. */
  running(): readonly YardProcess[] {
    return this.processes.filter(({ how }) => how === undefined);
  }

  /** How long something that goes wrong lasts. */
  lasts(ms: number): Promise<void> {
    return pause(this.clock, ms);
  }

  /** Asks a process to stop and waits until it is gone. */
  stop(process: YardProcess): Promise<void> {
    return process.stop(stopWithinMs);
  }

  kill(process: YardProcess): Promise<void> {
    return process.kill();
  }

  freeze(process: YardProcess): void {
    process.signal('SIGSTOP');
  }

  thaw(process: YardProcess): void {
    process.signal('SIGCONT');
  }

  cut(process: YardProcess): void {
    process.wire?.cut();
  }

  /** What it says and hears vanishes, and its connections stay as they are. */
  drop(process: YardProcess): void {
    process.wire?.drop();
  }

  /** What it says and hears comes so much later. */
  delay(process: YardProcess, ms: number): void {
    process.wire?.delay(ms);
  }

  /** It hears, and is not heard. */
  mute(process: YardProcess): void {
    process.wire?.mute();
  }

  /** It is heard, and hears nothing. */
  deafen(process: YardProcess): void {
    process.wire?.deafen();
  }

  heal(process: YardProcess): void {
    process.wire?.heal();
  }

  /** The broker of a cluster that leads a stream, and by that all writes to it. */
  async brokerOf(stream: string): Promise<EmbeddedBroker> {
    const jsm = await jetstreamManager(this.#parts.connection, { checkAPI: false });
    return this.user.until(async () => {
      const { cluster: placed } = await jsm.streams.info(stream).catch(() => ({ cluster: undefined }));
      return this.broker.servers.find(({ name }) => name === placed?.leader);
    }, `a broker that leads ${stream}`);
  }

  /** Resolves when every broker has every replica of a stream, up to its end. */
  async caughtUp(stream: string): Promise<void> {
    const jsm = await jetstreamManager(this.#parts.connection, { checkAPI: false });
    await this.user.until(
      async () => {
        const { cluster: placed } = await jsm.streams.info(stream).catch(() => ({ cluster: undefined }));
        const others = placed?.replicas ?? [];
        return others.length > 0 && others.every(({ current, offline }) => current && offline !== true)
          ? true
          : undefined;
      },
      `all replicas of ${stream} to be there`,
      startWithinMs,
    );
  }

  /** Kills the broker, or all of them, and starts it again on the same data and ports. */
  restartBroker(): Promise<void> {
    return this.stopBrokerFor(async () => {});
  }

  /** Kills the broker, and starts it again when `what` is done with its data. */
  async stopBrokerFor(what: () => Promise<void>): Promise<void> {
    await this.broker.kill();
    await what();
    await this.broker.restart();
  }

  freezeBroker(): void {
    process.kill(this.#brokerPid(), 'SIGSTOP');
  }

  thawBroker(): void {
    process.kill(this.#brokerPid(), 'SIGCONT');
  }

  /** Resolves when the handler of a job has ended, whether or not anybody could be told. */
  async handlerEnds(id: string): Promise<void> {
    const ended = async () => (await this.effects.all()).some(({ job, what }) => job === id && what === 'ends');
    await this.user.until(async () => ((await ended()) ? true : undefined), `the handler of ${id} to end`);
  }

  #brokerPid(): number {
    const { pid } = this.broker.server;
    if (pid === undefined) throw new Error('Expected the broker to run, it does not.');
    return pid;
  }

  /** Fails where what this cluster did is not what a correct one can have done. */
  async expectSound(): Promise<void> {
    const { user, processes, effects } = this;
    const { connection, changes } = this.#parts;
    expectSound(await gatherHistory({ user, processes, effects, connection, changes }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.processes.map((each) => each.kill()));
    await Promise.all(this.processes.map(({ wire }) => wire?.[Symbol.asyncDispose]()));
    this.effects.close();
    await this.user[Symbol.asyncDispose]();
    if (this.#parts.options.broker === undefined) await this.broker[Symbol.asyncDispose]();
    await this.#parts.scratch[Symbol.asyncDispose]();
  }
}

interface Parts {
  options: ClusterOptions;
  broker: TestBroker;
  scratch: Scratch;
  connection: NatsConnection;
  clock: SystemClock;
  news: News;
  effects: Effects;
  /** What was heard to be written, in order. */
  changes: readonly Change[];
}

/**
 * A cluster, ready for jobs.
 *
 * @example await using yard = await cluster({ masters: 1, workers: 2, flags: { lookAhead: 0 } });
 */
export async function cluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { masters = 1, workers = 1, brokers = 1, flags = {} } = options;
  const clock = new SystemClock();
  const news = new News(clock);
  const broker = options.broker ?? (await (brokers === 1 ? testBroker() : testBrokers()));
  const folder = await scratch();
  const connection = await broker.connect();
  const effects = new Effects(join(folder.path, 'effects'), () => news.ring());
  const background = () => yard.processes.map(({ name, lastLines }) => `--- ${name}\n${lastLines}`).join('\n');
  const named = names(flags.prefix === undefined ? undefined : String(flags.prefix));
  // As `yard up` does: processes that all make the streams of a cluster get in one another's way.
  if (brokers > 1) await ensureTopology({ connection, names: named, clock, replicas: brokers });
  const changes: Change[] = [];
  await natsFeed(connection, named).follow((change) => void changes.push(change));
  const { read = upcast } = options;
  const user = await User.of({ url: broker.url, connection, names: named, clock, news, background, read });
  const yard = new Cluster(user, { options, broker, scratch: folder, connection, clock, news, effects, changes });
  await Promise.all([
    ...Array.from({ length: masters }, () => yard.start('master')),
    ...Array.from({ length: workers }, () => yard.start('worker')),
  ]);
  return yard;
}
