import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Crew } from '../../actors/crew.ts';
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
    ...{ board, reserved: [], lookAhead: () => 0, gpuSpillOver: true, mayEvict: true, now },
    room: ({ policy, out }) => Math.max(0, Math.min(policy.maxActive - out.size, policy.ratePerSecond)),
    isFull: ({ policy, out }) => out.size >= policy.maxActive,
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

  describe('where its limit key has room', () => {
    const keyed = (more: Partial<Head> = {}) => ({ limitKeys: ['api'], ...more });
    const limited = (most: number, ...heads: readonly Partial<Head>[]) => {
      const board = boardOf(...heads);
      board.accounts.setLimit({ limit: 'api', maxActive: most });
      return board;
    };

    test('and none where the key is full: nobody would start by that', () => {
      const heads = [running(), running({ worker: 'w2', limitKeys: ['api'] }), waiting(keyed())];
      expect(plan(limited(1, ...heads), 1).evicted).toEqual([]);
      expect(plan(limited(2, ...heads), 1).evicted).toEqual([['j0']]);
    });

    test('for no more jobs than the key has room for, whatever else they need', () => {
      const heads = [running(), running(), waiting(keyed()), waiting(keyed({ requirements: { memoryMb: 1 } }))];
      expect(plan(limited(1, ...heads), 2).evicted).toHaveLength(1);
      expect(plan(limited(2, ...heads), 2).evicted).toHaveLength(2);
    });

    test('or where the one that goes is what fills it, and not the one that would lose less', () => {
      const heads = [running({ updatedAt: now - 20_000 }), running(keyed()), waiting(keyed())];
      expect(plan(limited(1, ...heads), 2).evicted).toEqual([['j1']]);
      expect(plan(limited(2, ...heads), 2).evicted).toEqual([['j0']]);
      // It has been told, and has not gone yet.
      const leaving = [running(), running(keyed({ preemptAt: now })), waiting(keyed())];
      expect(plan(limited(1, ...leaving), 2).evicted).toEqual([]);
    });

    test('and none where the key may start no more for the time being, or the queue is paused', () => {
      const board = limited(9, running(keyed()), waiting(keyed()));
      expect(plan(board, 1, { room: ({ kind }) => (kind === 'key' ? 0 : 9) }).evicted).toEqual([]);
      expect(plan(board, 1, { room: ({ kind }) => (kind === 'queue' ? 0 : 9) }).evicted).toEqual([]);
      expect(plan(board, 1).evicted).toEqual([['j0']]);
    });
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
      decide(board, new Crew([{ incarnation: 'w1', capacity: { ...capacity, slots }, usage }]), {
        ...{
          lookAhead: () => 0,
          gpuSpillOver: true,
          holdsAt: () => [hold],
          most: 10,
          room: () => 10,
          shares: new Shares(() => undefined),
        },
        ...{ roomUnder: () => 10, tenants: new LaneShares(() => 1) },
      }).map((one) => one.entry.key);
    expect(offered(2)).toEqual([]);
    expect(offered(3)).toEqual(['j1']);
  });
});
