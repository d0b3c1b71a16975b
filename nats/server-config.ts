/**
 * The configuration of a broker of our own, as a value.
 *
 * Knows the settings of nats-server that we choose and why; leaves running it to `embedded.ts`.
 */

import { join } from 'node:path';
import { isAtLeast } from './binary.ts';

/** What a configuration depends on. Port -1 lets the server choose. */
export interface ServerSettings {
  dataDir: string;
  /** Of the server that will read it: an older one refuses settings that it does not know. */
  version: string;
  ports: { client: number; monitoring: number; mqtt: number | undefined };
  serverName: string;
  /** How often what was acknowledged is forced to disk. */
  sync: '1s' | 'always';
  maxStoreBytes: number;
  /** The cluster that it belongs to; absent where it stands alone. */
  cluster?: ServerCluster | undefined;
  /** More settings, which win over ours. */
  more: Readonly<Record<string, unknown>>;
}

/** A server's place in a cluster: where it listens for the others, and where all of them do. */
export interface ServerCluster {
  name: string;
  port: number;
  routes: readonly number[];
}

export const loopback = '127.0.0.1';
const mebibyte = 1_048_576;

/** Names of the files that a server keeps in its data directory. */
export const serverFiles = { config: 'nats-server.conf', log: 'nats-server.log', pid: 'nats-server.pid' } as const;

/** The text of its configuration file: JSON, which nats-server reads. */
export function serverConfig(settings: ServerSettings): string {
  const { dataDir, ports } = settings;
  const config = {
    server_name: settings.serverName,
    host: loopback,
    port: ports.client,
    http: `${loopback}:${ports.monitoring}`,
    max_payload: mebibyte,
    pid_file: join(dataDir, serverFiles.pid),
    ports_file_dir: dataDir,
    log_file: join(dataDir, serverFiles.log),
    logfile_size_limit: 16 * mebibyte,
    logfile_max_num: 3,
    // Of one that is told to go: it leads nothing after a second, and its clients are with the others soon after.
    lame_duck_grace_period: '1s',
    lame_duck_duration: '30s',
    jetstream: {
      store_dir: join(dataDir, 'nats'),
      max_memory_store: 1_024 * mebibyte,
      max_file_store: settings.maxStoreBytes,
      sync_interval: settings.sync,
      ...batchLimits(settings.version),
    },
    ...(settings.cluster === undefined ? {} : { cluster: clusterConfig(settings.cluster) }),
    ...(ports.mqtt === undefined ? {} : { mqtt: { host: loopback, port: ports.mqtt } }),
    ...settings.more,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function clusterConfig({ name, port, routes }: ServerCluster): object {
  return { name, host: loopback, port, routes: routes.map((each) => `nats://${loopback}:${each}`) };
}

/**
 * A server allows 50 open batches a stream, and a batch whose end never came holds its place for 10 s: a fleet that
 * commits from every process needs more, and gets them back sooner.
 */
function batchLimits(version: string): object {
  if (!isAtLeast(version, '2.14.0')) return {};
  return { limits: { batch: { max_inflight_per_stream: 1_000, max_inflight_total: 2_000, timeout: '2s' } } };
}
