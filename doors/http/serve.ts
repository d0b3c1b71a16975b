/**
 * The API on a port of this machine. Without tokens on loopback only, since whoever can reach it can do everything.
 *
 * Until the first request nothing is loaded and nobody is connected, so a master that nobody asks pays nothing.
 */

import type { RequestListener } from 'node:http';
import { Fault, type TokenBook, type Yard } from '../../sdk/index.ts';
import { brokerAway } from '../api/broker-away.ts';
import type { CompatOptions } from './compat/routes.ts';
import { isLoopback, type Listening, listenOn, loopback } from './listen.ts';

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
  /** The routes of other schedulers are served too, with this. */
  compat?: CompatOptions | undefined;
  port: number | 'free';
  /** Whether somebody named the port. */
  isNamed: boolean;
  /** Is told of what nobody foresaw. */
  onError(cause: unknown): void;
}

/** @throws {Fault} `option.invalid` where the port is taken, or where everyone could come in from elsewhere. */
export async function serveHttp(options: HttpOptions): Promise<Listening> {
  const { host = loopback, auth } = options;
  if (auth === 'off' && !isLoopback(host))
    throw new Fault(
      'option.invalid',
      `Expected \`--http-auth token\` where HTTP is served on ${host}, got \`off\`: anyone there could do everything.`,
    );
  const api = new LazyApi(options);
  const { port, isNamed } = options;
  const place = { host, port, isNamed, flag: '--http-port' };
  const served = await listenOn((request, response) => void api.answer(request, response), place);
  return {
    url: served.url,
    async close() {
      await served.close();
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
      response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '1' });
      response.end(JSON.stringify(brokerAway));
    }
  }

  async close(): Promise<void> {
    await (await this.#tokens?.catch(() => undefined))?.close();
    await (await this.#yard?.catch(() => undefined))?.close();
  }

  async #make(): Promise<RequestListener> {
    const { open, version, auth, ratePerSecond, compat, onError } = this.#options;
    this.#yard = open();
    this.#tokens = auth === 'token' ? this.#yard.then((yard) => yard.tokens.open()) : undefined;
    const [yard, tokens, { getRequestListener }, { httpApp }] = await Promise.all([
      this.#yard,
      this.#tokens,
      import('@hono/node-server'),
      import('./app.ts'),
    ]);
    return getRequestListener(httpApp({ yard, version, tokens, ratePerSecond, compat, onError }).fetch);
  }
}
