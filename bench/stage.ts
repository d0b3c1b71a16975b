/**
 * The stage of a benchmark: a broker, a master and workers, each a process of its own, and the door through which
 * jobs come: `yard.submit.bench`, with the broker's acknowledgement, many in flight.
 */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, type MemberView, startCluster } from '../cluster/up.ts';
import { freePorts } from '../nats/broker-ports.ts';
import { writtenHeaders } from '../nats/codec.ts';
import { connectBroker, type NatsConnection } from '../nats/connection.ts';
import { startBroker } from '../nats/embedded.ts';
import { names } from '../nats/names.ts';
import { Replies } from '../nats/replies.ts';
import { pause, SystemClock } from '../runtime/clock.ts';
import { resolveOptions } from '../runtime/options.ts';
import type { JobEventMessage } from '../runtime/ports.ts';

/** One effect: a handler that really ran. `at` is monotonic, ms. */
export interface Effect {
  n: number;
  attempt: number;
  at: number;
  /** The worker's process. */
  pid: number;
}

export interface Stage extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly connection: NatsConnection;
  readonly brokerPid: number | undefined;
  readonly clock: SystemClock;
  /** Every effect so far. */
  effects(): Promise<readonly Effect[]>;
  /** Submits one job, whose first attempt lasts for `ms` where that is said; resolves when the broker has it. */
  submit(n: number, ms?: number): Promise<void>;
  /** Starts one more worker. */
  addWorker(): Promise<MemberView>;
  /** Calls back with the job of each transition into `completed`. */
  onCompleted(listener: (event: JobEventMessage) => void): void;
}

export interface StageOptions {
  workers: number;
  concurrency: number;
  /** 1 unless given. */
  masters?: number;
  /** 1 unless given. Several are a cluster, and one that dies is started again. */
  brokers?: number;
  /** Further options of `yard up`. */
  flags?: Readonly<Record<string, unknown>>;
  /** What processes find in their environment, beside ours. */
  env?: Readonly<Record<string, string>>;
}

/** Nothing that ends on it is started again. */
export async function setStage({
  workers,
  concurrency,
  masters = 1,
  brokers = 1,
  flags: more,
  env = {},
}: StageOptions): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'yard-bench-'));
  process.env['YARD_BENCH_EFFECTS'] = folder;
  const broker = brokers === 1 ? await startBroker({ dataDir: join(folder, 'broker'), ports: freePorts }) : undefined;
  const own =
    broker === undefined ? { brokers, port: 'free', mqttPort: 'free', monitorPort: 'free' } : { nats: broker.url };
  const flags = { ...own, data: join(folder, 'yard'), masters, workers: 0, logLevel: 'warn', ...more };
  const cluster = await startCluster({
    options: resolveOptions({ flags, env: {} }, 'up'),
    onLine: (from, line) => process.stderr.write(`${from}: ${line}\n`),
    restart: false,
    env: { ...process.env, ...env },
  });
  const handlers = new URL('./effects.ts', import.meta.url).pathname;
  const addWorker = () => cluster.add('worker', { handlers, types: ['bench'], concurrency });
  for (let started = 0; started < workers; started++) await addWorker();
  const connection = await connectBroker({ servers: cluster.url.split(',') }, { name: 'bench' });
  const clock = new SystemClock();
  const replies = new Replies({ connection, clock });
  const none = writtenHeaders('');
  const { submit, eventsOf } = names();
  const subject = submit('bench');
  return {
    cluster,
    connection,
    brokerPid: broker?.pid,
    clock,
    effects: () => readEffects(folder),
    submit: async (n, ms) => {
      const body = ms === undefined ? `{"n":${n}}` : `{"n":${n},"ms":${ms}}`;
      await replies.request(subject, Buffer.from(body), { headers: none, timeoutMs: 60_000 });
    },
    addWorker,
    onCompleted: (listener) => {
      connection.subscribe(eventsOf().replace('>', '*.bench.completed.*'), {
        callback: (_, message) => listener(message.json<JobEventMessage>()),
      });
    },
    async [Symbol.asyncDispose]() {
      await connection.close();
      await cluster.stop();
      await broker?.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What `look` finds, once it finds something. @throws where it does not `withinMs`. */
export async function found<Value>(
  { clock }: Pick<Stage, 'clock'>,
  look: () => Promise<Value | undefined>,
  { withinMs, everyMs }: { withinMs: number; everyMs: number },
): Promise<Value> {
  for (const end = clock.mono() + withinMs; clock.mono() < end; await pause(clock, everyMs)) {
    const value = await look();
    if (value !== undefined) return value;
  }
  throw new Error(`Expected the cluster to go on within ${withinMs} ms, it did not.`);
}

async function readEffects(folder: string): Promise<readonly Effect[]> {
  const files = (await readdir(folder)).filter((name) => name.startsWith('effects-'));
  return (await Promise.all(files.map((name) => effectsIn(folder, name)))).flat();
}

async function effectsIn(folder: string, name: string): Promise<readonly Effect[]> {
  const pid = Number(name.slice('effects-'.length));
  const text = await readFile(join(folder, name), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [n = 0, attempt = 0, at = 0] = line.split(' ').map(Number);
      return { n, attempt, at, pid };
    });
}
