/**
 * A real nats-server for a test: free ports, a directory of its own, both gone at the end.
 *
 * Knows how a broker is had and thrown away; leaves everything about it to `nats/embedded.ts`.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import type { BrokerAddress } from '../../nats/address.ts';
import { freePorts } from '../../nats/broker-ports.ts';
import { connectBroker } from '../../nats/connection.ts';
import { type BrokerOptions, type EmbeddedBroker, startBroker } from '../../nats/embedded.ts';
import { startBrokerCluster } from '../../nats/embedded-cluster.ts';

/** A directory that is removed at the end of the test. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

export async function scratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), 'yard-test-'));
  // A process that was killed may not have ended yet, and writes.
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 10 }) };
}

/** A broker of this test alone, or a cluster of them. Its connections are closed before it stops. */
export class TestBroker implements AsyncDisposable {
  /** The only one, or the first. */
  readonly server: EmbeddedBroker;
  readonly servers: readonly EmbeddedBroker[];
  readonly #folder: Scratch;
  readonly #connections: NatsConnection[] = [];

  constructor([server, ...others]: readonly [EmbeddedBroker, ...EmbeddedBroker[]], folder: Scratch) {
    this.server = server;
    this.servers = [server, ...others];
    this.#folder = folder;
  }

  /** Of all of them, with commas in between. */
  get url(): string {
    return this.servers.map(({ url }) => url).join(',');
  }

  async connect(address: BrokerAddress = {}): Promise<NatsConnection> {
    const connection = await connectBroker({ servers: this.url, ...address }, { name: 'test' });
    this.#connections.push(connection);
    return connection;
  }

  async kill(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
  }

  /** Together: of a cluster, none is ready before most of it is there. */
  async restart(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.restart()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map((each) => each.close()));
    await Promise.all(this.servers.map((server) => server.stop()));
    await this.#folder[Symbol.asyncDispose]();
  }
}

/**
 * A running broker with JetStream on free ports.
 *
 * @example await using broker = await testBroker();
 *   const connection = await broker.connect();
 */
export async function testBroker(options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  const folder = await scratch();
  const server = await startBroker({ dataDir: folder.path, ports: freePorts, ...options });
  return new TestBroker([server], folder);
}

/** A running cluster of three brokers. */
export async function testBrokers(options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  const folder = await scratch();
  const start = { dataDir: folder.path, ports: freePorts, count: 3, name: 'test' };
  const [first, ...others] = await startBrokerCluster({ ...start, ...options });
  if (first === undefined) throw new Error('Expected three brokers, got none.');
  return new TestBroker([first, ...others], folder);
}
