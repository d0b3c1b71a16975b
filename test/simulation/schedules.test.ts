/** Bad minutes in which schedules fire: whatever breaks, each of their moments is decided once, and none is lost. */

import { expect, test } from 'vitest';
import { Committer } from '../../actors/committer.ts';
import { isSettled } from '../../machines/job.ts';
import type { ScheduleRecord, ScheduleSpec } from '../../runtime/schedule.ts';
import { newSchedule, scheduleKey, scheduleStep } from '../../runtime/schedule.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { type Simulation, simulation } from './simulation.ts';
import { badMinute, randomOdds, randomSettings } from './story.ts';

/** One for every twenty seeds of the bad minute, since each takes longer. */
const count = Math.ceil(Number(process.env['SIMULATION_SEEDS'] ?? 40) / 20);
const seeds = Array.from({ length: count }, (_, n) => 31 + n);

/** Who adds schedules and pauses them, as a person does. */
function keeper({ broker, clock }: Simulation) {
  const isThere = (name: string) =>
    broker.history().some(({ key }) => key === scheduleKey({ tenant: 'default', name }));
  const { store } = broker.world();
  const { commit } = new Committer({ store, clock, telemetry: createTelemetry() });
  const write = async (schedule: ScheduleRecord, expected: number) =>
    (await commit([{ key: scheduleKey(schedule), expected, schedule }])).kind === 'stored';
  const add = async (name: string, more: Pick<ScheduleSpec, 'misfire' | 'overlap' | 'job'>, everyMs: number) => {
    const at = clock.now();
    const plan = { kind: 'every', everyMs, anchorAt: at } as const;
    const spec = { tenant: 'default', name, plan, windowMs: 600_000, ...more };
    // One whose write had no answer may have fired before the write was repeated.
    expect((await clock.until(write(newSchedule(spec, at, at + everyMs), 0))) || isThere(name)).toBe(true);
  };
  const pause = async (name: string): Promise<void> => {
    const stored = await store.readSchedule(scheduleKey({ tenant: 'default', name }));
    const paused = stored && scheduleStep(stored.schedule, { type: 'schedule.paused', at: clock.now() });
    if (paused === undefined || !(await write(paused, stored?.revision ?? 0))) await pause(name);
  };
  return { add, isThere, pause: (name: string) => clock.until(pause(name)) };
}

test.each(seeds)('in the bad minute of seed %d', async (seed) => {
  const options = { seed, masters: 3, workers: 2, odds: randomOdds(seed), settings: randomSettings(seed), skewMs: 300 };
  await simulation(options, async (sim) => {
    const { add, isThere, pause } = keeper(sim);
    const short = { type: 'noop', payload: {}, options: {} };
    const addTick = () => add('tick', { misfire: 'all', overlap: 'allow', job: short }, 1_300);
    await addTick();
    const long = { type: 'sleeper', payload: { executionTimeMs: 4_000 }, options: { maxAttempts: 2 } };
    const addTock = () => add('tock', { misfire: 'once', overlap: 'replace', job: long }, 2_000);
    await addTock();
    await badMinute(sim, 30);
    sim.calmDown();
    // A power cut soon after the start may have taken a schedule whole.
    if (!isThere('tick')) await addTick();
    if (!isThere('tock')) await addTock();
    await sim.until(
      'a leader that has caught up',
      () => sim.history.schedules.count('_schedule.default.tick', 'fired') > 20,
    );
    await pause('tick');
    await pause('tock');
    await sim.advance(100);
    expect(sim.history.schedules.count('_schedule.default.tick', 'missed')).toBe(0);
    // From here on they are jobs as those that were submitted.
    const made = sim.history.jobs().filter(({ source }) => source.startsWith('schedule:'));
    sim.submitted.push(...made.map(({ id }) => id));
    expect(made.some(({ state }) => isSettled(state))).toBe(true);
  });
});
