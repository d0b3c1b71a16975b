import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Bodies } from '../../actors/bodies.ts';
import { Committer } from '../../actors/committer.ts';
import { Fleet } from '../../actors/fleet.ts';
import { LookAhead } from '../../actors/look-ahead.ts';
import { mover } from '../../actors/mover.ts';
import { Scheduler } from '../../actors/scheduler.ts';
import { Throttle } from '../../actors/throttle.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { Head, Offer } from '../../runtime/ports.ts';
import { capacity, headWith, pulseOf, stage } from './stage.ts';

/** A scheduler with one worker, the mail that the worker gets, and a board to put jobs on. */
async function setUp({ slots = 4 } = {}) {
  const on = stage();
  const { clock, world, telemetry } = on;
  const { commit } = new Committer({ store: world.store, clock, telemetry });
  const board = new Board({ queues: defaultQueues });
  const fleet = new Fleet({ clock, telemetry, lostAfterMs: 4_000, onChange: () => scheduler.wake() });
  const mails: { at: number; keys: string[] }[] = [];
  const { store, mail, events } = world;
  await clock.until(
    mail.receive('w1', (offers: readonly Offer[]) =>
      mails.push({ at: clock.mono(), keys: offers.map(({ key }) => key) }),
    ),
  );
  const trust = { isTrusted: true };
  const scheduler: Scheduler = new Scheduler({
    board,
    fleet,
    bodies: new Bodies(),
    lookAhead: new LookAhead(0),
    throttle: new Throttle({ clock, offerForMs: 5_000 }),
    room: { holdsAt: () => [], keptFor: () => undefined },
    ...{ mail, notices: world.notices },
    move: mover({ store, commit, events, apply: (head) => board.apply(head) }),
    clock,
    telemetry,
    intervalMs: 60_000,
    offerForMs: 5_000,
    gpuSpillOver: true,
    isTrusted: () => trust.isTrusted,
  });
  scheduler.start();
  fleet.heard(pulseOf({ ...capacity, slots }));
  const put = (head: Partial<Head> & { key: string; revision: number }) => {
    board.apply(headWith(head));
    scheduler.wake();
  };
  const offeredAt = (key: string) => mails.filter(({ keys }) => keys.includes(key)).map(({ at }) => at);
  return { ...on, board, fleet, scheduler, put, offeredAt, trust, mails };
}

describe('an offer that nobody claims', () => {
  test('is made again when it has expired', async () => {
    const { clock, put, offeredAt } = await setUp();
    put({ key: 'a', revision: 1 });
    await clock.advance(11_000);
    expect(offeredAt('a')).toEqual([0, 5_000, 10_000]);
  });

  test('goes to another worker at once when the one that had it drains', async () => {
    const { clock, fleet, world, put } = await setUp();
    put({ key: 'a', revision: 1 });
    await clock.advance(100);
    const offered = Promise.withResolvers<number>();
    await clock.until(world.mail.receive('w2', () => offered.resolve(clock.mono())));
    fleet.heard({ ...pulseOf(capacity), incarnation: 'w2' });
    const before = clock.mono();
    fleet.heard({ ...pulseOf(capacity), status: 'draining' });
    expect((await clock.until(offered.promise)) - before).toBeLessThan(50);
  });

  test('is made again in time, though an older one was given back and made anew', async () => {
    const { clock, fleet, put, offeredAt } = await setUp();
    put({ key: 'back', revision: 1 });
    put({ key: 'forgotten', revision: 2 });
    await clock.advance(3_000);
    put({ key: 'back', revision: 3, state: 'assigned', worker: 'w1' });
    fleet.answered('w1');
    put({ key: 'back', revision: 4 });
    await clock.advance(3_000);
    expect(offeredAt('forgotten')).toEqual([0, 5_000]);
    await clock.advance(3_000);
    expect(offeredAt('back')).toEqual([0, 3_000, 8_000]);
  });

  test('is not made again for a picture that was thrown away', async () => {
    const { clock, board, put, offeredAt } = await setUp();
    put({ key: 'a', revision: 7 });
    await clock.advance(1_000);
    board.clear();
    put({ key: 'b', revision: 1 });
    await clock.advance(10_000);
    expect(offeredAt('a')).toEqual([0]);
    expect(offeredAt('b').length).toBeGreaterThan(1);
  });
});

test('a leader that may have been deposed offers nothing, and goes on as soon as it knows better', async () => {
  const { clock, put, offeredAt, trust } = await setUp();
  trust.isTrusted = false;
  put({ key: 'a', revision: 1 });
  await clock.advance(2_000);
  expect(offeredAt('a')).toEqual([]);
  trust.isTrusted = true;
  await clock.advance(100);
  expect(offeredAt('a')).toHaveLength(1);
});

test('of more jobs than there is room for, the first go out, and the next as soon as there is room', async () => {
  const { clock, put, offeredAt } = await setUp({ slots: 2 });
  for (const [at, key] of ['a', 'b', 'c'].entries()) put({ key, revision: at + 1, createdAt: at });
  await clock.advance(100);
  expect(['a', 'b', 'c'].map((key) => offeredAt(key).length)).toEqual([1, 1, 0]);
  put({ key: 'a', revision: 10, state: 'assigned', worker: 'w1' });
  put({ key: 'a', revision: 11, state: 'completed' });
  await clock.advance(100);
  expect(offeredAt('c')).toEqual([100]);
});

test('one that stops offers nothing more', async () => {
  const { clock, put, offeredAt, scheduler } = await setUp();
  scheduler.stop();
  put({ key: 'a', revision: 1 });
  await clock.advance(10_000);
  expect(offeredAt('a')).toEqual([]);
});

describe('under a limit of jobs at once', () => {
  const limit = { queue: 'default', maxActive: 2 };
  const settledAfterMs = 8_000;
  const keys = ['a', 'b', 'c', 'd'];

  async function limited() {
    const on = await setUp();
    on.board.setQueue(limit);
    for (const [at, key] of keys.entries()) on.put({ key, revision: at + 1, createdAt: at });
    const offered = () => keys.filter((key) => on.offeredAt(key).length > 0);
    return { ...on, offered };
  }

  test('a new leader offers nothing until all that its predecessor offered must be claimed or void', async () => {
    const { clock, offered } = await limited();
    await clock.advance(settledAfterMs - 100);
    expect(offered()).toEqual([]);
    await clock.advance(200);
    expect(offered()).toEqual(['a', 'b']);
  });

  test('no more are offered and held than it says, and the next one when one has ended', async () => {
    const { clock, put, offered } = await limited();
    await clock.advance(settledAfterMs + 100);
    put({ key: 'a', revision: 10, state: 'assigned', worker: 'w1' });
    put({ key: 'b', revision: 11, state: 'assigned', worker: 'w1' });
    await clock.advance(20_000);
    expect(offered()).toEqual(['a', 'b']);
    put({ key: 'a', revision: 12, state: 'completed' });
    await clock.advance(100);
    expect(offered()).toEqual(['a', 'b', 'c']);
  });

  test('an offer counts until no picture can be so old that its claim is not on it, whatever becomes of the worker', async () => {
    const { clock, fleet, world, offered, offeredAt } = await limited();
    await clock.advance(settledAfterMs);
    const mailed: string[] = [];
    await clock.until(world.mail.receive('w2', (offers) => mailed.push(...offers.map(({ key }) => key))));
    fleet.heard({ ...pulseOf(capacity), incarnation: 'w2' });
    fleet.heard({ ...pulseOf(capacity), status: 'draining' });
    await clock.advance(7_400);
    expect([offered(), mailed]).toEqual([['a', 'b'], []]);
    await clock.advance(1_200);
    expect([offeredAt('a').length, mailed]).toEqual([1, ['a', 'b']]);
  });
});

describe('under a limit of starts a second', () => {
  test('starts are spread, and in no span are there more than it says', async () => {
    const { clock, board, put, scheduler, offeredAt } = await setUp({ slots: 1_000 });
    board.setQueue({ queue: 'default', ratePerSecond: 20 });
    scheduler.wake();
    for (let n = 0; n < 100; n++) put({ key: `j${n}`, revision: n + 1, createdAt: n });
    await clock.advance(3_000);
    const starts = Array.from({ length: 100 }, (_, n) => offeredAt(`j${n}`)[0]).filter((at) => at !== undefined);
    expect(starts.length).toBeGreaterThan(50);
    for (const from of starts) {
      const within = starts.filter((at) => at >= from && at < from + 1_000);
      expect(within.length).toBeLessThanOrEqual(20 + 2);
    }
  });

  test('a term starts with none to spend', async () => {
    const { clock, board, put, offeredAt } = await setUp();
    board.setQueue({ queue: 'default', ratePerSecond: 0.5 });
    put({ key: 'a', revision: 1 });
    await clock.advance(1_900);
    expect(offeredAt('a')).toEqual([]);
    await clock.advance(200);
    expect(offeredAt('a')).toHaveLength(1);
  });
});

test('a paused queue waits, and goes on when it is resumed', async () => {
  const { clock, board, scheduler, put, offeredAt } = await setUp();
  board.setQueue({ queue: 'default', paused: true });
  put({ key: 'a', revision: 1 });
  await clock.advance(10_000);
  expect(offeredAt('a')).toEqual([]);
  board.setQueue({ queue: 'default' });
  scheduler.wake();
  await clock.advance(100);
  expect(offeredAt('a')).toHaveLength(1);
});

describe('a worker that claims nothing that it is offered', () => {
  /** Beside `w1`, which is deaf, another worker that claims what it is offered and has done it at once. */
  async function withAnother() {
    const on = await setUp();
    const { clock, world, board, fleet, scheduler, put } = on;
    let revision = 1_000;
    const done: string[] = [];
    const claim = ({ key }: Offer) => {
      board.apply(headWith({ key, revision: ++revision, state: 'processing', worker: 'w2', attempt: 1 }));
      fleet.answered('w2');
      board.apply(headWith({ key, revision: ++revision, state: 'completed', attempt: 1 }));
      done.push(key);
      scheduler.wake();
    };
    await clock.until(world.mail.receive('w2', (offers) => offers.forEach(claim)));
    const notices: string[] = [];
    await clock.until(world.notices.receive('w1', ({ verb }) => notices.push(verb)));
    const join = () => fleet.heard(pulseOf(capacity, { incarnation: 'w2', name: 'w2' }));
    const putMany = (name: string, count: number) => {
      for (let n = 0; n < count; n++) put({ key: `${name}${n}`, revision: ++revision });
    };
    return { ...on, join, putMany, done, notices };
  }

  test('gets one job at a time after a letter, and after two is told so and gets none while others do', async () => {
    const { clock, fleet, mails, join, putMany, done, notices, told } = await withAnother();
    putMany('a', 8);
    await clock.advance(100);
    join();
    await clock.advance(4_000);
    expect(done).toHaveLength(4);
    await clock.advance(5_000);
    expect(mails.map(({ keys }) => keys.length)).toEqual([4, 1]);
    expect([notices, told.includes('worker.deaf')]).toEqual([[], false]);
    await clock.advance(2_000);
    expect(done).toHaveLength(8);
    expect([notices, told.includes('worker.deaf')]).toEqual([['deaf'], true]);
    expect(fleet.isDeaf('w1')).toBe(true);
    putMany('b', 8);
    await clock.advance(5_000);
    expect([done.length, mails.length]).toEqual([16, 2]);
  });

  test('is tried with one job after a while, and gets more once it has claimed one', async () => {
    const { clock, board, fleet, scheduler, mails, join, putMany, told } = await withAnother();
    putMany('a', 4);
    await clock.advance(5_100);
    join();
    await clock.advance(16_000);
    fleet.heard(pulseOf(capacity, { incarnation: 'w2', name: 'w2', status: 'draining' }));
    putMany('b', 4);
    await clock.advance(100);
    expect(mails.map(({ keys }) => keys.length)).toEqual([4, 1, 1]);
    const key = mails.at(-1)?.keys[0] ?? '';
    board.apply(headWith({ key, revision: 9_999, state: 'processing', worker: 'w1', attempt: 1 }));
    fleet.answered('w1');
    scheduler.wake();
    await clock.advance(100);
    expect(mails.map(({ keys }) => keys.length)).toEqual([4, 1, 1, 3]);
    expect(told).toContain('worker.undeaf');
  });

  test('is offered on, one job at a time, where no worker answers', async () => {
    const { clock, mails, putMany, told } = await withAnother();
    putMany('a', 4);
    await clock.advance(26_000);
    expect(mails.map(({ keys }) => keys.length)).toEqual([4, 1, 1, 1, 1, 1]);
    expect(told.filter((name) => name === 'worker.deaf')).toHaveLength(1);
  });

  test('is not deaf because several letters were under way when it missed one', async () => {
    const { clock, fleet, putMany } = await withAnother();
    for (const name of ['a', 'b', 'c']) {
      putMany(name, 1);
      await clock.advance(100);
    }
    await clock.advance(6_000);
    expect([fleet.isDoubted('w1'), fleet.isDeaf('w1')]).toEqual([true, false]);
  });
});
