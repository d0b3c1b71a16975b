import { describe, expect, test } from 'vitest';
import { pause } from '../../runtime/clock.ts';
import type { JobRun } from '../../runtime/handler.ts';
import { calm } from '../../runtime/memory/chaos.ts';
import type { Offer } from '../../runtime/ports.ts';
import { capacity, create, fates, lastOf, plainJob, type Stage, stage, workerOn } from './stage.ts';

const forEver = () => new Promise(() => {});

/** A worker, a job, and an offer of the one to the other. */
async function setUp(run: (stage: Stage) => unknown = forEver) {
  const on = stage();
  const starts: number[] = [];
  const { worker, committer } = await workerOn(on, on.world, ({ fence }) => {
    starts.push(fence.attempt);
    return run(on);
  });
  const record = plainJob('a');
  const [revision = 0] = await on.clock.until(create(on.world.store, record));
  const leader = on.broker.world();
  const offer: Offer = { key: 'default.a', revision, expiresAt: on.clock.now() + 60_000, record };
  return { ...on, worker, committer, starts, offer, offers: (...all: Offer[]) => leader.mail.send('w1', all), leader };
}

describe('an offer', () => {
  test('that comes twice starts one handler, even where the answers to its claims are lost', async () => {
    const { broker, clock, offer, offers, starts } = await setUp();
    broker.chaos = fates('normal', 'silentLost');
    offers(offer, offer);
    offers(offer);
    await clock.advance(10_000);
    expect(starts).toEqual([1]);
  });

  test('that was made for another revision is no offer', async () => {
    const { clock, offer, offers, starts } = await setUp();
    const { record: _, ...bare } = offer;
    offers({ ...bare, revision: offer.revision + 1 });
    await clock.advance(1_000);
    expect(starts).toEqual([]);
  });

  test('of a job that was just given back counts, though the answer to that is still to come', async () => {
    const { broker, clock, offer, offers, leader, world } = await setUp();
    const revisions = await clock.until(create(world.store, plainJob('b'), plainJob('c')));
    const { expiresAt } = offer;
    const [b, c] = ['default.b', 'default.c'].map((key, at) => ({ key, revision: revisions[at] ?? 0, expiresAt }));
    broker.chaos = fates('normal', 'normal', 'normal', 'normal', 'normal', 'silentStored');
    if (b !== undefined && c !== undefined) offers(offer, b, c);
    await clock.advance(400);
    expect(lastOf(broker, 'c')).toMatchObject({ state: 'pending', context: { attempt: 1 } });
    const given = await clock.until(leader.store.read('default.c'));
    offers({ key: 'default.c', revision: given?.revision ?? 0, expiresAt });
    await clock.advance(3_000);
    expect(lastOf(broker, 'c').context.attempt).toBe(2);
  });

  test('that has expired is left alone', async () => {
    const { broker, clock, offer, offers, starts } = await setUp();
    offers({ ...offer, expiresAt: clock.now() });
    await clock.advance(1_000);
    expect(starts).toEqual([]);
    expect(lastOf(broker, 'a').state).toBe('pending');
  });
});

test('attempts have GPUs of their own, and one that must wait for them gets what another leaves', async () => {
  const on = stage();
  const { clock, world, broker } = on;
  const had: (readonly string[] | undefined)[] = [];
  const leave: (() => void)[] = [];
  const run = ({ devices }: JobRun<unknown>) => {
    had.push(devices);
    return new Promise<void>((resolve) => leave.push(resolve));
  };
  await workerOn(on, world, run, { ...capacity, slots: 4, gpu: 2 });
  const jobs = ['a', 'b', 'c'].map((id) => ({ ...plainJob(id), requirements: { gpu: 1 } }));
  const all = [...jobs, plainJob('d')];
  const revisions = await clock.until(create(world.store, ...all));
  const expiresAt = clock.now() + 60_000;
  const offers = all.map((record, at) => ({
    key: `default.${record.id}`,
    revision: revisions[at] ?? 0,
    expiresAt,
    record,
  }));
  const [a, b, c, d] = offers;
  if (a && b && c && d) broker.world().mail.send('w1', [d, a, b, c]);
  await clock.advance(100);
  expect(had).toEqual([[], ['0'], ['1']]);
  leave[2]?.();
  await clock.advance(50);
  expect(had).toEqual([[], ['0'], ['1'], ['1']]);
});

describe('an offer under a limit', () => {
  test('whose claim is answered after it has expired is given back before its handler starts, uncounted', async () => {
    const { broker, clock, offer, offers, starts } = await setUp();
    broker.chaos = fates('silentStored');
    offers({ ...offer, isLimited: true, expiresAt: clock.now() + 500 });
    await clock.advance(10_000);
    expect(starts).toEqual([]);
    expect(lastOf(broker, 'a')).toMatchObject({ state: 'pending', context: { attempt: 1, spent: 0 } });
  });

  test('whose claim is answered in time is run', async () => {
    const { broker, clock, offer, offers, starts } = await setUp();
    broker.chaos = fates('silentStored');
    offers({ ...offer, isLimited: true, expiresAt: clock.now() + 5_000 });
    await clock.advance(10_000);
    expect(starts).toEqual([1]);
  });
});

describe('a worker that leaves', () => {
  test('hands back, uncounted, a claim whose answer it was still waiting for', async () => {
    const { broker, clock, offer, offers, worker, starts } = await setUp();
    broker.chaos = { ...calm, latencyMs: () => 50 };
    offers(offer);
    await clock.advance(120);
    await clock.until(worker.drain());
    expect(starts).toEqual([]);
    expect(lastOf(broker, 'a')).toMatchObject({ state: 'pending', context: { attempt: 1, spent: 0 } });
  });
});

describe('a worker that a person drains', () => {
  test('takes nothing more, ends what it runs, stays, and takes jobs again when it is told to', async () => {
    const on = stage();
    const pulses: string[] = [];
    const leader = on.broker.world();
    await on.clock.until(leader.pulses.listen(({ status }) => pulses.push(status)));
    const started: string[] = [];
    await workerOn(on, on.world, async ({ id }) => {
      started.push(id);
      await pause(on.clock, 1_000);
    });
    const offered = async (id: string) => {
      const record = plainJob(id);
      const [revision = 0] = await on.clock.until(create(on.world.store, record));
      leader.mail.send('w1', [{ key: `default.${id}`, revision, expiresAt: on.clock.now() + 60_000, record }]);
      await on.clock.settle();
    };
    await offered('a');
    leader.notices.send('w1', { verb: 'drain' });
    await on.clock.settle();
    await offered('b');
    expect(pulses.at(-1)).toBe('draining');
    await on.clock.advance(5_000);
    expect(lastOf(on.broker, 'a')).toMatchObject({ state: 'completed' });
    expect(lastOf(on.broker, 'b')).toMatchObject({ state: 'pending' });
    leader.notices.send('w1', { verb: 'undrain' });
    await on.clock.settle();
    expect(pulses.at(-1)).toBe('available');
    await offered('c');
    expect(started).toEqual(['a', 'c']);
  });
});

test('a claim whose answer is still to come is not given up because somebody asks about it', async () => {
  const { broker, clock, offer, offers, starts, leader } = await setUp(() => 'done');
  broker.chaos = fates('silentStored');
  offers(offer);
  await clock.advance(100);
  expect(lastOf(broker, 'a').state).toBe('assigned');
  leader.notices.send('w1', { verb: 'look', key: 'default.a' });
  await clock.advance(5_000);
  expect(starts).toEqual([1]);
  expect(lastOf(broker, 'a')).toMatchObject({ state: 'completed', context: { attempt: 1 } });
});

test('a handler that asks whether it still holds its job waits for a broker that is away', async () => {
  const on = stage();
  const asked: boolean[] = [];
  await workerOn(on, on.world, async (job) => {
    await pause(on.clock, 1_000);
    asked.push(await job.holdsFence());
  });
  const record = plainJob('a');
  const [revision = 0] = await on.clock.until(create(on.world.store, record));
  on.broker.world().mail.send('w1', [{ key: 'default.a', revision, expiresAt: on.clock.now() + 60_000, record }]);
  await on.clock.advance(500);
  on.broker.stop();
  await on.clock.advance(2_500);
  expect(asked).toEqual([]);
  on.broker.start();
  await on.clock.advance(2_000);
  expect(asked).toEqual([true]);
  expect(lastOf(on.broker, 'a')).toMatchObject({ state: 'completed', context: { attempt: 1 } });
});
