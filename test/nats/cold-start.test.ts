/** A master that starts beside many jobs on a real broker: what it has from the saved picture, and what came since. */

import { Kvm } from '@nats-io/kv';
import { expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Follower } from '../../actors/follower.ts';
import { Oddities } from '../../actors/oddity.ts';
import { Saver, savedPicture } from '../../actors/saver.ts';
import { ScheduleBook } from '../../actors/schedule-book.ts';
import type { JobEvent } from '../../machines/job.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { names } from '../../nats/names.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { natsWorld } from '../../nats/world.ts';
import { SystemClock } from '../../runtime/clock.ts';
import type { JobStore } from '../../runtime/ports.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { moved, newJob } from '../ports.contract.ts';
import { testBroker } from './broker.ts';

const clock = new SystemClock();
const yard = names();
const cancel: JobEvent = { type: 'job.cancel', at: 1_700_000_000_001 };

async function setUp() {
  const broker = await testBroker();
  const [connection, feedConnection] = [await broker.connect(), await broker.connect()];
  await ensureTopology({ connection, names: yard, clock });
  const address = { servers: broker.url };
  const world = await natsWorld({
    ...{ connection, feedConnection, address, names: yard, clock },
    retentionMs: 86_400_000,
    pulseEveryMs: 1_000,
  });
  return { connection, world, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() };
}

type Set = Awaited<ReturnType<typeof setUp>>;

/** Follows all jobs from now on, from the saved picture where it is to read that. */
async function start({ world }: Set, readsSaved: boolean) {
  const telemetry = createTelemetry();
  const complete = next(telemetry, 'picture.complete');
  const board = new Board({ queues: defaultQueues });
  const oddities = new Oddities();
  const schedules = new ScheduleBook();
  const follower = new Follower({
    ...{ store: world.store, feed: world.feed, clock, telemetry },
    apply: (change) => {
      if (change.kind === 'job') board.apply(change.head);
      else if (change.kind === 'other') oddities.note(change.key, change.revision, 'no head');
      else if (change.kind === 'schedule') schedules.apply(change.head, change.revision);
    },
    forget: () => board.clear(),
    ...(readsSaved ? { saved: (createdAt) => savedPicture({ ...world, clock, telemetry, createdAt }) } : {}),
  });
  await follower.start();
  const saver = new Saver({
    ...{ ...world, board, oddities, schedules, clock, telemetry },
    place: () => follower.place(),
    caughtUp: (revision) => follower.caughtUp(revision),
  });
  const entries = [...board.entries()].map(({ place: _, offer: __, ...entry }) => entry);
  const known = entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { follower, saver, known, odd: [...oddities.entries()], saved: (await complete).saved };
}

async function write(store: JobStore, records: readonly JobRecord[], expected: readonly number[] = []) {
  const outcome = await store.write(
    records.map((record, at) => ({ key: jobKey(record), expected: expected[at] ?? 0, record })),
  );
  if (outcome.kind !== 'accepted') throw new Error(`Expected to write ${records.length} jobs, got ${outcome.kind}.`);
  return outcome.revisions;
}

test('a master that starts from a saved picture knows what one knows that reads everything', async () => {
  await using on = await setUp();
  const { store } = on.world;
  const jobs = Array.from({ length: 900 }, (_, n) => newJob(`j${n}`, { timeoutMs: n % 2 === 0 ? 1_000 : 2_000 }));
  const revisions = await write(store, jobs);
  const leader = await start(on, false);
  await leader.saver.save();

  await write(store, [newJob('new-1'), newJob('new-2')]);
  const some = (from: number, to: number) => jobs.slice(from, to).map((job) => moved(job, cancel));
  await write(store, some(0, 100), revisions.slice(0, 100));
  await write(store, [moved(newJob('j100'), { type: 'job.hold', at: 2 })], revisions.slice(100, 101));
  const bucket = await new Kvm(on.connection).open(yard.buckets.jobs);
  for (const id of ['j200', 'j201']) await bucket.delete(`default.${id}`);
  await bucket.put('default.j202', 'written by hand');

  const [fromSaved, fromAll] = [await start(on, true), await start(on, false)];
  expect(fromSaved.known).toEqual(fromAll.known);
  expect(fromSaved.odd).toEqual(fromAll.odd);
  expect([fromAll.known.length, fromAll.odd.length]).toEqual([900 + 2 - 100 - 3, 3]);
  expect([fromSaved.saved, fromAll.saved]).toEqual([900 - 100 - 1 - 3, 0]);

  await fromSaved.saver.save();
  await on.world.blobs.remove('picture/1');
  expect((await start(on, true)).saved).toBe(0);
  for (const { follower } of [leader, fromSaved, fromAll]) await follower.stop();
});
