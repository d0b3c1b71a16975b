import { describe, expect, test } from 'vitest';
import { admit } from '../../actors/admission.ts';
import { Births } from '../../actors/birth.ts';
import { Committer } from '../../actors/committer.ts';
import { type OpenCount, Quotas, quotaKey } from '../../actors/quota.ts';
import { isSettled } from '../../machines/job.ts';
import type { UniqueOptions } from '../../machines/rules/unique.ts';
import { messageOf } from '../../runtime/faults.ts';
import { type Chaos, calm, type WriteFate } from '../../runtime/memory/chaos.ts';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import type { JobStore } from '../../runtime/ports.ts';
import { jobKey } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';
import { mostOpenAtOnce, stage } from './stage.ts';

const types = new Map([['noop', { type: 'noop', defaults: {} }]]);

async function countOf(store: JobStore): Promise<OpenCount> {
  const { lastRevision: revision } = await store.state();
  let open = 0;
  for await (const change of store.changesAfter(0)) if (change.kind === 'job' && !isSettled(change.head.state)) open++;
  return { open, revision };
}

/** Doors of one tenant, each with a world of its own; `quota` may be changed. */
function setUp(quota: number | undefined, chaos: Chaos = calm) {
  const on = stage({ chaos });
  const { clock, broker, telemetry } = on;
  const set = { quota };
  const counts = { taken: 0 };
  const door = (count?: (store: JobStore) => Promise<OpenCount>) => {
    const world = broker.world();
    const { store } = world;
    const { commit } = new Committer({ store, clock, telemetry });
    const counted = () => {
      counts.taken++;
      return (count ?? countOf)(store);
    };
    const quotas = new Quotas({ store, clock, most: () => set.quota, count: counted });
    return { world, commit, quotas, births: new Births({ ...world, commit, clock, quotas }) };
  };
  const one = door();
  let told = 0;
  /** What a submission comes to, in a few words. */
  const begin = async (id: string, by = one, unique?: UniqueOptions): Promise<string> => {
    const options = unique === undefined ? { id } : { id, unique };
    const rest = { tenant: 'default', type: 'noop', payload: {}, fallbackId: id, at: clock.now() };
    const record = await admit({ ...rest, options, source: `direct:${++told}` }, types);
    return await by.births.create(record).then(
      ({ kind }) => kind,
      (cause) => messageOf(cause),
    );
  };
  const cancel = async (id: string) => {
    const key = jobKey({ tenant: 'default', id });
    const stored = await clock.until(one.world.store.read(key));
    if (stored === undefined) throw new RangeError(`Expected ${id}.`);
    const { record } = step(stored.record, { type: 'job.cancel', at: clock.now() });
    await clock.until(one.commit([{ key, expected: stored.revision, record }]));
  };
  const submit = (...given: Parameters<typeof begin>) => clock.until(begin(...given));
  return { ...on, set, counts, door, one, begin, submit, cancel };
}

const fullOf = (open: number, most: number) =>
  `Expected room for another job of tenant default, got ${open} open of ${most}. Wait until some have ended, cancel some, or raise it with \`yard tenant set default --max-open\`.`;

describe('of a tenant with a quota', () => {
  test('no more jobs are open than it says, by however many doors they come and whatever becomes of answers', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const chance = seeded(seed);
      const fatesOf: readonly WriteFate[] = ['normal', 'normal', 'silentStored', 'silentLost', 'silentLate', 'busy'];
      const fate = () => fatesOf[Math.floor(chance() * fatesOf.length)] ?? 'normal';
      const { clock, broker, door, begin } = setUp(7, { ...calm, fate, lateMs: () => 5_000 });
      const doors = [door(), door(), door()];
      const all = Array.from({ length: 60 }, (_, n) => begin(`job-${n}`, doors[n % 3]));
      const outcomes = await clock.until(Promise.all(all));
      broker.chaos = calm;
      expect(mostOpenAtOnce(broker.history())).toBe(7);
      const made = outcomes.filter((outcome) => outcome === 'created' || outcome === 'found');
      expect(made).toHaveLength(7);
      expect(outcomes.filter((outcome) => outcome.startsWith('Expected'))).toHaveLength(53);
    }
  });

  test('one more is refused with what is open and what to do, and taken when one has ended', async () => {
    const { submit, cancel } = setUp(2);
    expect([await submit('a'), await submit('b'), await submit('c')]).toEqual(['created', 'created', fullOf(2, 2)]);
    await cancel('a');
    expect([await submit('c'), await submit('d')]).toEqual(['created', fullOf(2, 2)]);
  });

  test('a repeat is found though there is no room', async () => {
    const { submit } = setUp(1);
    expect([await submit('a'), await submit('a')]).toEqual(['created', 'found']);
  });

  test('a job that takes the place of one that waits needs no other room', async () => {
    const { submit, broker } = setUp(1);
    const replace = { key: 'k', onConflict: 'replace' } as const;
    expect(await submit('a', undefined, replace)).toBe('created');
    expect(await submit('b', undefined, replace)).toBe('created');
    expect(await submit('c', undefined, { key: 'other' })).toBe(fullOf(1, 1));
    expect(mostOpenAtOnce(broker.history())).toBe(1);
  });

  test('a count from a picture that lags is not believed', async () => {
    const { clock, door, submit, begin } = setUp(1);
    let asked = 0;
    const lagging = door(async (store) => (++asked < 3 ? { open: 0, revision: 0 } : await countOf(store)));
    await submit('a');
    expect(await clock.until(begin('b', lagging))).toBe(fullOf(1, 1));
    expect(asked).toBe(3);
  });

  test('nobody counts anew as long as there is room and nobody else makes jobs', async () => {
    const { clock, begin, counts, one, submit } = setUp(1_000);
    await clock.until(Promise.all(Array.from({ length: 300 }, (_, n) => begin(`job-${n}`))));
    for (let n = 300; n < 310; n++) await submit(`job-${n}`);
    expect(counts.taken).toBe(1);
    expect((await clock.until(countOf(one.world.store))).open).toBe(310);
  });

  test('one that is in the way of itself keeps none of the others back', async () => {
    const { clock, door, begin, submit } = setUp(100);
    await submit('job-3', door());
    const both = Array.from({ length: 10 }, (_, n) => begin(`job-${n % 8}`));
    const outcomes = await clock.until(Promise.all(both));
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(7);
    expect(outcomes.filter((outcome) => outcome === 'found')).toHaveLength(3);
  });

  test('more may be open as soon as the quota is raised or taken back; what is open stays where it is lowered', async () => {
    const { submit, set, broker } = setUp(1);
    expect([await submit('a'), await submit('b')]).toEqual(['created', fullOf(1, 1)]);
    set.quota = 2;
    expect([await submit('b'), await submit('c')]).toEqual(['created', fullOf(2, 2)]);
    set.quota = 1;
    expect(await submit('c')).toBe(fullOf(2, 1));
    set.quota = undefined;
    expect(await submit('c')).toBe('created');
    expect(mostOpenAtOnce(broker.history())).toBe(3);
  });
});

test('who has no quota writes nothing beside the job', async () => {
  const { submit, broker } = setUp(undefined);
  expect(await submit('a')).toBe('created');
  expect(broker.history().filter(({ key }) => key === quotaKey('default'))).toEqual([]);
});
