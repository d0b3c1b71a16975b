import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Commit, type Committed, Committer } from '../../actors/committer.ts';
import { Fault } from '../../runtime/faults.ts';
import { calm, chaos, type WriteFate } from '../../runtime/memory/chaos.ts';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import type { Entry, JobStore } from '../../runtime/ports.ts';
import { create, entryOf, fates, lastOf, plainJob, stage, storeWith, written } from './stage.ts';

function setUp(...list: WriteFate[]) {
  const on = stage({ chaos: fates(...list) });
  const { clock, world, telemetry } = on;
  const committer = new Committer({ store: world.store, clock, telemetry });
  const commitNew = (id: string): Promise<Committed> => committer.commit([entryOf(plainJob(id))]);
  return { ...on, committer, commit: committer.commit, commitNew };
}

const named = (id: string, name: string, expected: number) => entryOf(plainJob(id, { name }), expected);

describe('a write that the broker has no room for', () => {
  function withRoomAfter(refusals: number, patience: { patienceMs?: number }) {
    const { clock, world, telemetry } = stage();
    const cause = new Fault('store.full', 'No room.');
    let left = refusals;
    const write: JobStore['write'] = async (entries) =>
      left-- > 0 ? { kind: 'full', cause } : world.store.write(entries);
    const store = storeWith(world.store, { write });
    const { commit } = new Committer({ store, clock, telemetry, ...patience });
    return clock.until(commit([entryOf(plainJob('a'))]));
  }

  test('is written when there is some', async () => {
    expect(await withRoomAfter(5, {})).toEqual({ kind: 'stored', revisions: [1] });
  });

  test('fails at a door', async () => {
    await expect(withRoomAfter(1, { patienceMs: 1_000 })).rejects.toMatchObject({ code: 'store.full' });
  });
});

describe('a write that the broker does not allow', () => {
  function allowedAfter(refusals: number, patience: { patienceMs?: number }) {
    const { clock, world, telemetry } = stage();
    const cause = new Fault('broker.unauthorized', 'Not here.');
    let left = refusals;
    const write: JobStore['write'] = async (entries) =>
      left-- > 0 ? { kind: 'forbidden', cause } : world.store.write(entries);
    const { commit } = new Committer({ store: storeWith(world.store, { write }), clock, telemetry, ...patience });
    return clock.until(commit([entryOf(plainJob('a'))]));
  }

  test('is written once it is allowed', async () => {
    expect(await allowedAfter(3, {})).toEqual({ kind: 'stored', revisions: [1] });
  });

  test('fails at a door', async () => {
    await expect(allowedAfter(1, { patienceMs: 20_000 })).rejects.toMatchObject({ code: 'broker.unauthorized' });
  });
});

describe('a write without an answer', () => {
  test('that had landed is found to be our own', async () => {
    const { clock, broker, commitNew } = setUp('silentStored');
    expect(await clock.until(commitNew('a'))).toEqual({ kind: 'stored', revisions: [1] });
    expect(written(broker, 'a')).toHaveLength(1);
  });

  test('fails at a door after its patience, and the next one is written', async () => {
    const { clock, world, telemetry, broker } = stage();
    broker.chaos = { ...calm, fate: () => 'silentLost' };
    const { commit } = new Committer({ store: world.store, clock, telemetry, patienceMs: 20_000 });
    const open = commit([entryOf(plainJob('a'))]);
    await expect(clock.until(open)).rejects.toMatchObject({
      code: 'broker.unavailable',
      message: expect.stringContaining('within 20 s'),
    });
    broker.chaos = calm;
    expect(await clock.until(commit([entryOf(plainJob('a'))]))).toEqual({ kind: 'stored', revisions: [1] });
  });

  test('that was lost is written again', async () => {
    const { clock, broker, commitNew } = setUp('silentLost', 'silentLost');
    expect(await clock.until(commitNew('a'))).toEqual({ kind: 'stored', revisions: [1] });
    expect(written(broker, 'a')).toHaveLength(1);
  });

  test('that lands late changes nothing any more', async () => {
    const { clock, broker, commitNew } = setUp('silentLate');
    expect(await clock.until(commitNew('a'))).toEqual({ kind: 'stored', revisions: [1] });
    await clock.advance(10_000);
    expect(written(broker, 'a')).toHaveLength(1);
  });

  test('that lands between two silences is found to be our own', async () => {
    const { clock, broker, commitNew } = setUp();
    const list: WriteFate[] = ['silentLate', 'silentLost', 'silentLost'];
    broker.chaos = { ...calm, fate: () => list.shift() ?? 'normal', lateMs: () => 1_500 };
    expect(await clock.until(commitNew('a'))).toEqual({ kind: 'stored', revisions: [1] });
    expect(written(broker, 'a')).toHaveLength(1);
  });

  test('is a conflict where somebody else was quicker', async () => {
    const { clock, broker, commitNew } = setUp('silentLost');
    const open = commitNew('a');
    await clock.advance(500);
    await clock.until(create(broker.world().store, plainJob('a', { name: 'theirs' })));
    expect(await clock.until(open)).toEqual({ kind: 'conflict' });
    expect(lastOf(broker, 'a').name).toBe('theirs');
  });

  test('is looked for until the broker answers, even where it goes away in between', async () => {
    const { clock, broker, commitNew } = setUp();
    const list: WriteFate[] = ['silentStored'];
    broker.chaos = { ...calm, fate: () => list.shift() ?? 'normal', latencyMs: () => 100 };
    const both = Promise.allSettled([commitNew('a'), commitNew('b')]);
    await clock.advance(1_350);
    broker.stop();
    await clock.advance(5_000);
    broker.start();
    const settled = await clock.until(both);
    const kinds = settled.map((one) => (one.status === 'fulfilled' ? one.value.kind : String(one.reason)));
    expect(kinds).toEqual(['stored', 'stored']);
  });
});

describe('a batch', () => {
  const many = Array.from({ length: 60 }, (_, n) => `j${n}`);

  test('goes out as one, in the order in which it was given', async () => {
    const { clock, broker, commitNew } = setUp();
    const outcomes = await clock.until(Promise.all(many.map(commitNew)));
    expect(new Set(broker.history().map(({ batch }) => batch)).size).toBe(1);
    expect(outcomes).toEqual(many.map((_, n) => ({ kind: 'stored', revisions: [n + 1] })));
  });

  test('in which some had moved on lands without them', async () => {
    const { clock, broker, world, commitNew } = setUp();
    const stale = [many[7], many[8], many[50]].map((id) => plainJob(id ?? '', { name: 'theirs' }));
    await clock.until(create(world.store, ...stale));
    const outcomes = await clock.until(Promise.all(many.map(commitNew)));
    const refused = many.filter((_, n) => outcomes[n]?.kind === 'conflict');
    expect(refused).toEqual(['j7', 'j8', 'j50']);
    expect(broker.history()).toHaveLength(many.length);
  });

  test('without an answer is settled for each of its writes', async () => {
    const { clock, broker, world, commitNew } = setUp();
    await clock.until(create(world.store, plainJob('j3', { name: 'theirs' })));
    broker.chaos = fates('silentStored', 'silentStored', 'silentLost', 'silentLate', 'silentStored');
    const outcomes = await clock.until(Promise.all(many.map(commitNew)), 120_000);
    expect(outcomes.map(({ kind }) => kind)).toEqual(many.map((id) => (id === 'j3' ? 'conflict' : 'stored')));
    expect(broker.history()).toHaveLength(many.length);
  });

  test('for which the broker has no room at the moment is tried again', async () => {
    const { clock, broker, commitNew } = setUp('busy', 'busy', 'busy');
    await clock.until(Promise.all(many.map(commitNew)));
    expect(broker.history()).toHaveLength(many.length);
    expect(clock.mono()).toBeLessThan(100);
  });
});

test('writes that must land together do, or none of them', async () => {
  const { clock, broker, world, commit } = setUp();
  await clock.until(create(world.store, plainJob('b')));
  const outcome = await clock.until(commit([entryOf(plainJob('a')), entryOf(plainJob('b'))]));
  expect(outcome).toEqual({ kind: 'conflict' });
  expect(written(broker, 'a')).toEqual([]);
  const pair = await clock.until(commit([entryOf(plainJob('a')), named('b', 'new', 1)]));
  expect(pair).toEqual({ kind: 'stored', revisions: [2, 3] });
});

test('of one job there is never more than one write in the air', async () => {
  const { clock, broker, commit, commitNew } = setUp('silentLost');
  const first = commitNew('a');
  const second = commit([named('a', 'second', 1)]);
  const third = commit([named('a', 'third', 1)]);
  expect((await clock.until(first)).kind).toBe('stored');
  expect((await clock.until(second)).kind).toBe('stored');
  expect((await clock.until(third)).kind).toBe('conflict');
  expect(lastOf(broker, 'a').name).toBe('second');
});

test('a write that nobody takes fails alone', async () => {
  const { clock, broker, world, telemetry } = setUp();
  const { commit } = new Committer({ store: refusing(world.store, 'default.j5'), clock, telemetry });
  for (const count of [10, 60]) {
    const ids = Array.from({ length: count }, (_, n) => (n === 5 ? 'j5' : `of-${count}-${n}`));
    const all = ids.map((id) => kindOf(commit, id));
    const kinds = await clock.until(Promise.all(all));
    expect(kinds.filter((kind) => kind !== 'stored')).toEqual(['too large']);
    expect(kinds[5]).toBe('too large');
  }
  expect(broker.history()).toHaveLength(68);
});

async function kindOf(commit: Commit, id: string): Promise<string> {
  return commit([entryOf(plainJob(id))]).then(
    ({ kind }) => kind,
    (cause) => String(cause.message),
  );
}

/** The same store, to which this key is too large. */
function refusing(store: JobStore, key: string): JobStore {
  const refuse = () => Promise.reject(new Fault('broker.refused', 'too large'));
  const write = (entries: readonly Entry[]) =>
    entries.some((one) => one.key === key) ? refuse() : store.write(entries);
  return storeWith(store, { write });
}

test('who stops does not wait for a broker that is away', async () => {
  const { clock, broker, committer, commitNew } = setUp();
  broker.stop();
  const inTheAir = commitNew('a');
  await clock.advance(100);
  const waiting = commitNew('a');
  committer.close();
  const refused = [inTheAir, waiting, commitNew('b')].map((one) => expect(one).rejects.toThrow(/stopping/));
  await clock.until(Promise.all(refused));
});

test('whatever goes wrong, every write is told what is true of it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 80 }), async (seed, count) => {
      const { clock, broker, world, commit } = setUp();
      const taken = Array.from({ length: 5 }, (_, n) => plainJob(`j${n * 7}`, { name: 'theirs' }));
      await clock.until(create(world.store, ...taken));
      const odds = { busy: 0.2, silentStored: 0.2, silentLate: 0.2, silentLost: 0.2, latencyMs: [0, 20] as const };
      broker.chaos = chaos(odds, seeded(seed));
      const ids = Array.from({ length: count }, (_, n) => `j${n}`);
      const outcomes = await clock.until(Promise.all(ids.map((id) => commit([named(id, 'ours', 0)]))), 3_600_000);
      await clock.advance(20_000);
      for (const [n, id] of ids.entries()) {
        const owner = lastOf(broker, id).name;
        expect(written(broker, id)).toHaveLength(1);
        expect(outcomes[n]?.kind).toBe(owner === 'ours' ? 'stored' : 'conflict');
      }
    }),
    { numRuns: 30 },
  );
});
