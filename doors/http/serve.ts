/**
 * The API on a port of this machine. Without tokens on loopback only, since whoever can reach it can do everything.
 *
 * A port that nobody named may be taken by another master here: then the next free one serves. One that was named must be
 * free. Until the first request nothing is loaded and nobody is connected, so a master that nobody asks pays nothing.
 */

import { createServer, type RequestListener, type Server } from 'node:http';
import { Fault, type TokenBook, type Yard } from '../../sdk/index.ts';

export interface HttpOptions {
  /** Opened at the first request, closed with the server. */
  open(): Promise<Yard>;
  version: string;
  /** An address of this machine; loopback unless given. */
  host?: string;
  /** `token`: nobody comes in without one. `off`: everyone does. */
  auth: 'off' | 'token';
  /** Requests that each may make a second, on average; 0: no limit. */
  ratePerSecond: number;
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

const loopback = '127.0.0.1';
const triedPorts = 50;

/** @throws {Fault} `option.invalid` where the port is taken, or where everyone could come in from elsewhere. */
export async function serveHttp(options: HttpOptions): Promise<HttpServer> {
  const { host = loopback, auth } = options;
  if (auth === 'off' && !isLoopback(host))
    throw new Fault(
      'option.invalid',
      `Expected \`--http-auth token\` where HTTP is served on ${host}, got \`off\`: anyone there could do everything.`,
    );
  const api = new LazyApi(options);
  const server = await listening((request, response) => void api.answer(request, response), options);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${portOf(server)}`,
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
  #tokens: Promise<TokenBook> | undefined;
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
    await (await this.#tokens?.catch(() => undefined))?.close();
    await (await this.#yard?.catch(() => undefined))?.close();
  }

  async #make(): Promise<RequestListener> {
    const { open, version, auth, ratePerSecond, onError } = this.#options;
    this.#yard = open();
    this.#tokens = auth === 'token' ? this.#yard.then((yard) => yard.tokens.open()) : undefined;
    const [yard, tokens, { getRequestListener }, { httpApp }] = await Promise.all([
      this.#yard,
      this.#tokens,
      import('@hono/node-server'),
      import('./app.ts'),
    ]);
    return getRequestListener(httpApp({ yard, version, tokens, ratePerSecond, onError }).fetch);
  }
}

async function listening(listener: RequestListener, { host = loopback, port, isNamed }: HttpOptions): Promise<Server> {
  const last = port === 'free' || isNamed ? 0 : triedPorts;
  for (let next = 0; ; next++) {
    const wanted = port === 'free' ? 0 : port + next;
    try {
      return await listen(listener, host, wanted);
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

function listen(listener: RequestListener, host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(listener);
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

/** What only this machine reaches. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

function isTaken(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
}
