/** A picture of all open jobs that was saved, and what happened since, are what reading everything would have told. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import type { Entry } from '../../actors/entry.ts';
import { Follower } from '../../actors/follower.ts';
import { Oddities } from '../../actors/oddity.ts';
import { pictureLines, pictureVersion, readPicture } from '../../actors/picture.ts';
import { Saver, savedPicture } from '../../actors/saver.ts';
import { ScheduleBook } from '../../actors/schedule-book.ts';
import type { JobEvent } from '../../machines/job.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { MemoryWorld } from '../../runtime/memory/broker.ts';
import { calm } from '../../runtime/memory/chaos.ts';
import { born } from '../../runtime/step.ts';
import { next } from '../../runtime/telemetry/telemetry.ts';
import { moved } from '../ports.contract.ts';
import { create, entryOf, headWith, lastOf, plainJob, type Stage, specOf, stage } from './stage.ts';

const minute = 60_000;

/** Somebody who follows all jobs and saves them: a leader, as far as this is concerned. */
async function setUp() {
  const on = stage();
  const { clock, telemetry } = on;
  const world = on.broker.world();
  let changed = () => {};
  const { follower, board, oddities, schedules } = await following(on, world, { onChange: () => changed() });
  const saver = new Saver({
    ...{ ...world, board, oddities, schedules, clock, telemetry },
    place: () => follower.place(),
    caughtUp: (revision) => follower.caughtUp(revision),
  });
  changed = () => saver.changed();
  return { ...on, world, follower, saver };
}

type Set = Awaited<ReturnType<typeof setUp>>;

/** Follows from now on, from the saved picture where it is to read that. */
async function following(
  { clock, broker, telemetry }: Stage,
  world: MemoryWorld,
  { readsSaved = false, onChange = () => {} },
) {
  const board = new Board({ queues: defaultQueues });
  const oddities = new Oddities();
  const schedules = new ScheduleBook();
  const follower = new Follower({
    ...{ store: world.store, feed: broker.world().feed, clock, telemetry },
    apply: (change) => {
      if (change.kind === 'job') board.apply(change.head);
      if (change.kind === 'job') onChange();
      else if (change.kind === 'other') oddities.note(change.key, change.revision, 'no head');
      else if (change.kind === 'schedule') schedules.apply(change.head, change.revision);
    },
    forget: () => {
      board.clear();
      onChange();
    },
    ...(readsSaved ? { saved: (createdAt: number) => savedPicture({ ...world, clock, telemetry, createdAt }) } : {}),
  });
  await clock.until(follower.start(), minute);
  return { follower, board, oddities, schedules };
}

/** What somebody who starts now knows, and how many of the jobs it has from the saved picture. */
async function startNow(on: Set, readsSaved: boolean) {
  const complete = next(on.telemetry, 'picture.complete');
  const { follower, board } = await following(on, on.broker.world(), { readsSaved });
  const { saved } = await complete;
  await on.clock.until(follower.stop());
  return { entries: [...board.entries()].map(plain).sort((a, b) => (a.key < b.key ? -1 : 1)), saved };
}

function plain({ place: _, offer: __, ...entry }: Entry) {
  return entry;
}

/** Whoever starts knows the same, whether it reads everything or not; resolves with how much came from the picture. */
async function expectSame(on: Set): Promise<number> {
  const { entries, saved } = await startNow(on, true);
  expect(entries).toEqual((await startNow(on, false)).entries);
  return saved;
}

async function steps({ clock, broker }: Set, id: string, ...events: JobEvent[]): Promise<void> {
  const { store } = broker.world();
  for (const event of events) {
    const expected = broker.history().findLast(({ key }) => key === `default.${id}`)?.revision ?? 0;
    await clock.until(store.write([entryOf(moved(lastOf(broker, id), event), expected)]), minute);
  }
}

const others = ({ clock, broker }: Set, ...ids: string[]) =>
  clock.until(create(broker.world().store, ...ids.map((id) => plainJob(id))), minute);

const cancel: JobEvent = { type: 'job.cancel', at: 5 };
const hold: JobEvent = { type: 'job.hold', at: 5 };

async function saved(on: Set): Promise<void> {
  await on.clock.settle();
  await on.clock.until(on.saver.save(), minute);
}

describe('whoever starts', () => {
  test('has from the saved picture what has not moved since, and the rest from the stream', async () => {
    const on = await setUp();
    await others(on, 'kept', 'held', 'gone');
    await others(on, ...Array.from({ length: 600 }, (_, n) => `j${n}`));
    await saved(on);
    await steps(on, 'held', hold);
    await steps(on, 'gone', cancel);
    await others(on, 'new');
    expect(await expectSame(on)).toBe(601);
    expect((await startNow(on, true)).entries).toHaveLength(603);
  });

  test('knows all that there is to know of a job', async () => {
    const on = await setUp();
    const job = plainJob('a', {
      timeoutMs: 7,
      expiresAt: 9e12,
      requirements: { gpu: 1 },
      type: 'grüße',
      queue: 'batch',
    });
    await on.clock.until(create(on.broker.world().store, job));
    await steps(on, 'a', { type: 'attempt.claimed', at: 6, worker: 'w1' });
    const spec = specOf(plainJob('b', { after: { jobs: ['a'], need: 'any', when: 'end' } }));
    const workflow = { id: 'w', node: 'b', nodes: { b: 0 }, stops: true as const };
    const blocked = born({ ...spec, workflow }, { ...plainJob('b').context, blockedBy: ['a'] });
    await on.clock.until(create(on.broker.world().store, blocked));
    await saved(on);
    expect(await expectSame(on)).toBe(2);
  });

  test('reads everything where nothing was saved, and says nothing of it', async () => {
    const on = await setUp();
    await others(on, 'a');
    expect(await expectSame(on)).toBe(0);
    expect(on.told).not.toContain('picture.notUsed');
  });

  test('knows nothing of a job that settled ten minutes ago and was forgotten: so old a picture is not used', async () => {
    const on = await setUp();
    await others(on, 'a', 'b');
    await saved(on);
    await steps(on, 'a', cancel);
    await on.clock.advance(8 * minute);
    expect(await expectSame(on)).toBe(1);
    await on.clock.advance(2 * minute);
    const revision = on.broker.history().findLast(({ key }) => key === 'default.a')?.revision ?? 0;
    expect(await on.clock.until(on.world.store.forget([{ key: 'default.a', revision }]))).toBe(1);
    expect(await expectSame(on)).toBe(0);
    expect(on.told).toContain('picture.notUsed');
  });

  test('does not believe a picture of a stream that has lost its end since', async () => {
    const on = await setUp();
    await others(on, 'a', 'b', 'lost');
    await saved(on);
    on.broker.rollBack(2);
    await others(on, 'c', 'd', 'e', 'f');
    expect(await expectSame(on)).toBe(0);
  });

  test.each([
    [
      'another has taken the place of what was saved',
      async (on: Set) => void (await on.world.blobs.put('picture/0', new Uint8Array(3))),
    ],
    ['what was saved is gone', (on: Set) => on.world.blobs.remove('picture/0')],
    ['another version has saved it', (on: Set) => tellOf(on, { version: `${pictureVersion}0` })],
    ['it is of another stream', (on: Set) => tellOf(on, { createdAt: 1 })],
  ])('reads everything where %s', async (_, spoil) => {
    const on = await setUp();
    await others(on, 'a', 'b');
    await saved(on);
    expect((await on.clock.until(on.world.store.readPicture())).picture?.blob).toBe('picture/0');
    await on.clock.until(spoil(on));
    await others(on, 'c');
    expect(await expectSame(on)).toBe(0);
    expect(on.told).toContain('picture.notUsed');
  });

  test('reads everything where what was saved is no picture', async () => {
    const on = await setUp();
    await others(on, 'a');
    const digest = await on.clock.until(on.world.blobs.put('x', new TextEncoder().encode('{"rows":[')));
    await tellOf(on, { blob: 'x', digest, version: pictureVersion, savedAt: on.clock.now(), revision: 1 });
    expect(await expectSame(on)).toBe(0);
  });
});

/** Tells of a saved picture otherwise. */
async function tellOf({ clock, broker }: Set, otherwise: Partial<Picture>): Promise<void> {
  const { store } = broker.world();
  const { revision: expected, picture: last } = await clock.until(store.readPicture());
  const { createdAt } = await clock.until(store.state());
  const none = { blob: '', digest: '', version: '', createdAt, revision: 0, savedAt: 0 };
  await clock.until(store.write([{ key: '_picture', expected, picture: { ...none, ...last, ...otherwise } }]));
}

type Picture = NonNullable<Awaited<ReturnType<MemoryWorld['store']['readPicture']>>['picture']>;

describe('a picture', () => {
  test('is written a few hundred jobs at a time, so that whoever writes it can do something else in between', async () => {
    const board = new Board({ queues: defaultQueues });
    for (let n = 0; n < 1_100; n++) board.apply(headWith({ key: `default.j${n}`, revision: n + 1 }));
    const lines = [...pictureLines({ entries: board.entries(), odd: [], schedules: [] })];
    expect(lines).toHaveLength(5);
    expect([...readPicture(Buffer.concat(lines))]).toHaveLength(1_100);
  });

  test('tells of schedules, and since when each job has been ready', () => {
    const board = new Board({ queues: defaultQueues });
    const head = headWith({ key: 'default.a', revision: 4, createdAt: 1_000, readyAt: 2_000, updatedAt: 3_000 });
    board.apply(head);
    const schedules = [
      { head: { key: '_schedule.default.nightly', state: 'active' as const, nextAt: 5_000 }, revision: 3 },
      { head: { key: '_schedule.default.resting', state: 'paused' as const }, revision: 2 },
    ];
    const book = new ScheduleBook();
    for (const each of schedules) book.apply(each.head, each.revision);
    const lines = [...pictureLines({ entries: board.entries(), odd: [], schedules: book.entries() })];
    expect([...readPicture(Buffer.concat(lines))]).toEqual([
      ...schedules.map((each) => ({ kind: 'schedule', ...each })),
      { kind: 'job', head: expect.objectContaining({ key: 'default.a', readyAt: 2_000, updatedAt: 3_000 }) },
    ]);
  });

  test('is not written while there is a job that only a newer version can move', () => {
    const board = new Board({ queues: defaultQueues });
    board.apply(headWith({ key: 'default.newer', revision: 1, version: 99 }));
    expect(() => [...pictureLines({ entries: board.entries(), odd: [], schedules: [] })]).toThrow('default.newer');
  });

  test('in which nothing has changed is not written again, but told of anew', async () => {
    const on = await setUp();
    const { clock, world } = on;
    await others(on, 'a');
    await saved(on);
    const first = await clock.until(world.store.readPicture());
    await clock.advance(minute);
    await saved(on);
    const second = await clock.until(world.store.readPicture());
    expect(second.picture?.savedAt).toBeGreaterThan((first.picture?.savedAt ?? 0) + minute / 2);
    expect(second.picture?.blob).toBe(first.picture?.blob);
    await others(on, 'b');
    await saved(on);
    expect((await clock.until(world.store.readPicture())).picture?.blob).not.toBe(first.picture?.blob);
  });

  test('that cannot be saved is told of once, and saved when it can be', async () => {
    const on = await setUp();
    await others(on, 'a');
    const failed: unknown[] = [];
    on.telemetry.on('picture.notSaved', (facts) => failed.push(facts));
    on.broker.stop();
    for (const _ of [1, 2]) await on.clock.until(on.saver.save(), minute);
    expect(failed).toHaveLength(1);
    on.broker.start();
    await on.clock.advance(1_000);
    await saved(on);
    expect(await expectSame(on)).toBe(1);
  });
});

test('whenever it was saved, and whatever happened meanwhile and since, it leads to the same', async () => {
  const doings = fc.constantFrom('create', 'create', 'create', 'cancel', 'cancel', 'hold', 'save', 'save', 'expire');
  const doing = fc.tuple(doings, fc.nat(8), fc.constantFrom(0, 30, 100, 5_000, 3 * minute));
  const losing = fc.tuple(fc.constant('loseEnd'), fc.nat(3), fc.constantFrom(0, 30, 1_000));
  const rest = fc.array(doing, { maxLength: 25 });
  const story = fc
    .tuple(rest, fc.option(losing), rest)
    .map(([before, lost, after]) => [...before, ...(lost === null ? [] : [lost]), ...after]);
  let used = 0;
  await fc.assert(
    fc.asyncProperty(story, async (doings) => {
      const on = await setUp();
      on.broker.chaos = { ...calm, latencyMs: () => 20 };
      for (const [what, n, ms] of doings) {
        await happens(on, what, n);
        await on.clock.advance(ms);
      }
      await on.clock.advance(1_000);
      used += await expectSame(on);
    }),
    { numRuns: 150 },
  );
  expect(used).toBeGreaterThan(15);
});

/** One thing happens, where it can; a picture is saved while the next things happen. */
async function happens(on: Set, what: string, n: number): Promise<void> {
  const id = `j${n}`;
  const { broker, clock, saver, world } = on;
  const last = broker.history().findLast(({ key }) => key === `default.${id}`);
  const state = last === undefined ? undefined : lastOf(broker, id).state;
  if (what === 'save') void saver.save();
  else if (what === 'loseEnd') broker.rollBack(n);
  else if (what === 'create' && state === undefined) await others(on, id);
  else if (what === 'hold' && state === 'pending') await steps(on, id, hold);
  else if (what === 'cancel' && (state === 'pending' || state === 'held'))
    await steps(on, id, { type: 'job.cancel', at: clock.now() });
  else if (what === 'expire' && last !== undefined && state === 'cancelled')
    if (clock.now() - lastOf(broker, id).updatedAt > 10 * minute)
      await clock.until(world.store.forget([{ key: last.key, revision: last.revision }]), minute);
}
