/**
 * The API on a port of this machine. Loopback only: whoever can reach it can do everything.
 *
 * A port that nobody named may be taken by another master here: then the next free one serves. One that was named must be
 * free. Until the first request nothing is loaded and nobody is connected, so a master that nobody asks pays nothing.
 */

import { createServer, type RequestListener, type Server } from 'node:http';
import { Fault, type Yard } from '../../sdk/index.ts';

export interface HttpOptions {
  /** Opened at the first request, closed with the server. */
  open(): Promise<Yard>;
  version: string;
  port: number | 'free';
  /** Whether somebody named the port. */
  isNamed: boolean;
  /** Is told of what nobody foresaw. */
  onError(cause: unknown): void;
}

export interface HttpServer {
  readonly url: string;
  /** Ends at once, streams too. */
  close(): Promise<void>;
}

const host = '127.0.0.1';
const triedPorts = 50;

/** @throws {Fault} `option.invalid` where the port is taken. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const api = new LazyApi(options);
  const server = await listening((request, response) => void api.answer(request, response), options);
  return {
    url: `http://${host}:${portOf(server)}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      await api.close();
    },
  };
}

/** The API, made when it is first asked. */
class LazyApi {
  readonly #options: HttpOptions;
  #yard: Promise<Yard> | undefined;
  #listener: Promise<RequestListener> | undefined;

  constructor(options: HttpOptions) {
    this.#options = options;
  }

  async answer(...[request, response]: Parameters<RequestListener>): Promise<void> {
    try {
      this.#listener ??= this.#make();
      (await this.#listener)(request, response);
    } catch (cause) {
      this.#listener = undefined;
      this.#options.onError(cause);
      const detail = 'Expected to reach the broker, and did not. Try again.';
      response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '1' });
      response.end(
        JSON.stringify({ title: 'Not possible at the moment', status: 503, detail, code: 'broker.unavailable' }),
      );
    }
  }

  async close(): Promise<void> {
    await (await this.#yard?.catch(() => undefined))?.close();
  }

  async #make(): Promise<RequestListener> {
    const { open, version, onError } = this.#options;
    this.#yard = open();
    const [yard, { getRequestListener }, { httpApp }] = await Promise.all([
      this.#yard,
      import('@hono/node-server'),
      import('./app.ts'),
    ]);
    return getRequestListener(httpApp({ yard, version, onError }).fetch);
  }
}

async function listening(listener: RequestListener, { port, isNamed }: HttpOptions): Promise<Server> {
  const last = port === 'free' || isNamed ? 0 : triedPorts;
  for (let next = 0; ; next++) {
    const wanted = port === 'free' ? 0 : port + next;
    try {
      return await listen(listener, wanted);
    } catch (cause) {
      if (next < last && isTaken(cause)) continue;
      throw new Fault(
        'option.invalid',
        `Expected port ${wanted} of ${host} to be free for HTTP, it is not. Name another with \`--http-port\`, or \`free\`, or \`off\`.`,
        { cause },
      );
    }
  }
}

function listen(listener: RequestListener, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(listener);
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

function isTaken(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
}
