/** How many jobs may wait on a worker. */

import { expect, test } from 'vitest';
import { LookAhead } from '../../actors/look-ahead.ts';

function learned(msByType: Readonly<Record<string, number>>, fixed?: number): LookAhead {
  const lookAhead = new LookAhead(fixed);
  for (const [type, ms] of Object.entries(msByType)) for (let n = 0; n < 32; n++) lookAhead.learn(type, ms);
  return lookAhead;
}

test('nothing is sent ahead of a type that is not known, or runs for long', () => {
  const lookAhead = learned({ transcode: 60_000 });
  for (const type of ['transcode', 'never seen']) expect(lookAhead.of(type, 12)).toBe(0);
});

test('what is sent ahead of a short type runs in less time than it may wait, however many slots there are', () => {
  for (const slots of [1, 2, 12])
    for (const ms of [2, 10, 49]) {
      const ahead = learned({ short: ms }).of('short', slots);
      expect(ahead).toBeGreaterThan(0);
      expect((ahead * ms) / slots).toBeLessThan(200);
    }
  expect(learned({ short: 0.1 }).of('short', 12)).toBe(200);
});

test('slots that a long job holds are none for which something is sent ahead', () => {
  const lookAhead = learned({ short: 10, transcode: 60_000 });
  const held = new Map(Object.entries({ short: 3, transcode: 4, 'never seen': 2 }));
  expect(lookAhead.longOf(held)).toBe(6);
});

test('what somebody has set counts for all types', () => {
  const lookAhead = learned({ short: 10 }, 3);
  expect(lookAhead.of('never seen', 1)).toBe(3);
  expect(lookAhead.longOf(new Map([['never seen', 2]]))).toBe(0);
  expect(lookAhead.known()).toEqual(new Map([['short', 3]]));
});
