/**
 * A master and a worker whose metrics are served, on a broker of a test's own, and whoever looks at the records themselves: what
 * happened is counted there, never from what the processes tell.
 */

import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { NatsConnection } from 'nats';
import { expect } from 'vitest';
import { Committer } from '../../actors/committer.ts';
import { startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import { startWorker } from '../../cluster/worker.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { serveMetrics } from '../../doors/metrics.ts';
import { names } from '../../nats/names.ts';
import { NatsStore } from '../../nats/store.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import type { Entry } from '../../runtime/ports.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { connect, type JobDefinition, type Yard } from '../../sdk/index.ts';
import { type Scratch, scratch, type TestBroker, testBroker } from '../nats/broker.ts';
import { Shell } from './command.ts';
import { scraped } from './scraped.ts';

/** Patience is short, so that what comes of waiting comes soon. */
const hasty = {
  ...{ metricsPort: 'free', schedulerInterval: 200, lookAhead: 0, offerFor: 300, lostAfter: 3_000, cancelGrace: 300 },
  ...{ retentionCount: 1, drainDeadline: 0 },
};

export class Metered implements AsyncDisposable {
  readonly broker: TestBroker;
  readonly #folder: Scratch;
  readonly #ends: (() => Promise<unknown>)[] = [];

  private constructor(broker: TestBroker, folder: Scratch) {
    this.broker = broker;
    this.#folder = folder;
    this.atEnd(async () => await folder[Symbol.asyncDispose]());
    this.atEnd(async () => await broker[Symbol.asyncDispose]());
  }

  static async open(): Promise<Metered> {
    return new Metered(await testBroker(), await scratch());
  }

  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }

  /** The bucket of jobs, to read and write it as our own processes do. */
  async bucket(): Promise<Bucket> {
    return await Bucket.open(await this.broker.connect());
  }

  async yard(): Promise<Yard> {
    const yard = await connect({ servers: this.broker.url });
    this.atEnd(() => yard.close());
    return yard;
  }

  shell(): Shell {
    const shell = new Shell(this.#folder.path, { NATS_URL: this.broker.url });
    this.atEnd(() => shell[Symbol.asyncDispose]());
    return shell;
  }

  /** From now on this machine has a driver of GPUs that says this. */
  async playGpus(csv: string): Promise<void> {
    const bin = join(this.#folder.path, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'nvidia-smi'), `#!/bin/sh\nprintf '${csv.replaceAll('\n', '\\n')}'\n`);
    await chmod(join(bin, 'nvidia-smi'), 0o755);
    const { PATH = '' } = process.env;
    process.env['PATH'] = [bin, PATH].join(delimiter);
    this.atEnd(async () => {
      process.env['PATH'] = PATH;
    });
  }

  /** Resolves when it leads. */
  async master(): Promise<Serving> {
    const telemetry = createTelemetry();
    const elected = next(telemetry, 'leader.elected');
    const options = this.#settings('master', {});
    let running: Awaited<ReturnType<typeof startMaster>> | undefined;
    const samples = () => running?.samples() ?? [];
    const serving = served(await serveMetrics(options, { role: 'master', telemetry, samples }));
    const master = await startMaster({ options, telemetry, metrics: serving.url });
    running = master;
    const stop = once(() => master.stop());
    this.atEnd(() => serving.close());
    this.atEnd(stop);
    await elected;
    return { url: serving.url, incarnation: master.incarnation, stop };
  }

  async worker(definitions: readonly JobDefinition[], flags: Readonly<Record<string, unknown>>): Promise<Serving> {
    const telemetry = createTelemetry();
    const options = this.#settings('worker', flags);
    let running: Awaited<ReturnType<typeof startWorker>> | undefined;
    const samples = () => running?.samples() ?? [];
    const serving = served(await serveMetrics(options, { role: 'worker', telemetry, samples }));
    const worker = await startWorker({ options, telemetry, definitions, metrics: serving.url });
    running = worker;
    const stop = once(() => worker.drain());
    this.atEnd(() => serving.close());
    this.atEnd(stop);
    return { url: serving.url, incarnation: worker.incarnation, stop };
  }

  #settings(role: 'master' | 'worker', more: Readonly<Record<string, unknown>>) {
    const { path: directory } = this.#folder;
    const flags = { ...hasty, nats: this.broker.url, name: `${role}-one`, ...more };
    return readSettings({ flags, env: {}, directory }, role);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.toReversed()) await end();
  }
}

/** A process that serves its metrics. */
export interface Serving {
  url: string;
  incarnation: string;
  stop(): Promise<void>;
}

/** Records by themselves. */
export class Bucket {
  readonly store: NatsStore;
  readonly connection: NatsConnection;
  readonly #committer: Committer;

  private constructor(connection: NatsConnection, store: NatsStore) {
    const clock = new SystemClock();
    this.connection = connection;
    this.store = store;
    this.#committer = new Committer({ store, clock, telemetry: createTelemetry() });
  }

  static async open(connection: NatsConnection): Promise<Bucket> {
    const [clock, yard] = [new SystemClock(), names()];
    await ensureTopology({ connection, names: yard, clock });
    return new Bucket(connection, await NatsStore.open({ connection, names: yard, clock, retentionMs: 3_600_000 }));
  }

  /** As somebody who edits by hand, and knows our format. */
  async write(entry: Entry): Promise<void> {
    expect(await this.#committer.commit([entry])).toMatchObject({ kind: 'stored' });
  }

  /** A record once it is as it should be. */
  async until(id: string, isSo: (record: JobRecord) => boolean): Promise<JobRecord> {
    let found: JobRecord | undefined;
    const look = async () => {
      found = (await this.store.read(`default.${id}`))?.record;
      return found !== undefined && isSo(found);
    };
    await expect.poll(look, { message: id }).toBe(true);
    if (found === undefined) throw new Error(`Expected ${id} to be there.`);
    return found;
  }

  /** All that are there. */
  async records(): Promise<readonly JobRecord[]> {
    return await Array.fromAsync(this.store.records(), ({ record }) => record);
  }
}

/** Resolves when a process says this of a series. */
export async function says(who: { url: string }, series: string, value: number | undefined): Promise<void> {
  await expect.poll(async () => (await scraped(who)).get(series), { message: series }).toBe(value);
}

function served(serving: Listening | undefined): Listening {
  if (serving === undefined) throw new Error('Expected metrics to be served.');
  return serving;
}

function once(what: () => Promise<unknown>): () => Promise<void> {
  let done: Promise<unknown> | undefined;
  return async () => {
    done ??= what();
    await done;
  };
}
