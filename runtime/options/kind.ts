/**
 * The kinds of value an option may have, and how each reads text (a flag, the environment) or JSON (the file).
 *
 * A kind knows what it expects in words and reads a value or refuses it with `undefined`. Where a value comes
 * from, and what is said when it is refused, is the affair of `runtime/options.ts`. Durations are milliseconds.
 */

import { formatDuration, parseDuration } from '../../machines/rules/duration.ts';

export interface Kind<Value> {
  /** The placeholder in `--help`: `--concurrency <count>`. */
  readonly name: string;
  /** Completes the sentence "Expected `x` to be …". */
  readonly expected: string;
  /** The value that `raw` stands for, or `undefined` where it is none of this kind. */
  readonly read: (raw: unknown) => Value | undefined;
  /** The value as a person would write it. */
  readonly show: (value: Value) => string;
}

/** Any text that is not empty, or one that matches `pattern`. */
export function text(name: string, limits: { pattern?: RegExp; expected?: string } = {}): Kind<string> {
  return {
    name,
    expected: limits.expected ?? 'a text that is not empty',
    read: (raw) => {
      if (typeof raw !== 'string' || raw.trim() === '') return undefined;
      return limits.pattern === undefined || limits.pattern.test(raw) ? raw : undefined;
    },
    show: (value) => value,
  };
}

/** A whole number within bounds. */
export function count(limits: { from: number; to?: number }): Kind<number> {
  const upTo = limits.to ?? Number.MAX_SAFE_INTEGER;
  return {
    name: 'count',
    expected: `a whole number from ${limits.from} ${limits.to === undefined ? 'up' : `to ${limits.to}`}`,
    read: (raw) => {
      const value = toNumber(raw);
      return value !== undefined && Number.isInteger(value) && value >= limits.from && value <= upTo
        ? value
        : undefined;
    },
    show: String,
  };
}

/** An odd whole number, of those who decide by majority. */
export function oddCount(limits: { to: number }): Kind<number> {
  const whole = count({ from: 1, ...limits });
  return {
    ...whole,
    expected: `an odd whole number from 1 to ${limits.to}`,
    read: (raw) => {
      const value = whole.read(raw);
      return value !== undefined && value % 2 === 1 ? value : undefined;
    },
  };
}

/** A number within bounds, whole or not. */
export function amount(limits: { name: string; from: number }): Kind<number> {
  return {
    name: limits.name,
    expected: `a number from ${limits.from} up`,
    read: (raw) => {
      const value = toNumber(raw);
      return value !== undefined && value >= limits.from ? value : undefined;
    },
    show: String,
  };
}

/** A span of time; the value is milliseconds. */
export function duration(limits: { fromMs: number }): Kind<number> {
  return {
    name: 'duration',
    expected: `a duration from ${formatDuration(limits.fromMs)} up, such as \`5s\` or \`1m30s\``,
    read: (raw) => {
      const ms = typeof raw === 'string' || typeof raw === 'number' ? parseDuration(raw) : undefined;
      return ms !== undefined && ms >= limits.fromMs ? ms : undefined;
    },
    show: formatDuration,
  };
}

/** One of a few words. */
export function choice<const Word extends string>(...words: readonly [Word, ...Word[]]): Kind<Word> {
  return {
    name: words.join('|'),
    expected: `one of ${words.join(', ')}`,
    read: (raw) => words.find((word) => word === raw),
    show: (value) => value,
  };
}

/** Yes or no. */
export const toggle: Kind<boolean> = {
  name: 'yes|no',
  expected: '`yes` or `no`',
  read: (raw) => {
    if (raw === true || raw === 'true' || raw === 'yes' || raw === '1') return true;
    return raw === false || raw === 'false' || raw === 'no' || raw === '0' ? false : undefined;
  },
  show: (value) => (value ? 'yes' : 'no'),
};

/** Several texts: an array in the file, separated by commas elsewhere. An empty one is an empty list. */
export function list(name: string, limits: { pattern?: RegExp; of: string }): Kind<readonly string[]> {
  return {
    name: `${name},…`,
    expected: `a list of ${limits.of}, separated by commas`,
    read: (raw) => {
      const items = toItems(raw);
      return items?.every((item) => limits.pattern?.test(item) ?? true) ? [...new Set(items)] : undefined;
    },
    show: (value) => value.join(','),
  };
}

/** Names with values: an object in the file, `a=1,b=2` elsewhere. */
export const pairs: Kind<Readonly<Record<string, string>>> = {
  name: 'name=value,…',
  expected: 'names with values, such as `zone=eu,disk=ssd`',
  read: (raw) => {
    if (typeof raw !== 'string') return toPairs(raw);
    const entries = toItems(raw)?.map(splitPair) ?? [];
    return entries.every((entry) => entry !== undefined) ? Object.fromEntries(entries) : undefined;
  },
  show: (value) =>
    Object.entries(value)
      .map(([name, what]) => `${name}=${what}`)
      .join(','),
};

/** A TCP port, or `free` for any that is. */
export const port: Kind<number | 'free'> = either(count({ from: 1, to: 65_535 }), choice('free'), 'port|free');

/** A value of the one kind or of the other. */
export function either<A, B extends string>(first: Kind<A>, second: Kind<B>, name: string): Kind<A | B> {
  const isSecond = (value: A | B): value is B => second.read(value) !== undefined;
  return {
    name,
    expected: `${first.expected}, or ${second.expected.replace(/^one of /, '')}`,
    read: (raw) => first.read(raw) ?? second.read(raw),
    show: (value) => (isSecond(value) ? second.show(value) : first.show(value)),
  };
}

function toNumber(raw: unknown): number | undefined {
  if (typeof raw === 'string' && raw.trim() === '') return undefined;
  const value = typeof raw === 'string' || typeof raw === 'number' ? Number(raw) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

function toItems(raw: unknown): string[] | undefined {
  const items: readonly unknown[] | undefined = typeof raw === 'string' ? raw.split(',') : asArray(raw);
  if (items === undefined || !items.every((item) => typeof item === 'string')) return undefined;
  return items.map((item) => item.trim()).filter((item) => item !== '');
}

function asArray(raw: unknown): readonly unknown[] | undefined {
  return Array.isArray(raw) ? raw : undefined;
}

function splitPair(item: string): [string, string] | undefined {
  const at = item.indexOf('=');
  return at > 0 ? [item.slice(0, at).trim(), item.slice(at + 1).trim()] : undefined;
}

function toPairs(raw: unknown): Record<string, string> | undefined {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined;
  const entries = Object.entries(raw);
  return entries.every(([, value]) => typeof value === 'string') ? Object.fromEntries(entries) : undefined;
}
