/**
 * A queue with a limit of jobs at once, while leaders come and go, the broker goes away, and writes land late: by the
 * records, never do more handlers run than it says, and every job runs.
 */

import { expect, test } from 'vitest';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { plantNoWaiting } from './planted.ts';
import { type Simulation, simulation } from './simulation.ts';
import { randomOdds } from './story.ts';

/** One for every twenty seeds of the bad minute, since each takes longer. */
const seeds = Array.from({ length: Math.ceil(Number(process.env['SIMULATION_SEEDS'] ?? 120) / 20) }, (_, n) => n + 1);
const limit = 2;

/** One thing that happens to who leads, or to the broker; resolves when it is over. */
async function trouble(sim: Simulation, chance: () => number): Promise<void> {
  const lasts = 300 + Math.floor(chance() * 6_000);
  if (sim.history.lease === null) return sim.advance(lasts);
  const { leader } = sim;
  switch (Math.floor(chance() * 4)) {
    case 0:
      sim.kill(leader);
      await sim.startMaster();
      return sim.advance(lasts);
    case 1:
      sim.freeze(leader);
      await sim.advance(lasts);
      return sim.thaw(leader);
    case 2:
      sim.cut(leader);
      await sim.advance(lasts);
      return sim.heal(leader);
    default:
      sim.broker.stop();
      await sim.advance(lasts);
      return sim.broker.start();
  }
}

/** The most handlers that ran at once, as the records say. */
function mostAtOnce(jobs: readonly JobRecord[]): number {
  const steps = jobs.flatMap(({ attempts }) =>
    attempts.flatMap(({ startedAt, endedAt }) =>
      startedAt === undefined || endedAt === undefined
        ? []
        : [
            { at: startedAt, more: 1 },
            { at: endedAt, more: -1 },
          ],
    ),
  );
  let [now, most] = [0, 0];
  for (const { more } of steps.sort((a, b) => a.at - b.at || a.more - b.more)) {
    now += more;
    most = Math.max(most, now);
  }
  return most;
}

test.each(seeds)('a limit holds in the bad times of seed %d', async (seed) => {
  const chance = seeded(seed + 17);
  const odds = randomOdds(seed);
  await simulation({ seed, masters: 3, workers: 3, odds, settings: { offerForMs: 1_000 } }, async (sim) => {
    const { control } = sim.broker.world();
    await sim.clock.until(control.changeQueue('batch', (set) => ({ ...set, maxActive: limit })));
    // A master to which the news of it is lost reads it within ten seconds.
    await sim.advance(11_000);
    const ids = Array.from({ length: 40 }, () =>
      sim.submit('sleeper', { executionTimeMs: Math.floor(chance() * 1_500) }, { Queue: 'batch', 'Max-Attempts': '9' }),
    );
    for (let n = 0; n < 8; n++) {
      await sim.advance(Math.floor(chance() * 8_000));
      await trouble(sim, chance);
    }
    await sim.comeToRest();
    const jobs = ids.map((id) => sim.job(id));
    expect(jobs.map(({ state }) => state)).toEqual(ids.map(() => 'completed'));
    expect(mostAtOnce(jobs)).toBe(limit);
  });
});

/** A leader dies with an offer out to a worker that stands still; the most that ran at once in the end. */
async function offerToSlowWorker(): Promise<number> {
  let most = 0;
  await simulation({ masters: 2, workers: 0 }, async (sim) => {
    const { control } = sim.broker.world();
    await sim.clock.until(control.limits.change('api', (set) => ({ ...set, maxActive: 1 })));
    const slow = await sim.startWorker({ labels: { at: 'here' } });
    await sim.startWorker({ labels: { at: 'there' } });
    await sim.advance(11_000);
    const { leader } = sim;
    const job = { executionTimeMs: 8_000 };
    sim.freeze(slow);
    const first = sim.submit('sleeper', job, { 'Limit-Key': 'api', Labels: 'at=here' });
    await sim.advance(300);
    const second = sim.submit('sleeper', job, { 'Limit-Key': 'api', Labels: 'at=there', Priority: 'critical' });
    await sim.advance(300);
    sim.kill(leader);
    await sim.until('another leader', () => sim.history.lease !== null && sim.leader !== leader);
    await sim.advance(1_000);
    sim.thaw(slow);
    await sim.untilSettled([first, second], 60_000);
    const [offeredBefore, offeredAfter] = [sim.job(first), sim.job(second)];
    expect(offeredBefore.attempts).toHaveLength(1);
    most = mostAtOnce([offeredBefore, offeredAfter]);
  });
  return most;
}

test('a new leader waits until what the former one has offered under a limit is over, since a slow worker may still claim it', async () => {
  expect(await offerToSlowWorker()).toBe(1);
});

test('a build whose new leader does not wait is found', async () => {
  plantNoWaiting();
  expect(await offerToSlowWorker()).toBe(2);
});
