import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flawOf, lastBetween, momentsBetween, nextAfter, type Plan } from '../../machines/rules/cron.ts';

const at = (text: string) => Date.parse(text);
const inZone = (cron: string, zone: string): Plan => ({ kind: 'cron', cron, zone });
const iso = (moments: readonly number[]) => moments.map((moment) => new Date(moment).toISOString().slice(5, 16));

function moments(plan: Plan, from: string, count: number): readonly string[] {
  return iso(momentsBetween(plan, { from: at(from), to: Number.POSITIVE_INFINITY, atMost: count }));
}

/** Around the changes of the clocks in 2026 and 2027, in Berlin and on Lord Howe Island. */
const aroundChanges = fc.oneof(
  ...['2026-04-04T15:00Z', '2026-10-03T15:30Z', '2026-10-25T01:00Z', '2027-03-28T01:00Z'].map((change) =>
    fc.integer({ min: at(change) - 7_200_000, max: at(change) + 7_200_000 }),
  ),
);
const zones = fc.constantFrom('Europe/Berlin', 'Australia/Lord_Howe', 'UTC', 'America/New_York', 'Asia/Kathmandu');
const crons = fc.constantFrom(
  '* * * * *',
  '*/7 * * * *',
  '30 2 * * *',
  '15,45 1-3 * * *',
  '*/20 * * * * *',
  '0 0 29 2 *',
  '5 4 * * MON',
  '@hourly',
);
const plans: fc.Arbitrary<Plan> = fc.oneof(
  fc.record({ kind: fc.constant('cron' as const), cron: crons, zone: zones }),
  fc.record({
    kind: fc.constant('every' as const),
    everyMs: fc.integer({ min: 1_000, max: 4_000_000 }),
    anchorAt: fc.integer({ min: 0, max: at('2026-12-01') }),
  }),
);

describe('moments', () => {
  test('come one after the other, each after what was asked from', () => {
    fc.assert(
      fc.property(plans, aroundChanges, (plan, from) => {
        const found = [from, ...momentsBetween(plan, { from, to: Number.POSITIVE_INFINITY, atMost: 5 })];
        for (const [n, moment] of found.slice(1).entries()) expect(moment).toBeGreaterThan(found[n] ?? 0);
      }),
      { numRuns: 60 },
    );
  });

  test('are the same, whatever moment between two of them one asks from', () => {
    fc.assert(
      fc.property(plans, aroundChanges, fc.double({ min: 0, max: 1, noNaN: true }), (plan, from, share) => {
        const next = nextAfter(plan, from) ?? 0;
        expect(nextAfter(plan, from + Math.floor((next - 1 - from) * share))).toBe(next);
      }),
      { numRuns: 60 },
    );
  });

  test('have a last one in any time, which is that of going through them all', () => {
    fc.assert(
      fc.property(plans, aroundChanges, fc.integer({ min: 0, max: 3_600_000 }), (plan, from, ms) => {
        const all = momentsBetween(plan, { from, to: from + ms, atMost: 200 });
        if (all.length < 200) expect(lastBetween(plan, { from, to: from + ms })).toBe(all.at(-1));
      }),
      { numRuns: 60 },
    );
  });

  test('of an interval are whole numbers of it after the anchor, and none is before', () => {
    const plan: Plan = { kind: 'every', everyMs: 30_000, anchorAt: at('2026-05-01T00:00:07Z') };
    expect(nextAfter(plan, 0)).toBe(plan.anchorAt);
    expect(nextAfter(plan, plan.anchorAt)).toBe(plan.anchorAt + 30_000);
    expect(nextAfter(plan, plan.anchorAt + 95_000)).toBe(plan.anchorAt + 120_000);
  });

  test('of six fields begin with seconds; of five, seconds are 0', () => {
    expect(nextAfter(inZone('*/10 * * * * *', 'UTC'), at('2026-05-01T00:00:05.500Z'))).toBe(at('2026-05-01T00:00:10Z'));
    expect(nextAfter(inZone('* * * * *', 'UTC'), at('2026-05-01T00:00:05.500Z'))).toBe(at('2026-05-01T00:01:00Z'));
  });
});

describe('when the clocks change', () => {
  test('in spring, a fixed time in the hour that is left out comes once, at its end', () => {
    const nightly = inZone('30 2 * * *', 'Europe/Berlin');
    expect(moments(nightly, '2027-03-26T12:00Z', 3)).toEqual(['03-27T01:30', '03-28T01:00', '03-29T00:30']);
    const islanders = inZone('15 2 * * *', 'Australia/Lord_Howe');
    expect(moments(islanders, '2026-10-02T00:00Z', 3)).toEqual(['10-02T15:45', '10-03T15:30', '10-04T15:15']);
  });

  test('in autumn, a fixed time in the hour that comes twice fires once, the first time', () => {
    const nightly = inZone('30 2 * * *', 'Europe/Berlin');
    expect(moments(nightly, '2026-10-23T12:00Z', 3)).toEqual(['10-24T00:30', '10-25T00:30', '10-26T01:30']);
    const islanders = inZone('45 1 * * *', 'Australia/Lord_Howe');
    expect(moments(islanders, '2026-04-03T00:00Z', 3)).toEqual(['04-03T14:45', '04-04T14:45', '04-05T15:15']);
  });

  test('what comes each half hour goes on coming each half hour', () => {
    for (const [zone, from] of [
      ['Europe/Berlin', '2026-10-24T22:00Z'],
      ['Europe/Berlin', '2027-03-27T22:00Z'],
      ['Australia/Lord_Howe', '2026-04-04T12:00Z'],
      ['Australia/Lord_Howe', '2026-10-03T12:00Z'],
    ] as const) {
      const plan = inZone('*/30 * * * *', zone);
      const found = momentsBetween(plan, { from: at(from), to: at(from) + 6 * 3_600_000, atMost: 100 });
      expect(found).toEqual(Array.from({ length: 12 }, (_, n) => at(from) + (n + 1) * 1_800_000));
    }
  });
});

describe('a plan that is none', () => {
  test.each([
    ['61 * * * *', 'UTC', 'Invalid value for minute: 61'],
    ['* * *', 'UTC', 'or 6 with seconds before them, got `* * *`'],
    ['* * * * * * 2026', 'UTC', 'got `* * * * * * 2026`'],
    ['every day', 'UTC', 'Write, for example, `*/5 * * * *`.'],
    ['0 0 30 2 *', 'UTC', 'got `0 0 30 2 *`, which none does. Correct its day or month.'],
    ['* * * * *', 'Mars/Olympus', 'Expected the name of a time zone, got `Mars/Olympus`.'],
  ])('%s in %s is refused with a sentence', (cron, zone, sentence) => {
    expect(flawOf(inZone(cron, zone))).toContain(sentence);
  });

  test('is an interval shorter than a second', () => {
    expect(flawOf({ kind: 'every', everyMs: 999, anchorAt: 0 })).toContain('at least 1s, got 999 ms');
  });

  test('is none of those that are sound', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        expect(flawOf(plan)).toBeUndefined();
      }),
      { numRuns: 40 },
    );
  });
});
