/**
 * Identities for a test: an operator, two accounts and a user, as signed tokens, and the settings of a broker that
 * trusts them. Written by hand after the format of `nsc`, so that no tool is needed.
 */

import { nkeys } from 'nats';

interface Claims {
  name: string;
  type: 'operator' | 'account' | 'user';
  subject: string;
  issuer: nkeys.KeyPair;
  nats: Record<string, unknown>;
}

export interface Identity {
  /** For the broker's configuration. */
  settings: Record<string, unknown>;
  /** The text of a creds file of a user in the account. */
  creds: string;
}

const unlimited = { subs: -1, data: -1, payload: -1 };
const accountLimits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const storeLimits = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** An operator's world of one account with JetStream and one user in it. */
export function operatorIdentity(): Identity {
  const operator = nkeys.createOperator();
  const [system, account, user] = [nkeys.createAccount(), nkeys.createAccount(), nkeys.createUser()];
  const accountOf = (name: string, pair: nkeys.KeyPair, limits: object) =>
    token({ name, type: 'account', subject: pair.getPublicKey(), issuer: operator, nats: { limits } });
  return {
    settings: {
      operator: token({
        name: 'operator',
        type: 'operator',
        subject: operator.getPublicKey(),
        issuer: operator,
        nats: { system_account: system.getPublicKey() },
      }),
      system_account: system.getPublicKey(),
      resolver: 'MEMORY',
      resolver_preload: {
        [system.getPublicKey()]: accountOf('system', system, accountLimits),
        [account.getPublicKey()]: accountOf('account', account, { ...accountLimits, ...storeLimits }),
      },
    },
    creds: credsFile(
      token({ name: 'user', type: 'user', subject: user.getPublicKey(), issuer: account, nats: unlimited }),
      Buffer.from(user.getSeed()).toString(),
    ),
  };
}

function token({ name, type, subject, issuer, nats }: Claims): string {
  const claims = { jti: name, iat: 1_700_000_000, iss: issuer.getPublicKey(), name, sub: subject };
  const header = base64(JSON.stringify({ typ: 'JWT', alg: 'ed25519-nkey' }));
  const signed = `${header}.${base64(JSON.stringify({ ...claims, nats: { ...nats, type, version: 2 } }))}`;
  return `${signed}.${base64(issuer.sign(Buffer.from(signed)))}`;
}

function base64(data: string | Uint8Array): string {
  return Buffer.from(data).toString('base64url');
}

function credsFile(jwt: string, seed: string): string {
  return [
    '-----BEGIN NATS USER JWT-----',
    jwt,
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seed,
    '------END USER NKEY SEED------',
    '',
  ].join('\n');
}
