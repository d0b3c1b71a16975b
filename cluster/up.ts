/**
 * A whole cluster on this machine: a broker of its own, or several, unless one is named, masters and workers each a process.
 *
 * Knows the order of things. Up: broker, then masters and workers together, ready when a leader answers and sees
 * every worker. Down: workers drain, masters give the lease back, the broker goes last. What dies in between comes
 * back: processes by `crew.ts`, brokers by `broker-watch.ts`. `up.json` says where all of it is to be found.
 */

import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { EmbeddedBroker } from '../nats/embedded.ts';
import { type Cancel, type Clock, pause, SystemClock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { OptionValues } from '../runtime/options/table.ts';
import type { Options } from '../runtime/options.ts';
import { createTelemetry } from '../runtime/telemetry/telemetry.ts';
import { watchBrokers } from './broker-watch.ts';
import { commandLine, saidOtherwise } from './command-line.ts';
import { Crew } from './crew.ts';
import { askCluster } from './desk-answer.ts';
import { watchDisk } from './disk-watch.ts';
import { type Link, link } from './link.ts';
import { askMasters } from './masters.ts';
import { type Program, type Role, yardProgram } from './member.ts';
import { startOwnBrokers } from './own-broker.ts';
import { refuseRunning, removeUpFile, writeUpFile } from './up-file.ts';

export interface ClusterOptions {
  /** Of scope `up`. */
  options: Options;
  /** Hears every line that a process writes. */
  onLine?(from: string, line: string): void;
  /** Is told, in one line each, what a person should know. */
  say?(sentence: string): void;
  /** Whether what ended and should not have is started again; yes unless given. */
  restart?: boolean;
  /** Fires where the start is to be given up. */
  signal?: AbortSignal;
  /** What runs as `yard`; this package's command unless given. */
  program?: Program;
  /** What the processes find themselves in: ours unless given. */
  env?: NodeJS.ProcessEnv;
  directory?: string;
  clock?: Clock;
}

/** One process of a cluster. */
export interface MemberView {
  name: string;
  role: Role;
  /** `undefined` while it does not run. */
  pid: number | undefined;
}

/** A running cluster. Disposing of it stops it. */
export interface Cluster extends AsyncDisposable {
  /** Where its broker is, speaks MQTT and tells of itself; several addresses have commas between them. */
  readonly url: string;
  readonly mqttUrl: string | undefined;
  readonly monitoringUrl: string | undefined;
  /** Where its masters serve HTTP, and whether they ask for tokens there. */
  readonly httpUrls: readonly string[];
  readonly httpAuth: 'off' | 'token';
  /** How many brokers it has of its own; 0 where it uses somebody else's. */
  readonly brokers: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly prefix: string;
  readonly members: readonly MemberView[];
  /** Starts one more, with options of its own; resolves when the leader sees it. */
  add(role: Role, said?: Partial<OptionValues>): Promise<MemberView>;
  /** Ends one with SIGKILL, for good. */
  kill(name: string): Promise<void>;
  /** Stops all in order. Called again, workers hand back what they run; a third time, all are killed. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster; resolves when it is ready for jobs.
 *
 * @throws {Fault} `cluster.running`, `option.invalid` where a port is taken, `process.ended` where a process did not
 * come up, and what a broker may refuse with. Whatever was started is stopped then.
 * @example await using cluster = await startCluster({ options: readSettings(sources, 'up') });
 */
export async function startCluster(start: ClusterOptions): Promise<Cluster> {
  const dataDir = resolve(start.options.data);
  await refuseRunning(dataDir);
  const cluster = new LocalCluster(start, dataDir);
  const giveUp = () => void cluster.stop();
  start.signal?.addEventListener('abort', giveUp);
  try {
    if (start.signal?.aborted === true) giveUp();
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  } finally {
    start.signal?.removeEventListener('abort', giveUp);
  }
}

const loopback = '127.0.0.1';
const readyWithinMs = 60_000;
const masterStopsWithinMs = 10_000;
const insistAfterMs = 600;

class LocalCluster implements Cluster {
  readonly dataDir: string;
  readonly #start: ClusterOptions;
  readonly #clock: Clock;
  readonly #crew: Crew;
  #options: Options;
  #brokers: readonly EmbeddedBroker[] = [];
  #stopWatching: Cancel = () => {};
  #link: Link | undefined;
  httpUrls: readonly string[] = [];
  #moments: { startedAt: number; readyAt?: number } | undefined;
  #stops = 0;
  #stopAskedAt = 0;
  #started: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  #filing: Promise<void> = Promise.resolve();

  constructor(start: ClusterOptions, dataDir: string) {
    this.dataDir = dataDir;
    this.#start = start;
    this.#options = start.options;
    this.#clock = start.clock ?? new SystemClock();
    this.#crew = new Crew({
      clock: this.#clock,
      program: start.program ?? yardProgram(),
      env: start.env ?? process.env,
      directory: start.directory ?? process.cwd(),
      restart: start.restart ?? true,
      onLine: (from, line) => start.onLine?.(from, line),
      say: (sentence) => start.say?.(sentence),
      onChange: () => void this.#file(),
    });
  }

  get url(): string {
    return this.#options.nats.join(',');
  }

  get mqttUrl(): string | undefined {
    return joined(this.#brokers.flatMap(({ mqttPort }) => mqttPort ?? []).map((port) => `mqtt://127.0.0.1:${port}`));
  }

  get monitoringUrl(): string | undefined {
    return joined(this.#brokers.map(({ monitoringUrl }) => monitoringUrl));
  }

  get brokers(): number {
    return this.#brokers.length;
  }

  get prefix(): string {
    return this.#options.prefix;
  }

  get members(): readonly MemberView[] {
    return this.#crew.members.map(({ name, role, pid }) => ({ name, role, pid }));
  }

  start(): Promise<void> {
    this.#started = this.#startAll();
    return this.#started;
  }

  async #startAll(): Promise<void> {
    this.#refuseStopped();
    await this.#startBrokers();
    this.#refuseStopped();
    // Before the others, so that one process alone makes the streams.
    this.#link = await link({
      settings: this.#options,
      telemetry: createTelemetry(),
      role: 'yard up',
      withFeed: false,
      promise: this.#options,
      // Of the ten that an embedded broker may store: what lies aside may take a quarter as much, the other streams two and
      // a third, and what is left is for MQTT's own.
      ...(this.#brokers.length === 0 ? {} : { jobsBytes: 6 * 2 ** 30 }),
    });
    this.#watchDisk(this.#link);
    this.#moments = { startedAt: this.#link.clock.now() };
    const { masters, workers } = this.#options;
    for (let count = 0; count < masters; count++) this.#launch('master', {});
    for (let count = 0; count < workers; count++) this.#launch('worker', {});
    await this.#file();
    if (masters > 0) await Promise.race([this.#seesAll(), this.#crew.failed]);
    this.#crew.steady();
    const seen = masters > 0 ? await askMasters(this.#link.world.desk) : [];
    this.httpUrls = seen.flatMap(({ http }) => http ?? []).toSorted();
    this.#moments = { ...this.#moments, readyAt: this.#link.clock.now() };
    await this.#file();
    this.#refuseStopped();
  }

  async add(role: Role, said: Partial<OptionValues> = {}): Promise<MemberView> {
    const member = this.#launch(role, said);
    await this.#file();
    await this.#seesAll();
    return { name: member.name, role, pid: member.pid };
  }

  kill(name: string): Promise<void> {
    return this.#crew.kill(name);
  }

  stop(): Promise<void> {
    this.#stops++;
    if (this.#stops === 1) this.#stopAskedAt = this.#clock.mono();
    if (this.#stops === 2) this.#hurry();
    if (this.#stops > 2) for (const role of ['worker', 'master'] as const) this.#crew.signal(role, 'SIGKILL');
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  /** Not at once after the first signal, or a process takes the two for one. */
  #hurry(): void {
    const since = this.#clock.mono() - this.#stopAskedAt;
    this.#clock.after(Math.max(0, insistAfterMs - since), () => this.#crew.signal('worker', 'SIGTERM'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stopped ?? this.stop();
  }

  async #stopAll(): Promise<void> {
    this.#crew.close();
    // What is on its way up must be there before it can be stopped.
    await this.#started.catch(() => undefined);
    const { drainDeadline, cancelGrace } = this.#options;
    await this.#crew.stop('worker', drainDeadline + cancelGrace + 5_000);
    await this.#crew.stop('master', masterStopsWithinMs);
    await this.#link?.[Symbol.asyncDispose]();
    this.#stopWatching();
    await Promise.all(this.#brokers.map((broker) => broker.stop()));
    await this.#filing;
    if (this.#moments !== undefined) await removeUpFile(this.dataDir);
  }

  #refuseStopped(): void {
    if (this.#stops > 0) throw new Fault('process.ended', 'Expected the cluster to start, it was stopped meanwhile.');
  }

  async #startBrokers(): Promise<void> {
    const { nats, context, brokers, durability } = this.#options;
    if (nats.length > 0 || context !== undefined) return;
    const say = (line: string) => this.#start.say?.(line);
    this.#brokers = await startOwnBrokers({ options: this.#options, clock: this.#clock, say });
    const urls = this.#brokers.map(({ url }) => url);
    const replicated = brokers > 1 && durability === undefined ? { durability: 'replicated' as const } : {};
    const natsMonitoring = this.#brokers.map(({ monitoringUrl }) => monitoringUrl);
    this.#options = saidOtherwise(this.#options, { nats: urls, natsMonitoring, ...strangers, ...replicated });
    this.#stopWatching = watchBrokers({
      brokers: this.#brokers,
      clock: this.#clock,
      say,
      onChange: () => void this.#file(),
    });
  }

  /** Three keep each job where there are more. */
  #watchDisk(to: Link): void {
    if (this.#brokers.length === 0) return;
    const stopBefore = this.#stopWatching;
    const stop = watchDisk({
      dataDir: this.dataDir,
      copies: Math.min(3, this.#brokers.length),
      link: to,
      clock: this.#clock,
      say: (sentence) => this.#start.say?.(sentence),
    });
    this.#stopWatching = () => {
      stopBefore();
      stop();
    };
  }

  #launch(role: Role, said: Partial<OptionValues>) {
    this.#refuseStopped();
    const own = `${role}-${this.#crew.of(role).length + 1}`;
    const name = this.#options.name === undefined ? own : `${this.#options.name}-${own}`;
    const ports = { ...(role === 'master' ? this.#httpOf(this.#crew.of(role).length) : {}), ...this.#metricsOf() };
    return this.#crew.launch(name, role, commandLine(saidOtherwise(this.#options, { name, ...ports, ...said }), role));
  }

  /** Open only where nothing but this machine reaches HTTP or the broker. */
  get httpAuth(): 'off' | 'token' {
    const { httpAuth, httpHost } = this.#options;
    return httpAuth ?? (this.#brokers.length > 0 && httpHost === loopback ? 'off' : 'token');
  }

  /** Masters here serve HTTP side by side: the ports after a named one are theirs. */
  #httpOf(masters: number): Partial<OptionValues> {
    const { httpPort, origins } = this.#options;
    const isNamed = typeof httpPort === 'number' && origins.httpPort !== 'default';
    return { httpAuth: this.httpAuth, ...(isNamed ? { httpPort: httpPort + masters } : {}) };
  }

  /** The same for metrics, of all members. */
  #metricsOf(): Partial<OptionValues> {
    const { metricsPort } = this.#options;
    const before = this.#crew.of('master').length + this.#crew.of('worker').length;
    return typeof metricsPort === 'number' ? { metricsPort: metricsPort + before } : {};
  }

  /** Resolves when a leader answers and has heard of every worker that runs here. */
  async #seesAll(): Promise<void> {
    const patience = this.#clock.mono() + readyWithinMs;
    while (this.#clock.mono() < patience && this.#stops === 0) {
      if (await this.#isSeen()) return;
      await pause(this.#clock, 50);
    }
    this.#refuseStopped();
    throw new Fault(
      'process.ended',
      `Expected a leader that sees all workers within ${readyWithinMs / 1_000} s, got none. Look at what the processes wrote.`,
    );
  }

  async #isSeen(): Promise<boolean> {
    const view = this.#link === undefined ? undefined : await askCluster(this.#link.world.desk).catch(() => undefined);
    if (view === undefined) return false;
    const here = new Set(view.workers.filter(({ host }) => host === hostname()).map(({ pid }) => pid));
    return this.#crew.of('worker').every(({ pid }) => pid === undefined || here.has(pid));
  }

  /** Writes `up.json` anew, one write after the other. */
  #file(): Promise<void> {
    this.#filing = this.#filing.then(() => this.#writeFile()).catch(() => undefined);
    return this.#filing;
  }

  async #writeFile(): Promise<void> {
    if (this.#stops > 0 || this.#moments === undefined) return;
    const { url, mqttUrl, monitoringUrl, prefix } = this;
    await writeUpFile(this.dataDir, {
      url,
      prefix,
      ...(mqttUrl === undefined ? {} : { mqttUrl }),
      ...(monitoringUrl === undefined ? {} : { monitoringUrl }),
      ...(this.httpUrls.length === 0 ? {} : { httpUrls: this.httpUrls, httpAuth: this.httpAuth }),
      brokers: this.#brokers.flatMap(({ pid }) => pid ?? []),
      masters: this.#pidsOf('master'),
      workers: this.#pidsOf('worker'),
      ...this.#moments,
    });
  }

  #pidsOf(role: Role): number[] {
    return this.#crew.of(role).flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }
}

function joined(addresses: readonly string[]): string | undefined {
  return addresses.length === 0 ? undefined : addresses.join(',');
}

/** Who we are to somebody else's broker means nothing to our own. */
const strangers = {
  creds: undefined,
  nkey: undefined,
  user: undefined,
  password: undefined,
  token: undefined,
  tlsCa: undefined,
  tlsCert: undefined,
  tlsKey: undefined,
};
