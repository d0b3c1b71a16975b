import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { decide } from '../../actors/decide.ts';
import { evictionFor, lossOf } from '../../actors/eviction.ts';
import { planRoom, type RoomPlanOptions } from '../../actors/room-plan.ts';
import { LaneShares, Shares } from '../../actors/shares.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { Head } from '../../runtime/ports.ts';
import { capacity, headWith } from './stage.ts';

const now = 1_000_000;

/** A board on which `live` may evict `batch`. */
function boardOf(...heads: readonly Partial<Head>[]): Board {
  const board = new Board({ queues: defaultQueues });
  board.setQueue({ queue: 'live', mayEvict: ['batch'] });
  for (const [at, head] of heads.entries()) board.apply(headWith({ ...head, key: `j${at}`, revision: at + 1 }));
  return board;
}

const running = (more: Partial<Head> = {}): Partial<Head> => ({
  ...{ state: 'processing', queue: 'batch', worker: 'w1', attempt: 1, updatedAt: now - 60_000 },
  ...more,
});
const waiting = (more: Partial<Head> = {}): Partial<Head> => ({
  queue: 'live',
  updatedAt: now,
  createdAt: now,
  ...more,
});

function plan(board: Board, slots: number, more: Partial<RoomPlanOptions> = {}) {
  const { usage } = board.holding('w1');
  const { evictions, reservations } = planRoom({
    ...{ board, reserved: [], lookAhead: () => 0, gpuSpillOver: true, room: () => 100, mayEvict: true, now },
    candidates: [{ incarnation: 'w1', capacity: { ...capacity, slots }, usage }],
    ...more,
  });
  return { evicted: evictions.map(({ victims }) => victims.map(({ key }) => key)), reservations };
}

describe('a job of a queue that may evict another has room made for it', () => {
  test('by the one that loses least, counted from what it saved last', () => {
    const board = boardOf(running(), running({ updatedAt: now - 90_000, savedAt: now - 1_000 }), waiting());
    expect(plan(board, 2).evicted).toEqual([['j1']]);
  });

  test('by nobody more as long as one is about to leave', () => {
    expect(plan(boardOf(running(), running({ preemptAt: now }), waiting()), 2).evicted).toEqual([]);
    expect(plan(boardOf(running(), running({ preemptAt: now }), waiting(), waiting()), 2).evicted).toEqual([['j0']]);
  });

  test('by nobody that has not run for long enough, which is twice as long after each time', () => {
    const evicted = (ranMs: number, preempted: number) =>
      plan(boardOf(running({ updatedAt: now - ranMs, preempted }), waiting()), 1).evicted.length;
    expect([evicted(9_999, 0), evicted(10_000, 0)]).toEqual([0, 1]);
    expect([evicted(39_999, 2), evicted(40_000, 2)]).toEqual([0, 1]);
  });

  test('by nobody where a worker has room, nor by jobs of queues that it may not evict or that come before it', () => {
    expect(plan(boardOf(running(), waiting()), 2).evicted).toEqual([]);
    expect(plan(boardOf(running({ queue: 'default' }), waiting()), 1).evicted).toEqual([]);
    const board = boardOf(running({ queue: 'live' }), waiting({ queue: 'batch' }));
    board.setQueue({ queue: 'batch', mayEvict: ['live'] });
    expect(plan(board, 1).evicted).toEqual([]);
  });

  test('by none that the others make needless, whatever runs and whatever is wanted', () => {
    const job = fc.record({ slots: fc.integer({ min: 1, max: 3 }), ranMs: fc.integer({ min: 10_000, max: 90_000 }) });
    fc.assert(
      fc.property(fc.array(job, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 6 }), (jobs, wanted) => {
        const heads = jobs.map(({ slots, ranMs }) => running({ requirements: { slots }, updatedAt: now - ranMs }));
        const board = boardOf(...heads, waiting({ requirements: { slots: wanted } }));
        const { usage } = board.holding('w1');
        const has = { ...capacity, slots: usage.slots };
        const entry = board.get(`j${jobs.length}`);
        if (entry === undefined) throw new Error('Expected the job that waits.');
        const eviction = evictionFor(entry, {
          ...{ board, worker: 'w1', capacity: has, usage, lookAhead: 0, now },
          isSpoken: () => false,
        });
        const sizes = (eviction?.victims ?? []).map(({ requirements }) => requirements.slots ?? 1);
        const freed = sizes.reduce((sum, size) => sum + size, 0);
        expect(eviction !== undefined).toBe(wanted <= usage.slots);
        for (const size of sizes) expect(freed - size).toBeLessThan(wanted);
        if (eviction !== undefined) expect(freed).toBeGreaterThanOrEqual(wanted);
        const alone = [...board.holding('w1').claims].filter(({ requirements }) => (requirements.slots ?? 1) >= wanted);
        for (const one of alone) expect(eviction?.lossMs).toBeLessThanOrEqual(lossOf(one, now));
      }),
    );
  });
});

describe('a job that needs a whole worker', () => {
  const wide = waiting({
    queue: 'default',
    requirements: { slots: 2 },
    updatedAt: now - 60_000,
    createdAt: now - 60_000,
  });

  test('has one kept when it has waited for long, by the same one from then on, and not before', () => {
    const board = boardOf(running(), wide);
    const { reservations } = plan(board, 2);
    expect(reservations).toMatchObject([{ entry: { key: 'j1' }, worker: 'w1', after: 'those that ran' }]);
    expect(plan(board, 2, { reserved: reservations }).reservations).toEqual(reservations);
    expect(plan(board, 2, { now: now - 1 }).reservations).toEqual([]);
  });

  test('is passed there by nobody who came later and would take its place, though by one who leaves it that', () => {
    const small = waiting({ queue: 'default', createdAt: now - 1 });
    const board = boardOf(running(), wide, small);
    const entry = board.get('j1');
    if (entry === undefined) throw new Error('Expected the job that waits.');
    const { usage } = board.holding('w1');
    const hold = { entry, leaving: { ...usage }, isPassedBy: () => false };
    const offered = (slots: number) =>
      decide(board, [{ incarnation: 'w1', capacity: { ...capacity, slots }, usage, holds: [hold] }], {
        ...{ lookAhead: () => 0, gpuSpillOver: true, most: 10, room: () => 10, shares: new Shares(() => undefined) },
        ...{ roomUnder: () => 10, tenants: new LaneShares(() => 1) },
      }).map((one) => one.entry.key);
    expect(offered(2)).toEqual([]);
    expect(offered(3)).toEqual(['j1']);
  });
});
