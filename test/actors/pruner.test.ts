import { expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Pruner } from '../../actors/pruner.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { JobStore } from '../../runtime/ports.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { moved } from '../ports.contract.ts';
import { create, entryOf, plainJob, type Stage, stage } from './stage.ts';

const minute = 60_000;

async function setUp(keepAtMost: number) {
  const on = stage();
  const { clock, world, telemetry } = on;
  const board = new Board({ queues: defaultQueues });
  await clock.until(world.feed.follow((change) => void (change.kind === 'job' && board.apply(change.head))));
  const picture = { blob: '', digest: '', version: '', createdAt: 0, revision: 0, savedAt: 0 };
  await clock.until(world.store.write([{ key: '_leader', expected: 0, lease: null }]));
  await clock.until(world.store.write([{ key: '_picture', expected: 0, picture }]));
  const forgotten: number[] = [];
  telemetry.on('jobs.forgotten', ({ count }) => forgotten.push(count));
  const trust = { isTrusted: true };
  const pruner = new Pruner({
    store: world.store,
    board,
    clock,
    telemetry,
    keepAtMost,
    isTrusted: () => trust.isTrusted,
  });
  return { ...on, pruner, forgotten, trust };
}

/** Jobs that have just been cancelled. */
async function settle({ clock, world }: Stage, ...ids: readonly string[]): Promise<void> {
  const jobs = ids.map((id) => plainJob(id));
  const revisions = await clock.until(create(world.store, ...jobs));
  const at = clock.now();
  const entries = jobs.map((job, n) => entryOf(moved(job, { type: 'job.cancel', at }), revisions[n] ?? 0));
  await clock.until(world.store.write(entries));
}

async function kept({ clock, world }: Stage): Promise<readonly string[]> {
  const ids: string[] = [];
  const read = async () => {
    for await (const { record } of world.store.records()) ids.push(record.id);
  };
  await clock.until(read());
  return ids;
}

test('of more settled jobs than shall be kept the oldest go, and no open one, however old', async () => {
  const on = await setUp(2);
  await on.clock.until(create(on.world.store, plainJob('open')));
  await settle(on, 'a', 'b');
  await settle(on, 'c');
  await settle(on, 'd');
  await on.clock.advance(11 * minute);
  on.pruner.start();
  await on.clock.advance(10_000);
  expect(await kept(on)).toEqual(['open', 'c', 'd']);
  await settle(on, 'e');
  await on.clock.advance(11 * minute);
  expect(await kept(on)).toEqual(['open', 'd', 'e']);
  expect(on.forgotten).toEqual([2, 1]);
});

test('none goes that settled within ten minutes, however many there are', async () => {
  const on = await setUp(1);
  on.pruner.start();
  await settle(on, 'a', 'b', 'c');
  await on.clock.advance(9 * minute);
  expect(await kept(on)).toEqual(['a', 'b', 'c']);
  await on.clock.advance(2 * minute);
  expect(await kept(on)).toEqual(['c']);
});

test('thousands go in small batches, each job once', async () => {
  const on = await setUp(100);
  const ids = Array.from({ length: 1_300 }, (_, n) => `j${n}`);
  for (let from = 0; from < ids.length; from += 500) await settle(on, ...ids.slice(from, from + 500));
  await on.clock.advance(11 * minute);
  const batches: number[] = [];
  const { store } = on.world;
  const forget = store.forget.bind(store);
  store.forget = (revisions) => {
    batches.push(revisions.length);
    return forget(revisions);
  };
  on.pruner.start();
  await on.clock.advance(10_000);
  expect(batches).toEqual([500, 500, 200]);
  expect(await kept(on)).toEqual(ids.slice(-100));
});

test('one that is redriven while it is about to go stays', async () => {
  const on = await setUp(0);
  await settle(on, 'a');
  const dead = await failed(on, 'dead');
  await on.clock.advance(11 * minute);
  const { store } = on.world;
  const forget = store.forget.bind(store);
  store.forget = async (revisions) => {
    store.forget = forget;
    await redrive(store, dead);
    return forget(revisions);
  };
  on.pruner.start();
  await on.clock.advance(10_000);
  expect(on.forgotten).toEqual([1]);
  expect((await on.clock.until(store.read(jobKey(dead))))?.record.state).toBe('pending');
});

test('a leader that can not be trusted any more forgets nothing', async () => {
  const on = await setUp(1);
  await settle(on, 'a', 'b', 'c');
  on.trust.isTrusted = false;
  on.pruner.start();
  await on.clock.advance(11 * minute);
  expect(await kept(on)).toEqual(['a', 'b', 'c']);
});

async function failed({ clock, world }: Stage, id: string): Promise<JobRecord> {
  const born = plainJob(id);
  const [revision = 0] = await clock.until(create(world.store, born));
  const error = { kind: 'expired' as const, message: 'It was not started in time.' };
  const dead = moved(born, { type: 'job.expired', at: clock.now(), error });
  await clock.until(world.store.write([entryOf(dead, revision)]));
  return dead;
}

async function redrive(store: JobStore, dead: JobRecord): Promise<void> {
  const stored = await store.read(jobKey(dead));
  await store.write([entryOf(moved(dead, { type: 'job.redrive', at: dead.updatedAt }), stored?.revision ?? 0)]);
}
