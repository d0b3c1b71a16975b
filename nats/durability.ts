/**
 * What an acknowledgement is worth, checked against the broker as far as it can be seen.
 *
 * `fast`: stored by the broker; a power cut may take the last second. `replicated`: stored by a majority of three
 * brokers or more. `fsync`: forced to disk before the acknowledgement. Promises that a mode which the broker cannot
 * give is refused, with a sentence that says what to change.
 */

import { jetstreamManager, PersistMode } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { Fault, messageOf } from '../runtime/faults.ts';
import { isAtLeast } from './binary.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';

export const durabilities = ['fast', 'replicated', 'fsync'] as const;
export type Durability = (typeof durabilities)[number];

export interface DurabilityOptions {
  connection: NatsConnection;
  names: Names;
  durability: Durability;
  /** Where the broker's monitoring answers, such as `http://127.0.0.1:8222`; only there `fsync` can be seen. */
  monitoringUrl?: string;
}

/**
 * Returns where the broker and the streams give what `durability` promises; the streams must exist.
 *
 * @throws {Fault} `topology.mismatch` where they do not, or where it cannot be seen.
 */
export async function checkDurability({
  connection,
  names,
  durability,
  monitoringUrl,
}: DurabilityOptions): Promise<void> {
  switch (durability) {
    case 'fast':
      return;
    case 'replicated':
      for (const stream of keptStreams(names)) await checkReplicas(connection, stream);
      return;
    case 'fsync':
      return checkSync(monitoringUrl);
  }
}

/** Where what was acknowledged lies. */
function keptStreams({ streams }: Names): readonly string[] {
  return [streams.jobs, streams.submit, streams.control, streams.rejected];
}

const clusterVersion = '2.14.4';

/** The version of a broker in a cluster where it is one that is known to lose races there; else `undefined`. */
export function riskyInCluster({ info }: NatsConnection): { version: string; advised: string } | undefined {
  if (info?.cluster === undefined || isAtLeast(info.version, clusterVersion)) return undefined;
  return { version: info.version, advised: clusterVersion };
}

async function checkReplicas(connection: NatsConnection, stream: string): Promise<void> {
  const { config, cluster } = await infoOf(connection, stream);
  const brokers = 1 + (cluster?.replicas?.length ?? 0);
  if (config.persist_mode === PersistMode.Async)
    throw refused(
      'replicated',
      `stream ${stream} to be written before it is acknowledged`,
      '`persist_mode: async`',
      'Create it anew without',
    );
  if (config.num_replicas < 3 || brokers < 3)
    throw refused(
      'replicated',
      `stream ${stream} on 3 brokers or more`,
      `${config.num_replicas} replica(s) on ${brokers} broker(s)`,
      'Run a cluster of three brokers, such as `yard up --brokers 3`',
    );
}

async function infoOf(connection: NatsConnection, stream: string) {
  try {
    return await (await jetstreamManager(connection, { checkAPI: false })).streams.info(stream);
  } catch (error) {
    throw faultOf(error);
  }
}

async function checkSync(monitoringUrl: string | undefined): Promise<void> {
  const expected = 'a broker with `sync_interval: always`';
  if (monitoringUrl === undefined)
    throw refused(
      'fsync',
      expected,
      'no way to see it',
      "Give the address of the broker's monitoring with `--nats-monitoring`",
    );
  const config = await jetStreamConfig(monitoringUrl);
  if (!/"sync_always":\s*true/.test(config))
    throw refused(
      'fsync',
      expected,
      'one that syncs at intervals',
      'Set `jetstream { sync_interval: always }` in its configuration',
    );
}

async function jetStreamConfig(monitoringUrl: string): Promise<string> {
  try {
    return await (await fetch(new URL('/jsz?config=true', monitoringUrl))).text();
  } catch (error) {
    throw refused('fsync', `the broker's monitoring at ${monitoringUrl}`, messageOf(error), 'Correct the address');
  }
}

function refused(durability: Durability, expected: string, got: string, advice: string): Fault {
  return new Fault(
    'topology.mismatch',
    `Expected ${expected} for durability \`${durability}\`, got ${got}. ${advice}, or choose durability \`fast\`.`,
    {
      facts: { durability, expected, got },
    },
  );
}
