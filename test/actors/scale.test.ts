import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { adviseScale } from '../../actors/scale.ts';
import type { Capacity } from '../../machines/rules/capability.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { Head } from '../../runtime/ports.ts';
import { capacity, headWith, pulseOf } from './stage.ts';

const minute = 60_000;
const now = 1_000 * minute;

function advise(heads: readonly Partial<Head>[], fleet: readonly Capacity[], runMs?: number) {
  const board = new Board({ queues: defaultQueues });
  for (const [at, head] of heads.entries())
    board.apply(headWith({ updatedAt: now, ...head, key: `j${at}`, revision: at + 1 }));
  const members = fleet.map((has, at) => ({
    pulse: pulseOf(has, { incarnation: `w${at}`, name: `w${at}` }),
    status: 'available' as const,
    heardAt: 0,
    isSilent: false,
  }));
  return adviseScale({
    board,
    fleet: { members: () => members, takesJobs: () => true },
    runMs: () => runMs,
    now,
    targetMs: minute,
  });
}

const many = (count: number, head: Partial<Head> = {}) => Array.from({ length: count }, () => head);

describe('how many workers are needed', () => {
  test.each<[string, readonly Partial<Head>[], number | undefined, number]>([
    ['for six jobs of a minute that shall start within one: three of two slots', many(6), minute, 3],
    ['for a hundred of a second: one', many(100), 1_000, 1],
    ['for a hundred of ten seconds: seventeen at once, on nine', many(100), 10_000, 9],
    ['no more than there are jobs, however long they run', many(4), 60 * minute, 2],
    ['twice as many once the first has waited half the time', many(6, { updatedAt: now - minute / 2 }), minute / 3, 2],
    ['where nobody knows how long they run: as if each ran for that long', many(6), undefined, 3],
    ['for what runs, though nothing waits', many(3, { state: 'processing', worker: 'w0' }), minute, 2],
  ])('%s', (_, heads, runMs, needed) => {
    expect(advise(heads, [capacity], runMs).demands).toMatchObject([{ needed, workers: 1, jobsPerWorker: 2 }]);
  });

  test('by sets: those that nobody can run come first, and want a worker of their own', () => {
    const gpu = { requirements: { gpu: 1 } };
    const { demands } = advise([...many(2), ...many(2, gpu)], [capacity, capacity], 1_000);
    expect(demands).toMatchObject([
      { requirements: { gpu: 1 }, waiting: 2, workers: 0, needed: 1 },
      { requirements: {}, waiting: 2, workers: 2, needed: 1 },
    ]);
  });

  test('by each machine for itself, whether two are alike or differ in what is asked for', () => {
    const disks = [100, 200, 300, 300].map((diskMb) => ({ ...capacity, diskMb }));
    const [plain] = advise(many(2), disks).demands;
    expect(plain).toMatchObject({ workers: 4, jobsPerWorker: 2 });
    const [large] = advise(many(2, { requirements: { diskMb: 250 } }), disks).demands;
    expect(large).toMatchObject({ workers: 2, jobsPerWorker: 1 });
  });

  test('by what is scarce: one GPU runs one job at once, whatever its slots', () => {
    const box = { ...capacity, slots: 8, gpu: 1 };
    expect(advise(many(3, { requirements: { gpu: 1 } }), [box], minute).demands).toMatchObject([{ needed: 3 }]);
  });

  test('never sinks because more waits, or waits longer, or runs longer', () => {
    const some = fc.record({
      waiting: fc.nat(50),
      waitedMs: fc.nat(2 * minute),
      runMs: fc.integer({ min: 1, max: minute }),
    });
    const neededFor = ({ waiting, waitedMs, runMs }: { waiting: number; waitedMs: number; runMs: number }) =>
      advise(many(waiting, { updatedAt: now - waitedMs }), [capacity], runMs).demands[0]?.needed ?? 0;
    fc.assert(
      fc.property(some, fc.nat(20), fc.nat(minute), fc.nat(minute), (less, jobs, waitMs, runMs) => {
        const more = { waiting: less.waiting + jobs, waitedMs: less.waitedMs + waitMs, runMs: less.runMs + runMs };
        expect(neededFor(more)).toBeGreaterThanOrEqual(neededFor(less));
      }),
    );
  });
});

test('a worker may go that holds nothing, while nothing waits that it could run', () => {
  const busy = { ...capacity };
  expect(advise([{ state: 'processing', worker: 'w0' }], [busy, capacity]).idle).toEqual(['w1']);
  expect(advise(many(1), [capacity]).idle).toEqual([]);
  expect(advise(many(1, { requirements: { gpu: 1 } }), [capacity]).idle).toEqual(['w0']);
});
