import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultQueues, laneRank, parsePriority, priorities } from '../../machines/rules/lanes.ts';

const queues = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 6 });
const priority = fc.constantFrom(...priorities);

describe('the order of lanes', () => {
  test('is by queue first, then by priority', () => {
    fc.assert(
      fc.property(queues, fc.nat(), fc.nat(), priority, priority, (queues, i, j, one, other) => {
        const [a, b] = [i % queues.length, j % queues.length];
        const difference = laneRank(queues, queues[a] ?? '', one) - laneRank(queues, queues[b] ?? '', other);
        const expected = a === b ? priorities.indexOf(one) - priorities.indexOf(other) : a - b;
        expect(Math.sign(difference)).toBe(Math.sign(expected));
      }),
    );
  });

  test('is total: every lane of the listed queues has a rank of its own', () => {
    fc.assert(
      fc.property(queues, (queues) => {
        const ranks = queues.flatMap((queue) => priorities.map((one) => laneRank(queues, queue, one)));
        expect(ranks).toEqual(ranks.map((_, index) => index));
      }),
    );
  });

  test('puts queues that are not listed after all that are', () => {
    fc.assert(
      fc.property(queues, priority, priority, (queues, one, other) => {
        const last = laneRank(queues, queues.at(-1) ?? '', one);
        expect(laneRank(queues, 'NOT-LISTED', other)).toBeGreaterThan(last);
      }),
    );
  });

  test('is live, default, batch where nobody says otherwise', () => {
    expect(laneRank(defaultQueues, 'live', 'low')).toBeLessThan(laneRank(defaultQueues, 'default', 'critical'));
    expect(laneRank(defaultQueues, 'default', 'low')).toBeLessThan(laneRank(defaultQueues, 'batch', 'critical'));
  });
});

describe('a priority', () => {
  test('is read in any case, and default and normal mean medium', () => {
    for (const one of priorities) expect(parsePriority(one.toUpperCase())).toBe(one);
    expect(parsePriority('Default')).toBe('medium');
    expect(parsePriority('normal')).toBe('medium');
    expect(parsePriority('urgent')).toBeUndefined();
    expect(parsePriority('constructor')).toBeUndefined();
  });
});
