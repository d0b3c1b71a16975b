import { expect, test } from 'vitest';
import { Fleet } from '../../actors/fleet.ts';
import { ManualClock } from '../../runtime/memory/manual-clock.ts';
import type { Pulse } from '../../runtime/ports.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { capacity } from './stage.ts';

const lostAfterMs = 4_000;

function setUp() {
  const clock = new ManualClock();
  let changes = 0;
  const telemetry = createTelemetry();
  const told: string[] = [];
  telemetry.subscribe(({ name }) => told.push(name));
  const fleet = new Fleet({ clock, telemetry, lostAfterMs, onChange: () => changes++ });
  const pulse: Pulse = {
    ...{ incarnation: 'w1', name: 'w1', host: 'test', pid: 1, version: '0', status: 'available', capacity },
    ...{ declared: [], startedAt: 0, loopLagMs: 0, claims: { count: 0, hash: 0 } },
    load: { cpuPercent: 0, memoryMb: 0 },
  };
  const beat = (news: Partial<Pulse> = {}) => fleet.heard({ ...pulse, ...news });
  const join = (...names: readonly string[]) => {
    for (const name of names) beat({ incarnation: name, name });
  };
  /** Checks four times a second for so long, as an auditor does. */
  const check = async (ms: number) => {
    const lost: string[] = [];
    for (let passed = 0; passed < ms; passed += 250) {
      await clock.advance(250);
      lost.push(...fleet.check().map((member) => member.pulse.name));
    }
    return lost;
  };
  const takesJobs = () => fleet.members().some((member) => fleet.takesJobs(member));
  beat();
  fleet.check();
  return { clock, fleet, beat, join, told, check, takesJobs, changes: () => changes };
}

test('a worker is lost once, when it has been silent for so long', async () => {
  const { check, fleet } = setUp();
  expect(await check(lostAfterMs)).toEqual([]);
  expect(await check(1_000)).toEqual(['w1']);
  expect(fleet.isGone('w1')).toBe(true);
});

test('a worker that has been silent for half as long is offered nothing, until it is heard again', async () => {
  const { check, beat, takesJobs, changes } = setUp();
  await check(lostAfterMs / 2);
  expect(takesJobs()).toBe(true);
  const before = changes();
  await check(250);
  expect([takesJobs(), changes()]).toEqual([false, before + 1]);
  beat();
  expect([takesJobs(), changes()]).toEqual([true, before + 2]);
});

test('the time in which the leader could hear nobody counts against nobody', async () => {
  const { check, clock, fleet } = setUp();
  await check(3_000);
  await clock.advance(60_000);
  expect(fleet.hearsNothing()).toBe(60_000);
  expect(await check(1_000)).toEqual([]);
  expect(await check(250)).toEqual(['w1']);
});

test('nor does the time in which the leader itself stood still', async () => {
  const { check, clock } = setUp();
  await check(3_000);
  await clock.advance(60_000);
  expect(await check(750)).toEqual([]);
  expect(await check(750)).toEqual(['w1']);
});

test('a leader that stumbles now and then still finds who is lost', async () => {
  const { check, clock, fleet } = setUp();
  const lost: string[] = [];
  for (let stumbles = 0; stumbles < 5; stumbles++) {
    lost.push(...(await check(1_000)));
    await clock.advance(500);
    fleet.hearsNothing();
  }
  expect(lost).toEqual(['w1']);
});

test('where more than a third fall silent together, they get twice the time, and it is told once', async () => {
  const { check, join, told, clock, fleet } = setUp();
  join('w2', 'w3');
  await clock.advance(500);
  join('w2');
  expect(await check(2 * lostAfterMs - 500)).toEqual([]);
  expect(told.filter((name) => name === 'workers.silentTogether')).toHaveLength(1);
  expect((await check(1_500)).sort()).toEqual(['w1', 'w2', 'w3']);
  expect(fleet.isGone('w2')).toBe(true);
});

test('where one of many falls silent, the others are no reason to wait', async () => {
  const { check, join, told } = setUp();
  join('w2', 'w3', 'w4');
  await check(2_000);
  join('w2', 'w3', 'w4');
  await check(1_500);
  join('w2', 'w3', 'w4');
  expect(await check(1_000)).toEqual(['w1']);
  expect(told).not.toContain('workers.silentTogether');
});

test('those that are heard again in the time that was granted are not lost', async () => {
  const { check, join } = setUp();
  join('w2');
  expect(await check(lostAfterMs + 1_000)).toEqual([]);
  join('w1', 'w2');
  expect(await check(lostAfterMs)).toEqual([]);
});

test('a worker whose main loop stands still hangs until it turns again: told once each, and offered nothing', () => {
  const { beat, told, takesJobs } = setUp();
  for (const loopLagMs of [4_000, 5_000]) beat({ loopLagMs });
  expect(takesJobs()).toBe(false);
  for (const loopLagMs of [0, 10]) beat({ loopLagMs });
  expect(takesJobs()).toBe(true);
  expect(told).toEqual(['worker.joined', 'worker.hung', 'worker.unhung']);
});

test('who is long gone is forgotten, by those too who only follow', async () => {
  const { check, clock, beat, fleet } = setUp();
  const names = () => fleet.members().map(({ pulse }) => pulse.incarnation);
  fleet.beginTerm();
  await check(lostAfterMs + 1_000);
  beat({ incarnation: 'w2', name: 'w2', status: 'offline' });
  await check(9 * 60_000);
  expect(names()).toEqual(['w1', 'w2']);
  await check(2 * 60_000);
  expect(names()).toEqual([]);
  fleet.endTerm();
  beat({ incarnation: 'w3' });
  await clock.advance(11 * 60_000);
  beat({ incarnation: 'w4' });
  expect(names()).toEqual(['w4']);
});
