import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Follower } from '../../actors/follower.ts';
import type { JobEvent } from '../../machines/job.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { headOf } from '../../runtime/head.ts';
import { calm, chaos } from '../../runtime/memory/chaos.ts';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import type { Change } from '../../runtime/ports.ts';
import { moved } from '../ports.contract.ts';
import { create, entryOf, lastOf, plainJob, type Stage, stage, storeWith } from './stage.ts';

/** A follower of what others write, and the picture that it keeps. As in a master, its feed has its own connection. */
async function setUp({ started = true } = {}) {
  const on = stage();
  const { clock, broker, telemetry } = on;
  const world = broker.world();
  const board = new Board({ queues: defaultQueues });
  const applied: Change[] = [];
  let forgotten = 0;
  let answersMayGo = Promise.resolve();
  const holdAnswers = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answersMayGo = promise;
    return resolve;
  };
  const state = async () => {
    const told = await world.store.state();
    await answersMayGo;
    return told;
  };
  const follower = new Follower({
    store: storeWith(world.store, { state }),
    feed: broker.world().feed,
    clock,
    telemetry,
    apply: (change) => {
      applied.push(change);
      if (change.kind === 'job') board.apply(change.head);
    },
    forget: () => {
      forgotten++;
      board.clear();
    },
  });
  if (started) await clock.until(follower.start());
  return { ...on, world, follower, board, applied, forgotten: () => forgotten, holdAnswers };
}

type Following = Awaited<ReturnType<typeof setUp>>;

/** Somebody else creates jobs. */
const others = ({ clock, world }: Stage, ...ids: string[]) =>
  clock.until(create(world.store, ...ids.map((id) => plainJob(id))));

/** Somebody else steps a job. */
async function steps(on: Pick<Following, 'clock' | 'broker'>, id: string, ...events: JobEvent[]): Promise<void> {
  const { store } = on.broker.world();
  for (const event of events) {
    const expected = on.broker.history().findLast(({ key }) => key === `default.${id}`)?.revision ?? 0;
    await on.clock.until(store.write([entryOf(moved(lastOf(on.broker, id), event), expected)]));
  }
}

const keys = ({ board }: Following) => [...board.entries()].map(({ key }) => key.replace('default.', '')).sort();
const cancel: JobEvent = { type: 'job.cancel', at: 5 };

describe('a picture', () => {
  test('is whole when the follower has started, and kept by the feed', async () => {
    const on = await setUp({ started: false });
    await others(on, 'a', 'b');
    await on.clock.until(on.follower.start());
    expect(keys(on)).toEqual(['a', 'b']);
    await others(on, 'c');
    await steps(on, 'a', cancel);
    await on.clock.settle();
    expect(keys(on)).toEqual(['b', 'c']);
    expect(on.told).not.toContain('feed.gap');
  });

  test('is not thrown away for an answer that tells of long ago', async () => {
    const on = await setUp();
    const letGo = on.holdAnswers();
    await on.clock.advance(1_000);
    await others(on, 'a');
    letGo();
    await on.clock.settle();
    expect(on.forgotten()).toBe(0);
    expect(keys(on)).toEqual(['a']);
  });

  test('that somebody waits for is there up to the revision that was asked for', async () => {
    const on = await setUp();
    on.broker.mute(100);
    const [revision = 0] = await others(on, 'a');
    expect(keys(on)).toEqual([]);
    await on.clock.until(on.follower.caughtUp(revision), 200);
    expect(keys(on)).toEqual(['a']);
    await on.clock.until(on.follower.caughtUp(revision), 0);
  });

  test('that somebody waits for while the broker is away is there when it is back', async () => {
    const on = await setUp();
    on.broker.mute(100);
    const [revision = 0] = await others(on, 'a');
    on.broker.stop();
    const there = on.follower.caughtUp(revision);
    await on.clock.advance(5_000);
    on.broker.start();
    await on.clock.until(there, 5_000);
    expect(keys(on)).toEqual(['a']);
  });
});

describe('a gap in the feed', () => {
  test('is noticed with the next news, and filled from the stream', async () => {
    const on = await setUp();
    await others(on, 'a');
    on.broker.mute(2);
    await others(on, 'b');
    await steps(on, 'a', cancel);
    await others(on, 'c');
    await on.clock.settle();
    expect(on.told).toContain('feed.gap');
    expect(keys(on)).toEqual(['b', 'c']);
  });

  test('at its end is noticed after half a second of silence', async () => {
    const on = await setUp();
    on.broker.mute(1);
    await others(on, 'a');
    await on.clock.advance(400);
    expect(keys(on)).toEqual([]);
    await on.clock.advance(500);
    expect(keys(on)).toEqual(['a']);
  });

  test('is filled also when the first try fails', async () => {
    const on = await setUp();
    on.broker.mute(1);
    await others(on, 'a');
    on.broker.stop();
    await on.clock.advance(3_000);
    on.broker.start();
    await on.clock.advance(2_000);
    expect(keys(on)).toEqual(['a']);
  });
});

test('a job that settles while a gap is being filled does not come back with what was read before', async () => {
  const on = await setUp();
  on.broker.mute(1);
  await others(on, 'a');
  let latency = 100;
  on.broker.chaos = { ...calm, latencyMs: () => latency };
  void on.follower.caughtUp(1);
  await on.clock.advance(310);
  latency = 0;
  await steps(on, 'a', cancel);
  await on.clock.advance(300);
  expect(on.applied).toHaveLength(1);
  expect(keys(on)).toEqual([]);
});

describe('a stream whose end was lost', () => {
  test('is noticed after half a second of silence, and everything is read anew', async () => {
    const on = await setUp();
    await others(on, 'a', 'b', 'c');
    on.broker.rollBack(2);
    await on.clock.advance(1_000);
    expect(on.forgotten()).toBe(1);
    expect(on.told).toContain('feed.reloaded');
    expect(keys(on)).toEqual(['a']);
    await others(on, 'd');
    await on.clock.settle();
    expect(keys(on)).toEqual(['a', 'd']);
  });

  test('is noticed with the next news, though there were enough of them since to hide it', async () => {
    const on = await setUp();
    await others(on, 'a', 'b', 'c');
    await on.clock.settle();
    on.broker.rollBack(2);
    await others(on, 'd');
    for (const id of ['e', 'f', 'g']) await others(on, id);
    await on.clock.advance(200);
    expect(keys(on)).toEqual(['a', 'd', 'e', 'f', 'g']);
    expect(on.forgotten()).toBe(1);
  });

  test('is noticed also where one write took the place of the one that was lost', async () => {
    const on = await setUp();
    await others(on, 'a', 'b');
    await on.clock.settle();
    on.broker.rollBack(1);
    await others(on, 'c');
    await on.clock.advance(200);
    expect(keys(on)).toEqual(['a', 'c']);
  });

  test('while it is being read is read once more', async () => {
    const on = await setUp();
    await others(on, 'a', 'b', 'c');
    await on.clock.settle();
    on.broker.chaos = { ...calm, latencyMs: () => 50 };
    on.broker.mute(1);
    await others(on, 'lost');
    void on.follower.caughtUp(4);
    await on.clock.advance(60);
    on.broker.rollBack(3);
    for (const id of ['d', 'e', 'f', 'g', 'h']) void create(on.broker.world().store, plainJob(id));
    await on.clock.advance(1_000);
    expect(keys(on)).toEqual(['a', 'd', 'e', 'f', 'g', 'h']);
  });
});

describe('a write of our own', () => {
  test('is on the picture before the feed tells it', async () => {
    const on = await setUp();
    on.broker.chaos = { ...calm, latencyMs: () => 50 };
    on.follower.own(headOf('default.a', 1, plainJob('a')));
    expect(keys(on)).toEqual(['a']);
  });

  test('brings no job back that has settled since', async () => {
    const on = await setUp();
    const [revision = 0] = await others(on, 'a');
    await steps(on, 'a', cancel);
    await on.clock.settle();
    on.follower.own(headOf('default.a', revision, plainJob('a')));
    expect(keys(on)).toEqual([]);
  });
});

test('after a stop nothing more is applied, not even what was still missing', async () => {
  const on = await setUp();
  on.broker.mute(1);
  await others(on, 'a');
  on.broker.stop();
  await on.clock.advance(1_000);
  void on.follower.caughtUp(1);
  await on.clock.advance(500);
  await on.clock.until(on.follower.stop());
  on.broker.start();
  await others(on, 'b');
  await on.clock.advance(5_000);
  expect(on.applied).toEqual([]);
});

test('whatever the feed loses or doubles, the picture becomes that of the stream', async () => {
  const doings = fc.array(fc.tuple(fc.constantFrom('create', 'cancel', 'hold', 'mute'), fc.nat(6), fc.nat(300)), {
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(fc.integer(), doings, async (seed, story) => {
      const on = await setUp();
      const odds = { lost: { change: 0.2 }, duplicated: { change: 0.2 }, latencyMs: [0, 40] as const };
      on.broker.chaos = chaos(odds, seeded(seed));
      for (const [what, n, ms] of story) {
        await happens(on, what, `j${n}`);
        await on.clock.advance(ms);
      }
      on.broker.chaos = calm;
      await on.clock.advance(2_000);
      const open = new Map<string, boolean>();
      for (const { key, json } of on.broker.history()) open.set(key, JSON.parse(json).state !== 'cancelled');
      const expected = [...open].flatMap(([key, isOpen]) => (isOpen ? [key.replace('default.', '')] : []));
      expect(keys(on)).toEqual(expected.sort());
    }),
    { numRuns: 40 },
  );
});

/** One thing happens to a job, where it can. A write of our own reaches the picture as it does in a master. */
async function happens(on: Following, what: string, id: string): Promise<void> {
  const key = `default.${id}`;
  const last = on.broker.history().findLast((write) => write.key === key);
  const state = last === undefined ? undefined : lastOf(on.broker, id).state;
  if (what === 'mute') return on.broker.mute(3);
  if (what === 'create' && state === undefined) {
    const [revision = 0] = await others(on, id);
    on.follower.own(headOf(key, revision, plainJob(id)));
  } else if (what !== 'create' && state === 'pending')
    await steps(on, id, what === 'cancel' ? cancel : { type: 'job.hold', at: 5 });
}
