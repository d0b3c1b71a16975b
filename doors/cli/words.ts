/**
 * How jobs are put into words: moments as "12s ago", states in their colours.
 */

import type { JobState } from '../../sdk/index.ts';
import type { Style } from './terminal.ts';

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** How long ago `at` is, or how far ahead, in its largest unit. */
export function relative(at: number, now: number): string {
  const away = span(Math.abs(now - at));
  return at > now + 999 ? `in ${away}` : `${away} ago`;
}

/** How long something took, in its largest unit. */
export function span(tookMs: number): string {
  const [unit, ms] = units.find(([, least]) => tookMs >= least) ?? ['s', 1_000];
  return `${Math.floor(tookMs / ms)}${unit}`;
}

/** A number with its sign, for differences. */
export function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

/** The moment itself, for the full picture of a job: local time to the millisecond. */
export function moment(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

const styles: Readonly<Record<JobState, Style>> = {
  scheduled: 'blue',
  blocked: 'blue',
  held: 'blue',
  pending: 'reset',
  queued: 'yellow',
  retrying: 'yellow',
  assigned: 'cyan',
  processing: 'cyan',
  cancelling: 'magenta',
  completed: 'green',
  cancelled: 'magenta',
  failed: 'red',
};

export function stateStyle(state: JobState): Style {
  return styles[state];
}
