/**
 * Who may come in, to what, and how often.
 *
 * A token has scopes, and may be about one tenant: then its owner meets the face of that tenant, which
 * sees no other jobs, and nothing of the cluster. Where the door asks for no token, everyone meets the face of the master.
 */

import { type Author, Fault, type TokenBook, type TokenScope, type TokenView, type Yard } from '../../sdk/index.ts';
import type { Lock } from './operation.ts';
import { Pace } from './pace.ts';

export interface GateOptions {
  yard: Yard;
  /** What the audit log calls this door. */
  door: Author['door'];
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
  /** Calls back once when what was shown opens nothing any more; returns how to stop waiting for that. */
  onEnd(ended: () => void): () => void;
}

/** Whose token was shown, and what can be done in their name. */
export interface Recognised {
  token: TokenView;
  /** What was shown. */
  secret: string;
  /** Of the whole cluster: to open and to close sessions. */
  yard: Yard;
  /** From when on it opens nothing, epoch ms. */
  until: number | undefined;
}

/** Who asks: the token shown, and where from. */
export interface Asking {
  /** As `Authorization` says it: `Bearer yard_…`. */
  authorization: string | undefined;
  address: string;
  /** Of whom it is where the place at which is asked is a tenant's own. */
  tenant?: string | undefined;
}

export class Doorkeeper {
  readonly #options: GateOptions;
  readonly #asks: Pace;
  readonly #faces = new Map<string, Yard>();

  constructor(options: GateOptions) {
    this.#options = options;
    this.#asks = new Pace(options.ratePerSecond, () => options.yard.now());
  }

  /** @throws {Fault} `token.refused`, `scope.missing`, `rate.exceeded` */
  async admit(asking: Asking, { needs, forTenants }: Lock): Promise<Visitor> {
    const { yard, tokens } = this.#options;
    if (needs === 'nothing') return { yard, name: 'anyone', onEnd: never };
    if (tokens === undefined) {
      this.#asks.spend(asking.address);
      return { yard: this.#faceFor('anyone', asking.tenant, forTenants), name: 'anyone', onEnd: never };
    }
    const known = await this.#identify(tokens, needs, asking);
    const { tenant } = known;
    if (tenant !== undefined && asking.tenant !== undefined && tenant !== asking.tenant)
      throw new Fault('scope.missing', `Expected a token of the tenant ${asking.tenant}, got one of another.`);
    const name = nameOf(known);
    const onEnd = (ended: () => void) => tokens.onEnd(secretIn(asking), ended);
    return { yard: this.#faceFor(name, tenant ?? asking.tenant, forTenants), name, onEnd };
  }

  /** @throws {Fault} `scope.missing` where a tenant asks for what is of the whole cluster. */
  #faceFor(who: string, tenant: string | undefined, forTenants: true | undefined): Yard {
    if (tenant === undefined || forTenants === true) return this.#faceOf(who, tenant);
    throw new Fault('scope.missing', `Expected a token of the whole cluster, got one of the tenant ${tenant}.`);
  }

  /** Whose token it is, whatever it opens; `undefined` where the door asks for none. @throws {Fault} `token.refused`, `rate.exceeded` */
  async recognise(asking: Asking): Promise<Recognised | undefined> {
    const { yard, tokens, door } = this.#options;
    if (tokens === undefined) return undefined;
    const token = await this.#identify(tokens, undefined, asking);
    const secret = secretIn(asking);
    const face = yard.as({ who: nameOf(token), door });
    return { token, secret, yard: face, until: tokens.endOf(secret) };
  }

  /** Wrong tokens are counted against the address, right ones against their owner. */
  async #identify(tokens: TokenBook, needs: TokenScope | undefined, asking: Asking): Promise<TokenView> {
    const known = await tokens.identify(secretIn(asking), needs).catch((cause) => {
      this.#asks.spend(asking.address);
      throw cause;
    });
    this.#asks.spend(known.token);
    return known;
  }

  #faceOf(who: string, tenant: string | undefined): Yard {
    const named = `${who} ${tenant ?? ''}`;
    let face = this.#faces.get(named);
    if (face === undefined) {
      const { yard, door } = this.#options;
      face = (tenant === undefined ? yard : yard.ofTenant(tenant)).as({ who, door });
      this.#faces.set(named, face);
    }
    return face;
  }
}

function nameOf({ label, token }: TokenView): string {
  return `${label} (${token})`;
}

/** Where no token was asked for, none ends. */
const never = () => () => {};

/** @throws {Fault} `token.refused` */
function secretIn({ authorization = '' }: Asking): string {
  const secret = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (secret !== undefined) return secret;
  throw new Fault(
    'token.refused',
    'Expected a token (`Authorization: Bearer yard_…`), got none. Make one with `yard token create`.',
  );
}
