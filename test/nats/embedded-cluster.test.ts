/** Several brokers that come along as one cluster: what they keep, and what the death of one costs. */

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { checkDurability, durabilityOf, riskyInCluster } from '../../nats/durability.ts';
import { names } from '../../nats/names.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { testBrokers } from './broker.ts';

const yard = names();
const clock = new SystemClock();

test('each stream lies with three brokers, and `replicated` is given', async () => {
  await using broker = await testBrokers();
  const connection = await broker.connect();
  await ensureTopology({ connection, names: yard, clock });
  await checkDurability({ connection, names: yard, durability: 'replicated' });
  expect(await durabilityOf(connection, yard)).toBe('replicated');
  const jsm = await jetstreamManager(connection);
  const all = await Promise.all(Object.values(yard.streams).map((stream) => jsm.streams.info(stream)));
  expect(all.map(({ config }) => config.num_replicas)).toEqual(all.map(() => 3));
  const { leader = '', replicas = [] } = all[0]?.cluster ?? {};
  expect([leader, ...replicas.map(({ name }) => name)].sort()).toEqual(broker.servers.map(({ name }) => name));
});

test('streams of one replica become streams of three where `replicated` is asked for', async () => {
  await using broker = await testBrokers();
  const world = { connection: await broker.connect(), names: yard, clock };
  await ensureTopology({ ...world, replicasOfNew: 1 });
  const replicated = { ...world, durability: 'replicated' as const };
  await expect(checkDurability(replicated)).rejects.toMatchObject({
    code: 'topology.mismatch',
    message: expect.stringContaining('got 1 replica(s) on 1 broker(s)'),
  });
  expect((await ensureTopology({ ...world, replicas: 3 })).upgraded).toHaveLength(Object.keys(yard.streams).length);
  await checkDurability(replicated);
});

test('a version that is known to lose races in a cluster is told', async () => {
  await using broker = await testBrokers();
  const connection = await broker.connect();
  const { version } = broker.server.binary;
  const risk = version.startsWith('2.14.0') ? { version, advised: '2.14.4' } : undefined;
  expect(riskyInCluster(connection)).toEqual(risk);
});

test('what was stored is there when two of three died and all came back', async () => {
  await using broker = await testBrokers();
  const connection = await broker.connect();
  await ensureTopology({ connection, names: yard, clock });
  const { seq } = await jetstream(connection).publish(yard.submit('noop'), '{}');
  const [one, two] = broker.servers;
  await Promise.all([one?.kill(), two?.kill()]);
  await Promise.all([one?.restart(), two?.restart()]);
  await ensureTopology({ connection, names: yard, clock });
  const jsm = await jetstreamManager(connection);
  expect((await jsm.streams.getMessage(yard.streams.submit, { seq }))?.seq).toBe(seq);
});
