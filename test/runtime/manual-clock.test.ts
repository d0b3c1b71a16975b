import { describe, expect, test } from 'vitest';
import { pause } from '../../runtime/clock.ts';
import { ManualClock } from '../../runtime/memory/manual-clock.ts';

describe('a clock that is moved by hand', () => {
  test('stands still until it is moved, and shows each timer its moment', async () => {
    const clock = new ManualClock({ startAt: 1_000 });
    const seen: [string, number, number][] = [];
    const note = (name: string) => () => void seen.push([name, clock.now(), clock.mono()]);
    clock.after(30, note('c'));
    clock.after(10, note('a'));
    clock.after(10, note('b'));
    await clock.settle();
    expect([clock.now(), seen]).toEqual([1_000, []]);
    await clock.advance(20);
    expect(seen).toEqual([
      ['a', 1_010, 10],
      ['b', 1_010, 10],
    ]);
    expect(clock.now()).toBe(1_020);
    await clock.advance(10);
    expect(seen.at(-1)).toEqual(['c', 1_030, 30]);
  });

  test('lets all that can happen without time happen before the next timer runs', async () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    clock.after(10, () => {
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => clock.endOfTurn(() => void Promise.resolve().then(() => seen.push('settled'))));
    });
    clock.after(10, () => seen.push('next'));
    await clock.advance(10);
    expect(seen).toEqual(['settled', 'next']);
  });

  test('runs what was set on the way, such as a chain of pauses', async () => {
    const clock = new ManualClock();
    let turns = 0;
    const chain = (async () => {
      for (; turns < 5; turns++) await pause(clock, 10);
    })();
    await clock.advance(49);
    expect(turns).toBe(4);
    await clock.advance(1);
    await chain;
    expect(turns).toBe(5);
  });

  test('repeats until it is stopped, from inside too', async () => {
    const clock = new ManualClock();
    let [outside, inside] = [0, 0];
    const stopOutside = clock.every(10, () => void outside++);
    const stopInside = clock.every(10, () => {
      if (++inside === 2) stopInside();
    });
    await clock.advance(35);
    stopOutside();
    await clock.advance(100);
    expect([outside, inside]).toEqual([3, 2]);
  });

  test('runs no timer that was cancelled', async () => {
    const clock = new ManualClock();
    let ran = false;
    const cancel = clock.after(10, () => {
      ran = true;
    });
    cancel();
    await clock.advance(20);
    expect(ran).toBe(false);
  });

  test('moves on until something is done, and says when it is not', async () => {
    const clock = new ManualClock();
    const done = pause(clock, 500).then(() => 'done');
    expect(await clock.until(done)).toBe('done');
    expect(clock.mono()).toBe(500);
    const failing = pause(clock, 5).then(() => Promise.reject(new Error('No.')));
    await expect(clock.until(failing)).rejects.toThrow('No.');
    await expect(clock.until(pause(clock, 1_000), 100)).rejects.toThrow('Expected it to be done within 100 ms');
    await expect(clock.until(new Promise(() => {}), 100)).rejects.toThrow('Expected it to be done within 100 ms');
  });

  test('draws the same numbers and names for the same seed, and others for another', () => {
    const draw = (seed: number) => {
      const clock = new ManualClock({ seed });
      return [clock.chance(), clock.chance(), clock.unique(), clock.unique()];
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(new Set(draw(7)).size).toBe(4);
    expect(draw(7)[2]).toMatch(/^[0-9a-z]{12}$/);
    const clock = new ManualClock({ seed: 3 });
    const numbers = Array.from({ length: 1_000 }, () => clock.chance());
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    expect(numbers.reduce((sum, number) => sum + number) / 1_000).toBeCloseTo(0.5, 1);
  });
});

describe('the clock of a node', () => {
  test('is off by as much as it was told, while spans stay true', () => {
    const clock = new ManualClock({ startAt: 10_000 });
    const node = clock.forNode({ offsetMs: -300 });
    expect([node.now(), node.mono()]).toEqual([9_700, 0]);
  });

  test('runs nothing while the node is frozen, and what came due at the thaw', async () => {
    const clock = new ManualClock();
    const [frozen, other] = [clock.forNode(), clock.forNode()];
    const seen: string[] = [];
    frozen.after(10, () => seen.push('frozen'));
    frozen.endOfTurn(() => seen.push('turn'));
    other.after(10, () => seen.push('other'));
    const cancel = frozen.after(15, () => seen.push('cancelled'));
    frozen.freeze();
    await clock.advance(1_000);
    expect(seen).toEqual(['other']);
    cancel();
    frozen.thaw();
    await clock.settle();
    expect(seen).toEqual(['other', 'turn', 'frozen']);
  });
});
