import { expect, test } from 'vitest';
import { Committer } from '../../actors/committer.ts';
import { type Move, mover } from '../../actors/mover.ts';
import { calm } from '../../runtime/memory/chaos.ts';
import type { Head, JobEventMessage } from '../../runtime/ports.ts';
import { create, entryOf, lastOf, plainJob, stage, written } from './stage.ts';

/** A mover, and a job of that revision to be moved. */
async function setUp() {
  const on = stage();
  const { clock, world, telemetry } = on;
  const { commit } = new Committer({ store: world.store, clock, telemetry });
  const applied: Head[] = [];
  const told: JobEventMessage[] = [];
  await clock.until(world.events.listen({}, (event) => told.push(event)));
  const move = mover({ store: world.store, commit, events: world.events, apply: (head) => applied.push(head) });
  const record = plainJob('a');
  const [revision = 0] = await clock.until(create(world.store, record));
  const hold: Move = { key: 'default.a', revision, event: () => ({ type: 'job.hold', at: clock.now() }) };
  return { ...on, move, hold, record, revision, applied, heard: told };
}

test('a job is moved, put on the board and told of', async () => {
  const { clock, broker, move, hold, applied, heard } = await setUp();
  expect(await clock.until(move([hold]))).toBe(1);
  await clock.settle();
  expect(lastOf(broker, 'a').state).toBe('held');
  expect(applied.map(({ state, revision }) => [state, revision])).toEqual([['held', 2]]);
  expect(heard.map(({ transition }) => transition.to)).toEqual(['held']);
});

test('a job that a lagging replica does not know yet is moved all the same', async () => {
  const { clock, broker, move, hold } = await setUp();
  broker.chaos = { ...calm, staleBy: () => 1 };
  expect(await clock.until(move([hold]))).toBe(1);
  expect(lastOf(broker, 'a').state).toBe('held');
});

test('a job of which a lagging replica has an older state is moved all the same', async () => {
  const { clock, broker, world, move, hold, record, revision } = await setUp();
  await clock.until(world.store.write([entryOf({ ...record, name: 'newer' }, revision)]));
  broker.chaos = { ...calm, staleBy: () => 1 };
  expect(await clock.until(move([{ ...hold, revision: revision + 1 }]))).toBe(1);
  expect(lastOf(broker, 'a')).toMatchObject({ state: 'held', name: 'newer' });
});

test('a job that has moved on is left alone', async () => {
  const { clock, broker, world, move, hold, record, revision, applied } = await setUp();
  await clock.until(world.store.write([entryOf({ ...record, name: 'newer' }, revision)]));
  expect(await clock.until(move([hold]))).toBe(0);
  expect(written(broker, 'a').map(({ state }) => state)).toEqual(['pending', 'pending']);
  expect(applied).toEqual([]);
});

test('what the chart has no edge for is not done', async () => {
  const { clock, broker, move, hold } = await setUp();
  expect(await clock.until(move([{ ...hold, event: () => ({ type: 'job.due', at: clock.now() }) }]))).toBe(0);
  expect(written(broker, 'a')).toHaveLength(1);
});
