/**
 * The wire between one process and the broker: a TCP proxy that can be cut and healed.
 *
 * Cut, it carries nothing and says nothing, as a network that drops packets: both ends believe that they are
 * connected. Healed, everything that was held back arrives. A single one of the process's connections can be cut by
 * its name. What the process says may be changed on its way.
 */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

interface Pair {
  near: Socket;
  far: Socket;
  /** What the client calls this connection; empty before it has said so. */
  name: string;
  /** What stands between what the process says and the broker. */
  said: Duplex | undefined;
}

/** Makes what stands between what a process says, on one of its connections, and the broker. */
export type Tap = () => Duplex;

export class Wire implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Connections whose name ends so are cut. */
  #cut: string | undefined;

  /** A wire to the broker at `url`, which may come and go. */
  static async to(url: string, tap?: Tap): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Wire(server, { host: hostname, port: Number(port) }, tap);
  }

  private constructor(server: Server, target: { host: string; port: number }, tap: Tap | undefined) {
    const address = server.address();
    this.url = `nats://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    this.#server = server;
    server.on('connection', (near) => this.#join(pairOf(near, connect(target), tap)));
  }

  /** Cuts all connections, or those whose name ends with `name`, and whatever connects meanwhile. */
  cut(name = ''): void {
    this.#cut = name;
    for (const pair of this.#pairs) if (pair.name.endsWith(name)) hold(pair);
  }

  heal(): void {
    this.#cut = undefined;
    for (const pair of this.#pairs) carry(pair);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  #join(pair: Pair): void {
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      pair.near.destroy();
      pair.far.destroy();
    };
    for (const socket of [pair.near, pair.far]) socket.on('error', end).on('close', end);
    pair.near.once('data', (hello: Buffer) => {
      pair.name = /"name":"([^"]*)"/.exec(hello.toString())?.[1] ?? '';
      if (this.#cut !== undefined && pair.name.endsWith(this.#cut)) hold(pair);
    });
    if (this.#cut !== '') carry(pair);
    else pair.near.pause();
  }
}

function hold({ near, far, said }: Pair): void {
  near.unpipe(said ?? far).pause();
  far.unpipe(near).pause();
}

function pairOf(near: Socket, far: Socket, tap: Tap | undefined): Pair {
  const said = tap?.();
  said?.pipe(far);
  return { near, far, said, name: '' };
}

function carry({ near, far, said }: Pair): void {
  near.pipe(said ?? far);
  far.pipe(near);
}
