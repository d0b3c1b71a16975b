/**
 * The wire between one process and the broker: a TCP proxy that can be cut, drop, delay or fall silent in one
 * direction, and be healed.
 *
 * Cut, it carries nothing and says nothing, as a network that drops packets: both ends believe that they are
 * connected. Healed, everything that was held back arrives. What a black hole swallowed never arrives; healed, the
 * connections that lost something are reset, as by a router that has forgotten them. A single one of the process's
 * connections can be cut by its name. What the process says may be changed on its way.
 */

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SystemClock } from '../../runtime/clock.ts';
import { Lane, type Mode } from './lane.ts';

interface Pair {
  near: Socket;
  far: Socket;
  /** What the client calls this connection; empty before it has said so. */
  name: string;
  /** What the process says, and what it hears. */
  says: Lane;
  hears: Lane;
}

/** What is wrong with connections whose name ends with `name`. */
interface Trouble {
  name: string;
  says: Mode;
  hears: Mode;
}

/** Makes what stands between what a process says, on one of its connections, and the broker. */
export type Tap = () => Duplex;

export interface WireOptions {
  /** Of the broker, which may come and go. */
  url: string;
  clock: SystemClock;
  tap?: Tap | undefined;
}

const healthy: Trouble = { name: '', says: 'carries', hears: 'carries' };

export class Wire implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #options: WireOptions;
  #trouble = healthy;

  static async to(options: WireOptions): Promise<Wire> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Wire(server, options);
  }

  private constructor(server: Server, options: WireOptions) {
    const address = server.address();
    this.url = `nats://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    this.#server = server;
    this.#options = options;
    server.on('connection', (near) => this.#join(near));
  }

  /** Cuts all connections, or those whose name ends with `name`, and whatever connects meanwhile. */
  cut(name = ''): void {
    this.#suffer({ name, says: 'holds', hears: 'holds' });
  }

  /** Swallows what is said and heard, and that an end is gone. */
  drop(): void {
    this.#suffer({ name: '', says: 'drops', hears: 'drops' });
  }

  /** Lets everything come so much later, in each direction. */
  delay(ms: number): void {
    this.#suffer({ name: '', says: { delays: ms }, hears: { delays: ms } });
  }

  /** What the process says is held back; it hears everything. */
  mute(): void {
    this.#suffer({ name: '', says: 'holds', hears: 'carries' });
  }

  /** What the process would hear is held back; what it says arrives. */
  deafen(): void {
    this.#suffer({ name: '', says: 'carries', hears: 'holds' });
  }

  heal(): void {
    this.#trouble = healthy;
    for (const pair of this.#pairs)
      if (isBroken(pair)) this.#end(pair);
      else set(pair, healthy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const pair of this.#pairs) this.#end(pair);
  }

  #suffer(trouble: Trouble): void {
    this.#trouble = trouble;
    for (const pair of this.#pairs) if (pair.name.endsWith(trouble.name)) set(pair, trouble);
  }

  #join(near: Socket): void {
    const pair = this.#pairOf(near);
    this.#pairs.add(pair);
    for (const socket of [pair.near, pair.far])
      socket.on('error', () => this.#ended(pair)).on('close', () => this.#ended(pair));
    near.once('data', (hello: Buffer) => {
      pair.name = /"name":"([^"]*)"/.exec(hello.toString())?.[1] ?? '';
      if (pair.name.endsWith(this.#trouble.name)) set(pair, this.#trouble);
    });
    set(pair, this.#trouble.name === '' ? this.#trouble : healthy);
  }

  #pairOf(near: Socket): Pair {
    const { url, clock, tap } = this.#options;
    const { hostname, port } = new URL(url);
    const far = connect({ host: hostname, port: Number(port) });
    const said = tap?.();
    said?.pipe(far);
    const says = new Lane({ from: near, to: said ?? far, clock });
    const hears = new Lane({ from: far, to: near, clock });
    return { near, far, name: '', says, hears };
  }

  /** One end is gone. In a black hole the other one does not hear of it. */
  #ended(pair: Pair): void {
    if (pair.says.isDark && this.#pairs.has(pair)) return;
    this.#end(pair);
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.near.destroy();
    pair.far.destroy();
  }
}

function isBroken({ near, far, says, hears }: Pair): boolean {
  return says.hasLost || hears.hasLost || near.destroyed || far.destroyed;
}

function set({ says, hears }: Pair, trouble: Trouble): void {
  says.set(trouble.says);
  hears.set(trouble.hears);
}
