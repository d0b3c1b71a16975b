/**
 * The same cluster, in as many bad minutes as there are seeds, in two halves that run at the same time.
 * `SIMULATION_SEEDS=500 npx vitest run --project simulation` runs many, `SIMULATION_SEED=17` one: what a failing seed did, it does
 * again.
 */

import { expect, test } from 'vitest';
import { chartEdges } from '../../runtime/record-edge.ts';
import { liveThrough } from './bad-minute.ts';
import { leastFaults, leastJobs } from './story.ts';

const only = process.env['SIMULATION_SEED'];
const count = Number(process.env['SIMULATION_SEEDS'] ?? 200);
const from = Number(process.env['SIMULATION_FROM'] ?? 1);

/** So many seeds together take every edge that can be taken, but for the rare ones. */
const enough = 200;

/** Edges that no story can take yet, and why. */
const never: readonly [why: string, edges: RegExp][] = [
  ['a job is born before it is stored', /^submitted (?!job.submitted)/],
  ['no story has a person do more than cancel', / job\.(hold|release|reschedule|retry|redrive|move|prioritise) /],
  ['no door makes a job that waits for others', /^blocked | blocked$/],
  ['nobody preempts', / (job\.preempt|attempt\.preempted) /],
  ['a wish to cancel only notes itself in what runs', /^(assigned|processing|cancelling) job\.cancel cancelled$/],
  ['a second wish is not written', /^cancelling job\.cancel cancelling$/],
  ['what was being cancelled is cancelled when it is lost', /^cancelling attempt\.lost (failed|retrying)$/],
];

/** Take a handler that returns, or a worker that leaves, in the very moment in which its cancelling is being written. */
const rare = ['cancelling attempt.completed completed', 'processing attempt.drained cancelled'];

/** Tests for the seeds of one half: those that are odd, or those that are even. */
export function testSeeds(half: 'odd' | 'even'): void {
  const rest = half === 'odd' ? 1 : 0;
  const all = only === undefined ? Array.from({ length: count }, (_, n) => from + n) : [Number(only)];
  const seeds = all.filter((seed) => seed % 2 === rest);
  const faults = new Map<string, number>();
  const mishaps = new Map<string, number>();
  const covered = new Set<string>();

  test.each(seeds)('in the bad minute of seed %d every promise is kept', async (seed) => {
    const sim = await liveThrough(seed);
    for (const fault of sim.faults) faults.set(fault, (faults.get(fault) ?? 0) + 1);
    for (const [mishap, times] of sim.mishaps) mishaps.set(mishap, (mishaps.get(mishap) ?? 0) + times);
    for (const edge of sim.history.edges) covered.add(edge);
    expect(await sim.rejections()).toEqual([]);
    expect(sim.submitted.length).toBeGreaterThanOrEqual(leastJobs);
    expect(sim.faults.length).toBeGreaterThanOrEqual(leastFaults);
  });

  test('together they took the edges of the job chart, and no other', () => {
    const possible = [...chartEdges()].filter((edge) => !never.some(([, edges]) => edges.test(edge)));
    const left = possible.filter((edge) => !covered.has(edge));
    process.stdout.write(`\n${seeds.length} seeds: faults ${listed(faults)}; by chance ${listed(mishaps)}; `);
    process.stdout.write(`${possible.length - left.length} of `);
    process.stdout.write(`${possible.length} edges taken${left.map((edge) => `\n  not taken: ${edge}`).join('')}\n`);
    expect([...covered].filter((edge) => !possible.includes(edge))).toEqual([]);
    if (seeds.length >= enough) expect(left.filter((edge) => !rare.includes(edge))).toEqual([]);
  });
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, times]) => `${name} ${times}`).join(', ');
}
