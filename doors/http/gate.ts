/**
 * The gate of HTTP: a token comes in `Authorization: Bearer …`, a session of a browser in a cookie, and who shows none or a wrong
 * one is known by the address.
 *
 * A browser sends a cookie along whoever made it send the request, so what comes with one has to show that a page of ours asked
 * (`origin.ts`).
 */

import type { Context } from 'hono';
import { type Asking, Doorkeeper, type GateOptions, type Recognised, type Visitor } from '../api/doorkeeper.ts';
import type { Lock } from '../api/operation.ts';
import { refuseForged, sessionMark } from './origin.ts';
import { cameSecurely, sessionIn } from './session-cookie.ts';

export class Gate {
  readonly #doorkeeper: Doorkeeper;

  constructor(options: GateOptions) {
    this.#doorkeeper = new Doorkeeper(options);
  }

  /** @throws {Fault} `token.refused`, `scope.missing`, `rate.exceeded`, `request.foreign` */
  async admit(context: Context, lock: Lock): Promise<Visitor> {
    return await this.#doorkeeper.admit(askingOf(context), lock);
  }

  /** Whose token it is: that in the request, or the one given; `undefined` where the door asks for none. @throws {Fault} as `admit` */
  async recognise(context: Context, token?: string): Promise<Recognised | undefined> {
    const asking =
      token === undefined ? askingOf(context) : { authorization: `Bearer ${token}`, address: addressOf(context) };
    return await this.#doorkeeper.recognise(asking);
  }
}

/** @throws {Fault} `request.foreign` */
function askingOf(context: Context): Asking {
  const { req } = context;
  const header = (name: string) => req.header(name);
  const authorization = header('authorization');
  const address = addressOf(context);
  if (authorization !== undefined) return { authorization, address };
  const session = sessionIn(header('cookie'), cameSecurely(header));
  if (session === undefined) return { authorization, address };
  refuseForged({ method: req.method, site: header('sec-fetch-site'), mark: header(sessionMark) });
  return { authorization: `Bearer ${session}`, address };
}

/** Unknown where the request came through no socket. */
function addressOf({ env }: Context): string {
  const address: unknown = env?.incoming?.socket?.remoteAddress;
  return typeof address === 'string' ? address : 'unknown';
}
