/** The port contract against a real broker: one for the file, and a cluster of its own prefix for each test. */

import { jetstreamManager } from '@nats-io/jetstream';
import { headers as newHeaders } from 'nats';
import { afterAll, beforeAll } from 'vitest';
import { type Names, names } from '../../nats/names.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { type NatsWorld, natsWorld } from '../../nats/world.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { portContract, type WorldsUnderTest } from '../ports.contract.ts';
import { type TestBroker, testBroker } from './broker.ts';

let broker: TestBroker;
let clusters = 0;
const clock = new SystemClock();
beforeAll(async () => {
  broker = await testBroker();
});
afterAll(() => broker[Symbol.asyncDispose]());

async function node(yard: Names): Promise<NatsWorld> {
  const [connection, feedConnection] = [await broker.connect(), await broker.connect()];
  const address = { servers: broker.url };
  return natsWorld({
    connection,
    feedConnection,
    address,
    names: yard,
    clock,
    retentionMs: 86_400_000,
    pulseEveryMs: 50,
  });
}

portContract('the world on a real broker', async (): Promise<WorldsUnderTest> => {
  const yard = names(`t${++clusters}`);
  const connection = await broker.connect();
  await ensureTopology({ connection, names: yard, clock });
  const submit: WorldsUnderTest['submit'] = async ({ type, tenant, headers, body }) => {
    const subject = tenant === undefined ? yard.submit(type) : yard.tenantSubmit(tenant, type);
    const sent = newHeaders();
    for (const [name, value] of Object.entries(headers ?? {})) sent.set(name, value);
    await connection.request(subject, body, { headers: sent, timeout: 5_000 });
  };
  const end = async () => {
    const { streams } = await jetstreamManager(connection);
    for (const stream of Object.values(yard.streams)) await streams.delete(stream);
  };
  return { one: await node(yard), other: await node(yard), submit, end };
});
