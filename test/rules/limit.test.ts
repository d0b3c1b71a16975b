import { describe, expect, test } from 'vitest';
import { changedLimit, isLimitKey, isLimitSettings, limitsFor, wrongInLimit } from '../../machines/rules/limit.ts';
import { changedTenant, isTenantSettings, wrongInTenant } from '../../machines/rules/tenant.ts';

describe('a limit key', () => {
  test.each(['api', 'api.acme', 'Customer-7.eu_west.x', 'a'.repeat(64)])('may be %s', (key) => {
    expect(isLimitKey(key)).toBe(true);
  });

  test.each(['', '.', 'api.', '.api', 'a..b', 'api.*', 'a b', '_a', 'a'.repeat(65), 'é'])('may not be %s', (key) => {
    expect(isLimitKey(key)).toBe(false);
  });

  test('is under its own limit first, then under those of its families, the most exact one first', () => {
    expect(limitsFor('a.b.c')).toEqual(['a.b.c', 'a.b.*', 'a.*']);
    expect(limitsFor('a')).toEqual(['a']);
  });
});

test('what cannot be set for a limit or a tenant is said in a sentence', () => {
  expect(wrongInLimit('api.*', { maxActive: 5, ratePerSecond: 0.5 })).toBeUndefined();
  expect(wrongInLimit('api.*', { maxActive: 0 })).toBe(
    'Expected `maxActive` of limit api.* to be a whole number from 1 up, got `0`. Correct it.',
  );
  expect(wrongInLimit('*', {})).toMatch(/^Expected a limit key of up to 64 letters, .*, or a family of them/);
  expect(wrongInTenant('acme', { weight: 3, maxActive: 1, ratePerSecond: 9 })).toBeUndefined();
  expect(wrongInTenant('acme', { weight: 0 })).toBe(
    'Expected `weight` of tenant acme to be a number above 0, got `0`. Correct it.',
  );
  expect(wrongInTenant('_schedule', {})).toMatch(/^Expected a tenant of 1 to 64 letters/);
});

test('what is taken back is as if nobody had ever set it', () => {
  expect(changedLimit({ limit: 'a', maxActive: 5 }, { maxActive: null, ratePerSecond: 2 })).toEqual({
    limit: 'a',
    ratePerSecond: 2,
  });
  expect(changedTenant({ tenant: 'acme', weight: 3 }, { weight: null })).toEqual({ tenant: 'acme' });
});

test('what a newer version knows of a limit or a tenant is passed over, and what is wrong is none', () => {
  expect(isLimitSettings({ limit: 'a.*', maxActive: 5, later: true })).toBe(true);
  expect(isLimitSettings({ limit: 'a.*', maxActive: '5' })).toBe(false);
  expect(isTenantSettings({ tenant: 'acme', later: true })).toBe(true);
  expect(isTenantSettings({ tenant: '_acme' })).toBe(false);
});
