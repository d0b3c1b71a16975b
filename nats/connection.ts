/**
 * How a process comes to its connection: where the broker is, who we are, and how stubbornly we hold on.
 *
 * Knows credentials of every kind that a broker takes and the contexts of the `nats` command (`context.ts`); leaves
 * what is sent to the other files. Promises that a connection, once made, is never given up: it reconnects for ever,
 * and notices a hung broker within half a minute. Nothing that it says contains a secret.
 */

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type NatsConnection,
  type NodeConnectionOptions,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from 'nats';
import { Fault, messageOf } from '../runtime/faults.ts';
import type { BrokerAddress, TlsFiles } from './address.ts';
import { readContext } from './context.ts';
import { faultOf } from './errors.ts';

export type { NatsConnection } from 'nats';

export interface ConnectOptions {
  /** What the broker's monitoring calls this connection. */
  name: string;
  /** How long one attempt to connect may take; 5 s unless given. */
  timeoutMs?: number;
}

const defaultServer = 'nats://127.0.0.1:4222';

/**
 * A connection to the broker.
 *
 * Without `servers` and `context`, the context that the `nats` command has selected is used, else `127.0.0.1:4222`.
 *
 * @throws {Fault} `broker.unreachable` where nobody answers, `broker.unauthorized` where we are turned away,
 * `option.invalid` where a file or context cannot be read.
 * @example const connection = await connectBroker({ servers: 'nats://127.0.0.1:4222' }, { name: 'yard worker' });
 */
export async function connectBroker(
  address: BrokerAddress,
  { name, timeoutMs = 5_000 }: ConnectOptions,
): Promise<NatsConnection> {
  const full = await complete(address);
  const servers = serversOf(full);
  try {
    return await connect({ ...stubborn, ...(await optionsOf(full, servers)), name, timeout: timeoutMs });
  } catch (error) {
    throw connectFault(error, servers);
  }
}

/** The address with what its context, or the selected one, adds. */
async function complete(address: BrokerAddress): Promise<BrokerAddress> {
  if (address.servers !== undefined && address.context === undefined) return address;
  const context = await readContext(address.context === undefined ? {} : { name: address.context });
  return { ...context, ...address };
}

const stubborn: NodeConnectionOptions = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: 250,
  reconnectJitter: 500,
  reconnectJitterTLS: 500,
  pingInterval: 10_000,
  maxPingOut: 3,
  // A broker whose own authentication is away for a moment must not cost us the whole fleet.
  ignoreAuthErrorAbort: true,
  // Capturing a stack for every request costs more than the request.
  noAsyncTraces: true,
};

async function optionsOf(address: BrokerAddress, servers: readonly string[]): Promise<NodeConnectionOptions> {
  const urls = servers.map((server) => asUrl(server));
  const authenticator = await authenticatorOf(address, urls);
  const tls = address.tls ?? (urls.some((url) => url.protocol === 'tls:') ? {} : undefined);
  return {
    servers: urls.map((url) => url.host),
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(tls === undefined ? {} : { tls: tlsOf(tls, urls) }),
    ...(address.inboxPrefix === undefined ? {} : { inboxPrefix: address.inboxPrefix }),
  };
}

/** The client hands all of it on to Node, also what its own type does not name. */
function tlsOf(files: TlsFiles, urls: readonly URL[]): NonNullable<NodeConnectionOptions['tls']> {
  const settings = { ...files, checkServerIdentity: identityAmong(urls) };
  return settings;
}

/**
 * Whether a certificate is that of one of our servers. A server given by its IP address has no name, and the client
 * then compares the certificate with `localhost`.
 */
function identityAmong(urls: readonly URL[]) {
  const addresses = urls.map((url) => url.hostname.replace(/^\[|\]$/g, '')).filter((host) => isIP(host) !== 0);
  return (host: string, certificate: PeerCertificate): Error | undefined => {
    const hosts = host === 'localhost' && addresses.length > 0 ? addresses : [host];
    const doubts = hosts.map((each) => checkServerIdentity(each, certificate));
    return doubts.includes(undefined) ? undefined : doubts[0];
  };
}

/** Who we are: the strongest of what was given. */
async function authenticatorOf(address: BrokerAddress, urls: readonly URL[]): Promise<Authenticator | undefined> {
  if (address.credsFile !== undefined) return credsAuthenticator(await secret(address.credsFile, 'a creds file'));
  if (address.nkeyFile !== undefined)
    return nkeyAuthenticator(seedIn(await secret(address.nkeyFile, 'a file with an nkey seed')));
  if (address.token !== undefined) return tokenAuthenticator(address.token);
  if (address.user !== undefined) return usernamePasswordAuthenticator(address.user, address.password);
  const user = urls.find((url) => url.username !== '');
  if (user === undefined) return undefined;
  const name = decodeURIComponent(user.username);
  return user.password === ''
    ? tokenAuthenticator(name)
    : usernamePasswordAuthenticator(name, decodeURIComponent(user.password));
}

async function secret(file: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Fault('option.invalid', `Expected ${what} at ${file}, got: ${messageOf(error)}. Correct the path.`, {
      cause: error,
    });
  }
}

/** The seed in a file that may also hold comments, as `nsc` and `nk` write them. */
function seedIn(file: Uint8Array): Uint8Array {
  const seed = /\bS[A-Z][A-Z2-7]{56}\b/.exec(Buffer.from(file).toString('utf8'))?.[0];
  if (seed === undefined)
    throw new Fault(
      'option.invalid',
      'Expected an nkey seed (`SU…`) in the nkey file, found none. Give the file that `nk -gen user` wrote.',
    );
  return Buffer.from(seed);
}

function serversOf({ servers = defaultServer }: BrokerAddress): readonly string[] {
  const list = typeof servers === 'string' ? servers.split(',') : servers;
  return list.map((server) => server.trim()).filter((server) => server !== '');
}

function asUrl(server: string): URL {
  const text = server.includes('://') ? server : `nats://${server}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '' || !['nats:', 'tls:'].includes(url.protocol))
    throw new Fault(
      'option.invalid',
      `Expected a broker address such as \`nats://host:4222\` or \`tls://host:4222\`, got \`${withoutSecrets(server)}\`. Correct the address.`,
    );
  if (url.port === '') url.port = '4222';
  return url;
}

function withoutSecrets(server: string): string {
  return server.replace(/\/\/[^@/]*@/, '//…@');
}

function connectFault(error: unknown, servers: readonly string[]): Fault {
  const fault = faultOf(error);
  const at = servers.map(withoutSecrets).join(', ');
  const facts = { servers: at };
  if (fault.code === 'option.invalid') return fault;
  if (fault.code === 'broker.unauthorized')
    return new Fault(fault.code, `${fault.message} The broker is ${at}.`, { cause: error, facts });
  const doubt = tlsDoubt(error);
  if (doubt !== undefined)
    return new Fault(
      'broker.unauthorized',
      `Expected a TLS connection that both sides trust with ${at}, got: ${doubt}. Check \`ca\`, \`cert\` and \`key\`.`,
      { cause: error, facts },
    );
  return new Fault(
    'broker.unreachable',
    `Expected a broker at ${at}, got: ${messageOf(error)}. Start one, or correct the address.`,
    { cause: error, facts },
  );
}

/** What TLS found wrong, or `undefined` where it was not TLS. */
function tlsDoubt(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const code = 'code' in each ? String(each.code) : '';
    if (/^ERR_(TLS|SSL)|CERT|SIGNATURE|EPROTO/.test(code) || /\btls\b|certificate/i.test(each.message))
      return each.message;
  }
  return undefined;
}
