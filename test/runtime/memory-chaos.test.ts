import { describe, expect, test } from 'vitest';
import type { Clock } from '../../runtime/clock.ts';
import { MemoryBroker, memoryWorld } from '../../runtime/memory/broker.ts';
import { type Chaos, calm, chaos, type Odds, type WriteFate } from '../../runtime/memory/chaos.ts';
import { ManualClock, seeded } from '../../runtime/memory/manual-clock.ts';
import type { Change, Offer, World } from '../../runtime/ports.ts';
import { storedAs } from '../../runtime/record.ts';
import { moved, newJob } from '../ports.contract.ts';

const claim = (worker: string) => ({ type: 'attempt.claimed', at: 5, worker }) as const;

/** A broker on a clock that is moved by hand, with two nodes, on which these things go wrong. */
function setUp(odds: Partial<Odds> = {}) {
  const clock = new ManualClock();
  const broker = new MemoryBroker({ clock, chaos: chaos(odds, seeded(1)), answerWithinMs: 1_000 });
  return { clock, broker, one: broker.world(), other: broker.world() };
}

/** Nothing goes wrong but the next write. */
function once(fate: WriteFate, lateMs = 5_000): Chaos {
  const fates: WriteFate[] = [fate];
  return { ...calm, fate: () => fates.shift() ?? 'normal', lateMs: () => lateMs };
}

const create = (world: World, id: string) =>
  world.store.write([{ key: `default.${id}`, expected: 0, record: newJob(id) }]);

const revisionsOf = (changes: readonly Change[]) =>
  changes.map((change) => (change.kind === 'job' ? change.head.revision : change.revision));

describe('a write without an answer', () => {
  test('may have been stored: repeating it is refused, and the record is there', async () => {
    const { clock, broker, one } = setUp();
    broker.chaos = once('silentStored');
    expect(await clock.until(create(one, 'a'))).toMatchObject({
      kind: 'unknown',
      cause: { code: 'broker.unavailable' },
    });
    expect(clock.mono()).toBe(1_000);
    expect((await clock.until(create(one, 'a'))).kind).toBe('refused');
    expect(await clock.until(one.store.read('default.a'))).toBeDefined();
  });

  test('may be lost: repeating it is accepted', async () => {
    const { clock, broker, one } = setUp();
    broker.chaos = once('silentLost');
    expect((await clock.until(create(one, 'a'))).kind).toBe('unknown');
    await clock.advance(60_000);
    expect(await clock.until(one.store.read('default.a'))).toBeUndefined();
    expect((await clock.until(create(one, 'a'))).kind).toBe('accepted');
  });

  test('may be stored late, after a read that did not find it', async () => {
    const { clock, broker, one } = setUp();
    broker.chaos = once('silentLate');
    expect((await clock.until(create(one, 'a'))).kind).toBe('unknown');
    expect(await clock.until(one.store.read('default.a'))).toBeUndefined();
    await clock.advance(5_000);
    expect(await clock.until(one.store.read('default.a'))).toBeDefined();
  });

  test('changes nothing when it arrives after the repeated one', async () => {
    const { clock, broker, one } = setUp();
    await clock.until(create(one, 'a'));
    broker.chaos = once('silentLate');
    const write = (worker: string) =>
      one.store.write([{ key: 'default.a', expected: 1, record: moved(newJob('a'), claim(worker)) }]);
    expect((await clock.until(write('late'))).kind).toBe('unknown');
    expect((await clock.until(write('repeated'))).kind).toBe('accepted');
    await clock.advance(10_000);
    expect((await clock.until(one.store.read('default.a')))?.record.context.worker).toBe('repeated');
    expect((await clock.until(one.store.state())).lastRevision).toBe(2);
  });
});

test('a busy broker stores nothing and takes the same batch in a moment', async () => {
  const { clock, broker, one } = setUp();
  broker.chaos = once('busy');
  expect(await clock.until(create(one, 'a'))).toEqual({ kind: 'busy' });
  expect((await clock.until(create(one, 'a'))).kind).toBe('accepted');
});

describe('a power failure', () => {
  test('takes back the last writes: earlier values are there again, and revisions are used anew', async () => {
    const { clock, broker, one } = setUp();
    await clock.until(create(one, 'a'));
    await clock.until(one.store.write([{ key: 'default.a', expected: 1, record: moved(newJob('a'), claim('w1')) }]));
    await clock.until(create(one, 'b'));
    broker.rollBack(2);
    expect((await clock.until(one.store.state())).lastRevision).toBe(1);
    expect(await clock.until(one.store.read('default.a'))).toEqual(storedAs(newJob('a'), 1));
    expect(await clock.until(one.store.read('default.b'))).toBeUndefined();
    expect(await clock.until(create(one, 'c'))).toEqual({ kind: 'accepted', revisions: [2] });
  });
});

describe('the feed', () => {
  test('can have a gap at its end, which the stream fills', async () => {
    const { clock, broker, one, other } = setUp();
    const heard: Change[] = [];
    await clock.until(other.feed.follow((change) => heard.push(change)));
    await clock.until(create(one, 'a'));
    broker.mute(2);
    await clock.until(create(one, 'b'));
    await clock.until(create(one, 'c'));
    await clock.advance(60_000);
    expect(revisionsOf(heard)).toEqual([1]);
    const { lastRevision } = await clock.until(other.store.state());
    expect(lastRevision).toBe(3);
    const missed: Change[] = [];
    const reading = (async () => {
      for await (const change of other.store.changesAfter(1)) missed.push(change);
    })();
    await clock.until(reading);
    expect(revisionsOf(missed)).toEqual([2, 3]);
  });

  test('can lose and double what it tells, and keeps the order whatever the network does', async () => {
    const { clock, broker, one, other } = setUp();
    broker.chaos = chaos({ lost: { change: 0.3 }, duplicated: { change: 0.3 }, latencyMs: [0, 40] }, seeded(5));
    const heard: Change[] = [];
    await clock.until(other.feed.follow((change) => heard.push(change)));
    for (let n = 0; n < 60; n++) await clock.until(create(one, `j${n}`));
    await clock.advance(1_000);
    const revisions = revisionsOf(heard);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    const distinct = new Set(revisions).size;
    expect(distinct).toBeLessThan(60);
    expect(distinct).toBeGreaterThan(20);
    expect(revisions.length).toBeGreaterThan(distinct);
  });
});

describe('a node that is cut off', () => {
  test('stores nothing, reads nothing and hears nothing, while the others go on', async () => {
    const { clock, one, other } = setUp();
    const heard: Change[] = [];
    await clock.until(one.feed.follow((change) => heard.push(change)));
    one.cut();
    expect((await clock.until(create(one, 'a'))).kind).toBe('unknown');
    await expect(clock.until(one.store.read('default.a'))).rejects.toMatchObject({
      code: 'broker.unavailable',
      retryable: true,
    });
    expect((await clock.until(create(other, 'b'))).kind).toBe('accepted');
    await clock.advance(60_000);
    expect(heard).toEqual([]);
    one.heal();
    expect(await clock.until(one.store.read('default.a'))).toBeUndefined();
    expect((await clock.until(create(one, 'a'))).kind).toBe('accepted');
    expect(revisionsOf(heard)).toEqual([2]);
  });

  test('finds its mail when it is back, unless that is too old', async () => {
    const { clock, one, other } = setUp();
    const heard: (readonly Offer[])[] = [];
    await clock.until(one.mail.receive('w1', (offers) => heard.push(offers)));
    one.cut();
    other.mail.send('w1', [{ key: 'default.old', revision: 1, expiresAt: 1 }]);
    await clock.advance(50_000);
    other.mail.send('w1', [{ key: 'default.new', revision: 1, expiresAt: 1 }]);
    await clock.advance(20_000);
    one.heal();
    await clock.settle();
    expect(heard.flat().map(({ key }) => key)).toEqual(['default.new']);
  });

  test('leaves the submissions it had in hand to another, after a while', async () => {
    const { clock, broker, one, other } = setUp();
    const taken: [string, number, number][] = [];
    const consume = (name: string, world: World) =>
      world.submissions.consume(async (batch) => {
        for (const { sequence, deliveries } of batch) taken.push([name, sequence, deliveries]);
        if (name === 'one') one.cut();
      });
    await clock.until(consume('one', one));
    broker.submit({ type: 'noop', body: {} });
    await clock.settle();
    await clock.until(consume('other', other));
    broker.submit({ type: 'noop', body: {} });
    await clock.advance(29_000);
    expect(taken).toEqual([
      ['one', 1, 1],
      ['other', 2, 1],
    ]);
    await clock.advance(2_000);
    expect(taken.at(-1)).toEqual(['other', 1, 2]);
    expect(broker.submissionsWaiting).toBe(0);
  });
});

test('while the broker is away everything waits, and goes on when it is back', async () => {
  const { clock, broker, one } = setUp();
  const taken: number[] = [];
  await clock.until(
    one.submissions.consume(async (batch) => void taken.push(...batch.map(({ sequence }) => sequence))),
  );
  broker.stop();
  expect((await clock.until(create(one, 'a'))).kind).toBe('unknown');
  broker.submit({ type: 'noop', body: {} });
  await clock.advance(10_000);
  expect(taken).toEqual([]);
  broker.start();
  await clock.settle();
  expect(taken).toEqual([1]);
  expect((await clock.until(create(one, 'a'))).kind).toBe('accepted');
});

test('only a read that may be stale is ever behind', async () => {
  const { clock, broker, one } = setUp();
  await clock.until(create(one, 'a'));
  await clock.until(one.store.write([{ key: 'default.a', expected: 1, record: moved(newJob('a'), claim('w1')) }]));
  broker.chaos = chaos({ staleReads: 1, staleByAtMost: 1 }, seeded(1));
  expect((await clock.until(one.store.readMany(['default.a']))).get('default.a')?.revision).toBe(1);
  expect((await clock.until(one.store.read('default.a')))?.revision).toBe(2);
});

test('mail can be lost and doubled', async () => {
  const { clock, broker, one, other } = setUp();
  const heard: (readonly Offer[])[] = [];
  await clock.until(other.mail.receive('w1', (offers) => heard.push(offers)));
  const send = async (odds: Partial<Odds>) => {
    broker.chaos = chaos(odds, seeded(1));
    one.mail.send('w1', [{ key: 'default.a', revision: 1, expiresAt: 1 }]);
    await clock.settle();
    return heard.length;
  };
  expect(await send({ lost: { mail: 1 } })).toBe(0);
  expect(await send({ duplicated: { mail: 1 } })).toBe(2);
});

test('nothing is delivered within the turn in which it was said', async () => {
  const { clock, one } = setUp();
  const heard: string[] = [];
  await clock.until(one.notices.receive('w1', ({ verb }) => heard.push(verb)));
  one.notices.send('w1', { verb: 'drain' });
  expect(heard).toEqual([]);
  await clock.settle();
  expect(heard).toEqual(['drain']);
});

test('a world alone is a broker with one node', async () => {
  const clock = new ManualClock();
  const world = memoryWorld({ clock });
  expect((await clock.until(create(world, 'a'))).kind).toBe('accepted');
});

test('the same seed makes the same things go wrong, another seed others', async () => {
  expect(await story(11)).toEqual(await story(11));
  expect(await story(11)).not.toEqual(await story(12));
});

/** What two contending nodes see in a world in which everything goes wrong. */
async function story(seed: number): Promise<string[]> {
  const clock = new ManualClock({ seed });
  const odds = { busy: 0.1, silentStored: 0.1, silentLate: 0.1, silentLost: 0.1, lost: { change: 0.2 } };
  const broker = new MemoryBroker({ clock, chaos: chaos({ ...odds, latencyMs: [0, 9] }, () => clock.chance()) });
  const seen: string[] = [];
  const play = async (name: string, world: World, own: Clock) => {
    await world.feed.follow((change) => seen.push(`${name} hears ${revisionsOf([change]).join()}`));
    for (let n = 0; n < 15; n++) {
      const outcome = await create(world, `j${Math.floor(own.chance() * 10)}`);
      seen.push(`${name} ${outcome.kind} at ${own.mono()}`);
    }
  };
  const nodes = ['one', 'other'].map((name) => {
    const own = clock.forNode();
    return play(name, broker.world({ clock: own }), own);
  });
  await clock.until(Promise.all(nodes), 600_000);
  return seen;
}
