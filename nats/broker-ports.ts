/**
 * Where a broker of our own listens: asked for, chosen, and told by the server itself once it does.
 */

import { once } from 'node:events';
import { readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { loopback, type ServerSettings } from './server-config.ts';

/** Where it listens, all on loopback; `free` lets the machine choose. */
export interface BrokerPorts {
  client?: number | 'free';
  monitoring?: number | 'free';
  /** Off unless asked for. */
  mqtt?: number | 'free' | 'off';
}

/** Ports that the machine chooses, for tests and demos beside whatever else runs. */
export const freePorts: BrokerPorts = { client: 'free', monitoring: 'free' };

export type ChosenPorts = ServerSettings['ports'];

/** Ports for the configuration of a server; -1 where the server shall choose. */
export async function choosePorts({
  client = 4222,
  monitoring = 8222,
  mqtt = 'off',
}: BrokerPorts): Promise<ChosenPorts> {
  return {
    client: client === 'free' ? -1 : client,
    monitoring: monitoring === 'free' ? -1 : monitoring,
    mqtt: await mqttPort(mqtt),
  };
}

/** The server tells every port that it chose, except this one: so this one is chosen here. */
async function mqttPort(asked: number | 'free' | 'off'): Promise<number | undefined> {
  if (asked === 'off') return undefined;
  return asked === 'free' ? (await portsToListen(1))[0] : asked;
}

/** So many ports that nobody listens on now: for what must be known before a server has started. */
export async function portsToListen(count: number): Promise<readonly number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, loopback));
  await Promise.all(probes.map((probe) => once(probe, 'listening')));
  const addresses = probes.map((probe) => probe.address());
  await Promise.all(
    probes.map((probe) => {
      probe.close();
      return once(probe, 'close');
    }),
  );
  return addresses.flatMap((address) => (typeof address === 'object' && address !== null ? [address.port] : []));
}

const isPortFile = (name: string) => name.endsWith('.ports');

/** Removes what servers that are gone have written about their ports. */
export async function removePortFiles(dataDir: string): Promise<void> {
  for (const name of (await readdir(dataDir)).filter(isPortFile)) await rm(join(dataDir, name), { force: true });
}

/** What the server has written about its ports; `undefined` as long as it has not. */
export async function listening(
  dataDir: string,
  pid: number | undefined,
  asked: ChosenPorts,
): Promise<ChosenPorts | undefined> {
  const name = (await readdir(dataDir)).find((each) => each.endsWith(`_${pid}.ports`));
  if (name === undefined) return undefined;
  const text = await readFile(join(dataDir, name), 'utf8');
  const client = portIn(text, 'nats');
  const monitoring = portIn(text, 'monitoring');
  return client === undefined || monitoring === undefined ? undefined : { client, monitoring, mqtt: asked.mqtt };
}

/** The port in `"<what>": ["scheme://host:port"]`; the file may be half written. */
function portIn(text: string, what: string): number | undefined {
  const port = new RegExp(`"${what}"\\s*:\\s*\\[\\s*"[^"]*:(\\d+)/?"`).exec(text)?.[1];
  return port === undefined ? undefined : Number(port);
}

/** Whether a server says that it is up, JetStream included. */
export async function isHealthy(monitoring: number): Promise<boolean> {
  try {
    const reply = await fetch(`http://${loopback}:${monitoring}/healthz`);
    await reply.body?.cancel();
    return reply.ok;
  } catch {
    return false;
  }
}
