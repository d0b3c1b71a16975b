/**
 * The way in: where the cluster is and who we are to it, found as the command `yard` finds it.
 */

import { Client } from '../cluster/client.ts';
import { locate } from '../cluster/locate.ts';
import { type Options, readSettings, type Scope } from '../cluster/settings.ts';
import { Yard } from './yard.ts';

/** Where the cluster is. What is not said comes from the environment (`NATS_URL`, …), then from `yardmaster.json`. */
export interface ConnectOptions {
  /** Broker addresses; the cluster of a `yard up` in the working directory where nothing says otherwise. */
  servers?: string | readonly string[];
  /** A context of the `nats` command. */
  context?: string;
  /** A `.creds` file. */
  creds?: string;
  /** A file with an nkey seed. */
  nkey?: string;
  user?: string;
  password?: string;
  token?: string;
  /** Where answers are heard, for a user that may hear only there. */
  inboxPrefix?: string;
  /** Files: the authorities that may vouch for the broker, and a certificate with its key to show to it. */
  tlsCa?: string;
  tlsCert?: string;
  tlsKey?: string;
  /** Whose jobs it is about: what is submitted is theirs, and no others are seen by id or in lists; `default` unless given. */
  tenant?: string;
  /** Tells clusters on one broker apart; `yard` unless given. */
  prefix?: string;
}

/**
 * A connection to a cluster.
 *
 * @throws {Fault} `broker.unreachable`, `broker.unauthorized`, `option.invalid`
 * @example await using yard = await connect({ servers: 'nats://127.0.0.1:4222' });
 */
export async function connect(options: ConnectOptions = {}): Promise<Yard> {
  return new Yard(await Client.open({ options: await settingsOf(options, 'client') }));
}

/** Options given in code, with what environment, file and defaults add. */
export async function settingsOf<Given extends ConnectOptions>(
  { servers, ...flags }: Given,
  scope: Scope,
): Promise<Options> {
  const directory = process.cwd();
  return locate(readSettings({ flags: { ...flags, nats: servers }, env: process.env, directory }, scope), directory);
}
