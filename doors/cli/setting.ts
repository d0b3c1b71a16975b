/**
 * What people write for a setting that can be taken back, as queues, limits and tenants have them: numbers and rates.
 */

import { durationText } from '../../cluster/settings.ts';
import { UsageError } from './exit.ts';

/** `none` and `default` take back what was set. @throws {UsageError} */
export function numberOf(text: string, flag: string): number | null {
  if (isTakenBack(text)) return null;
  return expectNumber(Number(text), { expected: 'a number, or `none`', flag, text });
}

/** Starts a second of `10`, `10/s`, `30/m` or `100/h`. @throws {UsageError} */
export function rateOf(text: string, flag: string): number | null {
  if (isTakenBack(text)) return null;
  const [, starts, per = 's'] = /^([\d.]+)(?:\/([smh]))?$/.exec(text) ?? [];
  const seconds = new Map([
    ['s', 1],
    ['m', 60],
    ['h', 3_600],
  ]);
  const rate = Number(starts) / (seconds.get(per) ?? Number.NaN);
  return expectNumber(rate, { expected: 'starts in a time such as 10/s, 30/m or 100/h, or `none`', flag, text });
}

function expectNumber(value: number, { expected, flag, text }: { expected: string; flag: string; text: string }) {
  if (!Number.isNaN(value)) return value;
  throw new UsageError(`Expected \`--${flag}\` to be ${expected}, got \`${text}\`. Correct it.`);
}

/** A rate as people read it. */
export function rateText({ ratePerSecond }: { ratePerSecond?: number }): string {
  if (ratePerSecond === undefined) return '-';
  if (ratePerSecond >= 1) return `${ratePerSecond}/s`;
  const perMinute = ratePerSecond * 60;
  return perMinute >= 1 ? `${toThousandths(perMinute)}/m` : `${toThousandths(perMinute * 60)}/h`;
}

function toThousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

/** A count as people read it. */
export function countText(value: number | undefined): string {
  return value === undefined ? '-' : String(value);
}

/** What is set, in one line, as it would be set by flags. */
export function setText(what: string, set: Settings): string {
  const all = Object.entries({
    ...set,
    ...(set.ratePerSecond === undefined ? {} : { ratePerSecond: rateText(set) }),
    ...(set.paused === undefined ? {} : { paused: set.paused ? '' : 'no' }),
  }).map(([name, value]) => `${flagWords.get(name) ?? name} ${valueText(name, value)}`.trim());
  return `${what}: ${all.join(', ') || 'nothing is set'}.`;
}

interface Settings {
  ratePerSecond?: number;
  paused?: boolean;
}

/** What each setting is called by its flag, where that is another word. */
export const flagWords: ReadonlyMap<string, string> = new Map([
  ['maxOpen', 'max-open'],
  ['maxActive', 'max-active'],
  ['ratePerSecond', 'rate'],
  ['agingStepMs', 'aging'],
  ['mayEvict', 'may-evict'],
  ['evictAfterMs', 'evict-after'],
  ['reserveAfterMs', 'reserve-after'],
  ['limitKeys', 'limit-key'],
]);

function valueText(name: string, value: unknown): string {
  if (!name.endsWith('Ms') || typeof value !== 'number') return String(value);
  return value === 0 ? 'off' : durationText(value);
}

export function isTakenBack(text: string): boolean {
  return text === 'default' || text === 'none';
}
