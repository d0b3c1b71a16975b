import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { type Candidate, Crew } from '../../actors/crew.ts';
import { decide as decideWith, type Offering, type Policy, served as tellServed } from '../../actors/decide.ts';
import { type Entry, isBefore } from '../../actors/entry.ts';
import { LaneShares, Shares } from '../../actors/shares.ts';
import { hasRoom, idle, requirementKey, take, type Usage, unmet } from '../../machines/rules/capability.ts';
import { defaultQueues, type Priority, priorities, raised } from '../../machines/rules/lanes.ts';
import { type QueueSettings, queueModes } from '../../machines/rules/queue.ts';
import type { Head } from '../../runtime/ports.ts';
import { fleet, head, laneRank, readyState } from './arbitrary.ts';
import { Reference } from './decide-reference.ts';
import { capacity, headWith } from './stage.ts';

const strict: Policy = {
  lookAhead: () => 0,
  gpuSpillOver: true,
  holdsAt: () => [],
  most: 100,
  room: () => Number.POSITIVE_INFINITY,
  roomUnder: () => Number.POSITIVE_INFINITY,
  shares: new Shares(() => undefined),
  tenants: new LaneShares(() => 1),
};

const decide = (board: Board, candidates: readonly Candidate[], policy: Policy) =>
  decideWith(board, new Crew(candidates), policy);

const jobs = fc.array(head(readyState), { maxLength: 12 });

function boardOf(heads: readonly Partial<Head>[]): Board {
  const board = new Board({ queues: defaultQueues });
  for (const [at, one] of heads.entries()) board.apply(headWith({ ...one, key: `j${at + 1}`, revision: at + 1 }));
  return board;
}

const worker = (incarnation: string, more: Partial<Candidate['capacity']> = {}, slotsUsed = 0): Candidate => ({
  incarnation,
  capacity: { ...capacity, types: ['noop', 'transcode'], ...more },
  usage: { ...idle, slots: slotsUsed },
});

const short = (offers: readonly Offering[]) => offers.map((offer) => `${offer.entry.key}→${offer.worker}`);
const rank = ({ queue, priority }: Entry) => laneRank(queue, priority);

/** The usage of each worker before every offer, and the offers in order. */
function replay(candidates: readonly Candidate[], offers: readonly Offering[]) {
  const usage = new Map(candidates.map((one) => [one.incarnation, { ...one.usage }]));
  return offers.map((offer) => {
    const before = new Map([...usage].map(([name, used]) => [name, { ...used }]));
    const taken = usage.get(offer.worker);
    if (taken !== undefined) take(taken, offer.entry.requirements);
    return { offer, before };
  });
}

/** Workers that could take this job now. */
function takers(entry: Entry, candidates: readonly Candidate[], usage: ReadonlyMap<string, Usage>, lookAhead = 0) {
  return candidates.filter(
    ({ incarnation, capacity: has }) =>
      unmet(entry.type, entry.requirements, has) === undefined &&
      hasRoom(entry.requirements, has, usage.get(incarnation) ?? { ...idle }, lookAhead),
  );
}

describe('whatever waits and whoever is there', () => {
  test('no job is offered to a worker that lacks what it needs, or has no room for it', () => {
    fc.assert(
      fc.property(jobs, fleet, fc.nat(2), fc.boolean(), (heads, candidates, lookAhead, gpuSpillOver) => {
        const policy = { ...strict, lookAhead: () => lookAhead, gpuSpillOver };
        for (const { offer, before } of replay(candidates, decide(boardOf(heads), candidates, policy)))
          expect(takers(offer.entry, candidates, before, lookAhead).map(({ incarnation }) => incarnation)).toContain(
            offer.worker,
          );
      }),
    );
  });

  test('no job is passed over by one of a worse lane while a worker that could take it has room', () => {
    fc.assert(
      fc.property(jobs, fleet, (heads, candidates) => {
        const board = boardOf(heads);
        const steps = replay(candidates, decide(board, candidates, strict));
        const left = new Set(board.entries());
        for (const { offer, before } of steps) {
          const better = [...left].filter((entry) => rank(entry) < rank(offer.entry));
          expect(better.filter((entry) => takers(entry, candidates, before).length > 0)).toEqual([]);
          left.delete(offer.entry);
        }
      }),
    );
  });

  test('of a lane the oldest job that somebody can take goes first, so those of one need go in line', () => {
    fc.assert(
      fc.property(jobs, fleet, (heads, candidates) => {
        const board = boardOf(heads);
        const left = new Set(board.entries());
        for (const { offer, before } of replay(candidates, decide(board, candidates, strict))) {
          const older = [...left].filter((entry) => rank(entry) === rank(offer.entry) && isBefore(entry, offer.entry));
          expect(older.filter((entry) => takers(entry, candidates, before).length > 0)).toEqual([]);
          expect(older.map(needOf)).not.toContain(needOf(offer.entry));
          left.delete(offer.entry);
        }
      }),
    );
  });

  test('nothing is left waiting that a worker has room for', () => {
    fc.assert(
      fc.property(jobs, fleet, (heads, candidates) => {
        const board = boardOf(heads);
        const offers = decide(board, candidates, strict);
        const usage = new Map(candidates.map((one) => [one.incarnation, { ...one.usage }]));
        for (const { entry, worker: to } of offers) take(usage.get(to) ?? { ...idle }, entry.requirements);
        const offered = new Set(offers.map(({ entry }) => entry));
        const left = [...board.entries()].filter((entry) => !offered.has(entry));
        expect(left.filter((entry) => takers(entry, candidates, usage).length > 0)).toEqual([]);
      }),
    );
  });

  test('a job goes to the least loaded of those that may take it, one that needs GPUs where the fewest stay free, another to a GPU worker only at last', () => {
    fc.assert(
      fc.property(jobs, fleet, (heads, candidates) => {
        for (const { offer, before } of replay(candidates, decide(boardOf(heads), candidates, strict))) {
          const costs = takers(offer.entry, candidates, before).map((one) => cost(one, offer.entry, before));
          const taken = candidates.find(({ incarnation }) => incarnation === offer.worker);
          expect(taken === undefined ? undefined : cost(taken, offer.entry, before)).toBe(Math.min(...costs));
        }
      }),
    );
  });

  test('deciding changes neither the board nor the fleet, and comes out the same again', () => {
    fc.assert(
      fc.property(jobs, fleet, (heads, candidates) => {
        const board = boardOf(heads);
        const before = JSON.stringify([[...board.entries()].map(plain), candidates]);
        const first = short(decide(board, candidates, strict));
        expect(JSON.stringify([[...board.entries()].map(plain), candidates])).toBe(before);
        expect(short(decide(board, candidates, strict))).toEqual(first);
      }),
    );
  });

  test('no more is offered at once than was asked for, the first in line first', () => {
    fc.assert(
      fc.property(jobs, fleet, fc.nat(4), (heads, candidates, most) => {
        const all = short(decide(boardOf(heads), candidates, strict));
        expect(short(decide(boardOf(heads), candidates, { ...strict, most }))).toEqual(all.slice(0, most));
      }),
    );
  });
});

function needOf({ type, requirements }: Entry): string {
  return requirementKey(type, requirements);
}

function plain({ place: _, ...entry }: Entry): Omit<Entry, 'place'> {
  return entry;
}

function cost({ incarnation, capacity: has }: Candidate, { requirements }: Entry, usage: ReadonlyMap<string, Usage>) {
  const { slots, gpu } = usage.get(incarnation) ?? idle;
  const load = slots / has.slots;
  const asked = requirements.gpu ?? 0;
  if (asked > 0) return 1_000 * (has.gpu - gpu - asked) + load;
  return has.gpu > 0 ? 1_000 + load : load;
}

describe('a worker with a GPU', () => {
  const gpu = worker('gpu', { gpu: 1, vramMb: 8_000, vendor: 'nvidia' });

  test('gets the job that needs one, even while a worker without is idle', () => {
    const board = boardOf([{ requirements: { gpu: 1 } }]);
    expect(short(decide(board, [worker('cpu'), gpu], strict))).toEqual(['j1→gpu']);
  });

  test('that is taken already gets the next one, so that a whole machine stays free for a job that needs all of it', () => {
    const big = (name: string) => worker(name, { gpu: 4, vramMb: 8_000, slots: 8 });
    const board = boardOf([{ requirements: { gpu: 1 } }, { requirements: { gpu: 1 } }, { requirements: { gpu: 4 } }]);
    expect(short(decide(board, [big('a'), big('b')], strict))).toEqual(['j1→a', 'j2→a', 'j3→b']);
  });

  test('gets others only when nobody else has room', () => {
    const board = boardOf([{}, {}, {}]);
    expect(short(decide(board, [gpu, worker('cpu')], strict))).toEqual(['j1→cpu', 'j2→cpu', 'j3→gpu']);
  });

  test('gets no others at all where spill-over is off', () => {
    const board = boardOf([{}, {}, {}]);
    const offers = decide(board, [gpu, worker('cpu')], { ...strict, gpuSpillOver: false });
    expect(short(offers)).toEqual(['j1→cpu', 'j2→cpu']);
  });
});

test('jobs are spread over idle workers, the least loaded first', () => {
  const board = boardOf([{}, {}, {}]);
  const offers = decide(board, [worker('busy', {}, 1), worker('idle')], strict);
  expect(short(offers)).toEqual(['j1→idle', 'j2→busy', 'j3→idle']);
});

test('a job that nobody has room for lets the next one of its lane pass, which needs something else', () => {
  const board = boardOf([{ requirements: { slots: 2 } }, {}]);
  expect(short(decide(board, [worker('half', {}, 1)], strict))).toEqual(['j2→half']);
});

test('a pass that takes too long ends with what it has, and with one offer at least', () => {
  const wide = worker('w', { slots: 10 });
  const late: Policy = { ...strict, isLate: () => true };
  expect(short(decide(boardOf([{}, {}, { queue: 'live' }]), [wide], late))).toEqual(['j3→w']);
  expect(decide(boardOf([{ requirements: { gpu: 1 } }]), [wide], late)).toEqual([]);
});

describe('with look-ahead', () => {
  test('a full worker is sent short jobs in advance', () => {
    const board = boardOf([{}, {}, {}]);
    const offers = decide(board, [worker('full', {}, 2)], { ...strict, lookAhead: () => 2 });
    expect(short(offers)).toEqual(['j1→full', 'j2→full']);
  });

  test('behind jobs that may run for long none is sent, and beside them fewer', () => {
    const board = boardOf([{}, {}, {}, {}]);
    const policy: Policy = { ...strict, lookAhead: (type, slots) => (type === 'noop' ? slots : 0) };
    const full = { ...worker('full', {}, 2), long: 2 };
    expect(decide(board, [full], policy)).toEqual([]);
    expect(short(decide(board, [{ ...full, long: 1 }], policy))).toEqual(['j1→full']);
    const fills = boardOf([{ type: 'transcode' }, { type: 'transcode' }, {}]);
    expect(short(decide(fills, [worker('w')], policy))).toEqual(['j1→w', 'j2→w']);
  });

  test('a worker of whose long jobs one has ended is looked at again', () => {
    const board = boardOf([{}, {}]);
    const policy: Policy = { ...strict, lookAhead: (type, slots) => (type === 'noop' ? slots : 0) };
    const crew = new Crew([{ ...worker('w', {}, 2), long: 2 }]);
    expect(decideWith(board, crew, policy)).toEqual([]);
    // A short one runs in its place by now.
    crew.put({ ...worker('w', {}, 2), long: 1 });
    expect(short(decideWith(board, crew, policy))).toEqual(['j1→w']);
  });

  test('a worker that still holds half of what it may is sent no letter where many wait', () => {
    const board = boardOf(Array.from({ length: 8 }, () => ({})));
    const policy = { ...strict, lookAhead: () => 6 };
    expect(decide(board, [worker('w', {}, 5)], policy)).toEqual([]);
    expect(decide(board, [worker('w', {}, 4)], policy)).toHaveLength(4);
  });
});

/** What people may have set for the queues of random boards. */
const settings: fc.Arbitrary<QueueSettings[]> = fc
  .record({
    order: fc.array(fc.constantFrom(1, 2, 2.5, 4), { minLength: 3, maxLength: 3 }),
    mode: fc.array(fc.constantFrom(...queueModes), { minLength: 3, maxLength: 3 }),
    weight: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 3 }),
  })
  .map(({ order, mode, weight }) =>
    ['live', 'batch', 'unlisted'].map((queue, at) => ({
      queue,
      order: order[at] ?? 1,
      mode: mode[at] ?? 'strict',
      weight: weight[at] ?? 1,
    })),
  );

const rooms = fc.dictionary(fc.constantFrom('live', 'batch', 'unlisted'), fc.nat(3));

function sharesOf(board: Board): Shares {
  return new Shares((queue) => {
    const { mode, weight } = board.policyOf(queue);
    return mode === 'weighted' ? weight : undefined;
  });
}

describe('whatever people have set for queues', () => {
  test('the decision is that of a slow one, which looks at every job each time', () => {
    fc.assert(
      fc.property(jobs, fleet, settings, rooms, (heads, candidates, set, room) => {
        const board = boardOf(heads);
        for (const one of set) board.setQueue(one);
        const policy = {
          ...strict,
          shares: sharesOf(board),
          room: (queue: string) => room[queue] ?? Number.POSITIVE_INFINITY,
        };
        const rules = { ...policy, roomOf: () => Number.POSITIVE_INFINITY, weightOf: () => 1 };
        expect(short(decide(board, candidates, policy))).toEqual(new Reference().decide(board, candidates, rules));
      }),
      { numRuns: 500 },
    );
  });

  test('a queue that is set while jobs wait is served as if it had always been so', () => {
    fc.assert(
      fc.property(jobs, fleet, settings, (heads, candidates, set) => {
        const [before, after] = [new Board({ queues: defaultQueues }), boardOf(heads)];
        for (const one of set) before.setQueue(one);
        for (const [at, one] of heads.entries())
          before.apply(headWith({ ...one, key: `j${at + 1}`, revision: at + 1 }));
        for (const one of set) after.setQueue(one);
        const of = (board: Board) => short(decide(board, candidates, { ...strict, shares: sharesOf(board) }));
        expect(of(after)).toEqual(of(before));
      }),
    );
  });
});

describe('queues that share a turn', () => {
  test('are served in proportion to their weights in the long run, to within one job each', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 3 });
    fc.assert(
      fc.property(weights, (given) => {
        const queues = ['live', 'batch', 'unlisted'].slice(0, given.length);
        const board = boardOf(queues.flatMap((queue) => Array.from({ length: 90 }, () => ({ queue }))));
        for (const [at, queue] of queues.entries()) board.setQueue({ queue, mode: 'weighted', weight: given[at] ?? 1 });
        const shares = sharesOf(board);
        const served = new Map(queues.map((queue) => [queue, 0]));
        for (let n = 0; n < 90; n++)
          for (const { entry } of decide(board, [worker('w')], { ...strict, shares, most: 1 })) {
            shares.serve(entry.queue);
            served.set(entry.queue, (served.get(entry.queue) ?? 0) + 1);
            board.forget(entry.key);
          }
        const turns = queues.map((queue, at) => (served.get(queue) ?? 0) / (given[at] ?? 1));
        const most = Math.max(...given.map((weight) => 1 / weight));
        expect(Math.max(...turns) - Math.min(...turns)).toBeLessThanOrEqual(most + 1e-9);
      }),
      { numRuns: 30 },
    );
  });

  test('give what one does not need to the others, and it does not get it back later', () => {
    const board = boardOf(Array.from({ length: 20 }, () => ({ queue: 'batch' })));
    for (const queue of ['live', 'batch']) board.setQueue({ queue, mode: 'weighted' });
    const shares = sharesOf(board);
    const wide = worker('w', { slots: 10 });
    for (const { entry } of decide(board, [wide], { ...strict, shares })) {
      shares.serve(entry.queue);
      board.forget(entry.key);
    }
    for (let n = 0; n < 10; n++) board.apply(headWith({ key: `late-${n}`, revision: 100 + n, queue: 'live' }));
    const next = decide(board, [wide], { ...strict, shares }).map(({ entry }) => entry.queue);
    expect(next.filter((queue) => queue === 'live')).toHaveLength(5);
  });
});

test('of a paused queue nothing is offered, and it keeps nobody else from being served', () => {
  const board = boardOf([{ queue: 'live' }, { queue: 'batch' }]);
  const room = (queue: string) => (queue === 'live' ? 0 : Number.POSITIVE_INFINITY);
  expect(short(decide(board, [worker('w')], { ...strict, room }))).toEqual(['j2→w']);
});

describe('a job that waits for long', () => {
  const step = 600_000;
  const aged = fc.array(fc.record({ priority: fc.constantFrom(...priorities), createdAt: fc.nat(30) }), {
    maxLength: 15,
  });
  /** Jobs of one queue, each ready since it was created, and the order in which they are offered after so many minutes. */
  function servedAfter(heads: readonly { priority: Priority; createdAt: number }[], minutes: number): Entry[] {
    const inMs = heads.map(({ priority, createdAt }) => ({
      priority,
      createdAt: createdAt * 60_000,
      updatedAt: createdAt * 60_000,
    }));
    const board = boardOf(inMs.sort((a, b) => a.createdAt - b.createdAt));
    board.age(minutes * 60_000, 1_000);
    return decide(board, [worker('w', { slots: 100 })], strict).map(({ entry }) => entry);
  }

  test('stands one priority higher for each ten minutes, never above high, and in the order of creation there', () => {
    fc.assert(
      fc.property(aged, fc.integer({ min: 30, max: 60 }), (heads, minutes) => {
        const served = servedAfter(heads, minutes);
        const level = ({ priority, createdAt }: Entry) =>
          priorities.indexOf(raised(priority, Math.floor((minutes * 60_000 - createdAt) / step)));
        const expected = served.toSorted(
          (a, b) => level(a) - level(b) || a.createdAt - b.createdAt || a.birth - b.birth,
        );
        expect(served.map(({ key }) => key)).toEqual(expected.map(({ key }) => key));
      }),
    );
  });

  test('after two steps is passed by nothing of its queue that is younger, but what is critical', () => {
    fc.assert(
      fc.property(aged, fc.integer({ min: 30, max: 60 }), (heads, minutes) => {
        const served = servedAfter(heads, minutes);
        const passed = served.flatMap((entry, at) =>
          entry.createdAt + 2 * step > minutes * 60_000
            ? []
            : served.slice(0, at).filter((other) => other.priority !== 'critical' && isBefore(entry, other)),
        );
        expect(passed).toEqual([]);
      }),
    );
  });

  test('of which a delay or a retry is part, rises only by the time in which it was ready', () => {
    const heads = [
      { priority: 'high', createdAt: 1 },
      { priority: 'medium', createdAt: 0, updatedAt: step },
    ] as const;
    const board = boardOf(heads);
    expect(board.age(step + 1, 10)).toBe(0);
    expect(board.age(2 * step, 10)).toBe(1);
    expect(decide(board, [worker('w')], strict).map(({ entry }) => entry.key)).toEqual(['j2', 'j1']);
  });

  test('falls back where its queue is told not to age, and rises by another step where it is told so', () => {
    const board = boardOf([
      { priority: 'high', createdAt: 1, updatedAt: 1 },
      { priority: 'medium', createdAt: 0, updatedAt: 0 },
    ]);
    const first = () => decide(board, [worker('w')], { ...strict, most: 1 })[0]?.entry.key;
    board.age(step, 10);
    expect(first()).toBe('j2');
    board.setQueue({ queue: 'default', agingStepMs: 0 });
    expect(board.age(10 * step, 10)).toBe(0);
    expect(first()).toBe('j1');
    board.setQueue({ queue: 'default', agingStepMs: 2_000 });
    expect(board.age(2_000, 10)).toBe(1);
    expect(first()).toBe('j2');
  });
});

describe('tenants', () => {
  const weights: Readonly<Record<string, number>> = { a: 1, b: 2, c: 3 };
  const newShares = () => new LaneShares((name) => weights[name] ?? 1);

  /** Serves what is decided, one job after the other, and counts by tenant. */
  function starts(board: Board, times: number): Map<string, number> {
    const policy = { ...strict, most: 1, tenants: newShares() };
    const served = new Map<string, number>();
    for (let n = 0; n < times; n++)
      for (const offering of decide(board, [worker('w')], policy)) {
        tellServed(offering, policy);
        const [of = ''] = offering.entry.key.split('.');
        served.set(of, (served.get(of) ?? 0) + 1);
        board.forget(offering.entry.key);
      }
    return served;
  }

  test('of one lane that always have something to start are served by weight, to within one job of the lighter', () => {
    const needs = fc.array(fc.constantFrom({}, { memoryMb: 100 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(needs, fc.integer({ min: 10, max: 60 }), (given, times) => {
        const board = new Board({ queues: defaultQueues });
        for (const [at, name] of ['a', 'b', 'c'].entries())
          for (let n = 0; n < 60; n++)
            board.apply(
              headWith({ key: `${name}.${n}`, revision: 100 * at + n + 1, requirements: given[(at + n) % 3] ?? {} }),
            );
        const turns = [...starts(board, times)].map(([name, count]) => count / (weights[name] ?? 1));
        expect(Math.max(...turns) - Math.min(...turns)).toBeLessThanOrEqual(1 + 1e-9);
      }),
      { numRuns: 30 },
    );
  });

  test('do not wait for one that came first with very many', () => {
    const board = new Board({ queues: defaultQueues });
    for (let n = 1; n <= 50; n++) board.apply(headWith({ key: `a.${n}`, revision: n }));
    board.apply(headWith({ key: 'b.1', revision: 51 }));
    const offers = decide(board, [worker('w', { slots: 2 })], { ...strict, tenants: newShares() });
    expect(short(offers)).toEqual(['a.1→w', 'b.1→w']);
  });

  test('whose limit is full keep none of the others back, nor what of them stands in a worse lane', () => {
    const board = new Board({ queues: defaultQueues });
    const heads = [{ key: 'a.1' }, { key: 'a.2' }, { key: 'b.1' }, { key: 'b.2', queue: 'batch' }];
    for (const [at, one] of heads.entries()) board.apply(headWith({ ...one, revision: at + 1 }));
    const roomUnder = (limit: string) => (limit === 'tenant a' ? 1 : Number.POSITIVE_INFINITY);
    const offers = decide(board, [worker('w', { slots: 9 })], { ...strict, tenants: newShares(), roomUnder });
    expect(short(offers)).toEqual(['a.1→w', 'b.1→w', 'b.2→w']);
  });
});
