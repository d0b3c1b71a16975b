/**
 * The gate of HTTP: a token comes in `Authorization: Bearer …`, and who shows none or a wrong one is known by the address.
 */

import type { Context } from 'hono';
import { Doorkeeper, type GateOptions, type Visitor } from '../api/doorkeeper.ts';
import type { Lock } from '../api/operation.ts';

export class Gate {
  readonly #doorkeeper: Doorkeeper;

  constructor(options: GateOptions) {
    this.#doorkeeper = new Doorkeeper(options);
  }

  /** @throws {Fault} `token.refused`, `scope.missing`, `rate.exceeded` */
  admit(context: Context, lock: Lock): Promise<Visitor> {
    const authorization = context.req.header('authorization');
    return this.#doorkeeper.admit({ authorization, address: addressOf(context) }, lock);
  }
}

/** Unknown where the request came through no socket. */
function addressOf({ env }: Context): string {
  const address: unknown = env?.incoming?.socket?.remoteAddress;
  return typeof address === 'string' ? address : 'unknown';
}
