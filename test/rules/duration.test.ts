import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../machines/rules/duration.ts';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

describe('a duration', () => {
  test('is read as the sum of its parts', () => {
    const part = fc.tuple(fc.nat(10_000), fc.constantFrom(...Object.entries(units)));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const text = parts.map(([amount, [unit]]) => `${amount}${unit}`).join('');
        const meant = parts.reduce((sum, [amount, [, ms]]) => sum + amount * ms, 0);
        expect(parseDuration(text)).toBe(meant);
        expect(parseDuration(` ${text} `)).toBe(meant);
      }),
    );
  });

  test('is written so that it reads back as nearly the same, and then as exactly the same', () => {
    fc.assert(
      fc.property(fc.nat(400 * units.d), (ms) => {
        const again = parseDuration(formatDuration(ms)) ?? Number.NaN;
        expect(Math.abs(again - ms)).toBeLessThanOrEqual(Math.max(1, ms * 0.05));
        expect(formatDuration(again)).toBe(formatDuration(ms));
      }),
    );
  });

  test.each([
    [450, '450ms'],
    [1_500, '1.5s'],
    [5_000, '5s'],
    [59_400, '59s'],
    [125_000, '2m05s'],
    [1_800_000, '30m'],
    [12_000_000, '3h20m'],
    [30 * units.d, '30d'],
    [4 * units.d + 6 * units.h, '4d06h'],
  ])('%d ms is written as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test('without a unit is milliseconds', () => {
    expect(parseDuration('250')).toBe(250);
    expect(parseDuration(250)).toBe(250);
    expect(parseDuration('1.5s')).toBe(1_500);
  });

  test.each(['', 's', '5 s', '5x', '-5s', '1h-5m', 'soon', '5s!', Number.NaN, -1, Number.POSITIVE_INFINITY])(
    'is not %s',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});
