import { describe, expect, test } from 'vitest';
import { Master, type MasterOptions } from '../../actors/master.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { pause } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/faults.ts';
import type { MemoryBroker } from '../../runtime/memory/broker.ts';
import { calm } from '../../runtime/memory/chaos.ts';
import type { Pulses } from '../../runtime/ports.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { moved } from '../ports.contract.ts';
import { create, entryOf, lastOf, plainJob, type Stage, stage, storeWith, workerOn } from './stage.ts';

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

async function setUp(latencyMs = 0, more: Partial<MasterOptions> = {}) {
  const on = stage({ chaos: { ...calm, latencyMs: () => latencyMs } });
  const { clock, world, telemetry } = on;
  const own = { world, clock, telemetry, incarnation: 'm1', name: 'm1', definitions: [], settings };
  const master = new Master({ ...own, ...more });
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

describe('a leader that cannot take office', () => {
  /** A master that waits for its place of intake: `fails` says that it is gone, `falls` cuts the master off from the store. */
  async function halfway() {
    const on = stage();
    const { clock, world, telemetry } = on;
    const asked: PromiseWithResolvers<never>[] = [];
    let isSilent = false;
    const submissions = {
      ...world.submissions,
      consume: () => {
        const place = Promise.withResolvers<never>();
        asked.push(place);
        return place.promise;
      },
    };
    const store = storeWith(world.store, {
      write: (entries) =>
        isSilent ? Promise.resolve({ kind: 'unknown', cause: 'cut off' }) : world.store.write(entries),
      readLease: () =>
        isSilent ? Promise.reject(new Fault('broker.unavailable', 'No answer.')) : world.store.readLease(),
    });
    const told: string[] = [];
    telemetry.subscribe(({ name, ...facts }) => told.push(`${name} ${JSON.stringify(facts)}`));
    const own = { world: { ...world, store, submissions }, clock, telemetry, definitions: [], settings };
    const master = new Master({ ...own, incarnation: 'm1', name: 'm1' });
    await clock.until(master.start());
    await clock.advance(1_000);
    expect(master.standing()).toMatchObject({ leads: true, state: 'leading.takingOffice' });
    return {
      ...on,
      master,
      told,
      falls: () => {
        isSilent = true;
      },
      fails: () => asked.at(-1)?.reject(new Fault('broker.refused', 'consumer not found')),
    };
  }

  test('says what failed, and gives the lease up', async () => {
    const { clock, telemetry, told, fails } = await halfway();
    const left = next(telemetry, 'leader.steppedDown');
    fails();
    expect(await clock.until(left)).toMatchObject({ reason: 'it could not take office' });
    expect(told.join()).toContain('consumer not found');
  });

  test('because it was cut off, and may have been succeeded, says that and complains of nothing', async () => {
    const { clock, telemetry, told, master, falls, fails } = await halfway();
    falls();
    await clock.advance(2_000);
    const left = next(telemetry, 'leader.steppedDown');
    fails();
    expect(await clock.until(left)).toMatchObject({ reason: 'it lost the broker while it took office' });
    expect(told.join()).not.toContain('consumer not found');
    expect(master.standing()).toMatchObject({ leads: false, state: 'standingBy.watching' });
  });
});

test('a master tells where it is in the election, and since when', async () => {
  const on = await setUp();
  const { clock, world, master } = on;
  await clock.advance(500);
  expect(master.standing()).toMatchObject({ state: 'leading.serving' });
  const other = await another(on);
  await clock.advance(1_000);
  const [askedAt] = [clock.now(), await clock.until(world.desk.ask('step-down', null, 1_000), 500)];
  const { state, since } = master.standing();
  expect(state).toBe('standingBy.resting');
  expect(since - askedAt).toBeLessThan(100);
  await clock.advance(4_000);
  expect([master, other].map((each) => each.standing().state)).toEqual(['standingBy.watching', 'leading.serving']);
  await clock.until(other.stop());
  expect(other.standing().state).toBe('stopped');
});

describe('a master whose broker time is uncertain', () => {
  test('gives the lease up, and stands again when it knows what time it is', async () => {
    let uncertainMs = 4_000;
    const on = await setUp(5, { accuracy: { uncertainty: () => uncertainMs, skew: () => 0 } });
    const { clock, master, told, telemetry } = on;
    const other = await another(on);
    await clock.advance(1_000);
    expect(master.standing().leads).toBe(true);
    uncertainMs = 6_000;
    await clock.advance(1_000);
    expect([master.standing().leads, other.standing().leads]).toEqual([false, true]);
    expect(told).toContain('master.unfit');
    await clock.until(other.stop());
    await clock.advance(5_000);
    expect(told.filter((event) => event === 'leader.elected')).toHaveLength(2);
    uncertainMs = 10;
    await clock.until(next(telemetry, 'leader.elected'), 2_000);
    expect(master.standing().leads).toBe(true);
  });
});

describe('a leader that cannot prove its picture complete, though its own writes are accepted', () => {
  /** A leader on a node of its own, whose feed and stream can fall silent; and jobs that others wrote meanwhile. */
  async function halfDeaf() {
    const on = stage();
    const { clock, broker } = on;
    const [node, feedNode] = [broker.world(), broker.world()];
    let isDeaf = false;
    const store = storeWith(node.store, {
      state: () => (isDeaf ? Promise.reject(new Fault('broker.unavailable', 'No answer.')) : node.store.state()),
    });
    const world = { ...node, store, feed: feedNode.feed };
    const telemetry = createTelemetry();
    const told: string[] = [];
    telemetry.subscribe(({ name }) => told.push(name));
    const master = new Master({ ...on, telemetry, world, incarnation: 'm1', name: 'm1', definitions: [], settings });
    const elected = next(telemetry, 'leader.elected');
    await clock.until(master.start());
    await clock.until(elected);
    const falls = (silent: boolean) => {
      isDeaf = silent;
      if (silent) feedNode.cut();
      else feedNode.heal();
    };
    return { ...on, world, master, told, falls };
  }

  test('makes no offers after two seconds, and makes them when it has caught up', async () => {
    const { clock, broker, telemetry, master, told, falls } = await halfDeaf();
    const node = broker.world();
    const { committer } = await workerOn({ ...stage(), clock, telemetry, broker }, node, () => 'done');
    await clock.advance(2_000);
    falls(true);
    await clock.advance(2_500);
    broker.submit({ type: 'noop', body: '{}', headers: { 'job-id': 'late' } });
    await clock.advance(2_000);
    expect(lastOf(broker, 'late').state).toBe('pending');
    falls(false);
    await clock.advance(1_500);
    expect(lastOf(broker, 'late').state).toBe('completed');
    expect(master.standing().leads).toBe(true);
    expect(told).toEqual(expect.arrayContaining(['master.unfit', 'master.fit']));
    committer.close();
  });

  test('gives the lease up after six seconds, to a master that sees', async () => {
    const on = await halfDeaf();
    const { clock, master, told, falls } = on;
    const other = await another(on);
    await clock.advance(1_000);
    falls(true);
    await clock.advance(5_000);
    expect([master.standing().leads, other.standing().leads]).toEqual([true, false]);
    await clock.advance(2_000);
    expect([master.standing().leads, other.standing().leads]).toEqual([false, true]);
    expect(told).toContain('leader.steppedDown');
    await clock.until(other.stop());
    await clock.advance(10_000);
    expect(master.standing().leads).toBe(false);
    falls(false);
    await clock.advance(3_000);
    expect(master.standing().leads).toBe(true);
  });
});

test('a master that is stopped while it fails to take office does not stand again', async () => {
  const { clock, broker, telemetry, master } = await setUp(20);
  broker.stop();
  await clock.until(next(telemetry, 'leader.steppedDown'));
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
  const { clock, broker, world, telemetry } = await setUp(0, { settings: { ...settings, keepAtMost: 1 } });
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

test('a leader that hears no pulses counts nobody’s silence', async () => {
  const on = stage();
  const { clock, world, telemetry, broker, told } = on;
  const road = { carriesPulses: true, carriesEchoes: true };
  const pulses: Pulses = {
    ...world.pulses,
    listen: (onPulse, onEcho = () => {}) =>
      world.pulses.listen(
        (pulse) => road.carriesPulses && onPulse(pulse),
        () => road.carriesEchoes && onEcho(),
      ),
  };
  const own = {
    world: { ...world, pulses },
    clock,
    telemetry,
    incarnation: 'm1',
    name: 'm1',
    definitions: [],
    settings,
  };
  const master = new Master(own);
  await clock.until(master.start());
  await workerOn(on, broker.world(), () => pause(clock, 60_000));
  await clock.until(create(world.store, plainJob('a', { timeoutMs: 600_000 })));
  await clock.advance(5_000);
  expect(lastOf(broker, 'a').state).toBe('processing');
  road.carriesPulses = road.carriesEchoes = false;
  await clock.advance(12_000);
  expect([told.includes('worker.lost'), lastOf(broker, 'a').state]).toEqual([false, 'processing']);
  road.carriesEchoes = true;
  await clock.advance(6_000);
  expect([told.includes('worker.lost'), lastOf(broker, 'a').attempts[0]?.outcome]).toEqual([true, 'lost']);
});
