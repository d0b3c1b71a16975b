/** The same cluster, in as many bad minutes as there are seeds: `SIMULATION_SEEDS=500`, or `SIMULATION_SEED=17` for one. */

import { expect, test } from 'vitest';
import { liveThrough } from './bad-minute.ts';

const only = process.env['SIMULATION_SEED'];
const count = Number(process.env['SIMULATION_SEEDS'] ?? 10);
const from = Number(process.env['SIMULATION_FROM'] ?? 1);
const seeds = only === undefined ? Array.from({ length: count }, (_, n) => from + n) : [Number(only)];

test.each(seeds)('in the bad minute of seed %d every promise is kept', async (seed) => {
  const sim = await liveThrough(seed);
  expect(await sim.rejections()).toEqual([]);
});
