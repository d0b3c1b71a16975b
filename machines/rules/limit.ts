/**
 * Limit keys: words that jobs name, and what people may set for them: how many jobs with a key may be out at once, and
 * how many may start in a second.
 *
 * A limit is set for a key, `api.acme`, or for a family, `api.*`: then it holds for each key that begins with `api.`, for
 * each by itself. Of several the most exact one holds. A key for which nothing is set limits nothing.
 */

import { aCount, aRate, type ChangeOf, changed, known, type Rule, wrongInChange } from './setting.ts';

/** The most keys that a job may name. */
export const keysAtMost = 4;

/** What people have set for one key, or for each of a family. Where nothing is, the limit was deleted. */
export interface LimitSettings {
  limit: string;
  /** The most jobs with a key that workers may hold at once. */
  maxActive?: number;
  /** The most jobs with a key that may start in a second. */
  ratePerSecond?: number;
}

/** What is to be changed about a limit; `null` takes back what was set. */
export type LimitChange = ChangeOf<LimitSettings, 'limit'>;

/** What holds for what jobs are counted under; `Infinity` where there is no limit. */
export interface LimitPolicy {
  maxActive: number;
  ratePerSecond: number;
}

export const noLimit: LimitPolicy = {
  maxActive: Number.POSITIVE_INFINITY,
  ratePerSecond: Number.POSITIVE_INFINITY,
};

const longest = 64;
const keyPattern = /^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/;

export const keyExpected = `up to ${longest} letters, digits, \`_\` and \`-\`, with dots between words`;

export function isLimitKey(text: string): boolean {
  return text.length <= longest && keyPattern.test(text);
}

/** The limits that may hold for a key, the most exact one first: `a.b.c`, `a.b.*`, `a.*`. */
export function limitsFor(key: string): readonly string[] {
  const limits = [key];
  for (let dot = key.lastIndexOf('.'); dot > 0; dot = key.lastIndexOf('.', dot - 1))
    limits.push(`${key.slice(0, dot)}.*`);
  return limits;
}

export function limitPolicy({ maxActive, ratePerSecond }: Omit<LimitSettings, 'limit'>): LimitPolicy {
  return {
    maxActive: maxActive ?? Number.POSITIVE_INFINITY,
    ratePerSecond: ratePerSecond ?? Number.POSITIVE_INFINITY,
  };
}

/** The settings after a change. */
export function changedLimit(set: LimitSettings, change: LimitChange): LimitSettings {
  return { ...changed(set, change), limit: set.limit };
}

const rules: { readonly [Name in keyof LimitChange]-?: Rule } = { maxActive: aCount, ratePerSecond: aRate };

/** The first thing about a change that cannot be, as a sentence; `undefined` where all of it can. */
export function wrongInLimit(limit: string, change: LimitChange): string | undefined {
  if (!isLimitKey(limit.endsWith('.*') ? limit.slice(0, -2) : limit))
    return `Expected a limit key of ${keyExpected}, or a family of them such as \`api.*\`, got \`${limit}\`. Correct it.`;
  return wrongInChange(`limit ${limit}`, change, rules);
}

/** Whether somebody's JSON is what people may set for a limit. */
export function isLimitSettings(
  value: Readonly<Record<string, unknown>>,
): value is Record<string, unknown> & LimitSettings {
  const { limit, ...change } = value;
  return typeof limit === 'string' && wrongInLimit(limit, known(change, rules)) === undefined;
}
