import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byNumber, byVersion, inWords, isCondition, meets } from '../../machines/rules/condition.ts';

test.each<[condition: string, met: readonly (string | undefined)[], not: readonly (string | undefined)[]]>([
  ['eu', ['eu'], ['us', '', undefined]],
  ['eu|us', ['eu', 'us'], ['asia', undefined]],
  ['!=hdd', ['ssd', undefined], ['hdd']],
  ['!=hdd|tape', ['ssd', undefined], ['hdd', 'tape']],
  ['>=8', ['8', '8.0', '32'], ['7', '7.9', 'many', '', undefined]],
  ['>1&<=9', ['2', '9'], ['1', '10', undefined]],
  ['*', ['anything', ''], [undefined]],
  ['!', [undefined], ['anything', '']],
])('%s', (condition, met, not) => {
  for (const value of met) expect(meets(condition, value), `${value}`).toBe(true);
  for (const value of not) expect(meets(condition, value), `${value}`).toBe(false);
});

describe('versions', () => {
  test('are compared number by number, and numbers as numbers', () => {
    expect(meets('>=7.5', '7.10', byVersion)).toBe(true);
    expect(meets('>=7.5', '7.10', byNumber)).toBe(false);
    expect(meets('>=2&<3', 'v2.4.1-beta+7', byVersion)).toBe(true);
    expect(byVersion('2', '2.0.0')).toBe(0);
    expect(byVersion('two', '2')).toBeUndefined();
  });

  test('stand in one order', () => {
    const version = fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }).map((numbers) => numbers.join('.'));
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(byVersion(a, b)).toBe(-(byVersion(b, a) ?? Number.NaN) + 0);
        if ((byVersion(a, b) ?? 1) <= 0 && (byVersion(b, c) ?? 1) <= 0) expect(byVersion(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

test.each(['', '|', 'eu|', '>=', '>=many', '>1|2', '&', 'eu&'])('`%s` is no condition', (text) => {
  expect(isCondition(text)).toBe(false);
});

test.each([
  ['eu|us', 'zone=eu|us'],
  ['>=8&<32', 'zone>=8 and zone<32'],
  ['*', 'zone'],
  ['!', '!zone'],
])('%s reads as %s', (condition, words) => {
  expect(isCondition(condition)).toBe(true);
  expect(inWords('zone', condition)).toBe(words);
});
