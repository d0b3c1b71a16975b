/** Points between quality and cost: what is read of a result, which are beaten, and the ticks of an axis. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frontierOf, medianOf, placedBy, pointOf, ticksOf } from '../../doors/web/src/transcoding/point.ts';

const place = fc.record({ x: fc.integer({ min: 0, max: 50 }), y: fc.integer({ min: 0, max: 50 }) });

const job = (result: unknown) =>
  pointOf({
    ...{ version: 1, machine: 1, id: 'a', tenant: 'default', type: 'transcode', queue: 'live', priority: 'low' },
    ...{ requirements: {}, payload: {}, source: '', createdAt: 1, updatedAt: 3, settledAt: 3, state: 'completed' },
    ...{ staleAfterMs: 1, timeoutMs: 1, attempts: [], transitions: [] },
    context: {
      ...{ attempt: 1, spent: 1, losses: 0, generation: 1, maxAttempts: 1, maxLosses: 1, result },
      backoff: { kind: 'fixed', delayMs: 1, jitterMs: 0 },
    },
  });

test('a result is read as far as it is one', () => {
  expect(job('done')).toBeUndefined();
  expect(job({ encoder: 7 })).toBeUndefined();
  expect(job({ encoder: 'libx264', quality: null, energy: { joules: 'many' }, sizeBytes: Number.NaN })).toMatchObject({
    ...{ encoder: 'libx264', isGpu: false, quality: {}, cost: {}, isEstimated: false },
  });
  const whole = job({
    ...{ encoder: 'hevc_nvenc', width: 1280, height: 720, sizeBytes: 2_500_000, durationSeconds: 30, speed: 4 },
    ...{ quality: { vmaf: 93.5, ssim: 0.98 }, energy: { joules: 50, source: 'estimated' }, qoeEfficiency: 12 },
  });
  expect(whole).toMatchObject({
    ...{ isGpu: true, size: '1280×720', speed: 4, qoe: 12, isEstimated: true },
    ...{ quality: { vmaf: 93.5, ssim: 0.98 }, cost: { joules: 50, perMinute: 100, megabytes: 2.5 } },
  });
  expect(placedBy([whole ?? expect.unreachable()], 'perMinute', 'psnr')).toEqual([]);
});

test('nothing beats what is on the frontier, and all else is beaten by something on it', () => {
  fc.assert(
    fc.property(fc.array(place), (places) => {
      const point = job({ encoder: 'any' }) ?? expect.unreachable();
      const placed = places.map((where) => ({ ...point, ...where }));
      const best = frontierOf(placed);
      const beats = (one: { x: number; y: number }, other: { x: number; y: number }) =>
        one.x <= other.x && one.y >= other.y && (one.x < other.x || one.y > other.y);
      for (const one of best) expect(placed.some((other) => beats(other, one))).toBe(false);
      for (const one of placed) expect(best.some((other) => other.x <= one.x && other.y >= one.y)).toBe(true);
    }),
  );
});

test('ticks are round, in order, and hold all values between them', () => {
  expect(ticksOf(0.9, 1, 6)).toEqual([0.9, 0.92, 0.94, 0.96, 0.98, 1]);
  expect(ticksOf(1.7, 50, 8)).toEqual([0, 10, 20, 30, 40, 50]);
  expect(ticksOf(5, 5, 6)).toEqual([5, 6]);
  fc.assert(
    fc.property(
      fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
      fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
      (least, span) => {
        const ticks = ticksOf(least, least + span, 8);
        expect(ticks.length).toBeLessThan(20);
        expect(ticks[0]).toBeLessThanOrEqual(least * (1 + 1e-9));
        expect(ticks.at(-1)).toBeGreaterThanOrEqual((least + span) * (1 - 1e-9));
        expect(ticks).toEqual(ticks.toSorted((one, other) => one - other));
      },
    ),
  );
});

test('the median is one of the values, and there is none of nothing', () => {
  expect(medianOf([3, undefined, 1, 2])).toBe(2);
  expect(medianOf([undefined])).toBeUndefined();
});
