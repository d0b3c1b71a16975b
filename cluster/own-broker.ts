/**
 * The broker of `yard up`: the embedded one, or several as a cluster, with the ports that the options ask for, all of
 * them tried first, so that a port that is taken is told by its number and its flag, and not by a log file.
 *
 * Promises that what one number of brokers has stored is not passed over by another number of them.
 */

import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findBroker } from '../nats/binary.ts';
import { type EmbeddedBroker, startBroker } from '../nats/embedded.ts';
import { brokerName, startBrokerCluster } from '../nats/embedded-cluster.ts';
import { loopback } from '../nats/server-config.ts';
import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { flagOf } from '../runtime/options/table.ts';
import type { Options } from '../runtime/options.ts';

export interface OwnBrokerOptions {
  options: Options;
  clock: Clock;
  /** Is told, in one line, what a person should know of the start. */
  say(line: string): void;
}

type PortName = 'port' | 'monitorPort' | 'mqttPort';

/** A broker that has just been stopped may hold its ports a moment longer. */
const patienceMs = 2_000;

/**
 * The embedded brokers, ready: one, or as many as a cluster shall have. Without MQTT where its usual port is taken and
 * nobody asked for another one.
 *
 * @throws {Fault} `option.invalid` where a port is taken, or where the directory has the data of another number of
 * brokers; `broker.absent`, `broker.refused`.
 */
export async function startOwnBrokers({ options, clock, say }: OwnBrokerOptions): Promise<readonly EmbeddedBroker[]> {
  const { data, natsServer, durability, port, monitorPort, brokers, prefix } = options;
  requireSameNumber(data, brokers);
  const [mqtt] = await Promise.all([
    mqttPort({ options, clock, say }),
    requireFree('port', options, clock),
    requireFree('monitorPort', options, clock),
  ]);
  const start = {
    dataDir: data,
    binary: await findBroker({ say, ...(natsServer === undefined ? {} : { path: natsServer }) }),
    ports: { client: port, monitoring: monitorPort, mqtt },
    sync: durability === 'fsync' ? 'always' : '1s',
    clock,
  } as const;
  return brokers === 1 ? [await startBroker(start)] : startBrokerCluster({ ...start, count: brokers, name: prefix });
}

/** A single broker and a cluster keep their data apart, and of a cluster that shrinks nobody knows what it keeps. */
function requireSameNumber(dataDir: string, wanted: number): void {
  const found = existsSync(join(dataDir, 'nats')) ? 1 : clusterIn(dataDir);
  const grows = found > 1 && wanted > found;
  if (found === 0 || found === wanted || grows) return;
  throw new Fault(
    'option.invalid',
    `Expected the data of ${inWords(wanted)} in ${dataDir}, got that of ${inWords(found)}. Start with \`${flagOf('brokers')} ${found}\`, or choose another directory with \`${flagOf('data')}\`.`,
    { facts: { option: 'brokers', expected: wanted, got: found } },
  );
}

function clusterIn(dataDir: string): number {
  let count = 0;
  while (existsSync(join(dataDir, brokerName(count)))) count++;
  return count;
}

function inWords(count: number): string {
  return count === 1 ? 'one broker' : `${count} brokers`;
}

async function mqttPort({ options, clock, say }: OwnBrokerOptions): Promise<number | 'free' | 'off'> {
  if (options.origins.mqttPort !== 'default') await requireFree('mqttPort', options, clock);
  else if (!(await isSoonFree(options.mqttPort, clock))) {
    say(`Without MQTT: port ${options.mqttPort} is taken. Choose another with \`${flagOf('mqttPort')}\`.`);
    return 'off';
  }
  return options.mqttPort;
}

async function requireFree(name: PortName, options: Options, clock: Clock): Promise<void> {
  const port = options[name];
  if (await isSoonFree(port, clock)) return;
  throw new Fault(
    'option.invalid',
    `Expected port ${port} to be free for the broker, got it taken by another program, perhaps another \`yard up\`. Stop that one, or choose another port with \`${flagOf(name)}\`, or let the machine choose all with \`--free-ports\`.`,
    { facts: { option: name, port } },
  );
}

async function isSoonFree(port: number | 'free', clock: Clock): Promise<boolean> {
  if (port === 'free') return true;
  const patience = clock.mono() + patienceMs;
  while (!(await isFree(port))) {
    if (clock.mono() > patience) return false;
    await pause(clock, 100);
  }
  return true;
}

/** Whether somebody could listen there now; a port that we may not use at all counts as taken. */
async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, loopback);
  try {
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
