/**
 * What an acknowledgement is worth, checked against the broker as far as it can be seen.
 *
 * `fast`: written by the broker; a power cut may take the last second. `replicated`: written by a majority of three
 * brokers or more. `fsync`: forced to disk before the acknowledgement, which only the brokers' monitoring shows.
 * Promises that a mode which the broker cannot give is refused, with a sentence that says what to change; and that
 * whoever submits can tell what was found (`durabilityOf`).
 */

import { type JetStreamManager, jetstreamManager, PersistMode, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { type Clock, SystemClock } from '../runtime/clock.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import type { Durability } from '../runtime/ports.ts';
import { isAtLeast } from './binary.ts';
import { decodeJson, isObject } from './codec.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';

export interface DurabilityOptions {
  connection: NatsConnection;
  names: Names;
  durability: Durability;
  /** Where the brokers' monitoring answers, such as `http://127.0.0.1:8222`; only there `fsync` can be seen. */
  monitoring?: readonly string[];
  clock?: Clock;
}

const answerWithinMs = 2_000;

/**
 * Returns where the broker and the streams give what `durability` promises; the streams must exist.
 *
 * @throws {Fault} `topology.mismatch` where they do not, or where it cannot be seen.
 */
export async function checkDurability({
  connection,
  names,
  durability,
  monitoring = [],
  clock = new SystemClock(),
}: DurabilityOptions): Promise<void> {
  const jsm = await managerOf(connection);
  const { jobs, submit, control, rejected } = names.streams;
  const kept: readonly StreamInfo[] = await Promise.all(
    [jobs, submit, control, rejected].map((stream) => infoOf(jsm, stream)),
  );
  for (const stream of kept) requireWritten(stream, durability);
  if (durability === 'replicated') for (const stream of kept) requireReplicas(stream);
  if (durability === 'fsync') await requireSynced(kept, { monitoring, clock });
}

/** The metadata field of the stream of jobs that says that a master has seen each write being forced to disk. */
const syncedField = 'yardmaster.fsync';

/** Lets everybody know whether `fsync` was asked for and found. */
export async function noteDurability({ connection, names, durability }: DurabilityOptions): Promise<void> {
  const jsm = await managerOf(connection);
  const { jobs } = names.streams;
  const { config } = await infoOf(jsm, jobs);
  const isSynced = durability === 'fsync';
  if (isSynced === isNotedAsSynced(config)) return;
  const { [syncedField]: _, ...others } = config.metadata ?? {};
  const metadata = isSynced ? { ...others, [syncedField]: 'checked' } : others;
  await jsm.streams.update(jobs, { metadata }).catch((cause: unknown) => {
    throw faultOf(cause);
  });
}

/** What a write to the bucket of jobs is worth here, as far as anybody can see who is connected. */
export async function durabilityOf(connection: NatsConnection, names: Names): Promise<Durability> {
  const { config } = await infoOf(await managerOf(connection), names.streams.jobs);
  if (isNotedAsSynced(config)) return 'fsync';
  return config.num_replicas >= 3 ? 'replicated' : 'fast';
}

function isNotedAsSynced({ metadata }: StreamInfo['config']): boolean {
  return metadata?.[syncedField] !== undefined;
}

/** The first that is not known to lose races in a cluster. */
export const clusterVersion = '2.14.4';

/** The version of a broker in a cluster where it is one that is known to lose races there; else `undefined`. */
export function riskyInCluster({ info }: NatsConnection): { version: string; advised: string } | undefined {
  if (info?.cluster === undefined || isAtLeast(info.version, clusterVersion)) return undefined;
  return { version: info.version, advised: clusterVersion };
}

function managerOf(connection: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(connection, { checkAPI: false, timeout: answerWithinMs });
}

async function infoOf(jsm: JetStreamManager, stream: string): Promise<StreamInfo> {
  try {
    return await jsm.streams.info(stream);
  } catch (error) {
    throw faultOf(error);
  }
}

/** A broker may answer before it has written: then even the death of its process loses what it acknowledged. */
function requireWritten({ config }: StreamInfo, durability: Durability): void {
  if (config.persist_mode !== PersistMode.Async) return;
  throw refused({
    durability,
    expected: `stream ${config.name} to be written before it is acknowledged`,
    got: '`persist_mode: async`',
    advice: `It cannot be changed: make a backup, remove the stream with \`nats stream rm ${config.name}\`, and start again`,
  });
}

function requireReplicas({ config, cluster }: StreamInfo): void {
  const brokers = 1 + (cluster?.replicas?.length ?? 0);
  if (config.num_replicas >= 3 && brokers >= 3) return;
  throw refused({
    durability: 'replicated',
    expected: `stream ${config.name} on 3 brokers or more`,
    got: `${config.num_replicas} replica(s) on ${brokers} broker(s)`,
    advice: 'Run a cluster of three brokers, such as `yard up --brokers 3`, or choose durability `fast`',
  });
}

/** What a broker's monitoring says of it. */
interface Seen {
  name: string;
  syncsAlways: boolean;
}

/**
 * Each stream must be kept by a majority of brokers that are seen to sync always: an acknowledgement needs a majority
 * too, so one of them has forced it to disk. A broker that is down keeps nobody from starting.
 */
async function requireSynced(
  kept: readonly StreamInfo[],
  { monitoring, clock }: { monitoring: readonly string[]; clock: Clock },
): Promise<void> {
  const expected = 'every broker to have `sync_interval: always`';
  const durability = 'fsync';
  if (monitoring.length === 0)
    throw refused({
      ...{ durability, expected, got: 'no way to see it' },
      advice: "Give the addresses of the brokers' monitoring with `--nats-monitoring`, or choose another durability",
    });
  const answers = await Promise.allSettled(monitoring.map((url) => look(url, clock)));
  const seen = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const slack = seen.find(({ syncsAlways }) => !syncsAlways);
  if (slack !== undefined)
    throw refused({
      ...{ durability, expected, got: `${slack.name}, which syncs at intervals` },
      advice: 'Set `jetstream { sync_interval: always }` in its configuration, or choose another durability',
    });
  const unseen = kept.find((stream) => !isMostlyAmong(seen, stream));
  if (unseen === undefined) return;
  const failure = answers.find((answer) => answer.status === 'rejected');
  const why = failure === undefined ? '' : ` (${messageOf(failure.reason)})`;
  throw refused({
    ...{ durability, expected, got: `${seen.length} of those that keep stream ${unseen.config.name} to look at${why}` },
    advice: 'Name the monitoring of each broker with `--nats-monitoring`',
  });
}

function isMostlyAmong(seen: readonly Seen[], { cluster }: StreamInfo): boolean {
  const replicas = cluster?.replicas?.map(({ name }) => name) ?? [];
  if (cluster?.leader === undefined && replicas.length === 0) return seen.length > 0;
  const keepers = [cluster?.leader, ...replicas];
  return seen.filter(({ name }) => keepers.includes(name)).length > keepers.length / 2;
}

async function look(url: string, clock: Clock): Promise<Seen> {
  const patience = new AbortController();
  const cancel = clock.after(answerWithinMs, () => patience.abort());
  try {
    const reply = await fetch(new URL('/varz', url), { signal: patience.signal });
    return seenIn(decodeJson<unknown>(new Uint8Array(await reply.arrayBuffer())));
  } catch (error) {
    throw new Fault('broker.unavailable', `${url}: ${messageOf(error)}`);
  } finally {
    cancel();
  }
}

function seenIn(varz: unknown): Seen {
  const { server_name: name, jetstream } = isObject(varz) ? varz : {};
  const config = isObject(jetstream) && isObject(jetstream['config']) ? jetstream['config'] : {};
  if (typeof name !== 'string') throw new Error('no broker answers there');
  return { name, syncsAlways: config['sync_always'] === true };
}

interface Refusal {
  durability: Durability;
  expected: string;
  got: string;
  advice: string;
}

function refused({ durability, expected, got, advice }: Refusal): Fault {
  return new Fault(
    'topology.mismatch',
    `Expected ${expected} for durability \`${durability}\`, got ${got}. ${advice}.`,
    { facts: { durability, expected, got } },
  );
}
