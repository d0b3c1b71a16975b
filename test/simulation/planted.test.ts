/** The checks of the simulation can fail: a build with a bug is found, and by the promise that it breaks. */

import { expect, test } from 'vitest';
import { liveThrough } from './bad-minute.ts';
import { type Plant, startingTooEarly, withoutCas, withoutFence } from './planted.ts';

const seedsAtMost = 5;

/** What the first seed that finds something found. */
async function found(plant: Plant): Promise<string> {
  for (let seed = 1; seed <= seedsAtMost; seed++) {
    const verdict = await liveThrough(seed, plant).then(
      () => undefined,
      (cause: unknown) => String(cause),
    );
    if (verdict !== undefined) return verdict;
  }
  return 'nothing';
}

const planted: readonly [what: string, plant: Plant, breach: RegExp][] = [
  [
    'writes records without a condition',
    withoutCas,
    /Broken promises:\n.* (was rewritten|ran twice|without the lease)/,
  ],
  ['lets a deposed leader write', withoutFence, /Broken promises:\n.* wrote for term \d+, batch \d+, after /],
  ['starts a handler before its claim is stored', startingTooEarly, /Broken promises:\nattempt \d+ of .* ran twice/],
];

test.each(planted)(`a build that %s is found within ${seedsAtMost} seeds`, async (_, plant, breach) => {
  expect(await found(plant)).toMatch(breach);
});
