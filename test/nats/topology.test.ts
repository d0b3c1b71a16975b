/** Streams and buckets: made, compared, upgraded; and what is said where that cannot be. */

import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { expect, test } from 'vitest';
import { names } from '../../nats/names.ts';
import { planField, planVersion } from '../../nats/stream-plan.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { type TestBroker, testBroker } from './broker.ts';

const clock = new SystemClock();
const yard = names();

async function prepared(broker: TestBroker) {
  const connection = await broker.connect();
  return { connection, names: yard, clock, jsm: await jetstreamManager(connection) };
}

test('everything is there after the first time, and left alone after that', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  const { created } = await ensureTopology(world);
  expect([...created].sort()).toEqual(Object.values(yard.streams).sort());
  expect(await ensureTopology(world)).toEqual({ created: [], upgraded: [] });
});

test('processes that start together all find it', async () => {
  await using broker = await testBroker();
  const worlds = await Promise.all([1, 2, 3, 4].map(() => prepared(broker)));
  await Promise.all(worlds.map((world) => ensureTopology(world)));
  const [world] = worlds;
  expect(world && (await ensureTopology(world))).toEqual({ created: [], upgraded: [] });
});

test('the bucket of jobs is a bucket to any client, and each write is told on the feed without its body', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await ensureTopology(world);
  const feed = world.connection.subscribe(yard.feed, { max: 1 });
  const bucket = await new Kvm(world.connection).open(yard.buckets.jobs);
  const revision = await bucket.create('default.a', '{"id":"a"}');
  expect((await bucket.get('default.a'))?.string()).toBe('{"id":"a"}');
  for await (const told of feed) {
    expect(yard.keyOfSubject(told.subject)).toBe('default.a');
    expect(told.headers?.get('Nats-Sequence')).toBe(String(revision));
    expect(told.data).toHaveLength(0);
  }
  await bucket.put('default.a', 'two');
  expect((await world.jsm.streams.info(yard.streams.jobs)).state.messages).toBe(1);
});

test('nothing is taken out of the audit log, by whomever', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await ensureTopology(world);
  const { seq } = await jetstream(world.connection).publish(yard.auditEntry('default'), '{}');
  await expect(world.jsm.streams.purge(yard.streams.audit)).rejects.toThrow('purge not permitted');
  await expect(world.jsm.streams.deleteMessage(yard.streams.audit, seq)).rejects.toThrow('delete not permitted');
  await expect(world.jsm.streams.update(yard.streams.audit, { deny_purge: false })).rejects.toThrow('deny purge');
});

test('a resubmission in the next second is not swallowed', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await ensureTopology(world);
  const { config } = await world.jsm.streams.info(yard.streams.submit);
  expect(config).toMatchObject({ duplicate_window: 100_000_000, max_age: 86_400_000_000_000, retention: 'limits' });
});

test('a setting that drifted is put right, and what the operator may set is left', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await ensureTopology(world);
  await world.jsm.streams.update(yard.streams.submit, { duplicate_window: 60_000_000_000, max_bytes: 5_000_000 });
  expect((await ensureTopology(world)).upgraded).toEqual([yard.streams.submit]);
  const { config } = await world.jsm.streams.info(yard.streams.submit);
  expect(config).toMatchObject({ duplicate_window: 100_000_000, max_bytes: 5_000_000 });
});

test('logs are kept as long, and as many, as the operator says, and as before where nobody says', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await ensureTopology(world);
  const logs = { ageMs: 600_000, bytes: 5_242_880 };
  expect((await ensureTopology({ ...world, logs })).upgraded).toEqual([yard.streams.logs]);
  expect((await ensureTopology(world)).upgraded).toEqual([]);
  const { config } = await world.jsm.streams.info(yard.streams.logs);
  expect(config).toMatchObject({ max_age: 600_000_000_000, max_bytes: 5_242_880 });
});

test('a bucket that somebody made by hand becomes ours, with what it holds', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  const bucket = await new Kvm(world.connection).create(yard.buckets.jobs);
  await bucket.put('default.a', 'kept');
  const { upgraded } = await ensureTopology(world);
  expect(upgraded).toEqual([yard.streams.jobs]);
  expect((await bucket.get('default.a'))?.string()).toBe('kept');
  const { config } = await world.jsm.streams.info(yard.streams.jobs);
  expect(config).toMatchObject({ allow_atomic: true, allow_msg_ttl: true, deny_delete: true });
});

test('what a newer process has set up is not undone by an older one', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await ensureTopology(world);
  const newer = { [planField]: String(planVersion + 1) };
  await world.jsm.streams.update(yard.streams.work, { max_age: 120_000_000_000, metadata: newer });
  expect(await ensureTopology(world)).toEqual({ created: [], upgraded: [] });
});

test('a stream with the wrong storage is named, with what was expected and what to do', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await world.jsm.streams.add({ name: yard.streams.logs, subjects: [yard.allLogs], storage: StorageType.Memory });
  await expect(ensureTopology(world)).rejects.toMatchObject({
    code: 'topology.mismatch',
    facts: { stream: yard.streams.logs, field: 'storage', expected: 'file', got: 'memory' },
    message: expect.stringContaining('nats stream rm yard_logs'),
  });
});

test('a stranger that takes our subjects is a mismatch', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await world.jsm.streams.add({ name: 'stranger', subjects: ['yard.>'] });
  await expect(ensureTopology(world)).rejects.toMatchObject({
    code: 'topology.mismatch',
    message: expect.stringContaining('choose another prefix'),
  });
});

test('more replicas than brokers are refused, before and after the streams exist', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  const refusal = { code: 'topology.mismatch', message: expect.stringContaining('3 replicas') };
  await expect(ensureTopology({ ...world, replicas: 3 })).rejects.toMatchObject(refusal);
  await ensureTopology(world);
  await expect(ensureTopology({ ...world, replicas: 3 })).rejects.toMatchObject(refusal);
});

test('a store that is too small is said so', async () => {
  await using broker = await testBroker({ maxStoreBytes: 1_000_000 });
  await expect(ensureTopology(await prepared(broker))).rejects.toMatchObject({
    code: 'topology.mismatch',
    message: expect.stringContaining('max_file_store'),
  });
});

test('a broker that comes back while we ask is waited for, and mail, which lay in memory, is set up again', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await ensureTopology(world);
  await broker.kill();
  const waiting = ensureTopology(world);
  await broker.restart();
  expect(await waiting).toEqual({ created: [yard.streams.work], upgraded: [] });
});

test('a write to the bucket of jobs may say when it goes', async () => {
  await using broker = await testBroker();
  const world = await prepared(broker);
  await ensureTopology(world);
  await jetstream(world.connection).publish(yard.jobSubject('default.a'), '{}', { ttl: '600s' });
  const found = await world.jsm.streams.getMessage(yard.streams.jobs, { last_by_subj: yard.jobSubject('default.a') });
  expect(found?.header.get('Nats-TTL')).toBe('600s');
});
