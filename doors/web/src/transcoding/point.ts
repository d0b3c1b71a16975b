/**
 * What a transcode came to, as one point between quality and what it cost.
 *
 * Read from the result of its job, which other versions may have written: what is not there as expected is absent.
 */

import type { JobRecord } from '../../../../sdk/index.ts';

export type Measure = 'vmaf' | 'ssim' | 'psnr';
export type Cost = 'joules' | 'perMinute' | 'megabytes';

export interface Point {
  id: string;
  name: string;
  queue: string;
  encoder: string;
  /** Whether a GPU encoded it. */
  isGpu: boolean;
  /** `1280×720`. */
  size: string;
  quality: Partial<Record<Measure, number>>;
  /** `perMinute` is joules for each minute of film. */
  cost: Partial<Record<Cost, number>>;
  /** Seconds of film for each second of work. */
  speed?: number;
  /** Pixels × (VMAF / 100) / joules. */
  qoe?: number;
  /** Whether its energy was worked out from times and not measured. */
  isEstimated: boolean;
  settledAt: number;
}

export const measures: Readonly<Record<Measure, string>> = { vmaf: 'VMAF', ssim: 'SSIM', psnr: 'PSNR, dB' };
export const costs: Readonly<Record<Cost, string>> = {
  joules: 'energy, J',
  perMinute: 'energy for a minute of film, J',
  megabytes: 'size, MB',
};

/** `undefined` where the job tells no encoder: its result was not that of a transcode. */
export function pointOf({ id, name, queue, context: { result }, settledAt = 0 }: JobRecord): Point | undefined {
  const encoder = at(result, 'encoder');
  if (typeof encoder !== 'string') return undefined;
  const [joules, seconds, bytes] = [
    numberAt(result, 'energy', 'joules'),
    numberAt(result, 'durationSeconds'),
    numberAt(result, 'sizeBytes'),
  ];
  return {
    ...{ id, name: name ?? id, queue, encoder, settledAt },
    isGpu: /_(?:nvenc|vaapi|qsv)$/.test(encoder),
    size: `${numberAt(result, 'width') ?? '?'}×${numberAt(result, 'height') ?? '?'}`,
    quality: known({
      vmaf: numberAt(result, 'quality', 'vmaf'),
      ssim: numberAt(result, 'quality', 'ssim'),
      psnr: numberAt(result, 'quality', 'psnr'),
    }),
    cost: known({
      joules,
      perMinute: joules === undefined || seconds === undefined || seconds <= 0 ? undefined : (60 * joules) / seconds,
      megabytes: bytes === undefined ? undefined : bytes / 1e6,
    }),
    ...known({ speed: numberAt(result, 'speed'), qoe: numberAt(result, 'qoeEfficiency') }),
    isEstimated: at(at(result, 'energy'), 'source') === 'estimated',
  };
}

export interface Placed extends Point {
  x: number;
  y: number;
}

/** Those of which both is known. */
export function placedBy(points: readonly Point[], cost: Cost, measure: Measure): readonly Placed[] {
  return points.flatMap((point) => {
    const [x, y] = [point.cost[cost], point.quality[measure]];
    return x === undefined || y === undefined ? [] : [{ ...point, x, y }];
  });
}

/** Those that nothing else beats: whatever costs less is of less quality. The cheapest first. */
export function frontierOf(placed: readonly Placed[]): readonly Placed[] {
  const best: Placed[] = [];
  for (const point of placed.toSorted((one, other) => one.x - other.x || other.y - one.y))
    if (point.y > (best.at(-1)?.y ?? Number.NEGATIVE_INFINITY)) best.push(point);
  return best;
}

/** The middle one; of an even number, the upper of the two. */
export function medianOf(values: readonly (number | undefined)[]): number | undefined {
  const those = values.filter((value) => value !== undefined).toSorted((one, other) => one - other);
  return those[Math.floor(those.length / 2)];
}

/** Round numbers from below `least` to above `most`, about `count` of them. */
export function ticksOf(least: number, most: number, count: number): readonly number[] {
  const span = most - least || Math.abs(most) || 1;
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(least / step);
  const last = Math.max(first + 1, Math.ceil(most / step));
  // Whole multiples, so that rounding does not add up.
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}

function numberAt(value: unknown, ...keys: readonly string[]): number | undefined {
  const found = keys.reduce(at, value);
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}

/** What is known of it. */
function known<Key extends string>(values: Record<Key, number | undefined>): Partial<Record<Key, number>> {
  const kept: Partial<Record<Key, number>> = {};
  for (const key in values) {
    const value = values[key];
    if (value !== undefined) kept[key] = value;
  }
  return kept;
}
