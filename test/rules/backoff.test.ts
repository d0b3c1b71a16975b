import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Backoff, backoff, defaultBackoff } from '../../machines/rules/backoff.ts';

const ms = fc.integer({ min: 0, max: 3_600_000 });
const jitterMs = fc.integer({ min: 0, max: 10_000 });
const failures = fc.integer({ min: 1, max: 200 });
const spread = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const factor = fc.double({ min: 1, max: 10, noNaN: true });

const policy: fc.Arbitrary<Backoff> = fc.oneof(
  fc.record({ kind: fc.constant('exponential' as const), baseMs: ms, factor, maxMs: ms, jitterMs }),
  fc.record({ kind: fc.constant('linear' as const), baseMs: ms, stepMs: ms, maxMs: ms, jitterMs }),
  fc.record({ kind: fc.constant('fixed' as const), delayMs: ms, jitterMs }),
  fc.record({ kind: fc.constant('list' as const), delaysMs: fc.array(ms, { maxLength: 8 }), jitterMs }),
);

/** The longest wait that a policy names, without jitter. */
function most(policy: Backoff): number {
  if (policy.kind === 'fixed') return policy.delayMs;
  return policy.kind === 'list' ? Math.max(0, ...policy.delaysMs) : policy.maxMs;
}

const waits = (policy: Backoff, count: number) => Array.from({ length: count }, (_, i) => backoff(policy, i + 1, 0));

describe('the wait before a retry', () => {
  test('is whole, never negative, and never longer than its bound and its jitter', () => {
    fc.assert(
      fc.property(policy, failures, spread, (policy, failures, spread) => {
        const wait = backoff(policy, failures, spread);
        expect(Number.isInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(most(policy) + policy.jitterMs);
      }),
    );
  });

  test('never shrinks from one failure to the next, where it grows at all', () => {
    const growing = policy.filter(({ kind }) => kind !== 'list');
    fc.assert(
      fc.property(growing, failures, (policy, failures) => {
        expect(backoff(policy, failures + 1, 0)).toBeGreaterThanOrEqual(backoff(policy, failures, 0));
      }),
    );
  });

  test('is spread by its jitter and by nothing else', () => {
    fc.assert(
      fc.property(policy, failures, spread, (policy, failures, spread) => {
        const added = backoff(policy, failures, spread) - backoff(policy, failures, 0);
        expect(Math.abs(added - policy.jitterMs * spread)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('doubles from one second: 1, 2, 4, 8', () => {
    const doubling: Backoff = { kind: 'exponential', baseMs: 1_000, factor: 2, maxMs: 60_000, jitterMs: 0 };
    expect(waits(doubling, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
  });

  test('grows by steps, stays fixed, or goes through a list whose last entry stays', () => {
    expect(waits({ kind: 'linear', baseMs: 100, stepMs: 50, maxMs: 220, jitterMs: 0 }, 4)).toEqual([
      100, 150, 200, 220,
    ]);
    expect(waits({ kind: 'fixed', delayMs: 70, jitterMs: 0 }, 3)).toEqual([70, 70, 70]);
    expect(waits({ kind: 'list', delaysMs: [1, 20, 3], jitterMs: 0 }, 5)).toEqual([1, 20, 3, 3, 3]);
    expect(waits({ kind: 'list', delaysMs: [], jitterMs: 0 }, 2)).toEqual([0, 0]);
  });

  test('is by default 500 ms, doubled up to 30 s', () => {
    expect(waits(defaultBackoff, 8)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });
});
