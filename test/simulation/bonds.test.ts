/**
 * Bad minutes among jobs that are bound to one another. `SIMULATION_SEEDS=500` runs a quarter as many, `SIMULATION_SEED=17` one:
 * what a failing seed did, it does again.
 */

import { expect, test } from 'vitest';
import { liveBound } from './bonds.ts';
import { Coverage, leftOut } from './coverage.ts';
import { leastFaults, leastJobs } from './story.ts';

const only = process.env['SIMULATION_SEED'];
const count = Math.ceil(Number(process.env['SIMULATION_SEEDS'] ?? 40) / 4);
const from = Number(process.env['SIMULATION_FROM'] ?? 1);
const seeds = only === undefined ? Array.from({ length: count }, (_, n) => from + n) : [Number(only)];
const coverage = new Coverage('bonds');

test.each(seeds)('in the bad minute of seed %d every bond is kept', async (seed) => {
  const sim = await liveBound(seed);
  coverage.add(sim);
  for (const { reason } of await sim.rejections()) expect(reason).toMatch(/holds the unique key of /);
  expect(sim.submitted.length).toBeGreaterThanOrEqual(leastJobs);
  expect(sim.faults.length).toBeGreaterThanOrEqual(leastFaults);
});

test('together they took the edges of the job chart, and no other', () => coverage.check());

test('no edge of the chart is left out by both stories, but for those that no record can show', () => {
  expect(leftOut()).toEqual([]);
});
