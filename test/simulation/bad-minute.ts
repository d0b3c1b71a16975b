/**
 * One seed as it is run by `seeds.ts`, and by `planted.test.ts` with a build that is wrong.
 */

import type { Plant } from './planted.ts';
import { type Simulation, simulation } from './simulation.ts';
import { badMinute, randomOdds, randomSettings } from './story.ts';

const events = 60;
/** Short, so that what runs is handed back now and then. */
const drainDeadlineMs = 2_000;

/** Lets a cluster live through the bad minute of a seed, and checks every promise; the cluster as it was at the end. */
export async function liveThrough(seed: number, plant?: Plant): Promise<Simulation> {
  const { promise, resolve } = Promise.withResolvers<Simulation>();
  const chance = { odds: randomOdds(seed), settings: randomSettings(seed) };
  const options = { seed, masters: 3, workers: 3, ...chance, skewMs: 300, drainDeadlineMs };
  const lived = simulation({ ...options, ...(plant === undefined ? {} : { plant }) }, async (sim) => {
    resolve(sim);
    await badMinute(sim, events);
  });
  await lived.catch((cause: unknown) => {
    const replay = `SIMULATION_SEED=${seed} npx vitest run test/simulation/seeds-odd.test.ts and its sister`;
    throw new Error(`${cause instanceof Error ? cause.message : cause}\nTo see it again: ${replay}`, { cause });
  });
  return promise;
}
