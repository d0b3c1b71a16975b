/**
 * `up.json` in a data directory: where the cluster that `yard up` runs there is to be found, and which processes it
 * has. Written by that process alone and removed when it stops; what a dead one left behind counts as not there.
 */

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, nameOf } from '../nats/leftover.ts';
import { Fault } from '../runtime/faults.ts';

/** A cluster of `yard up`, for whoever wants to reach or stop it. Moments are epoch ms. */
export interface UpFile {
  /** Where its broker is, speaks MQTT and tells of itself; several addresses have commas between them. */
  url: string;
  mqttUrl?: string;
  monitoringUrl?: string;
  /** Where its masters serve HTTP. */
  httpUrls?: readonly string[];
  /** Whether they ask for tokens there. */
  httpAuth?: 'off' | 'token';
  prefix: string;
  /** The process that started all the others, and stops them on SIGTERM. */
  pid: number;
  /** That process by a name that is not used again. */
  owner: string;
  /** Processes of the brokers that are its own; an older file has none. */
  brokers?: readonly number[];
  masters: readonly number[];
  workers: readonly number[];
  startedAt: number;
  /** When it had a leader that saw all workers; absent before. */
  readyAt?: number;
}

const pathIn = (dataDir: string) => join(dataDir, 'up.json');

/** The cluster that runs in this data directory, or `undefined` where none does. */
export async function readUpFile(dataDir: string): Promise<UpFile | undefined> {
  const found = parse(await readFile(pathIn(dataDir), 'utf8').catch(() => ''));
  return found !== undefined && (await isRunning(found)) ? found : undefined;
}

/** Whether the process that wrote it still runs. */
export async function isRunning({ pid, owner }: Pick<UpFile, 'pid' | 'owner'>): Promise<boolean> {
  return isAlive(pid) && (await nameOf(pid)) === owner;
}

/** @throws {Fault} `cluster.running` where a cluster runs in this data directory. */
export async function refuseRunning(dataDir: string): Promise<void> {
  const up = await readUpFile(dataDir);
  if (up === undefined) return;
  throw new Fault(
    'cluster.running',
    `Expected no cluster in ${dataDir}, got the one of process ${up.pid} at ${up.url}. Stop it with \`yard down\`, or choose another directory with \`--data\`.`,
    { facts: { pid: up.pid, url: up.url } },
  );
}

/** Writes it whole or not at all. */
export async function writeUpFile(dataDir: string, up: Omit<UpFile, 'pid' | 'owner'>): Promise<void> {
  const path = pathIn(dataDir);
  const draft = `${path}.${process.pid}`;
  await mkdir(dataDir, { recursive: true });
  const whole: UpFile = { ...up, pid: process.pid, owner: await nameOf(process.pid) };
  await writeFile(draft, `${JSON.stringify(whole, undefined, 2)}\n`);
  await rename(draft, path);
}

export async function removeUpFile(dataDir: string): Promise<void> {
  await rm(pathIn(dataDir), { force: true });
}

function parse(text: string): UpFile | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isUpFile(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

function isUpFile(json: unknown): json is UpFile {
  if (typeof json !== 'object' || json === null) return false;
  const isNamed = 'pid' in json && typeof json.pid === 'number' && 'owner' in json && typeof json.owner === 'string';
  return isNamed && 'url' in json && typeof json.url === 'string';
}
