/** What an acknowledgement is worth: given, refused, and told to whoever submits. */

import { jetstreamManager, PersistMode, StorageType } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { checkDurability, durabilityOf, noteDurability } from '../../nats/durability.ts';
import { names } from '../../nats/names.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { type TestBroker, testBroker, testBrokers } from './broker.ts';

const yard = names();
const clock = new SystemClock();

async function prepared(broker: TestBroker) {
  const world = { connection: await broker.connect(), names: yard, clock };
  await ensureTopology(world);
  return world;
}

const mismatch = (message: string) => ({ code: 'topology.mismatch', message: expect.stringContaining(message) });

test('`fast` is given by any broker, `replicated` not by one alone', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await checkDurability({ ...world, durability: 'fast' });
  await expect(checkDurability({ ...world, durability: 'replicated' })).rejects.toMatchObject(
    mismatch('Run a cluster of three brokers'),
  );
});

test('not even `fast` is given by a stream that is acknowledged before it is written', async () => {
  await using broker = await testBroker();
  const connection = await broker.connect();
  const jsm = await jetstreamManager(connection);
  const stream = yard.streams.rejected;
  const settings = { subjects: [yard.rejected], storage: StorageType.File, persist_mode: PersistMode.Async };
  await jsm.streams.add({ name: stream, ...settings });
  await expect(checkDurability({ ...(await prepared(broker)), durability: 'fast' })).rejects.toMatchObject(
    mismatch(`nats stream rm ${stream}`),
  );
});

test('`fsync` is given by a broker that syncs always, and believed only where it can be seen', async () => {
  await using interval = await testBroker();
  await using always = await testBroker({ sync: 'always' });
  const at = async (broker: TestBroker) => ({ ...(await prepared(broker)), durability: 'fsync' as const });
  await checkDurability({ ...(await at(always)), monitoring: [always.server.monitoringUrl] });
  await expect(
    checkDurability({ ...(await at(interval)), monitoring: [interval.server.monitoringUrl] }),
  ).rejects.toMatchObject(mismatch('sync_interval: always'));
  await expect(checkDurability(await at(always))).rejects.toMatchObject(mismatch('--nats-monitoring'));
  await expect(checkDurability({ ...(await at(always)), monitoring: ['http://127.0.0.1:1'] })).rejects.toMatchObject(
    mismatch('http://127.0.0.1:1'),
  );
});

test('of several brokers a majority must be seen to sync always; one that is down keeps nobody from starting', async () => {
  await using broker = await testBrokers({ sync: 'always' });
  const world = { ...(await prepared(broker)), durability: 'fsync' as const };
  const monitoring = broker.servers.map(({ monitoringUrl }) => monitoringUrl);
  await expect(checkDurability({ ...world, monitoring: monitoring.slice(0, 1) })).rejects.toMatchObject(
    mismatch('Name the monitoring of each broker'),
  );
  await checkDurability({ ...world, monitoring });
  await checkDurability({ ...world, monitoring: monitoring.with(2, 'http://127.0.0.1:1') });
});

test('whoever submits can tell which one holds: what the streams show, and `fsync` where a master has seen it', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  const told = () => durabilityOf(world.connection, yard);
  expect(await told()).toBe('fast');
  await noteDurability({ ...world, durability: 'fsync' });
  expect(await told()).toBe('fsync');
  expect(await ensureTopology(world)).toEqual({ created: [], upgraded: [] });
  expect(await told()).toBe('fsync');
  await noteDurability({ ...world, durability: 'fast' });
  expect(await told()).toBe('fast');
});
