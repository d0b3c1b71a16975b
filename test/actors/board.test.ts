import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import type { Entry } from '../../actors/entry.ts';
import { isActive, isReady, isSettled } from '../../machines/job.ts';
import { idle, requirementKey, type Usage, usageOf } from '../../machines/rules/capability.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { Head } from '../../runtime/ports.ts';
import { head, laneRank, state, workers } from './arbitrary.ts';
import { headWith } from './stage.ts';

const newBoard = () => new Board({ queues: defaultQueues });

/** Everything there is to know of a board, in an order that depends on nothing but jobs. */
function contents(board: Board) {
  const open = [...board.entries()].map(({ key, revision, state, worker }) => ({ key, revision, state, worker }));
  const held = workers.map((worker) => ({
    worker,
    claims: [...board.holding(worker).claims].map(({ key }) => key).sort(),
    usage: sorted(board.holding(worker).usage),
  }));
  const waiting = [...board.lanes()].map((lane) => lane.flatMap((queue) => [...queue].map(({ key }) => key)).sort());
  return { open: open.sort((a, b) => (a.key < b.key ? -1 : 1)), held, waiting };
}

/** The same, worked out the slow way from the newest head of each key. */
function expected(heads: readonly Head[]): ReturnType<typeof contents> {
  const newest = new Map<string, Head>();
  for (const one of heads) if ((newest.get(one.key)?.revision ?? 0) < one.revision) newest.set(one.key, one);
  const open = [...newest.values()].filter((one) => !isSettled(one.state)).sort((a, b) => (a.key < b.key ? -1 : 1));
  const ofWorker = (worker: string) => open.filter((one) => isActive(one.state) && one.worker === worker);
  const lanes = new Map<number, string[]>();
  for (const { key, queue, priority } of open.filter((one) => isReady(one.state))) {
    const rank = laneRank(queue, priority);
    lanes.set(rank, [...(lanes.get(rank) ?? []), key]);
  }
  return {
    open: open.map(({ key, revision, state, worker }) => ({ key, revision, state, worker })),
    held: workers.map((worker) => ({
      worker,
      claims: ofWorker(worker).map(({ key }) => key),
      usage: sorted(
        sum(
          ofWorker(worker).map(({ requirements, vramsMb }) =>
            usageOf(requirements, vramsMb === undefined ? {} : { vramsMb }),
          ),
        ),
      ),
    })),
    waiting: [...lanes].sort(([a], [b]) => a - b).map(([, keys]) => keys.sort()),
  };
}

function sorted(usage: Usage): Usage {
  const { gpus } = usage;
  return { ...usage, vramsMb: usage.vramsMb.toSorted(), ...(gpus === undefined ? {} : { gpus: gpus.toSorted() }) };
}

function sum(usages: readonly Usage[]): Usage {
  const add = (a: Usage, b: Usage) => ({
    slots: a.slots + b.slots,
    gpu: a.gpu + b.gpu,
    memoryMb: a.memoryMb + b.memoryMb,
    diskMb: a.diskMb + b.diskMb,
    vramsMb: [...a.vramsMb, ...b.vramsMb],
    ...(a.gpus === undefined && b.gpus === undefined ? {} : { gpus: [...(a.gpus ?? []), ...(b.gpus ?? [])] }),
  });
  return usages.reduce(add, idle);
}

/** The news of a few jobs, under rising revisions. What a job is and needs does not change. */
const news: fc.Arbitrary<Head[]> = fc
  .array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), head(state)), { maxLength: 30 })
  .map((all) => {
    const born = new Map<string, Omit<Head, 'key' | 'revision'>>();
    return all.map(([key, one], at) => {
      const { type, requirements, createdAt } = born.get(key) ?? one;
      if (!born.has(key)) born.set(key, one);
      return { ...one, type, requirements, createdAt, key, revision: at + 1 };
    });
  });

/** The same news, some of it twice, in any order but one: nothing of a job is heard after that it has settled since. */
const newsInAnyOrder = news.chain((heads) =>
  fc
    .tuple(fc.shuffledSubarray(heads, { minLength: heads.length }), fc.subarray(heads))
    .map(([shuffled, again]) => ({ heads, heard: withoutGhosts([...shuffled, ...again]) })),
);

function withoutGhosts(heads: readonly Head[]): Head[] {
  const settled = new Map<string, number>();
  return heads.filter(({ key, revision, state }) => {
    if (revision < (settled.get(key) ?? 0)) return false;
    if (isSettled(state)) settled.set(key, revision);
    return true;
  });
}

describe('whatever is heard of jobs', () => {
  test('in whatever order and how often, the newest revision of each counts', () => {
    fc.assert(
      fc.property(newsInAnyOrder, ({ heads, heard }) => {
        const board = newBoard();
        for (const one of heard) board.apply(one);
        expect(contents(board)).toEqual(expected(heads));
      }),
    );
  });

  test('in between offers that are made and withdrawn, no job and no credit is lost', () => {
    fc.assert(
      fc.property(news, fc.infiniteStream(fc.nat(5)), (heads, dice) => {
        const board = newBoard();
        for (const one of heads) {
          board.apply(one);
          juggle(board, dice.next().value ?? 0);
        }
        board.withdrawOffers();
        for (const entry of board.entries())
          if (isReady(entry.state) && entry.place === undefined) board.withdraw(entry);
        expect(contents(board)).toEqual(expected(heads));
      }),
    );
  });
});

/** Does one of the things that a scheduler does to a board. */
function juggle(board: Board, what: number): void {
  const ready = [...board.entries()].filter((entry) => isReady(entry.state) && entry.offer === undefined);
  const offered = [...board.entries()].filter((entry) => entry.offer !== undefined);
  const [first] = ready;
  if (what < 2 && first !== undefined) board.offered(first, workers[what] ?? 'w1', 5);
  if (what === 2 && first !== undefined) board.withdraw(first);
  if (what === 3) for (const entry of offered) board.withdraw(entry);
  if (what === 4) board.withdrawOffers();
}

describe('an offer', () => {
  test('takes its job out of line and counts for the worker, until it is withdrawn', () => {
    const board = newBoard();
    const [a, b] = [entryOf(board, 'a', 1), entryOf(board, 'b', 2)];
    board.offered(a, 'w1', 5_000);
    expect(inLine(board)).toEqual(['b']);
    expect(board.holding('w1').usage.slots).toBe(1);
    board.withdraw(a);
    expect(inLine(board)).toEqual(['a', 'b']);
    expect(board.holding('w1').usage.slots).toBe(0);
    expect(b.offer).toBeUndefined();
  });

  test('that is claimed counts once', () => {
    const board = newBoard();
    board.offered(entryOf(board, 'a', 1), 'w1', 5_000);
    board.apply(headWith({ key: 'a', revision: 2, state: 'assigned', worker: 'w1' }));
    expect(board.holding('w1').usage.slots).toBe(1);
    board.apply(headWith({ key: 'a', revision: 3, state: 'completed' }));
    expect(board.holding('w1').usage.slots).toBe(0);
    expect([...board.holders()]).toEqual([]);
  });
});

test('a settled job is not on the board, and is new when it is opened again', () => {
  const board = newBoard();
  board.apply(headWith({ key: 'a', revision: 5 }));
  expect(board.apply(headWith({ key: 'a', revision: 7, state: 'failed' }))?.from).toBe('pending');
  expect(board.size).toBe(0);
  expect(board.apply(headWith({ key: 'b', revision: 8, state: 'completed' }))).toBeUndefined();
  expect(board.apply(headWith({ key: 'a', revision: 9 }))?.from).toBeUndefined();
  expect(board.size).toBe(1);
});

test('after a reload the stream counts anew: nothing is older than what was known before', () => {
  const board = newBoard();
  board.apply(headWith({ key: 'a', revision: 7, state: 'completed' }));
  board.apply(headWith({ key: 'b', revision: 8 }));
  board.clear();
  expect([...board.lanes()]).toEqual([]);
  board.apply(headWith({ key: 'a', revision: 5 }));
  expect(inLine(board)).toEqual(['a']);
});

test('jobs with the same requirements share one object, whatever the order of their fields', () => {
  const board = newBoard();
  const one = entryOf(board, 'a', 1, { gpu: 1, memoryMb: 5 });
  const other = entryOf(board, 'b', 2, { memoryMb: 5, gpu: 1 });
  expect(requirementKey(one.type, one.requirements)).toBe(requirementKey(other.type, other.requirements));
  expect(one.requirements).toBe(other.requirements);
});

function entryOf(board: Board, key: string, revision: number, requirements: Head['requirements'] = {}): Entry {
  const applied = board.apply(headWith({ key, revision, requirements }));
  if (applied === undefined) throw new RangeError(`Expected ${key} to be news, and it was not.`);
  return applied.entry;
}

function inLine(board: Board): string[] {
  return [...board.lanes()].flatMap((lane) => lane.flatMap((queue) => [...queue].map(({ key }) => key)));
}

test('open jobs are counted as they stand, whatever was heard in whatever order', () => {
  fc.assert(
    fc.property(newsInAnyOrder, fc.option(fc.constantFrom('a', 'b')), ({ heard }, gone) => {
      const board = newBoard();
      for (const one of heard) board.apply(one);
      if (gone !== null) board.forget(gone);
      const counted: Record<string, number> = {};
      for (const { state, queue, priority } of board.entries()) {
        const name = `${state} ${queue} ${priority}`;
        counted[name] = (counted[name] ?? 0) + 1;
      }
      const kept = [...board.headcount.all()].map(({ state, queue, priority, count }) => [
        `${state} ${queue} ${priority}`,
        count,
      ]);
      expect(Object.fromEntries(kept)).toEqual(counted);
      board.clear();
      expect([...board.headcount.all()]).toEqual([]);
    }),
  );
});

test('a lane knows how many wait there by what was asked for, and since when the first of them is ready', () => {
  const board = newBoard();
  const waits = { state: 'queued', queue: 'live' } as const;
  board.apply(
    headWith({ ...waits, key: 'a', revision: 1, priority: 'high', createdAt: 10, readyAt: 50, updatedAt: 90 }),
  );
  board.apply(
    headWith({ ...waits, key: 'b', revision: 2, priority: 'high', createdAt: 20, readyAt: 30, updatedAt: 90 }),
  );
  board.apply(headWith({ ...waits, key: 'c', revision: 3, priority: 'low', createdAt: 5, readyAt: 40, updatedAt: 90 }));
  expect(board.lanesOf('live')).toEqual([
    { queue: 'live', priority: 'critical', waiting: 0 },
    { queue: 'live', priority: 'high', waiting: 2, readyAt: 30 },
    { queue: 'live', priority: 'medium', waiting: 0 },
    { queue: 'live', priority: 'low', waiting: 1, readyAt: 40 },
  ]);
});
