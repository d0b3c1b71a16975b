import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { type Candidate, decide, type Offering, type Policy } from '../../actors/decide.ts';
import { type Entry, isBefore } from '../../actors/entry.ts';
import { Shares } from '../../actors/shares.ts';
import { hasRoom, idle, requirementKey, take, type Usage, unmet } from '../../machines/rules/capability.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { Head } from '../../runtime/ports.ts';
import { fleet, head, laneRank, readyState } from './arbitrary.ts';
import { capacity, headWith } from './stage.ts';

const strict: Policy = {
  lookAhead: () => 0,
  gpuSpillOver: true,
  most: 100,
  room: () => Number.POSITIVE_INFINITY,
  shares: new Shares(() => undefined),
};

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

describe('with look-ahead', () => {
  test('a full worker is sent short jobs in advance', () => {
    const board = boardOf([{}, {}, {}]);
    const offers = decide(board, [worker('full', {}, 2)], { ...strict, lookAhead: () => 2 });
    expect(short(offers)).toEqual(['j1→full', 'j2→full']);
  });

  test('a worker that still holds half of what it may is sent no letter where many wait', () => {
    const board = boardOf(Array.from({ length: 8 }, () => ({})));
    const policy = { ...strict, lookAhead: () => 6 };
    expect(decide(board, [worker('w', {}, 5)], policy)).toEqual([]);
    expect(decide(board, [worker('w', {}, 4)], policy)).toHaveLength(4);
  });
});
