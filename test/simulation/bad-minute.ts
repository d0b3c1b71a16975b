/**
 * One seed as it is run by `seeds.test.ts`, and by `planted.test.ts` with a build that is wrong.
 */

import type { Plant } from './planted.ts';
import { type Simulation, simulation } from './simulation.ts';
import { badMinute, randomOdds, randomSettings } from './story.ts';

const events = 60;

/** Lets a cluster live through the bad minute of a seed, and checks every promise; the cluster as it was at the end. */
export async function liveThrough(seed: number, plant?: Plant): Promise<Simulation> {
  const { promise, resolve } = Promise.withResolvers<Simulation>();
  const options = { seed, masters: 3, workers: 3, odds: randomOdds(seed), settings: randomSettings(seed), skewMs: 300 };
  await simulation({ ...options, ...(plant === undefined ? {} : { plant }) }, async (sim) => {
    resolve(sim);
    await badMinute(sim, events);
  });
  return promise;
}
