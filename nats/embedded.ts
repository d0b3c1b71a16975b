/**
 * A nats-server of our own: started, watched and stopped by this process, on this machine's loopback only.
 *
 * Knows its life; its settings are in `server-config.ts`, where the program comes from in `binary.ts`, who may use a
 * data directory in `leftover.ts`. Promises that it is ready when `startBroker` resolves, and that it dies with the
 * process that started it, however that process dies: a shell beside it reads from a pipe that only the parent holds
 * open, and stops the server when the pipe ends. The server runs in a process group of its own, so that Ctrl-C
 * reaches those who still want to write before it reaches the broker.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { type Clock, pause, SystemClock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { type BrokerBinary, findBroker } from './binary.ts';
import {
  type BrokerPorts,
  type ChosenPorts,
  choosePorts,
  isHealthy,
  listening,
  removePortFiles,
} from './broker-ports.ts';
import { release, takeOver } from './leftover.ts';
import { loopback, type ServerCluster, type ServerSettings, serverConfig, serverFiles } from './server-config.ts';

export interface BrokerOptions {
  /** Where it keeps everything: store, configuration, log and pid. */
  dataDir: string;
  /** Found or fetched unless given. */
  binary?: BrokerBinary;
  /** 4222 and 8222, no MQTT, unless given. */
  ports?: BrokerPorts;
  /** How often what was acknowledged is forced to disk: each second, or before each acknowledgement. */
  sync?: '1s' | 'always';
  /** Bytes that the store may take on disk; 10 GiB unless given. */
  maxStoreBytes?: number;
  serverName?: string;
  /** Its place in a cluster: it is ready when the cluster has a leader, so its peers must start meanwhile. */
  cluster?: ServerCluster;
  /** More for its configuration file, such as `{ authorization: { token } }`. */
  settings?: Readonly<Record<string, unknown>>;
  /** How long it may take until it is ready; 30 s unless given. */
  readyWithinMs?: number;
  clock?: Clock;
}

/** A nats-server of ours. Its ports stay the same over `kill` and `restart`. */
export interface EmbeddedBroker extends AsyncDisposable {
  /** What it calls itself, and its peers call it. */
  readonly name: string;
  readonly url: string;
  readonly monitoringUrl: string;
  readonly mqttPort: number | undefined;
  readonly binary: BrokerBinary;
  readonly dataDir: string;
  readonly logFile: string;
  /** Its process id; `undefined` while it does not run. */
  readonly pid: number | undefined;
  /** Stops it in good order; harmless when it has stopped. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Stops it where it runs, and starts it again with the same ports and data. */
  restart(): Promise<void>;
}

/**
 * A nats-server with JetStream, ready to be used.
 *
 * @throws {Fault} `broker.absent` where there is no program; `broker.refused` where it does not come up, or where
 * another living process has a server on the same data directory.
 * @example await using broker = await startBroker({ dataDir: '.yard', ports: freePorts });
 */
export async function startBroker(options: BrokerOptions): Promise<EmbeddedBroker> {
  const server = new Server(options, options.binary ?? (await findBroker()));
  await server.restart();
  return server;
}

interface Running {
  child: ChildProcess;
  /** Ends the server when it is destroyed, or when this process is. */
  lifeline: Socket;
  exited: Promise<unknown>;
}

class Server implements EmbeddedBroker {
  readonly binary: BrokerBinary;
  readonly dataDir: string;
  readonly logFile: string;
  readonly #options: BrokerOptions;
  readonly #clock: Clock;
  #ports: ChosenPorts | undefined;
  #running: Running | undefined;

  constructor(options: BrokerOptions, binary: BrokerBinary) {
    this.binary = binary;
    this.dataDir = resolve(options.dataDir);
    this.logFile = join(this.dataDir, serverFiles.log);
    this.#options = options;
    this.#clock = options.clock ?? new SystemClock();
  }

  get name(): string {
    return this.#options.serverName ?? 'yard';
  }

  get url(): string {
    return `nats://${loopback}:${this.#ports?.client}`;
  }

  get monitoringUrl(): string {
    return `http://${loopback}:${this.#ports?.monitoring}`;
  }

  get mqttPort(): number | undefined {
    return this.#ports?.mqtt;
  }

  get pid(): number | undefined {
    return this.#running?.child.pid;
  }

  async restart(): Promise<void> {
    await this.stop();
    await mkdir(this.dataDir, { recursive: true });
    await takeOver({ dataDir: this.dataDir, clock: this.#clock });
    await removePortFiles(this.dataDir);
    const ports = this.#ports ?? (await choosePorts(this.#options.ports ?? {}));
    await writeFile(join(this.dataDir, serverFiles.config), serverConfig(this.#settings(ports)));
    this.#running = launch(this.binary.path, this.dataDir, this.logFile);
    try {
      this.#ports = await this.#ready(this.#running.child, ports);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #settings(ports: ChosenPorts): ServerSettings {
    const { sync = '1s', maxStoreBytes = 10 * 2 ** 30, settings = {} } = this.#options;
    return {
      dataDir: this.dataDir,
      version: this.binary.version,
      ports,
      serverName: this.name,
      sync,
      maxStoreBytes,
      cluster: this.#options.cluster,
      more: settings,
    };
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.child.ref();
    running.child.kill(signal);
    await running.exited;
    await release(this.dataDir);
  }

  /** The ports that it listens on, once it does and JetStream has read its store. */
  async #ready(child: ChildProcess, asked: ChosenPorts): Promise<ChosenPorts> {
    const patience = this.#clock.mono() + (this.#options.readyWithinMs ?? 30_000);
    while (this.#clock.mono() < patience && child.exitCode === null && child.signalCode === null) {
      const ports = await listening(this.dataDir, child.pid, asked);
      if (ports !== undefined && (await isHealthy(ports.monitoring))) return ports;
      await pause(this.#clock, 5);
    }
    const reason = await lastComplaint(this.logFile);
    throw new Fault(
      'broker.refused',
      `Expected nats-server to come up in ${this.dataDir}, got: ${reason}. See ${this.logFile}.`,
    );
  }
}

/** Waits for the end of file descriptor 3 beside what becomes the server: `exec` keeps the process id. */
const guarded = '( read -r _ <&3; kill -TERM $$ ) >/dev/null 2>&1 & exec "$0" "$@" 3<&-';

function launch(program: string, dataDir: string, logFile: string): Running {
  const log = openSync(logFile, 'a');
  const child = spawn('sh', ['-c', guarded, program, '-c', join(dataDir, serverFiles.config)], {
    stdio: ['ignore', log, log, 'pipe'],
    detached: true,
  });
  closeSync(log);
  const lifeline = child.stdio[3];
  if (!(lifeline instanceof Socket))
    throw new Fault('broker.refused', 'Expected a pipe to nats-server, got none. Is `sh` on this machine?');
  // A broker is no reason for this process to live on.
  child.unref();
  lifeline.unref();
  lifeline.on('error', () => lifeline.destroy());
  const exited = once(child, 'exit').catch(() => undefined);
  void exited.then(() => lifeline.destroy());
  return { child, lifeline, exited };
}

/** The last line of its log that says why. */
async function lastComplaint(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n');
  return lines.findLast((line) => /\[(FTL|ERR)\]|nats-server: /.test(line)) ?? lines.at(-1) ?? 'no word from it';
}
