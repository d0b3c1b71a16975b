/**
 * A look at a broker by whoever wonders what is wrong with it: what it is, what it allows, and how our streams stand.
 *
 * It connects for this alone, makes and changes nothing, and gives up soon, so it also tells of brokers with which no
 * process of ours could work. What a server may store and how often it syncs only its monitoring tells (`sightOf`).
 */

import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import { type Fault, messageOf } from '../runtime/faults.ts';
import type { BrokerAddress } from './address.ts';
import { isAtLeast, oldestBroker } from './binary.ts';
import { decodeJson, isObject } from './codec.ts';
import { connectBroker } from './connection.ts';
import { clusterVersion } from './durability.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';
import { inspectTopology, type StreamFinding } from './topology.ts';

/** What a broker says of itself to whoever connects. */
export interface BrokerProbe {
  /** Where it was reached, and what it calls itself. */
  address: string;
  name: string;
  version: string;
  /** Whether it is new enough, and whether for a cluster, where it is in one. */
  isKnown: boolean;
  isAdvised: boolean;
  isInCluster: boolean;
  hasJetStream: boolean;
  /** The largest message, in bytes. */
  maxPayload: number;
  roundTripMs: number;
  /** What the account has stored and may store, in bytes; `most` is absent where nothing bounds it. */
  account?: { storage: number; most?: number };
  /** Our streams; none where they cannot be seen. */
  streams: readonly StreamFinding[];
  /** Why they cannot be seen. */
  blindness?: Fault;
}

/** The least broker that is wanted, for sentences. */
export const brokerVersions = { oldest: oldestBroker, inCluster: clusterVersion } as const;

const connectsWithinMs = 3_000;
const roundTrips = 3;

/** @throws {Fault} `broker.unreachable`, `broker.unauthorized`, `option.invalid` */
export async function probeBroker(
  address: BrokerAddress,
  { names, clock }: { names: Names; clock: Clock },
): Promise<BrokerProbe> {
  const connection = await connectBroker(address, { name: 'yard doctor', timeoutMs: connectsWithinMs });
  try {
    const { info } = connection;
    const version = info?.version ?? '0.0.0';
    const isInCluster = info?.cluster !== undefined;
    const hasJetStream = info?.jetstream === true;
    return {
      address: connection.getServer(),
      name: info?.server_name ?? '',
      version,
      isKnown: isAtLeast(version, oldestBroker),
      isAdvised: !isInCluster || isAtLeast(version, clusterVersion),
      isInCluster,
      hasJetStream,
      maxPayload: info?.max_payload ?? 0,
      roundTripMs: await roundTripOf(connection, clock),
      ...(hasJetStream ? await accountOf(connection) : {}),
      ...(hasJetStream ? await streamsOf(connection, { names, clock }) : { streams: [] }),
    };
  } finally {
    await connection.close();
  }
}

async function streamsOf(
  connection: NatsConnection,
  at: { names: Names; clock: Clock },
): Promise<Pick<BrokerProbe, 'streams' | 'blindness'>> {
  try {
    return { streams: await inspectTopology(connection, at) };
  } catch (cause) {
    return { streams: [], blindness: faultOf(cause) };
  }
}

/** The quickest of a few. */
async function roundTripOf(connection: NatsConnection, clock: Clock): Promise<number> {
  const took: number[] = [];
  for (let taken = 0; taken < roundTrips; taken++) {
    const before = clock.mono();
    await connection.flush();
    took.push(clock.mono() - before);
  }
  return Math.min(...took);
}

/** Nothing where this user may not ask. */
async function accountOf(connection: NatsConnection): Promise<Pick<BrokerProbe, 'account'>> {
  try {
    const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: 2_000 });
    const { storage, limits } = await jsm.getAccountInfo();
    return { account: { storage, ...(limits.max_storage > 0 ? { most: limits.max_storage } : {}) } };
  } catch {
    return {};
  }
}

/** What a server's monitoring says. */
export interface BrokerSight {
  name: string;
  /** How often what it acknowledged is forced to disk; 0: before it is acknowledged. Absent where it has no JetStream. */
  syncMs?: number;
  /** How many atomic batches may be open on a stream; absent where it does not say, and then it is 50. */
  batches?: number;
  /** What it has stored and may store, in bytes. */
  stored?: number;
  most?: number;
}

const answersWithinMs = 2_000;

/** @throws {Error} where it does not answer there. */
export async function sightOf(monitoring: string, clock: Clock): Promise<BrokerSight> {
  const patience = new AbortController();
  const cancel = clock.after(answersWithinMs, () => patience.abort(new Error('no answer in time')));
  try {
    const reply = await fetch(new URL('/varz', monitoring), { signal: patience.signal });
    return sightIn(decodeJson<unknown>(new Uint8Array(await reply.arrayBuffer())));
  } catch (cause) {
    throw new Error(`${monitoring}: ${innermost(cause)}`, { cause });
  } finally {
    cancel();
  }
}

/** What lies behind "fetch failed". */
function innermost(thrown: unknown): string {
  return thrown instanceof Error && thrown.cause instanceof Error ? innermost(thrown.cause) : messageOf(thrown);
}

function sightIn(varz: unknown): BrokerSight {
  const { server_name: name, jetstream } = isObject(varz) ? varz : {};
  if (typeof name !== 'string') throw new Error('no broker answers there');
  const { config, limits, stats } = isObject(jetstream) ? jetstream : {};
  const number = (of: unknown, field: string) => {
    const value = isObject(of) ? of[field] : undefined;
    return typeof value === 'number' ? value : undefined;
  };
  const syncs = isObject(config) && config['sync_always'] === true ? 0 : number(config, 'sync_interval');
  return {
    name,
    ...defined('syncMs', syncs === undefined ? undefined : syncs / 1_000_000),
    ...defined('batches', number(limits, 'max_batch_inflight_per_stream')),
    ...defined('stored', number(stats, 'storage')),
    ...defined('most', number(config, 'max_storage')),
  };
}

function defined<Name extends string>(name: Name, value: number | undefined): { [Key in Name]?: number } {
  const kept: { [Key in Name]?: number } = {};
  if (value !== undefined) kept[name] = value;
  return kept;
}
