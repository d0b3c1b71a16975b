/**
 * A whole cluster of real processes on a real broker, with verbs for what may happen to one: start, stop, kill,
 * freeze, thaw, cut, heal. What a user does and sees is in `user.ts`; what must hold at the end, in `history.ts`.
 *
 * All waiting is in here, and none of it is a sleep: whatever happens rings a bell, and the test looks again.
 */

import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import type { Role } from '../../cluster/member.ts';
import { natsFeed } from '../../nats/feed.ts';
import { names } from '../../nats/names.ts';
import { pause, SystemClock } from '../../runtime/clock.ts';
import type { Change } from '../../runtime/ports.ts';
import { type Scratch, scratch, type TestBroker, testBroker } from '../nats/broker.ts';
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
  /** A broker to share with other clusters; one of its own unless given. */
  broker?: TestBroker;
  /** Gives each process a wire that can be cut. */
  wired?: boolean;
  /** What is done on the wires to what processes say. */
  tap?: Tap;
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

  /** Starts a process; resolves when it is in the cluster. */
  async start(role: Role, flags: Flags = {}): Promise<YardProcess> {
    const { broker, options, clock, news, effects } = this.#parts;
    const { PATH = '', HOME = '' } = process.env;
    const started = new YardProcess({
      name: `${role}-${++this.#count}`,
      role,
      url: broker.url,
      wire: options.wired === true ? await Wire.to(broker.url, options.tap) : undefined,
      flags: { prefix: this.user.names.prefix, handlers: file, types: quickTypes, ...options.flags, ...flags },
      directory: this.folder,
      env: { PATH, HOME, EFFECTS: effects.path },
      clock,
      news,
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

  heal(process: YardProcess): void {
    process.wire?.heal();
  }

  /** Kills the broker and starts it again on the same data and ports. */
  async restartBroker(): Promise<void> {
    await this.broker.kill();
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
  const { masters = 1, workers = 1, flags = {} } = options;
  const clock = new SystemClock();
  const news = new News(clock);
  const broker = options.broker ?? (await testBroker());
  const folder = await scratch();
  const connection = await broker.connect();
  const effects = new Effects(join(folder.path, 'effects'), () => news.ring());
  const background = () => yard.processes.map(({ name, lastLines }) => `--- ${name}\n${lastLines}`).join('\n');
  const named = names(flags.prefix === undefined ? undefined : String(flags.prefix));
  const changes: Change[] = [];
  await natsFeed(connection, named).follow((change) => void changes.push(change));
  const user = await User.of({ url: broker.url, connection, names: named, clock, news, background });
  const yard = new Cluster(user, { options, broker, scratch: folder, connection, clock, news, effects, changes });
  await Promise.all([
    ...Array.from({ length: masters }, () => yard.start('master')),
    ...Array.from({ length: workers }, () => yard.start('worker')),
  ]);
  return yard;
}
