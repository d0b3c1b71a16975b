import { describe, expect, test, vi } from 'vitest';
import { pause } from '../../runtime/clock.ts';
import type { JobRun } from '../../runtime/handler.ts';
import type { MemoryWorld } from '../../runtime/memory/broker.ts';
import { calm } from '../../runtime/memory/chaos.ts';
import type { Offer, Pulse } from '../../runtime/ports.ts';
import { step } from '../../runtime/step.ts';
import { capacity, create, fates, lastOf, plainJob, type Stage, stage, workerOn } from './stage.ts';

const lostError = { kind: 'lost' as const, message: 'It was lost.' };
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

test('on one slot an attempt has ended by the time the next starts, however slow the process is', async () => {
  const on = stage();
  const { clock, world, broker } = on;
  let looks = 0;
  vi.spyOn(clock, 'now').mockImplementation(() => (looks += 1));
  await workerOn(on, world, () => undefined, { ...capacity, slots: 1 });
  const ids = ['a', 'b', 'c'];
  const revisions = await clock.until(create(world.store, ...ids.map((id) => plainJob(id))));
  broker.world().mail.send(
    'w1',
    ids.map((id, at) => ({ key: `default.${id}`, revision: revisions[at] ?? 0, expiresAt: 1e12 })),
  );
  await clock.advance(1_000);
  const [a, b, c] = ids.map((id) => lastOf(broker, id).attempts[0]);
  expect(a?.endedAt).toBeLessThan(b?.startedAt ?? 0);
  expect(b?.endedAt).toBeLessThan(c?.startedAt ?? 0);
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

describe('a worker that was taken for lost', () => {
  async function lost(run: (job: JobRun<unknown>) => unknown) {
    const on = stage();
    const leader = on.broker.world();
    const pulses: Pulse[] = [];
    await on.clock.until(leader.pulses.listen((pulse) => pulses.push(pulse)));
    const { worker } = await workerOn(on, on.world, run);
    const offer = async (incarnation: string, id: string) => {
      const record = plainJob(id);
      const [revision = 0] = await on.clock.until(create(on.world.store, record));
      leader.mail.send(incarnation, [{ key: `default.${id}`, revision, expiresAt: on.clock.now() + 60_000, record }]);
    };
    const buries = async (incarnation = 'w1') => {
      leader.notices.send(incarnation, { verb: 'lost' });
      await on.clock.advance(100);
    };
    const last = (incarnation: string) => pulses.findLast((pulse) => pulse.incarnation === incarnation);
    return { ...on, leader, worker, offer, buries, last };
  }

  test('stops what runs, gives its name up, and takes jobs as another one', async () => {
    const stopped: string[] = [];
    const { clock, broker, told, worker, offer, buries, last } = await lost(
      ({ id, signal }) =>
        new Promise((resolve, reject) => {
          if (id === 'b') resolve('done');
          signal.addEventListener('abort', () => {
            stopped.push(id);
            reject(signal.reason);
          });
        }),
    );
    await offer('w1', 'a');
    await clock.advance(1_000);
    await buries();
    expect(stopped).toEqual(['a']);
    expect(told).toContain('attempt.fenced');
    expect(worker.incarnation).toBe('w1-2');
    expect(last('w1')).toMatchObject({ status: 'offline' });
    expect(last('w1-2')).toMatchObject({ status: 'available', name: 'w1', claims: { count: 0 } });
    await offer('w1', 'late');
    await offer('w1-2', 'b');
    await clock.advance(1_000);
    expect(lastOf(broker, 'late').state).toBe('pending');
    expect(lastOf(broker, 'b')).toMatchObject({ state: 'completed', attempts: [{ worker: 'w1-2' }] });
    // That its job is taken back is the leader's to write.
    expect(lastOf(broker, 'a')).toMatchObject({ state: 'processing', context: { worker: 'w1' } });
  });

  test('has less room as long as a handler of its former life ignores that it is told to stop', async () => {
    const { clock, broker, offer, buries, last } = await lost(forEver);
    await offer('w1', 'a');
    await clock.advance(1_000);
    await buries();
    await clock.advance(1_000);
    expect(last('w1-2')?.capacity.slots).toBe(capacity.slots - 1);
    for (const id of ['b', 'c']) await offer('w1-2', id);
    await clock.advance(1_000);
    expect(last('w1-2')).toMatchObject({ status: 'busy' });
    expect(['b', 'c'].map((id) => lastOf(broker, id).state)).toEqual(['processing', 'pending']);
    await clock.advance(10_000);
    expect(last('w1-2')?.capacity.slots).toBe(capacity.slots);
  });

  test('gives up, uncounted, a claim whose answer it was still waiting for', async () => {
    const { broker, clock, offer, buries } = await lost(forEver);
    broker.chaos = fates('normal', 'silentStored');
    await offer('w1', 'a');
    await clock.advance(100);
    await buries();
    await clock.advance(5_000);
    expect(lastOf(broker, 'a')).toMatchObject({ state: 'pending', context: { attempt: 1, spent: 0 } });
  });

  test('stays drained where a person wanted it empty, and leaves as ever when it is asked to', async () => {
    const { clock, leader, worker, buries, last } = await lost(forEver);
    leader.notices.send('w1', { verb: 'drain' });
    await clock.advance(100);
    await buries();
    await clock.advance(1_000);
    expect(last('w1-2')).toMatchObject({ status: 'draining' });
    await buries('w1-2');
    await clock.until(worker.drain());
    await clock.advance(100);
    expect(last('w1-3')).toMatchObject({ status: 'offline' });
  });

  test('begins its new life when the broker lets it', async () => {
    const { clock, broker, worker, offer, buries, last } = await lost(forEver);
    await buries();
    await offer('w1-2', 'a');
    broker.stop();
    await clock.advance(1_000);
    await buries('w1-2');
    broker.start();
    await clock.advance(1_000);
    expect(last(worker.incarnation)).toMatchObject({ status: 'available' });
  });
});

test('a worker that is told that it is deaf opens its mailbox anew', async () => {
  const on = stage();
  let opened = 0;
  const deaf: MemoryWorld = {
    ...on.world,
    mail: {
      ...on.world.mail,
      receive: async (incarnation, onOffers) =>
        opened++ === 0 ? async () => {} : await on.world.mail.receive(incarnation, onOffers),
    },
  };
  const ran: string[] = [];
  await workerOn(on, deaf, ({ id }) => ran.push(id));
  const leader = on.broker.world();
  const record = plainJob('a');
  const [revision = 0] = await on.clock.until(create(on.world.store, record));
  leader.mail.send('w1', [{ key: 'default.a', revision, expiresAt: on.clock.now() + 60_000, record }]);
  await on.clock.advance(1_000);
  expect(ran).toEqual([]);
  leader.notices.send('w1', { verb: 'deaf' });
  await on.clock.advance(1_000);
  expect(ran).toEqual(['a']);
});

test('a worker that is asked to recount stops what is no longer its own', async () => {
  const { broker, clock, offer, offers, starts, leader, told } = await setUp();
  offers(offer);
  await clock.advance(1_000);
  const key = 'default.a';
  const held = lastOf(broker, 'a');
  const taken = step(held, { type: 'attempt.lost', at: clock.now(), attempt: 1, spread: 0.5, error: lostError });
  if (!taken.moved) throw new RangeError('Expected a job that can be lost.');
  const revision = broker.history().findLast((write) => write.key === key)?.revision ?? 0;
  await clock.until(leader.store.write([{ key, expected: revision, record: taken.record }]));
  leader.notices.send('w1', { verb: 'recount' });
  await clock.advance(11_000);
  expect(starts).toEqual([1]);
  expect(told).toContain('attempt.fenced');
});
