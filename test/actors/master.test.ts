import { expect, test } from 'vitest';
import { Master } from '../../actors/master.ts';
import type { MasterSettings } from '../../actors/reign.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { MemoryBroker } from '../../runtime/memory/broker.ts';
import { calm } from '../../runtime/memory/chaos.ts';
import { next } from '../../runtime/telemetry/telemetry.ts';
import { moved } from '../ports.contract.ts';
import { create, entryOf, lastOf, plainJob, stage, workerOn } from './stage.ts';

const settings = {
  queues: defaultQueues,
  schedulerIntervalMs: 5_000,
  leaderSilenceMs: 700,
  offerForMs: 5_000,
  lostAfterMs: 4_000,
  cancelGraceMs: 10_000,
  gpuSpillOver: true,
  lookAhead: 0,
};

async function setUp(latencyMs = 0, more: Partial<MasterSettings> = {}) {
  const on = stage({ chaos: { ...calm, latencyMs: () => latencyMs } });
  const { clock, world, telemetry } = on;
  const master = new Master({
    world,
    clock,
    telemetry,
    incarnation: 'm1',
    name: 'm1',
    definitions: [],
    settings: { ...settings, ...more },
  });
  const elected = next(telemetry, 'leader.elected');
  await clock.until(master.start());
  await clock.until(elected);
  return { ...on, master };
}

function leases(broker: MemoryBroker): unknown[] {
  return broker.history().flatMap(({ key, json }) => (key === '_leader' ? [JSON.parse(json)] : []));
}

test('a master that is stopped while it fails to take office does not stand again', async () => {
  const { clock, broker, telemetry, master } = await setUp(20);
  broker.stop();
  await clock.until(next(telemetry, 'process.failed'));
  const stopped = master.stop();
  await clock.advance(100);
  broker.start();
  await clock.until(stopped);
  await clock.advance(2_000);
  const { length } = leases(broker);
  await clock.advance(10_000);
  expect(leases(broker)).toHaveLength(length);
});

test('a leader whose stream has lost its end gives its term up, and decides nothing from what it knew', async () => {
  const on = await setUp();
  const { clock, broker, world, telemetry } = on;
  await clock.advance(1_010);
  const node = broker.world();
  await clock.until(create(node.store, plainJob('kept'), plainJob('lost')));
  broker.rollBack(1);
  const elected = next(telemetry, 'leader.elected');
  await clock.until(create(node.store, plainJob('other')));
  await clock.until(elected, 3_000);
  await workerOn(on, world, () => 'done');
  await clock.advance(3_000);
  expect([lastOf(broker, 'kept').state, lastOf(broker, 'other').state]).toEqual(['completed', 'completed']);
  expect(await clock.until(world.desk.ask('cluster', null, 1_000))).toMatchObject({ open: 0 });
});

test('a leader keeps no more settled jobs than it shall, and the open ones', async () => {
  const { clock, broker, world, telemetry } = await setUp(0, { keepAtMost: 1 });
  const { store } = broker.world();
  const records = ['a', 'b', 'open'].map((id) => plainJob(id));
  const revisions = await clock.until(create(store, ...records));
  for (const [at, record] of records.slice(0, 2).entries()) {
    const cancelled = moved(record, { type: 'job.cancel', at: clock.now() });
    await clock.until(store.write([entryOf(cancelled, revisions[at] ?? 0)]));
  }
  const forgotten = next(telemetry, 'jobs.forgotten');
  await clock.advance(11 * 60_000);
  expect(await clock.until(forgotten)).toMatchObject({ count: 1, most: 1 });
  const found = await clock.until(world.store.readMany(['default.a', 'default.b', 'default.open']));
  expect([...found.keys()]).toEqual(['default.b', 'default.open']);
});
