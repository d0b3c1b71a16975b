/** What is set for all: job types that workers make known, queues; and broker time. */

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { NatsControl } from '../../nats/control.ts';
import { names } from '../../nats/names.ts';
import { measureOffset } from '../../nats/time.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { ManualClock } from '../../runtime/memory/manual-clock.ts';
import type { TypeEntry } from '../../runtime/ports.ts';
import { type TestBroker, testBroker } from './broker.ts';

const clock = new SystemClock();
const yard = names();

async function world(broker: TestBroker) {
  const connection = await broker.connect();
  await ensureTopology({ connection, names: yard, clock });
  return { connection, names: yard, clock };
}

/** Collects what is watched, and resolves `until(count)` when there are that many. */
function collector() {
  const seen: TypeEntry[] = [];
  let check = () => {};
  return {
    seen,
    take(entry: TypeEntry) {
      seen.push(entry);
      check();
    },
    until: (count: number) =>
      new Promise<void>((resolve) => {
        check = () => seen.length >= count && resolve();
        check();
      }),
  };
}

test('a type that a worker registers is known to all, the last word of it', async () => {
  await using broker = await testBroker();
  const [one, other] = [new NatsControl(await world(broker)), new NatsControl(await world(broker))];
  expect(await other.types()).toEqual([]);
  await one.registerType({ type: 'noop', defaults: {} });
  await one.registerType({ type: 'transcode', defaults: { queue: 'live' } });
  await one.registerType({ type: 'noop', description: 'Does nothing.', defaults: {} });
  expect([...(await other.types())].sort((a, b) => (a.type < b.type ? -1 : 1))).toEqual([
    { type: 'noop', description: 'Does nothing.', defaults: {} },
    { type: 'transcode', defaults: { queue: 'live' } },
  ]);
});

test('whoever watches is told of each type there is, and of each that comes, once', async () => {
  await using broker = await testBroker();
  const [one, other] = [new NatsControl(await world(broker)), new NatsControl(await world(broker))];
  await one.registerType({ type: 'noop', defaults: {} });
  const told = collector();
  const stop = await other.watchTypes(told.take);
  expect(told.seen).toEqual([{ type: 'noop', defaults: {} }]);
  await one.registerType({ type: 'noop', defaults: {} });
  await one.registerType({ type: 'late', defaults: { maxAttempts: 2 } });
  await told.until(2);
  expect(told.seen.slice(1)).toEqual([{ type: 'late', defaults: { maxAttempts: 2 } }]);
  await stop();
});

test('what the broker refuses is heard by nobody, and what it takes by all', async () => {
  await using broker = await testBroker();
  const near = await world(broker);
  const [one, other] = [new NatsControl(near), new NatsControl(await world(broker))];
  await one.changeQueue('live', (set) => ({ ...set, weight: 2 }));
  const weights: unknown[] = [];
  const third = Promise.withResolvers<void>();
  const stop = await other.watchQueues(({ weight }) => {
    weights.push(weight);
    if (weight === 4) third.resolve();
  });
  const stale = jetstream(near.connection).publish(
    yard.controlSubject('queue.live'),
    JSON.stringify({ queue: 'live', weight: 3 }),
    { expect: { lastSubjectSequence: 7 } },
  );
  await expect(stale).rejects.toThrow('wrong last sequence');
  await one.changeQueue('live', (set) => ({ ...set, weight: 4 }));
  await third.promise;
  expect(weights).toEqual([2, 4]);
  await stop();
});

test('a bucket that somebody removed and that was made again is followed, though its revisions begin anew', async () => {
  await using broker = await testBroker();
  const near = await world(broker);
  const clockOfWatcher = new ManualClock();
  const [one, other] = [new NatsControl(near), new NatsControl({ ...(await world(broker)), clock: clockOfWatcher })];
  for (const weight of [1, 2, 3]) await one.changeQueue('live', (set) => ({ ...set, weight }));
  const told: unknown[] = [];
  const again = Promise.withResolvers<void>();
  const stop = await other.watchQueues(({ weight }) => {
    told.push(weight);
    if (weight === 9) again.resolve();
  });
  await (await jetstreamManager(near.connection)).streams.delete(yard.streams.control);
  await ensureTopology(near);
  await one.changeQueue('live', (set) => ({ ...set, weight: 9 }));
  await clockOfWatcher.advance(10_000);
  await again.promise;
  expect(told).toEqual([3, 9]);
  await stop();
});

test('more than the broker hands out at once are all read and followed', async () => {
  await using broker = await testBroker();
  const control = new NatsControl(await world(broker));
  const keys = Array.from({ length: 1_100 }, (_, n) => `api.k${n}`);
  await Promise.all(keys.map((key) => control.limits.change(key, (set) => ({ ...set, maxActive: 1 }))));
  expect((await control.limits.all()).map(({ limit }) => limit).toSorted()).toEqual(keys.toSorted());
  const watched: string[] = [];
  const stop = await control.limits.watch(({ limit }) => void watched.push(limit));
  expect(watched).toHaveLength(keys.length);
  await stop();
});

test('types outlive the broker, and registering while it is away is a fault that may be tried again', async () => {
  await using broker = await testBroker();
  const control = new NatsControl(await world(broker));
  await control.registerType({ type: 'noop', defaults: {} });
  await broker.kill();
  await expect(control.types()).rejects.toMatchObject({ retryable: true });
  await broker.restart();
  const again = new NatsControl({ connection: await broker.connect(), names: yard, clock });
  expect(await again.types()).toEqual([{ type: 'noop', defaults: {} }]);
});

test('broker time is measured to within the round trip, and agrees with the clock of this machine', async () => {
  await using broker = await testBroker();
  const options = await world(broker);
  const sample = await measureOffset(options);
  const { uncertaintyMs } = sample;
  expect(uncertaintyMs).toBeGreaterThan(0);
  expect(uncertaintyMs).toBeLessThan(1_000);
  const machine = new SystemClock();
  const skewed = new SystemClock();
  skewed.adjust(sample);
  // Broker and test share a machine: their clocks are one.
  expect(Math.abs(skewed.now() - machine.now())).toBeLessThanOrEqual(uncertaintyMs + 2);
});

test('where there is no stream to ask about, the broker’s answer is a fault', async () => {
  await using broker = await testBroker();
  const connection = await broker.connect();
  await expect(measureOffset({ connection, names: yard, clock })).rejects.toMatchObject({ code: 'broker.refused' });
});
