/**
 * The same cluster, in as many bad minutes as there are seeds, in two halves that run at the same time.
 * `SIMULATION_SEEDS=500 npx vitest run --project simulation` runs many, `SIMULATION_SEED=17` one: what a failing seed did, it does
 * again.
 */

import { expect, test } from 'vitest';
import { liveThrough } from './bad-minute.ts';
import { Coverage } from './coverage.ts';
import { leastFaults, leastJobs } from './story.ts';

const only = process.env['SIMULATION_SEED'];
const count = Number(process.env['SIMULATION_SEEDS'] ?? 100);
const from = Number(process.env['SIMULATION_FROM'] ?? 1);

/** Tests for the seeds of one half: those that are odd, or those that are even. */
export function testSeeds(half: 'odd' | 'even'): void {
  const rest = half === 'odd' ? 1 : 0;
  const all = only === undefined ? Array.from({ length: count }, (_, n) => from + n) : [Number(only)];
  const coverage = new Coverage('the bad minute');

  test.each(all.filter((seed) => seed % 2 === rest))(
    'in the bad minute of seed %d every promise is kept',
    async (seed) => {
      const sim = await liveThrough(seed);
      coverage.add(sim);
      expect(await sim.rejections()).toEqual([]);
      expect(sim.submitted.length).toBeGreaterThanOrEqual(leastJobs);
      expect(sim.faults.length).toBeGreaterThanOrEqual(leastFaults);
    },
  );

  test('together they took the edges of the job chart, and no other', () => coverage.check());
}
