/**
 * Several nats-servers of our own as one cluster on this machine's loopback.
 *
 * Knows how they find one another; each of them is one of `embedded.ts`, in a directory of its own beside the others
 * (`broker-1`, `broker-2`, …), and may be killed and restarted by itself. Promises that the cluster has a leader when
 * `startBrokerCluster` resolves, and that nothing is left running where it rejects. The ports between the servers are
 * chosen anew at each start: they know one another by name.
 */

import { join } from 'node:path';
import { type BrokerPorts, freePorts, portsToListen } from './broker-ports.ts';
import { type BrokerOptions, type EmbeddedBroker, startBroker } from './embedded.ts';

export interface BrokerClusterOptions extends Omit<BrokerOptions, 'serverName' | 'cluster' | 'ports'> {
  /** How many; an odd number, or the loss of one more would be no better borne. */
  count: number;
  /** Servers of two clusters never join, whatever ports they meet on. */
  name: string;
  /** Those of the first one; the others let the machine choose, and speak MQTT where the first does. */
  ports?: BrokerPorts;
}

/** The name of the `at`th server, counted from 0, and of its directory. */
export function brokerName(at: number): string {
  return `broker-${at + 1}`;
}

/** All servers of a cluster, in order. @throws {Fault} as `startBroker` does, for the first that does not come up. */
export async function startBrokerCluster(options: BrokerClusterOptions): Promise<readonly EmbeddedBroker[]> {
  const { count, name, ports = {}, dataDir, ...shared } = options;
  const routes = await portsToListen(count);
  const mqtt = ports.mqtt === undefined || ports.mqtt === 'off' ? 'off' : 'free';
  const starts = routes.map((port, at) =>
    startBroker({
      ...shared,
      dataDir: join(dataDir, brokerName(at)),
      serverName: `${name}-${brokerName(at)}`,
      ports: at === 0 ? ports : { ...freePorts, mqtt },
      cluster: { name, port, routes },
    }),
  );
  const outcomes = await Promise.allSettled(starts);
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (failure === undefined) return started;
  await Promise.all(started.map((server) => server.stop()));
  throw failure.reason;
}
