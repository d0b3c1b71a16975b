import { describe, expect, test } from 'vitest';
import { Master } from '../../actors/master.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { MemoryBroker } from '../../runtime/memory/broker.ts';
import { calm } from '../../runtime/memory/chaos.ts';
import { next } from '../../runtime/telemetry/telemetry.ts';
import { create, lastOf, plainJob, type Stage, stage, workerOn } from './stage.ts';

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

async function setUp(latencyMs = 0) {
  const on = stage({ chaos: { ...calm, latencyMs: () => latencyMs } });
  const { clock, world, telemetry } = on;
  const master = new Master({ world, clock, telemetry, incarnation: 'm1', name: 'm1', definitions: [], settings });
  const elected = next(telemetry, 'leader.elected');
  await clock.until(master.start());
  await clock.until(elected);
  return { ...on, master };
}

/** Another master beside the first. */
async function another({ clock, broker, telemetry }: Stage): Promise<Master> {
  const world = broker.world();
  const other = new Master({ world, clock, telemetry, incarnation: 'm2', name: 'm2', definitions: [], settings });
  await clock.until(other.start());
  return other;
}

describe('a leader that is asked to step down', () => {
  test('leaves the lease to who stands by, which leads at once, and stands by itself', async () => {
    const on = await setUp(5);
    const { clock, world, telemetry, master } = on;
    const other = await another(on);
    await clock.advance(1_000);
    const elected = next(telemetry, 'leader.elected');
    expect(await clock.until(world.desk.ask('step-down', null, 1_000), 500)).toMatchObject({ name: 'm1' });
    expect(await clock.until(elected, 100)).toMatchObject({ name: 'm2' });
    await clock.advance(10_000);
    expect([master.standing().leads, other.standing().leads]).toEqual([false, true]);
    expect(master.standing().term).toBe(other.standing().term);
  });

  test('leads again after a while where nobody else does', async () => {
    const { clock, world, telemetry } = await setUp();
    await clock.advance(1_000);
    const elected = next(telemetry, 'leader.elected');
    await clock.until(world.desk.ask('step-down', null, 1_000), 500);
    await clock.advance(2_500);
    expect(await clock.until(world.desk.ask('cluster', null, 100))).toBeUndefined();
    expect(await clock.until(elected, 1_000)).toMatchObject({ name: 'm1' });
  });
});

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
