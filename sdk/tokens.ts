/**
 * Tokens for the HTTP API: who may come in there, and what they may do.
 */

import type { Client } from '../cluster/client.ts';
import type { Duration } from '../cluster/submit-options.ts';
import type { SessionMade, TokenBook, TokenGiven, TokenMade, TokenView } from '../cluster/tokens.ts';

export class Tokens {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Makes a token. `secret` is what its owner shows (`Authorization: Bearer …`): nobody can read it again.
   *
   * @throws {Fault} `input.invalid`
   * @example const { secret } = await yard.tokens.create({ label: 'ci', scopes: ['submit'], tenant: 'acme' });
   */
  create(given: TokenGiven): Promise<TokenMade> {
    return this.#client.done({ what: 'token.create', target: given.label, given }, () =>
      this.#client.tokens.create(given),
    );
  }

  /** All there ever were, the newest first. */
  list(): Promise<readonly TokenView[]> {
    return this.#client.tokens.list();
  }

  /**
   * Makes a new secret; the former one opens for `grace` more, none unless given.
   *
   * @throws {Fault} `token.missing`; `token.refused` where it is revoked or has expired.
   */
  rotate(id: string, { grace = 0 }: { grace?: Duration | undefined } = {}): Promise<TokenMade> {
    return this.#client.done({ what: 'token.rotate', target: id, given: { grace } }, () =>
      this.#client.tokens.rotate(id, { grace }),
    );
  }

  /** It opens nothing more, at any door, within moments. @throws {Fault} `token.missing` */
  revoke(id: string): Promise<TokenView> {
    return this.#client.done({ what: 'token.revoke', target: id }, () => this.#client.tokens.revoke(id));
  }

  /**
   * For whoever serves browsers: another secret that opens what this one does, until it is closed, for half a day at most. It ends
   * with its token.
   *
   * @throws {Fault} `token.refused`
   */
  openSession(secret: string, token: string): Promise<SessionMade> {
    return this.#client.done({ what: 'session.open', target: token }, () => this.#client.tokens.openSession(secret));
  }

  /** Such a secret opens nothing more, at any door, within moments. */
  closeSession(secret: string, token: string): Promise<void> {
    return this.#client.done({ what: 'session.close', target: token }, () => this.#client.tokens.closeSession(secret));
  }

  /** For whoever serves: recognises tokens, and hears of changes. Close it. */
  open(): Promise<TokenBook> {
    return this.#client.tokens.open();
  }
}
