/** Whose history the stream of jobs has, with three brokers: what a connection that moves to another one finds. */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { Election } from '../../actors/election.ts';
import type { EmbeddedBroker } from '../../nats/embedded.ts';
import { names } from '../../nats/names.ts';
import { NatsStore } from '../../nats/store.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { type TestBroker, testBrokers } from './broker.ts';

const clock = new SystemClock();
const yard = names();

/** A store whose connection is with `server`, and moves to another one when that dies. */
async function storeAt(broker: TestBroker, server: EmbeddedBroker) {
  for (;;) {
    const connection = await broker.connect();
    if (connection.info?.server_name === server.name)
      return { connection, store: await NatsStore.open({ connection, names: yard, clock, retentionMs: 60_000 }) };
    await connection.close();
  }
}

/** Who leads the stream of jobs, as soon as somebody does. */
async function leaderOf(jsm: JetStreamManager, broker: TestBroker): Promise<EmbeddedBroker> {
  let leader: EmbeddedBroker | undefined;
  await until(async () => {
    const info = await jsm.streams.info(yard.streams.jobs).catch(() => undefined);
    leader = broker.servers.find(({ name }) => name === info?.cluster?.leader);
    return leader !== undefined;
  });
  if (leader === undefined) throw new Error('Expected one of our brokers to lead.');
  return leader;
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => clock.after(20, () => resolve(undefined)));
}

/** An election that has been won, over this store. */
async function elected(store: NatsStore) {
  const telemetry = createTelemetry();
  const told: string[] = [];
  telemetry.subscribe(({ name }) => told.push(name));
  const won = next(telemetry, 'leader.elected');
  const election = new Election({
    ...{ store, clock, telemetry, incarnation: 'm-1', name: 'm', silenceMs: 700 },
    isFit: () => true,
    onElected: () => {},
    onDeposed: () => {},
  });
  election.start();
  await won;
  return { election, told };
}

test('a leader whose broker dies keeps its term where another one leads the stream', async () => {
  await using broker = await testBrokers();
  const first = await broker.connect();
  await ensureTopology({ connection: first, names: yard, clock });
  const leader = await leaderOf(await jetstreamManager(first), broker);
  const follower = broker.servers.find((each) => each !== leader);
  if (follower === undefined) throw new Error('Expected a follower.');
  const { connection, store } = await storeAt(broker, follower);
  const former = store.broker();
  const { election, told } = await elected(store);
  const { term } = election;
  const renewed = async () => (await store.readLease()).revision;
  // By then the store knows by whom the stream is led.
  const won = await renewed();
  await until(async () => (await renewed()) > won + 2);
  await follower.kill();
  await until(() => connection.info?.server_name !== follower.name);
  const before = await renewed();
  await until(async () => (await renewed()) > before + 2);
  expect(store.broker()).toBe(former);
  expect(election.term).toBe(term);
  expect(told).not.toContain('leader.deposed');
  await election.stop();
});

test('a history that was led by somebody else meanwhile counts as another one, though nobody died', async () => {
  await using broker = await testBrokers();
  const first = await broker.connect();
  await ensureTopology({ connection: first, names: yard, clock });
  const jsm = await jetstreamManager(first, { checkAPI: false });
  const leader = await leaderOf(jsm, broker);
  const follower = broker.servers.find((each) => each !== leader);
  if (follower === undefined) throw new Error('Expected a follower.');
  const { store } = await storeAt(broker, follower);
  const former = store.broker();
  expect((await store.write([{ key: '_leader', expected: 0, lease: null }])).kind).toBe('accepted');
  await first.request(`$JS.API.STREAM.LEADER.STEPDOWN.${yard.streams.jobs}`, '', { timeout: 5_000 });
  await until(
    async () => (await jsm.streams.info(yard.streams.jobs).catch(() => undefined))?.cluster?.leader !== undefined,
  );
  await follower.kill();
  await until(() => store.broker() !== former);
});
