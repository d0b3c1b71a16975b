import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Committed } from '../../actors/committer.ts';
import { Term } from '../../actors/term.ts';
import { Fault } from '../../runtime/faults.ts';
import type { MemoryWorld } from '../../runtime/memory/broker.ts';
import { calm, chaos } from '../../runtime/memory/chaos.ts';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import type { Lease } from '../../runtime/ports.ts';
import { create, entryOf, fates, lastOf, plainJob, type Stage, stage, storeWith, written } from './stage.ts';

const silenceMs = 700;

/** Wins the lease for `holder`, from whoever has it. */
async function win({ clock, telemetry }: Stage, world: MemoryWorld, holder: string) {
  const { revision: expected } = await clock.until(world.store.readLease());
  const lease: Lease = { holder, name: holder, term: 0, batch: 0 };
  const sentAt = clock.mono();
  const outcome = await clock.until(world.store.write([{ key: '_leader', expected, lease }]));
  if (outcome.kind !== 'accepted') throw new RangeError(`Expected to win the lease, got ${outcome.kind}.`);
  const deposed: string[] = [];
  const revision = outcome.revisions[0] ?? 0;
  const onDeposed = (reason: string) => deposed.push(reason);
  const { store } = world;
  const broker = store.broker();
  const term = new Term({ store, broker, clock, telemetry, lease, revision, sentAt, silenceMs, onDeposed });
  return { term, deposed };
}

async function setUp() {
  const on = stage();
  return { ...on, ...(await win(on, on.world, 'm1')) };
}

const named = (id: string, name: string, expected = 0) => entryOf(plainJob(id, { name }), expected);

/** Every write of the lease, as it lies in the stream. */
function leases({ broker }: Pick<Stage, 'broker'>): (Lease | null)[] {
  return broker.history().flatMap((write) => (write.key === '_leader' ? [JSON.parse(write.json)] : []));
}

function kindOf(committed: Promise<Committed>): Promise<string> {
  return committed.then(
    ({ kind }) => kind,
    (cause) => (cause instanceof Fault ? cause.code : String(cause)),
  );
}

describe('a batch of the leader', () => {
  test('carries the lease as its first write', async () => {
    const { clock, broker, term } = await setUp();
    const both = await clock.until(Promise.all([term.commit([named('a', 'x')]), term.commit([named('b', 'x')])]));
    expect(both).toEqual([
      { kind: 'stored', revisions: [3] },
      { kind: 'stored', revisions: [4] },
    ]);
    const last = broker.history().slice(1);
    expect(last.map(({ key }) => key)).toEqual(['_leader', 'default.a', 'default.b']);
    expect(new Set(last.map(({ batch }) => batch)).size).toBe(1);
    expect(leases({ broker }).at(-1)).toMatchObject({ holder: 'm1', term: 1, batch: 1 });
  });

  test('in which some had moved on lands without them, each part under the lease', async () => {
    const { clock, broker, world, term } = await setUp();
    await clock.until(create(world.store, plainJob('j2'), plainJob('j6')));
    const ids = Array.from({ length: 9 }, (_, n) => `j${n}`);
    const all = ids.map((id) => kindOf(term.commit([named(id, 'ours')])));
    const kinds = await clock.until(Promise.all(all));
    expect(kinds.flatMap((kind, n) => (kind === 'conflict' ? [ids[n]] : []))).toEqual(['j2', 'j6']);
    const batches = Map.groupBy(broker.history(), ({ batch }) => batch);
    const ours = [...batches.values()].filter((writes) => writes.some(({ json }) => json.includes('"ours"')));
    expect(ours.map((writes) => writes[0]?.key)).toEqual(ours.map(() => '_leader'));
    expect(ours.length).toBeGreaterThan(1);
  });

  test('that had landed in a silence is found to be our own', async () => {
    const { clock, broker, term } = await setUp();
    broker.chaos = fates('silentStored');
    const both = Promise.all([term.commit([named('a', 'x')]), term.commit([named('b', 'x')])]);
    expect((await clock.until(both)).map(({ kind }) => kind)).toEqual(['stored', 'stored']);
    expect(await clock.until(both)).toEqual([
      { kind: 'stored', revisions: [3] },
      { kind: 'stored', revisions: [4] },
    ]);
    expect(written(broker, 'a')).toHaveLength(1);
    expect(await clock.until(kindOf(term.commit([named('c', 'x')])))).toBe('stored');
  });

  test('that was lost is sent again, and one that lands late changes nothing', async () => {
    const { clock, broker, term, deposed } = await setUp();
    broker.chaos = fates('silentLost', 'silentLate');
    expect(await clock.until(kindOf(term.commit([named('a', 'x')])))).toBe('stored');
    await clock.advance(20_000);
    expect(written(broker, 'a')).toHaveLength(1);
    expect(deposed).toEqual([]);
  });

  test('for which the broker has no room at the moment is sent again', async () => {
    const { clock, broker, term } = await setUp();
    broker.chaos = fates('busy', 'busy');
    expect(await clock.until(kindOf(term.commit([named('a', 'x')])))).toBe('stored');
  });

  test('has one write of a job at most: the next one waits for its own batch', async () => {
    const { clock, broker, term } = await setUp();
    const both = [kindOf(term.commit([named('a', 'first')])), kindOf(term.commit([named('a', 'second', 3)]))];
    expect(await clock.until(Promise.all(both))).toEqual(['stored', 'stored']);
    expect(written(broker, 'a').map(({ name }) => name)).toEqual(['first', 'second']);
  });
});

describe('the lease', () => {
  test('is renewed while there is nothing to write', async () => {
    const { clock, broker, term, deposed } = await setUp();
    await clock.advance(2_000);
    const batches = leases({ broker }).map((lease) => lease?.batch);
    expect(batches.length).toBeGreaterThanOrEqual(8);
    expect(batches).toEqual(batches.map((_, n) => n));
    expect(term.isTrusted()).toBe(true);
    expect(deposed).toEqual([]);
  });

  test('is no longer trusted before anybody can have taken it', async () => {
    const { clock, broker, term, telemetry } = await setUp();
    let sentAt = 0;
    telemetry.on('commit.batch', ({ outcome, ms }) => {
      if (outcome === 'accepted') sentAt = clock.mono() - ms;
    });
    broker.chaos = { ...calm, latencyMs: () => 100 };
    await clock.advance(1_000);
    broker.stop();
    while (term.isTrusted()) await clock.advance(10);
    expect(clock.mono() - sentAt).toBeLessThan(silenceMs);
    expect(clock.mono() - sentAt).toBeGreaterThan(silenceMs / 2);
    broker.start();
    await clock.advance(2_000);
    expect(term.isTrusted()).toBe(true);
  });

  test('that was won by a write which took long to answer is trusted only from when it was sent', async () => {
    const on = stage();
    on.broker.chaos = { ...calm, latencyMs: () => 300 };
    const { term } = await win(on, on.world, 'm1');
    expect(on.clock.mono()).toBe(1_200);
    expect(term.isTrusted()).toBe(false);
    on.broker.chaos = calm;
    await on.clock.advance(1_000);
    expect(term.isTrusted()).toBe(true);
  });

  test('that is given back is empty for the next one, and nothing more is written under it', async () => {
    const { clock, broker, term, deposed } = await setUp();
    await clock.until(kindOf(term.commit([named('a', 'x')])));
    await clock.until(term.stepDown());
    expect(leases({ broker }).at(-1)).toBeNull();
    const { length } = broker.history();
    expect(await clock.until(kindOf(term.commit([named('b', 'x')])))).toBe('leader.deposed');
    await clock.advance(5_000);
    expect(broker.history()).toHaveLength(length);
    expect(deposed).toEqual([]);
  });
});

describe('a leader that was deposed', () => {
  test('learns it with its next write, fails all that waits, and writes nothing more', async () => {
    const on = await setUp();
    const { clock, broker, term, deposed } = on;
    await win(on, broker.world(), 'm2');
    const all = ['a', 'b', 'c'].map((id) => kindOf(term.commit([named(id, 'x')])));
    expect(await clock.until(Promise.all(all))).toEqual(all.map(() => 'leader.deposed'));
    expect(deposed).toEqual(['m2 holds the lease']);
    await clock.advance(5_000);
    expect(['a', 'b', 'c'].flatMap((id) => written(broker, id))).toEqual([]);
    expect(term.isTrusted()).toBe(false);
    expect(await clock.until(kindOf(term.commit([named('d', 'x')])))).toBe('leader.deposed');
  });

  test('and then elected again is another leader: its former writes are not taken for those of now', async () => {
    const on = await setUp();
    const { clock, broker, term } = on;
    const { term: again } = await win(on, broker.world(), 'm1');
    expect(await clock.until(kindOf(again.commit([named('a', 'now')])))).toBe('stored');
    expect(await clock.until(kindOf(term.commit([named('b', 'then')])))).toBe('leader.deposed');
    expect(written(broker, 'b')).toEqual([]);
  });

  test('learns it by renewing, where there is nothing to write', async () => {
    const on = await setUp();
    await win(on, on.broker.world(), 'm2');
    await on.clock.advance(500);
    expect(on.deposed).toEqual(['m2 holds the lease']);
  });

  test('learns it also where its own batch was in the air', async () => {
    const on = await setUp();
    const { clock, broker, term } = on;
    broker.chaos = fates('silentLate');
    const open = kindOf(term.commit([named('a', 'x')]));
    await clock.advance(500);
    await win(on, broker.world(), 'm2');
    expect(await clock.until(open)).toBe('leader.deposed');
    await clock.advance(20_000);
    expect(written(broker, 'a')).toEqual([]);
  });

  test('fails what it could not ask about either', async () => {
    const on = await setUp();
    const { clock, telemetry, world } = on;
    const refuse = () => Promise.reject(new Fault('broker.unauthorized', 'No more reading.'));
    const store = storeWith(world.store, { readLease: refuse });
    const lease: Lease = { holder: 'm1', name: 'm1', term: 0, batch: 0 };
    const reasons: string[] = [];
    const onDeposed = (reason: string) => reasons.push(reason);
    const term = new Term({
      store,
      broker: store.broker(),
      clock,
      telemetry,
      lease,
      revision: 77,
      sentAt: 0,
      silenceMs,
      onDeposed,
    });
    expect(await clock.until(kindOf(term.commit([named('a', 'x')])))).toBe('broker.unauthorized');
    expect(reasons).toEqual(['No more reading.']);
  });
});

test('of two leaders only the one that holds the lease changes anything, whatever goes wrong', async () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('write', 'depose', 'pass'), fc.nat(3), fc.nat(1_500)), {
    maxLength: 25,
  });
  await fc.assert(
    fc.asyncProperty(fc.integer(), steps, async (seed, story) => {
      const on = stage();
      const { clock, broker } = on;
      const nodes = [broker.world(), broker.world()] as const;
      let [leader, next] = [await win(on, nodes[0], 'm0'), 1];
      const former: Term[] = [];
      const open: Promise<string>[] = [];
      for (const [what, id, ms] of story) {
        broker.chaos = chaos({ silentStored: 0.1, silentLate: 0.2, silentLost: 0.1, busy: 0.1 }, seeded(seed + ms));
        if (what === 'write')
          for (const term of [leader.term, ...former]) {
            const expected = broker.history().findLast(({ key }) => key === `default.j${id}`)?.revision ?? 0;
            open.push(kindOf(term.commit([named(`j${id}`, `of ${term.number}`, expected)])));
          }
        if (what === 'depose') {
          broker.chaos = calm;
          former.push(leader.term);
          leader = await win(on, nodes[next % 2 === 0 ? 0 : 1], `m${next}`);
          next++;
        }
        await clock.advance(ms);
      }
      await clock.until(Promise.all(open), 600_000);
      expectOneLeaderAtATime(on);
    }),
    { numRuns: 40 },
  );
});

/** Each job was written in a batch that begins with the lease, by the term that the lease names. */
function expectOneLeaderAtATime({ broker }: Stage): void {
  let term = 0;
  for (const writes of Map.groupBy(broker.history(), ({ batch }) => batch).values()) {
    const [first, ...jobs] = writes;
    expect(first?.key).toBe('_leader');
    const lease: Lease = JSON.parse(first?.json ?? 'null');
    const of = lease.term === 0 ? (first?.revision ?? 0) : lease.term;
    expect(of).toBeGreaterThanOrEqual(term);
    term = of;
    for (const { json } of jobs) expect(JSON.parse(json).name).toBe(`of ${term}`);
  }
}

test('jobs that were written by a former leader stay as they were left', async () => {
  const on = await setUp();
  const { clock, broker, term } = on;
  await clock.until(kindOf(term.commit([named('a', 'by m1')])));
  const { term: next } = await win(on, broker.world(), 'm2');
  const [old, now] = [kindOf(term.commit([named('a', 'late', 3)])), kindOf(next.commit([named('a', 'by m2', 3)]))];
  expect(await clock.until(Promise.all([old, now]))).toEqual(['leader.deposed', 'stored']);
  expect(lastOf(broker, 'a').name).toBe('by m2');
});
