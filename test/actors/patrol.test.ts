import { expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Committer } from '../../actors/committer.ts';
import { mover } from '../../actors/mover.ts';
import { Oddities } from '../../actors/oddity.ts';
import { Patrol } from '../../actors/patrol.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { Fault } from '../../runtime/faults.ts';
import { headOf } from '../../runtime/head.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { born } from '../../runtime/step.ts';
import { create, lastOf, plainJob, specOf, stage, storeWith, written } from './stage.ts';

const start = 1_700_000_000_000;

/** A patrol over jobs that are in the store and on its board, and nobody who keeps the time. */
async function setUp(records: readonly JobRecord[], options: { isTrusted?: () => boolean } = {}) {
  const on = stage();
  const { clock, world, telemetry } = on;
  const board = new Board({ queues: defaultQueues });
  const repairs: string[] = [];
  telemetry.on('auditor.repaired', ({ key, what }) => repairs.push(`${key}: ${what}`));
  const { commit } = new Committer({ store: world.store, clock, telemetry });
  const patrol = new Patrol({
    ...{ board, commit, clock, telemetry, oddities: new Oddities(), everyMs: 5_000 },
    ...{ store: world.store, blobs: world.blobs, events: world.events, notices: world.notices },
    apply: (head) => void board.apply(head),
    isTrusted: () => true,
    ...options,
  });
  const revisions = await clock.until(create(world.store, ...records));
  for (const [at, record] of records.entries()) board.apply(headOf(`default.${record.id}`, revisions[at] ?? 0, record));
  patrol.start();
  return { ...on, board, patrol, repairs };
}

function delayed(id: string, ms: number): JobRecord {
  return born(specOf(plainJob(id)), { ...plainJob(id).context, dueAt: start + ms });
}

function spoilt(id: string): JobRecord {
  const record = plainJob(id);
  return { ...record, context: { ...record.context, worker: 'nobody' } };
}

test('a job whose moment has long passed, and whose alarm was lost, is made ready and counted', async () => {
  const later = Array.from({ length: 900 }, (_, n) => delayed(`j${n}`, 3_600_000));
  const { clock, broker, repairs } = await setUp([...later, delayed('a', 1_000)]);
  await clock.advance(30_000);
  expect(lastOf(broker, 'a').state).toBe('scheduled');
  await clock.advance(6_000);
  expect(['a', 'j0'].map((id) => lastOf(broker, id).state)).toEqual(['pending', 'scheduled']);
  expect(repairs).toEqual(['default.a: alarm that never rang']);
});

test('of many jobs each is looked at in its turn, and what is sound is left alone', async () => {
  const { clock, broker, repairs } = await setUp([
    ...Array.from({ length: 400 }, (_, n) => plainJob(`j${n}`)),
    { ...plainJob('last'), settledAt: 1 },
  ]);
  await clock.advance(20_000);
  expect(repairs).toEqual([]);
  await clock.advance(15_000);
  expect(repairs).toEqual(['default.last: settled and open']);
  expect(broker.history()).toHaveLength(402);
});

test('a head that cannot be is looked into with the next round, however many jobs there are', async () => {
  const { clock, broker, repairs } = await setUp([
    ...Array.from({ length: 900 }, (_, n) => plainJob(`j${n}`)),
    spoilt('odd'),
  ]);
  await clock.advance(5_010);
  expect(repairs).toEqual(['default.odd: worker without a claim']);
  expect(lastOf(broker, 'odd').context.worker).toBeUndefined();
});

test('a leader that may have been deposed repairs nothing', async () => {
  const { clock, broker, repairs } = await setUp([spoilt('odd')], { isTrusted: () => false });
  await clock.advance(60_000);
  expect(repairs).toEqual([]);
  expect(written(broker, 'odd')).toHaveLength(1);
});

test('what could not be repaired while the broker was away is repaired when it is back', async () => {
  const { clock, broker, repairs } = await setUp([spoilt('odd')]);
  broker.stop();
  await clock.advance(10_000);
  broker.start();
  await clock.advance(10_000);
  expect(repairs).toEqual(['default.odd: worker without a claim']);
});

test('a record that cannot be read keeps no other one of its batch from being moved', async () => {
  const { world, clock, broker, telemetry } = stage();
  const [a = 0, b = 0] = await clock.until(create(world.store, plainJob('a'), plainJob('b')));
  const unreadable = new Fault('record.unreadable', 'Expected a job record, got something else.');
  const store = storeWith(world.store, {
    read: (key) => (key === 'default.a' ? Promise.reject(unreadable) : world.store.read(key)),
    readMany: async (keys) => world.store.readMany(keys.filter((key) => key !== 'default.a')),
  });
  const { commit } = new Committer({ store, clock, telemetry });
  const move = mover({ store, commit, events: world.events, apply: () => {} });
  const event = () => ({ type: 'job.queued' as const, at: start, reason: 'busy' });
  const moves = [
    { key: 'default.a', revision: a, event },
    { key: 'default.b', revision: b, event },
  ];
  expect(await clock.until(move(moves))).toBe(1);
  expect(['a', 'b'].map((id) => lastOf(broker, id).state)).toEqual(['pending', 'queued']);
});
