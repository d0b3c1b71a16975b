/**
 * A cluster for tests of doors: a real broker of this test's own, a master in this process, and whoever connects.
 */

import { expect } from 'vitest';
import { startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { serveHttp } from '../../doors/http/serve.ts';
import { serveOverNats } from '../../doors/service/serve.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { connect, type JobDefinition, type Work, type WorkOptions, work, type Yard } from '../../sdk/index.ts';
import { type TestBroker, testBroker } from '../nats/broker.ts';

export class TestCluster implements AsyncDisposable {
  readonly broker: TestBroker;
  #ends: (() => Promise<void>)[] = [];

  constructor(broker: TestBroker) {
    this.broker = broker;
  }

  /** Resolves when it leads. */
  async master(): Promise<void> {
    const telemetry = createTelemetry();
    const options = readSettings(
      { flags: { nats: this.broker.url }, env: {}, directory: this.broker.server.dataDir },
      'master',
    );
    const elected = next(telemetry, 'leader.elected');
    const master = await startMaster({ options, telemetry });
    this.#ends.push(() => master.stop());
    await elected;
  }

  /** A master that stands by and serves the API over NATS. */
  async service({
    prefix = 'yard',
    auth = 'open',
    ratePerSecond = 0,
  }: {
    prefix?: string;
    auth?: 'open' | 'token';
    ratePerSecond?: number;
  } = {}): Promise<void> {
    const flags = { nats: this.broker.url, prefix };
    const options = readSettings({ flags, env: {}, directory: this.broker.server.dataDir }, 'master');
    const master = await startMaster({ options, telemetry: createTelemetry() });
    this.#ends.push(() => master.stop());
    const open = () => connect({ servers: this.broker.url });
    const service = await serveOverNats(master, {
      open,
      auth,
      ratePerSecond,
      version: '1.2.3',
      onError: unreachable,
    });
    this.#ends.push(async () => service[Symbol.asyncDispose]());
  }

  async yard(): Promise<Yard> {
    const yard = await connect({ servers: this.broker.url });
    this.#ends.push(() => yard.close());
    return yard;
  }

  async work(definitions: readonly JobDefinition[], options: WorkOptions = {}): Promise<Work> {
    const worker = await work(definitions, { servers: this.broker.url, drainDeadline: 0, ...options });
    this.#ends.push(() => worker.drain());
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    await this.broker[Symbol.asyncDispose]();
  }
}

function unreachable(cause: unknown): never {
  return expect.unreachable(String(cause));
}

/** A broker with a master that leads. */
export async function testCluster(): Promise<TestCluster> {
  const cluster = new TestCluster(await testBroker());
  await cluster.master();
  return cluster;
}

/** The HTTP door, open to everyone, on a free port; whatever breaks in it fails the test. */
export function serveOpen(open: () => Promise<Yard>): Promise<Listening> {
  return serveHttp({
    ...{ open, version: '0', auth: 'off', ratePerSecond: 0, port: 'free', isNamed: false },
    onError: unreachable,
  });
}
