/**
 * Who may come in by HTTP, and what they may do there.
 *
 * A token reads `yard_<id>_<secret>`. Its secret is random, shown once, and kept nowhere: the record has a hash of it.
 */

/**
 * What a token opens. `read`: look. `submit`: have something run. `operate`: also change what becomes of jobs, queues and
 * workers, and look. `admin`: everything.
 */
export const tokenScopes = ['read', 'submit', 'operate', 'admin'] as const;
export type TokenScope = (typeof tokenScopes)[number];

/** What opens it: more than one for a while, where one takes the place of another. */
export interface TokenKey {
  /** Of the whole token: SHA-256, in hexadecimal digits. */
  hash: string;
  /** Opens nothing from here on, epoch ms. */
  until?: number;
  /** It is that of a browser, which somebody signed in with the token itself. */
  session?: true;
}

export interface TokenRecord {
  /** Its id, which is no secret. */
  token: string;
  /** What people call it. */
  label: string;
  scopes: readonly TokenScope[];
  /** Whose jobs it is about, and no others; of all tenants, and of the cluster itself, where there is none. */
  tenant?: string;
  keys: readonly TokenKey[];
  /** Epoch ms, as all times here. */
  createdAt: number;
  expiresAt?: number;
  revokedAt?: number;
}

/** Whether these scopes open what needs that one. */
export function opens(scopes: readonly TokenScope[], needed: TokenScope): boolean {
  return scopes.some((scope) => scope === needed || scope === 'admin' || (scope === 'operate' && needed === 'read'));
}
