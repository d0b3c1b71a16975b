import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { changedQueue, isQueueSettings, queuePolicy, wrongInQueue } from '../../machines/rules/queue.ts';

const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 6 });

describe('a queue that nobody has set', () => {
  test('has its turn where it is listed; those that are not listed come after, in one turn', () => {
    fc.assert(
      fc.property(names, (listed) => {
        expect(listed.map((queue) => queuePolicy(queue, listed).order)).toEqual(listed.map((_, at) => at + 1));
        expect(queuePolicy('NOT-LISTED', listed).order).toBe(listed.length + 1);
      }),
    );
  });

  test('is strict, open and without limits, and its jobs rise every ten minutes', () => {
    expect(queuePolicy('batch', defaultQueues)).toEqual({
      queue: 'batch',
      mayEvict: [],
      evictAfterMs: 10_000,
      reserveAfterMs: 60_000,
      order: 3,
      mode: 'strict',
      weight: 1,
      paused: false,
      maxActive: Number.POSITIVE_INFINITY,
      ratePerSecond: Number.POSITIVE_INFINITY,
      agingStepMs: 600_000,
    });
  });
});

describe('a change of a queue', () => {
  test('leaves what it does not name, and takes back what is null', () => {
    const set = changedQueue({ queue: 'batch', weight: 2, paused: true }, { order: 1.5, paused: null });
    expect(set).toEqual({ queue: 'batch', weight: 2, order: 1.5 });
  });

  test.each([
    [{ weight: 0 }, 'Expected `weight` of queue batch to be a number above 0, got `0`. Correct it.'],
    [{ maxActive: 1.5 }, 'Expected `maxActive` of queue batch to be a whole number from 1 up, got `1.5`. Correct it.'],
    [{ order: Number.NaN }, 'Expected `order` of queue batch to be a number, got `NaN`. Correct it.'],
    [
      { agingStepMs: 10 },
      'Expected `agingStepMs` of queue batch to be a duration from 1 s up, or off, got `10`. Correct it.',
    ],
  ])('to %j is refused with a sentence', (change, sentence) => {
    expect(wrongInQueue('batch', change)).toBe(sentence);
    expect(isQueueSettings({ queue: 'batch', ...change })).toBe(false);
  });

  test('of a queue that no job could name is refused', () => {
    expect(wrongInQueue('Batch jobs', {})).toMatch(/^Expected a queue of a lower-case letter/);
  });

  test('of a newer version is read for what is known of it', () => {
    expect(isQueueSettings({ queue: 'batch', weight: 2, shade: 'blue' })).toBe(true);
  });
});
