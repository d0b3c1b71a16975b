import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../runtime/clock.ts';

const hour = 3_600_000;

/** A clock that took `uncertaintyMs` and an offset of an hour over from a broker, `agoMs` ago. */
function measured({ uncertaintyMs, agoMs = 0 }: { uncertaintyMs: number; agoMs?: number }): SystemClock {
  const clock = new SystemClock();
  const mono = clock.mono() - agoMs;
  clock.adjust({ brokerMs: Date.now() - agoMs - hour, mono, uncertaintyMs });
  return clock;
}

describe('broker time', () => {
  test('is unknown before it was measured, then known as well as it was measured', () => {
    expect(new SystemClock().uncertainty()).toBe(Number.POSITIVE_INFINITY);
    const uncertainty = measured({ uncertaintyMs: 20 }).uncertainty();
    expect(uncertainty).toBeGreaterThanOrEqual(20);
    expect(uncertainty).toBeLessThan(21);
  });

  test('grows uncertain with the age of its measurement: half a second in a thousand', () => {
    const uncertainty = measured({ uncertaintyMs: 20, agoMs: 1_000_000 }).uncertainty();
    expect(Math.floor(uncertainty)).toBe(520);
  });

  test('has the machine tell how far its own clock is off', () => {
    expect(Math.abs(measured({ uncertaintyMs: 1 }).skew() - hour)).toBeLessThan(1_000);
  });

  test('is not given up for a worse measurement that agrees, but for any that contradicts', () => {
    const clock = measured({ uncertaintyMs: 10 });
    const at = clock.now();
    clock.adjust({ brokerMs: at + 400, mono: clock.mono(), uncertaintyMs: 500 });
    expect(clock.uncertainty()).toBeLessThan(11);
    clock.adjust({ brokerMs: at + hour, mono: clock.mono(), uncertaintyMs: 500 });
    expect(clock.now()).toBeGreaterThanOrEqual(at + hour);
    expect(clock.uncertainty()).toBeGreaterThanOrEqual(500);
  });
});
