/**
 * What whoever wonders what is wrong can see from here: the broker, without relying on anything of ours being there, and
 * this machine. Nothing is made or changed.
 *
 * What a cluster says of itself, once a broker is there, is asked by the verbs of the face.
 */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { Ffmpeg } from '../handlers/ffmpeg/tool.ts';
import { type BrokerBinary, installedBroker } from '../nats/binary.ts';
import { storeHealth } from '../nats/broker-health.ts';
import { names } from '../nats/names.ts';
import { type BrokerProbe, type BrokerSight, brokerVersions, probeBroker, sightOf } from '../nats/probe.ts';
import { loopback } from '../nats/server-config.ts';
import { SystemClock } from '../runtime/clock.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import { flagOf } from '../runtime/options/table.ts';
import type { Options } from '../runtime/options.ts';
import { diskOf } from './disk-gauge.ts';
import { floorOf } from './disk-watch.ts';
import { addressOf } from './link.ts';
import { readUpFile, type UpFile } from './up-file.ts';

export type { BrokerProbe, UpFile };
export { brokerVersions };

/** @throws {Fault} `broker.unreachable`, `broker.unauthorized`, `option.invalid` */
export function lookAtBroker(options: Options): Promise<BrokerProbe> {
  return probeBroker(addressOf(options), { names: names(options.prefix), clock: new SystemClock() });
}

/** What the monitoring of one broker says, or why it says nothing. */
export interface Monitored {
  url: string;
  sight?: BrokerSight;
  /** Why it writes nothing more. */
  stuck?: string;
  silence?: string;
}

/** Each address of monitoring that is known: those that the options name, else those of the cluster here. */
export function lookAtMonitoring(options: Options, up: UpFile | undefined): Promise<readonly Monitored[]> {
  const { natsMonitoring } = options;
  const known = natsMonitoring.length > 0 ? natsMonitoring : (up?.monitoringUrl?.split(',') ?? []);
  return Promise.all(known.map(monitored));
}

async function monitored(url: string): Promise<Monitored> {
  const clock = new SystemClock();
  try {
    const [sight, health] = await Promise.all([sightOf(url, clock), storeHealth(url, clock)]);
    return { url, sight, ...(health?.error === undefined ? {} : { stuck: health.error }) };
  } catch (cause) {
    return { url, silence: messageOf(cause) };
  }
}

/** The cluster of `yard up` in the directory of data. */
export function lookHere(options: Options, directory: string): Promise<UpFile | undefined> {
  return readUpFile(resolve(directory, options.data));
}

/** A port that `yard up` wants. */
export interface WantedPort {
  flag: string;
  port: number;
  isTaken: boolean;
}

/** This machine, as far as a node of ours needs it. */
export interface Machine {
  host: string;
  /** Absent where there is none and one would be fetched. */
  natsServer?: BrokerBinary;
  /** What is wrong with the one that was named. */
  natsServerFault?: string;
  /** Where it is; absent where there is none. */
  ffmpeg?: string;
  hasVmaf: boolean;
  dataDir: string;
  disk?: { all: number; free: number; floor: number };
  ports: readonly WantedPort[];
}

export async function lookAtMachine(options: Options, directory: string): Promise<Machine> {
  const dataDir = resolve(directory, options.data);
  const [natsServer, tools, disk, ports] = await Promise.all([
    natsServerOf(options),
    toolsOf(options),
    firstDisk([dataDir, directory]),
    portsOf(options),
  ]);
  return {
    host: hostname(),
    ...natsServer,
    ...tools,
    dataDir,
    ...(disk === undefined ? {} : { disk: { ...disk, floor: floorOf(disk) } }),
    ports,
  };
}

async function natsServerOf({ natsServer }: Options): Promise<Pick<Machine, 'natsServer' | 'natsServerFault'>> {
  try {
    const found = await installedBroker(natsServer === undefined ? {} : { path: natsServer });
    return found === undefined ? {} : { natsServer: found };
  } catch (cause) {
    return { natsServerFault: messageOf(cause) };
  }
}

async function toolsOf({ ffmpeg: named }: Options): Promise<Pick<Machine, 'ffmpeg' | 'hasVmaf'>> {
  const tool = new Ffmpeg({ clock: new SystemClock(), ...(named === undefined ? {} : { ffmpeg: named }) });
  try {
    const path = await tool.path();
    return { ffmpeg: path, hasVmaf: (await tool.vmaf()) !== undefined };
  } catch {
    return { hasVmaf: false };
  }
}

/** Of the first of these folders that is there. */
async function firstDisk(folders: readonly string[]): Promise<{ all: number; free: number } | undefined> {
  for (const folder of folders) {
    const disk = await diskOf(folder);
    if (disk !== undefined) return disk;
  }
  return undefined;
}

function portsOf(options: Options): Promise<readonly WantedPort[]> {
  const wanted = (['port', 'monitorPort', 'mqttPort'] as const).flatMap((name) => {
    const port = options[name];
    return typeof port === 'number' ? [{ flag: flagOf(name), port }] : [];
  });
  return Promise.all(wanted.map(async (each) => ({ ...each, isTaken: await isTaken(each.port) })));
}

async function isTaken(port: number): Promise<boolean> {
  const server = createServer().listen(port, loopback);
  try {
    await once(server, 'listening');
    return false;
  } catch {
    return true;
  } finally {
    server.close();
  }
}

/** What an address of a door answered. */
export interface DoorAnswer {
  status: number;
  body: unknown;
}

const answersWithinMs = 3_000;

/** @throws {Fault} `broker.unavailable` where nobody answers there. */
export async function knock(url: URL, token?: string): Promise<DoorAnswer> {
  const patience = new AbortController();
  const cancel = new SystemClock().after(answersWithinMs, () => patience.abort(new Error('no answer in time')));
  try {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const reply = await fetch(url, { headers, signal: patience.signal });
    const body: unknown = await reply.json().catch(() => undefined);
    return { status: reply.status, body };
  } catch (cause) {
    throw new Fault('broker.unavailable', `Expected an answer from ${url}, got: ${reasonOf(cause)}.`, { cause });
  } finally {
    cancel();
  }
}

/** What lies behind "fetch failed". */
function reasonOf(thrown: unknown): string {
  return thrown instanceof Error && thrown.cause instanceof Error ? reasonOf(thrown.cause) : messageOf(thrown);
}
