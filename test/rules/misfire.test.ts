import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { momentsBetween, nextAfter, type Plan } from '../../machines/rules/cron.ts';
import { decideMoments, type MisfirePolicy, misfires, punctualMs, type Verdict } from '../../machines/rules/misfire.ts';

const minutely: Plan = { kind: 'cron', cron: '* * * * *', zone: 'UTC' };
const noon = Date.parse('2026-05-01T12:00:00Z');
const minutes = (count: number) => noon + count * 60_000;

function decide(policy: Partial<MisfirePolicy>, now: number, atMost = 100): Verdict {
  return decideMoments(minutely, { misfire: 'once', windowMs: 3_600_000, ...policy }, { nextAt: noon, now, atMost });
}

describe('a moment', () => {
  test.each(misfires)('that has just come is fired, whatever is done about missed ones (%s)', (misfire) => {
    expect(decide({ misfire }, noon + 1_500)).toEqual({ fire: [noon], missed: [], nextAt: minutes(1) });
  });

  test('that has not come is not', () => {
    expect(decide({}, noon - 1)).toEqual({ fire: [], missed: [], nextAt: noon });
  });

  test('after the end of the schedule never comes', () => {
    expect(decide({ until: minutes(1) }, minutes(5))).toMatchObject({ fire: [minutes(1)] });
    expect(decide({ until: minutes(1) }, minutes(5)).nextAt).toBeUndefined();
  });
});

describe('missed moments', () => {
  const now = minutes(3) + 30_000;
  const nextAt = minutes(4);

  test('are skipped', () => {
    const missed = [{ from: noon, to: minutes(3), count: 4, why: 'what is missed is skipped' }];
    expect(decide({ misfire: 'skip' }, now)).toEqual({ fire: [], missed, nextAt });
  });

  test('are made up for by one firing, that of the newest', () => {
    const missed = [{ from: noon, to: minutes(2), count: 3, why: 'one firing makes up for all that were missed' }];
    expect(decide({ misfire: 'once' }, now)).toEqual({ fire: [minutes(3)], missed, nextAt });
  });

  test('are all fired, so many at once', () => {
    const all = [0, 1, 2, 3].map(minutes);
    expect(decide({ misfire: 'all' }, now)).toEqual({ fire: all, missed: [], nextAt });
    expect(decide({ misfire: 'all' }, now, 3)).toEqual({ fire: all.slice(0, 3), missed: [], nextAt: minutes(3) });
  });

  test('of longer ago than the window are skipped in any case', () => {
    const missed = [{ from: noon, to: minutes(1), count: 2, why: 'it was missed too long ago' }];
    const fire = [minutes(2), minutes(3)];
    expect(decide({ misfire: 'all', windowMs: 90_000 }, now)).toEqual({ fire, missed, nextAt });
  });

  test('of a month of seconds are decided at once', () => {
    const plan: Plan = { kind: 'cron', cron: '* * * * * *', zone: 'Europe/Berlin' };
    const policy: MisfirePolicy = { misfire: 'once', windowMs: 30 * 86_400_000 };
    const now = noon + 30 * 86_400_000;
    const { fire, missed } = decideMoments(plan, policy, { nextAt: noon, now, atMost: 100 });
    expect([fire, missed.map(({ count }) => count)]).toEqual([[now], [100]]);
  });
});

describe('of any plan and any policy', () => {
  const plans: fc.Arbitrary<Plan> = fc.oneof(
    fc.constantFrom('* * * * *', '*/10 * * * * *', '7,9 * * * *', '30 2 * * *').map((cron) => ({
      kind: 'cron' as const,
      cron,
      zone: 'Europe/Berlin',
    })),
    fc.integer({ min: 1_000, max: 900_000 }).map((everyMs) => ({ kind: 'every' as const, everyMs, anchorAt: noon })),
  );
  const cases = fc.record({
    plan: plans,
    misfire: fc.constantFrom(...misfires),
    windowMs: fc.integer({ min: 0, max: 1_200_000 }),
    awayMs: fc.integer({ min: 0, max: 1_800_000 }),
  });

  test('each moment that has come is fired or missed, once, and the next one has not come', () => {
    fc.assert(
      fc.property(cases, ({ plan, misfire, windowMs, awayMs }) => {
        const nextAt = nextAfter(plan, noon) ?? 0;
        const now = nextAt + awayMs;
        const verdict = decideMoments(plan, { misfire, windowMs }, { nextAt, now, atMost: 10_000 });
        const all = momentsBetween(plan, { from: nextAt - 1, to: now, atMost: 10_000 });
        const within = (moment: number) => verdict.missed.filter(({ from, to }) => from <= moment && moment <= to);
        for (const moment of all)
          expect(within(moment).length + verdict.fire.filter((each) => each === moment).length).toBe(1);
        expect(verdict.fire.every((moment) => all.includes(moment))).toBe(true);
        expect(verdict.nextAt).toBe(nextAfter(plan, now));
      }),
      { numRuns: 100 },
    );
  });

  test('what is fired is what its policy says', () => {
    fc.assert(
      fc.property(cases, ({ plan, misfire, windowMs, awayMs }) => {
        const nextAt = nextAfter(plan, noon) ?? 0;
        const now = nextAt + awayMs;
        const { fire } = decideMoments(plan, { misfire, windowMs }, { nextAt, now, atMost: 10_000 });
        const opensAt = now - Math.max(windowMs, punctualMs);
        const inWindow = momentsBetween(plan, { from: nextAt - 1, to: now, atMost: 10_000 }).filter(
          (at) => at >= opensAt,
        );
        const newest = inWindow.slice(-1);
        const expected = {
          all: inWindow,
          once: newest,
          skip: newest.filter((at) => now - at <= punctualMs),
        };
        expect(fire).toEqual(expected[misfire]);
      }),
      { numRuns: 100 },
    );
  });
});
