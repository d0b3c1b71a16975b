import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Devices } from '../../actors/devices.ts';
import { type Capacity, hasRoom, idle, type Requirements, take, unmet } from '../../machines/rules/capability.ts';
import type { Gpu } from '../../machines/rules/gpu.ts';
import { capacity } from './stage.ts';

const vram = fc.constantFrom(8, 16, 24, 80);
const needs: fc.Arbitrary<Requirements> = fc.record({
  gpu: fc.integer({ min: 1, max: 2 }),
  vramMb: fc.constantFrom(0, 8, 16, 80),
});

/** What a leader knows of a worker by memory alone, and the worker itself. */
class Both {
  readonly #has: Capacity;
  readonly #devices: Devices;
  readonly #offered: Requirements[] = [];
  readonly #running: { needs: Requirements; own: readonly Gpu[] }[] = [];

  constructor(vramsMb: readonly number[]) {
    this.#has = { ...capacity, slots: 100, gpu: vramsMb.length, vramMb: Math.min(...vramsMb), vramsMb };
    this.#devices = new Devices(named(vramsMb));
  }

  offer(wanted: Requirements): void {
    const used = { ...idle };
    for (const each of this.#offered) take(used, each);
    for (const { needs: each, own } of this.#running) take(used, each, 1, { vramsMb: own.map(({ vramMb }) => vramMb) });
    if (unmet('noop', wanted, this.#has) === undefined && hasRoom(wanted, this.#has, used, 0))
      this.#offered.push(wanted);
  }

  /** One of those that were offered; they come in any order. */
  start(pick: number): void {
    for (const wanted of this.#offered.splice(pick % Math.max(1, this.#offered.length), 1)) {
      const own = this.#devices.take(wanted);
      expect(
        own?.every(({ vramMb }) => vramMb >= (wanted.vramMb ?? 0)),
        `GPUs for ${JSON.stringify(wanted)}`,
      ).toBe(true);
      this.#running.push({ needs: wanted, own: own ?? [] });
    }
    const names = this.#running.flatMap(({ own }) => own.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
  }

  end(pick: number): void {
    const ended = this.#running.splice(pick % Math.max(1, this.#running.length), 1);
    for (const { own } of ended) this.#devices.giveBack(own);
  }
}

function named(vramsMb: readonly number[]): readonly Gpu[] {
  return vramsMb.map((vramMb, at) => ({ name: String(at), vramMb }));
}

test('the smallest that will do are taken, those that were named first before others', () => {
  const devices = new Devices(named([80, 24, 8, 8]));
  const names = (count: number, vramMb: number) => devices.take({ gpu: count, vramMb })?.map(({ name }) => name);
  expect(names(1, 0)).toEqual(['2']);
  expect(names(1, 16)).toEqual(['1']);
  expect(names(2, 16)).toBeUndefined();
  expect(names(2, 0)).toEqual(['3', '0']);
});

test('of GPUs that differ in kind an attempt gets one that is as it asks, of equal size one that does less', () => {
  const devices = new Devices(
    [
      { name: '0', vramMb: 16, vendor: 'nvidia', encoders: ['h264_nvenc', 'av1_nvenc'] },
      { name: '1', vramMb: 16, vendor: 'nvidia', encoders: ['h264_nvenc'] },
      { name: '2', vramMb: 24, vendor: 'amd' },
    ],
    ['libx264'],
  );
  const names = (needs: Requirements) => devices.take(needs)?.map(({ name }) => name);
  expect(names({ gpu: 1, encoder: 'libx264' })).toEqual(['1']);
  expect(names({ gpu: 1, vendor: 'amd' })).toEqual(['2']);
  expect(names({ gpu: 1, vendor: 'amd' })).toBeUndefined();
  expect(names({ gpu: 1, encoder: 'av1_nvenc' })).toEqual(['0']);
});

test('whatever starts and ends, each job that the leader finds room for by memory alone gets GPUs of its own that have it', () => {
  const event = fc.record({ what: fc.constantFrom('offer', 'start', 'end'), needs, pick: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(vram, { minLength: 1, maxLength: 5 }), fc.array(event, { maxLength: 40 }), (vrams, events) => {
      const both = new Both(vrams);
      for (const { what, needs: wanted, pick } of events)
        if (what === 'offer') both.offer(wanted);
        else if (what === 'start') both.start(pick);
        else both.end(pick);
    }),
  );
});
