/**
 * A process's link to its cluster: connections, topology, broker time, and the world that actors are handed.
 */

import { hostname } from 'node:os';

import { patientlyAtStart } from '../actors/patience.ts';
import { noWebhook } from '../machines/rules/webhook.ts';
import type { BrokerAddress } from '../nats/address.ts';
import { type BrokersView, brokersOf } from '../nats/brokers.ts';
import { connectBroker, type NatsConnection } from '../nats/connection.ts';
import { checkDurability, durabilityOf, noteDurability, riskyInCluster } from '../nats/durability.ts';
import { type Names, names } from '../nats/names.ts';
import type { Retention } from '../nats/store.ts';
import { diskNote, noteDisk } from '../nats/store-space.ts';
import type { LogLimits } from '../nats/stream-plan.ts';
import { measureOffset } from '../nats/time.ts';
import { ensureTopology } from '../nats/topology.ts';
import { type NatsWorld, natsWorld } from '../nats/world.ts';
import { SystemClock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/faults.ts';
import type { Options } from '../runtime/options.ts';
import type { Durability } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { BrokerTime } from './broker-time.ts';

type AddressSettings = Pick<
  Options,
  'nats' | 'context' | 'creds' | 'nkey' | 'user' | 'password' | 'token' | 'inboxPrefix' | 'tlsCa' | 'tlsCert' | 'tlsKey'
>;

export type LinkSettings = AddressSettings &
  Pick<
    Options,
    | 'prefix'
    | 'retention'
    | 'retentionCompleted'
    | 'retentionCancelled'
    | 'retentionFailed'
    | 'logRetention'
    | 'logSpace'
    | 'pulse'
  >;

export interface LinkOptions {
  settings: LinkSettings;
  telemetry: Telemetry;
  /** What the broker calls this process's connections, such as `yard master`. */
  role: string;
  /** Followers need the feed, on a connection of its own. */
  withFeed: boolean;
  /** Of whoever sees to the cluster: what an acknowledgement must be worth, so that nobody relies on less. */
  promise?: Pick<Options, 'durability' | 'natsMonitoring'>;
  /** How much a new bucket of jobs may take, where the broker is our own. */
  jobsBytes?: number | undefined;
}

/** A process's link to its cluster. Disposing of it flushes and closes. */
export interface Link extends AsyncDisposable {
  readonly clock: SystemClock;
  readonly world: NatsWorld;
  /** This process, for ever: never reused. */
  readonly incarnation: string;
  readonly host: string;
  /** What an acknowledged write is worth here, as far as it can be seen. */
  readonly durability: Durability;
  brokers(): Promise<BrokersView>;
  /** What the bucket of jobs takes up, and what was noted that its disk allows. */
  diskNote(): Promise<{ bytes: number; most: number | undefined }>;
  /** Notes for everybody how many bytes the disk allows the bucket of jobs. */
  noteDisk(most: number | undefined): Promise<void>;
}

/**
 * Connects to the broker and makes sure that its streams are there.
 *
 * @throws {Fault} `broker.unreachable`, `broker.unauthorized`, `topology.mismatch`, …
 */
export async function link(options: LinkOptions): Promise<Link> {
  const { settings, role, withFeed } = options;
  const address = addressOf(settings);
  const opened: NatsConnection[] = [];
  const open = async (name: string) => {
    const connection = await connectBroker(address, { name });
    opened.push(connection);
    return connection;
  };
  try {
    const connection = await open(role);
    const feedConnection = withFeed ? await open(`${role} feed`) : connection;
    return await linkOver(options, { address, connection, feedConnection });
  } catch (cause) {
    // What stays open would keep the process from ending.
    for (const connection of opened) await connection.close();
    throw cause;
  }
}

interface Connections {
  address: BrokerAddress;
  connection: NatsConnection;
  feedConnection: NatsConnection;
}

async function linkOver(
  { settings, telemetry, promise, jobsBytes }: LinkOptions,
  { address, connection, feedConnection }: Connections,
): Promise<Link> {
  const clock = new SystemClock();
  const named = names(settings.prefix);
  telemetry.tell('broker.connected', { server: connection.getServer() });
  const replicas = replicasFor(promise?.durability);
  const logs = logLimits(settings);
  let durability: Durability = 'fast';
  const ensure = async () => {
    await ensureTopology({ connection, names: named, clock, ...replicas, logs, jobsBytes });
    durability = await patientlyAtStart(() => durabilityOf(connection, named), clock);
  };
  const time = new BrokerTime({ clock, telemetry, measure: () => measureOffset({ connection, names: named, clock }) });
  void report(connection, telemetry, () => {
    time.renew();
    return ensure();
  });
  await ensure();
  const risk = riskyInCluster(connection);
  // Once a master: what concerns all need not be said by each.
  if (risk !== undefined && feedConnection !== connection) telemetry.tell('broker.risky', risk);
  if (promise !== undefined) durability = await promised(promise, { connection, names: named, durability });
  const stopMeasuring = await patientlyAtStart(() => time.keep(), clock);
  const world = await natsWorld({
    connection,
    feedConnection,
    address,
    names: named,
    clock,
    retentionMs: settings.retention,
    retentionByState: retentionOf(settings),
    pulseEveryMs: settings.pulse,
  });
  return {
    clock,
    world,
    incarnation: clock.unique(),
    host: hostname(),
    get durability() {
      return durability;
    },
    brokers: () => brokersOf(connection, named, clock),
    diskNote: () => diskNote(connection, named),
    noteDisk: (most) => noteDisk(connection, named, most),
    async [Symbol.asyncDispose]() {
      stopMeasuring();
      world.logs.flush();
      world.events.flush();
      await close(connection);
      if (feedConnection !== connection) await close(feedConnection);
    },
  };
}

/** Checks what was asked for, or else what is told to whoever submits; the class that holds. */
async function promised(
  { durability: asked, natsMonitoring: monitoring }: Pick<Options, 'durability' | 'natsMonitoring'>,
  found: { connection: NatsConnection; names: Names; durability: Durability },
): Promise<Durability> {
  const seen = found.durability === 'fsync' ? 'fast' : found.durability;
  const wanted = { ...found, durability: asked ?? seen, monitoring };
  await checkDurability(wanted);
  await noteDurability(wanted);
  return await durabilityOf(found.connection, found.names);
}

function replicasFor(durability: Options['durability']): { replicas?: number; replicasOfNew?: number } {
  if (durability === 'replicated') return { replicas: 3 };
  return durability === 'fast' ? { replicasOfNew: 1 } : {};
}

function retentionOf({ retentionCompleted, retentionCancelled, retentionFailed }: LinkSettings): Retention {
  return defined({ completed: retentionCompleted, cancelled: retentionCancelled, failed: retentionFailed });
}

function logLimits({ logRetention, logSpace }: LinkSettings): LogLimits {
  return defined({ ageMs: logRetention, bytes: logSpace === undefined ? undefined : logSpace * 1_048_576 });
}

/** Flushes what is on its way, as far as the broker is there, and closes. */
async function close(connection: NatsConnection): Promise<void> {
  if (connection.isClosed()) return;
  await connection.drain().catch(() => connection.close());
}

/**
 * Tells what becomes of the connection, and what the broker refuses where nobody waits for an answer, such as what this
 * user may not publish. A broker that was restarted has lost what lay in its memory: mail's stream.
 */
async function report(connection: NatsConnection, telemetry: Telemetry, ensure: () => Promise<unknown>): Promise<void> {
  let refusal = '';
  for await (const status of connection.status()) {
    if (status.type === 'error' && status.error.message !== refusal) {
      refusal = status.error.message;
      // Somebody waits for that answer, and says what follows from it (`cluster/worker.ts`).
      if (refusal.includes(`.webhook.${noWebhook}"`)) continue;
      telemetry.tell('process.failed', { what: 'what was said to the broker', error: refusal });
    }
    if (status.type === 'disconnect') telemetry.tell('broker.disconnected', { server: status.server });
    if (status.type !== 'reconnect') continue;
    telemetry.tell('broker.reconnected', { server: status.server });
    ensure().catch((cause) =>
      telemetry.tell('process.failed', { what: 'looking after the streams', error: messageOf(cause) }),
    );
  }
}

/** Where the broker is and who we are to it, as the options say. */
export function addressOf(settings: AddressSettings): BrokerAddress {
  const { nats, context, creds, nkey, user, password, token, inboxPrefix, tlsCa, tlsCert, tlsKey } = settings;
  const tls =
    tlsCa === undefined && tlsCert === undefined && tlsKey === undefined
      ? undefined
      : defined({ caFile: tlsCa, certFile: tlsCert, keyFile: tlsKey });
  return defined({
    servers: context === undefined && nats.length > 0 ? nats : undefined,
    context,
    credsFile: creds,
    nkeyFile: nkey,
    user,
    password,
    token,
    inboxPrefix,
    tls,
  });
}

type Defined<Values> = { [Name in keyof Values]?: Exclude<Values[Name], undefined> };

/** The same object without what is not there. */
function defined<Values extends object>(values: Values): Defined<Values> {
  const kept: Defined<Values> = {};
  for (const name in values) {
    const value = values[name];
    if (value !== undefined) Object.assign(kept, { [name]: value });
  }
  return kept;
}
