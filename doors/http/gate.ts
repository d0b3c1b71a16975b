/**
 * Who may come in, to what, and how often.
 *
 * A token (`Authorization: Bearer …`) has scopes, and may be about one tenant: then its owner meets the face of that tenant, which
 * sees no other jobs, and nothing of the cluster. Where the door asks for no token, everyone meets the face of the master.
 */

import type { Context } from 'hono';
import { Fault, type TokenBook, type TokenScope, type TokenView, type Yard } from '../../sdk/index.ts';
import { Pace } from './pace.ts';

/** What an operation asks of whoever wants it. */
export interface Lock {
  /** `nothing`: everyone may, with or without a token. */
  needs: TokenScope | 'nothing';
  /** Whether it is about jobs of one tenant only, so that a token of a tenant opens it. */
  forTenants?: true;
}

export interface GateOptions {
  yard: Yard;
  /** Absent where the door asks for no token. */
  tokens: TokenBook | undefined;
  /** How often each may ask, on average; no limit where it is 0. */
  ratePerSecond: number;
}

/** Who came in. */
export interface Visitor {
  yard: Yard;
  /** Label and id of the token; `anyone` without. */
  name: string;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #asks: Pace;
  readonly #faces = new Map<string, Yard>();

  constructor(options: GateOptions) {
    this.#options = options;
    this.#asks = new Pace(options.ratePerSecond, () => options.yard.now());
  }

  /** @throws {Fault} `token.refused`, `scope.missing`, `rate.exceeded` */
  async admit(context: Context, { needs, forTenants }: Lock): Promise<Visitor> {
    const { yard, tokens } = this.#options;
    if (needs === 'nothing') return { yard, name: 'anyone' };
    if (tokens === undefined) {
      this.#asks.spend(addressOf(context));
      return { yard, name: 'anyone' };
    }
    const { token, label, tenant } = await this.#identify(tokens, needs, context);
    this.#asks.spend(token);
    if (tenant !== undefined && forTenants !== true)
      throw new Fault('scope.missing', `Expected a token of the whole cluster, got one of the tenant ${tenant}.`);
    return { yard: tenant === undefined ? yard : this.#faceOf(tenant), name: `${label} (${token})` };
  }

  /** Wrong tokens are counted against the address, right ones against their owner. */
  async #identify(tokens: TokenBook, needs: TokenScope, context: Context): Promise<TokenView> {
    try {
      return await tokens.identify(secretIn(context), needs);
    } catch (cause) {
      this.#asks.spend(addressOf(context));
      throw cause;
    }
  }

  #faceOf(tenant: string): Yard {
    const face = this.#faces.get(tenant) ?? this.#options.yard.ofTenant(tenant);
    this.#faces.set(tenant, face);
    return face;
  }
}

/** @throws {Fault} `token.refused` */
function secretIn({ req }: Context): string {
  const secret = /^Bearer +(\S+)$/i.exec(req.header('authorization') ?? '')?.[1];
  if (secret !== undefined) return secret;
  throw new Fault(
    'token.refused',
    'Expected a token (`Authorization: Bearer yard_…`), got none. Make one with `yard token create`.',
  );
}

/** Unknown where the request came through no socket. */
function addressOf({ env }: Context): string {
  const address: unknown = env?.incoming?.socket?.remoteAddress;
  return typeof address === 'string' ? address : 'unknown';
}
