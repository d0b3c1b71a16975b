/**
 * A broker that lost the end of what it had acknowledged gives the same revisions out again, to other writes of the same
 * key. Whoever knew the former ones changes nothing by them.
 */

import { expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Claim } from '../../actors/claim.ts';
import { Committer } from '../../actors/committer.ts';
import { Follower } from '../../actors/follower.ts';
import { Term } from '../../actors/term.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { MemoryWorld } from '../../runtime/memory/broker.ts';
import type { Entry, Lease } from '../../runtime/ports.ts';
import { moved } from '../ports.contract.ts';
import { create, entryOf, fates, lastOf, plainJob, type Stage, stage, workerOn, written } from './stage.ts';

const claimOf = (worker: string, at = 1) => moved(plainJob('a'), { type: 'attempt.claimed', at, worker });
const started = { type: 'attempt.started', at: 2, attempt: 1 } as const;

/** Writes that must land, each by itself. */
async function stores({ clock, broker }: Stage, ...entries: Entry[]): Promise<void> {
  const { store } = broker.world();
  for (const entry of entries) expect((await clock.until(store.write([entry]))).kind).toBe('accepted');
}

function committerOn({ clock, telemetry }: Stage, { store }: MemoryWorld): Committer {
  return new Committer({ store, clock, telemetry });
}

function claimOn(on: Stage, worker: string): Claim {
  const { clock, world } = on;
  const { commit } = committerOn(on, world);
  const { store, events } = world;
  return new Claim({
    key: 'default.a',
    stored: { record: claimOf(worker), revision: 2 },
    worker,
    store,
    events,
    commit,
    clock,
  });
}

test('a worker whose claim was lost leaves the one alone that took its revision', async () => {
  const on = stage();
  await stores(on, entryOf(plainJob('a')), entryOf(claimOf('w1'), 1));
  const claim = claimOn(on, 'w1');
  on.broker.rollBack(1);
  await stores(on, entryOf(claimOf('w2', 5), 1));
  expect(await on.clock.until(claim.advance(() => [started]))).toBe('lost');
  expect(lastOf(on.broker, 'a')).toMatchObject({ state: 'assigned', context: { worker: 'w2' } });
});

test('a worker whose claim is still there goes on from what is left of it', async () => {
  const on = stage();
  await stores(on, entryOf(plainJob('a')), entryOf(claimOf('w1'), 1));
  const claim = claimOn(on, 'w1');
  expect(await on.clock.until(claim.advance(() => [started]))).toBe('stored');
  on.broker.rollBack(1);
  const advance = claim.advance(({ state }) => [
    ...(state === 'assigned' ? [started] : []),
    { type: 'attempt.completed', at: 3, attempt: 1, result: 42 },
  ]);
  expect(await on.clock.until(advance)).toBe('stored');
  expect(lastOf(on.broker, 'a').transitions.map(({ to }) => to)).toEqual([
    'pending',
    'assigned',
    'processing',
    'completed',
  ]);
});

test.each([
  ['is dropped where another write took the revision that it expects', 'w2', 'conflict'],
  ['is sent again where what it was made from is still there', undefined, 'stored'],
])('a write that got no answer %s', async (_, other, kind) => {
  const on = stage({ chaos: fates('normal', 'normal', 'silentLost') });
  const queued = moved(plainJob('a'), { type: 'job.queued', at: 1, reason: 'none' });
  await stores(on, entryOf(plainJob('a')), entryOf(queued, 1));
  const claimed = moved(queued, { type: 'attempt.claimed', at: 2, worker: 'w1' });
  const committed = committerOn(on, on.world).commit([entryOf(claimed, 2)]);
  await on.clock.advance(10);
  on.broker.rollBack(other === undefined ? 0 : 1);
  if (other !== undefined) await stores(on, entryOf(claimOf(other, 5), 1));
  expect((await on.clock.until(committed)).kind).toBe(kind);
  expect(lastOf(on.broker, 'a').context.worker).toBe(other ?? 'w1');
});

test('a leader whose fence was lost changes nothing, though another lease took its revision', async () => {
  const on = stage();
  const { clock, world, telemetry, broker } = on;
  const lease = (holder: string): Lease => ({ holder, name: holder, term: 0, batch: 0 });
  await stores(on, { key: '_leader', expected: 0, lease: null }, { key: '_leader', expected: 1, lease: lease('m1') });
  const deposed: string[] = [];
  const term = new Term({
    store: world.store,
    broker: world.store.broker(),
    clock,
    telemetry,
    lease: lease('m1'),
    revision: 2,
    sentAt: clock.mono(),
    silenceMs: 700,
    onDeposed: (reason) => deposed.push(reason),
  });
  broker.rollBack(1);
  await stores(on, { key: '_leader', expected: 1, lease: lease('m2') });
  expect(term.isTrusted()).toBe(false);
  await expect(clock.until(term.commit([entryOf(plainJob('a'))]))).rejects.toMatchObject({ code: 'leader.deposed' });
  expect(deposed).toHaveLength(1);
  expect(written(broker, 'a')).toEqual([]);
});

test('a master that was cut off meanwhile reads everything anew, though the stream has grown beyond what it knew', async () => {
  const on = stage();
  const { clock, broker, world, telemetry } = on;
  const board = new Board({ queues: defaultQueues });
  const follower = new Follower({
    store: world.store,
    feed: world.feed,
    clock,
    telemetry,
    apply: (change) => void (change.kind === 'job' && board.apply(change.head)),
    forget: () => board.clear(),
  });
  await clock.until(follower.start());
  await stores(on, entryOf(plainJob('b')), entryOf(plainJob('a')), entryOf(claimOf('w1'), 2));
  await clock.settle();
  expect(board.get('default.a')).toMatchObject({ state: 'assigned' });
  world.cut();
  broker.rollBack(1);
  await stores(on, entryOf(plainJob('c')), entryOf(plainJob('d')));
  world.heal();
  expect(follower.behindMs()).toBe(Number.POSITIVE_INFINITY);
  await clock.advance(500);
  expect(board.get('default.a')).toMatchObject({ state: 'pending', revision: 2 });
  expect(follower.behindMs()).toBeLessThan(500);
});

test('a handler whose claim was lost is told to stop, and a claim that had not begun is not begun', async () => {
  const on = stage();
  const { clock, broker, world } = on;
  const starts: string[] = [];
  const stops: string[] = [];
  await workerOn(on, world, ({ id, signal }) => {
    starts.push(id);
    signal.addEventListener('abort', () => stops.push(id));
    return new Promise(() => {});
  });
  const jobs = ['a', 'b', 'c'].map((id) => plainJob(id));
  const revisions = await clock.until(create(world.store, ...jobs));
  const offers = jobs.map((record, at) => ({
    key: `default.${record.id}`,
    revision: revisions[at] ?? 0,
    expiresAt: clock.now() + 60_000,
    record,
  }));
  broker.world().mail.send('w1', offers);
  await clock.advance(100);
  expect(starts).toEqual(['a', 'b']);
  broker.rollBack(5);
  await clock.advance(600);
  expect(stops).toEqual(['a', 'b']);
  expect(starts).toEqual(['a', 'b']);
});
