import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readSchedule, scheduleHead, scheduleStep } from '../../runtime/schedule.ts';

const folder = new URL('../golden/schedules/', import.meta.url);
const golden = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));

describe('a schedule that was stored', () => {
  test.each(readdirSync(folder))('by an older version loads, and goes on: %s', (name) => {
    const schedule = readSchedule(golden(name));
    expect(scheduleHead(schedule)).toEqual({ state: schedule.state, nextAt: schedule.context.nextAt });
    const paused = scheduleStep(schedule, { type: 'schedule.paused', at: 1_795_700_000_000 });
    expect(paused).toMatchObject({ state: 'paused', counts: schedule.counts, firings: schedule.firings });
  });

  test('by a newer version is left alone, with a sentence', () => {
    const newer = Object.assign({}, golden('v1-active.json'), { version: 7 });
    expect(() => readSchedule(newer)).toThrow(/version 1 and machine 1 at most, got 7 and 1\. Upgrade this process/);
  });

  test.each([[null], [[]], ['nothing'], [{}], [{ version: 1, machine: 1, name: 'x' }]])('and is none: %j', (json) => {
    expect(() => readSchedule(json)).toThrow('Expected a schedule');
  });
});
