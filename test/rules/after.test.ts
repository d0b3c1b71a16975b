import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type After,
  cyclesOf,
  isAwaited,
  isMet,
  needs,
  type Standing,
  verdictOf,
  whens,
} from '../../machines/rules/after.ts';

const standings: readonly Standing[] = ['open', 'missing', 'completed', 'failed', 'cancelled', 'gone'];
const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
const after = fc.record({
  jobs: fc.uniqueArray(fc.constantFrom(...ids), { minLength: 1 }),
  need: fc.constantFrom(...needs),
  when: fc.constantFrom(...whens),
});
const world = fc.array(fc.constantFrom(...standings), { minLength: ids.length, maxLength: ids.length });

function asked(given: After, stand: readonly Standing[]) {
  return verdictOf(given, (id) => stand[ids.indexOf(id)] ?? 'missing');
}

describe('a job that waits for others', () => {
  test('goes on exactly when all, or any, have ended as it asked', () => {
    fc.assert(
      fc.property(after, world, (given, stand) => {
        const met = given.jobs.map((id) => isMet(given.when, stand[ids.indexOf(id)] ?? 'missing'));
        const goesOn = given.need === 'all' ? met.every(Boolean) : met.some(Boolean);
        expect(asked(given, stand).kind === 'unblocked').toBe(goesOn);
      }),
    );
  });

  test('can not be reached any more exactly when no way is left in which the others may end as it asked', () => {
    fc.assert(
      fc.property(after, world, (given, stand) => {
        const hopes = given.jobs.map((id) => {
          const standing = stand[ids.indexOf(id)] ?? 'missing';
          return isAwaited(standing) || isMet(given.when, standing);
        });
        const isHopeless = given.need === 'all' ? !hopes.every(Boolean) : !hopes.some(Boolean);
        expect(asked(given, stand).kind === 'unreachable').toBe(isHopeless);
      }),
    );
  });

  test('comes to the same verdict when those that have ended as it asked are noted and forgotten', () => {
    fc.assert(
      fc.property(after, world, world, (given, now, later) => {
        const first = asked(given, now);
        fc.pre(first.kind === 'waits');
        // What has ended stays as it is; what is awaited may become anything.
        const then = now.map((standing, at) => (isAwaited(standing) ? (later[at] ?? standing) : standing));
        const whole = asked(given, then);
        const short = asked({ ...given, jobs: first.left }, then);
        expect(short.kind).toBe(whole.kind);
      }),
    );
  });
});

describe('circles', () => {
  const graph = fc
    .array(after, { minLength: 2, maxLength: ids.length })
    .map((list) => new Map(list.map((each, at) => [ids[at] ?? '', each] as const)));

  /** Whoever can go on does, round after round, until nobody can. */
  function stuckByHand(waiting: ReadonlyMap<string, After>): string[] {
    const gone = new Set(ids.filter((id) => !waiting.has(id)));
    for (let before = -1; before !== gone.size; ) {
      before = gone.size;
      for (const [id, { jobs, need }] of waiting)
        if (need === 'all' ? jobs.every((job) => gone.has(job)) : jobs.some((job) => gone.has(job))) gone.add(id);
    }
    return [...waiting.keys()].filter((id) => !gone.has(id));
  }

  test('are found where jobs can never go on, and nowhere else', () => {
    fc.assert(
      fc.property(graph, (waiting) => {
        const stuck = stuckByHand(waiting);
        const cycles = cyclesOf(waiting);
        expect(cycles.length > 0).toBe(stuck.length > 0);
        expect(cycles.flat().filter((id) => !stuck.includes(id))).toEqual([]);
        expect(new Set(cycles.flat()).size).toBe(cycles.flat().length);
      }),
    );
  });

  test('are told in the order in which they wait', () => {
    fc.assert(
      fc.property(graph, (waiting) => {
        for (const cycle of cyclesOf(waiting))
          for (const [at, id] of cycle.entries())
            expect(waiting.get(id)?.jobs).toContain(cycle[(at + 1) % cycle.length]);
      }),
    );
  });
});
