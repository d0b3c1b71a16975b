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

/** A directory that is removed at the end of the test. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

export async function scratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), 'yard-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A broker of this test alone. Its connections are closed before it stops. */
export class TestBroker implements AsyncDisposable {
  readonly server: EmbeddedBroker;
  readonly #folder: Scratch;
  readonly #connections: NatsConnection[] = [];

  constructor(server: EmbeddedBroker, folder: Scratch) {
    this.server = server;
    this.#folder = folder;
  }

  get url(): string {
    return this.server.url;
  }

  async connect(address: BrokerAddress = {}): Promise<NatsConnection> {
    const connection = await connectBroker({ servers: this.url, ...address }, { name: 'test' });
    this.#connections.push(connection);
    return connection;
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  restart(): Promise<void> {
    return this.server.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map((each) => each.close()));
    await this.server.stop();
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
  return new TestBroker(server, folder);
}
