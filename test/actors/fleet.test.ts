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
  const told: unknown[] = [];
  telemetry.on('workers.silent', (facts) => told.push(facts));
  const fleet = new Fleet({ clock, telemetry, lostAfterMs, onChange: () => changes++ });
  const pulse: Pulse = {
    ...{ incarnation: 'w1', name: 'w1', host: 'test', pid: 1, version: '0', status: 'available', capacity },
    ...{ declared: [], startedAt: 0, loopLagMs: 0, claims: { count: 0, hash: 0 } },
    load: { cpuPercent: 0, memoryMb: 0 },
  };
  const beat = () => fleet.heard(pulse);
  const hears = (...names: string[]) => {
    for (const name of names) fleet.heard({ ...pulse, incarnation: name, name });
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
  return { clock, fleet, beat, hears, check, takesJobs, changes: () => changes, told: () => told };
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

test('where much of the fleet falls silent at once, all of those get as long again', async () => {
  const { check, hears, told } = setUp();
  const names = ['w1', 'w2', 'w3', 'w4', 'w5'];
  hears(...names);
  await check(2_000);
  hears('w3', 'w4', 'w5');
  expect(await check(3_000)).toEqual([]);
  expect(told()).toEqual([{ silent: 2, workers: 5 }]);
  hears('w3', 'w4', 'w5');
  expect(await check(3_000)).toEqual([]);
  hears('w3', 'w4', 'w5');
  expect(await check(1_000)).toEqual(['w1', 'w2']);
  expect(told()).toHaveLength(1);
});

test('a third of the fleet, or a single worker, is lost without further patience', async () => {
  const { check, hears, told } = setUp();
  hears('w1', 'w2', 'w3');
  await check(2_000);
  hears('w2', 'w3');
  expect(await check(3_000)).toEqual(['w1']);
  hears('w2');
  expect(await check(3_000)).toEqual(['w3']);
  expect(told()).toEqual([]);
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
