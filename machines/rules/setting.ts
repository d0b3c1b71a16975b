/**
 * What people may set for something while the cluster runs: each value by its rule, and what is not set is as if nobody
 * ever had.
 *
 * Knows values and sentences only. What may be set for what is said by `queue.ts`, `limit.ts` and `tenant.ts`.
 */

/** What a value must be; `expected` completes the sentence "Expected `x` to be …". */
export interface Rule {
  expected: string;
  holds(value: unknown): boolean;
}

/** Of settings, all but the name of what they are for; `null` takes back what was set. */
export type ChangeOf<Settings, Name extends keyof Settings> = {
  readonly [Each in Exclude<keyof Settings, Name>]?: Settings[Each] | null;
};

export const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

export const aWeight: Rule = {
  expected: 'a number above 0',
  holds: (value) => isNumber(value) && value > 0 && value <= 1_000_000,
};
export const aCount: Rule = {
  expected: 'a whole number from 1 up',
  holds: (value) => isNumber(value) && Number.isInteger(value) && value >= 1,
};
export const aRate: Rule = { expected: 'a number above 0', holds: (value) => isNumber(value) && value > 0 };

/** What is set after a change, without a name. */
export function changed(set: object, change: object): Record<string, unknown> {
  const all = Object.entries({ ...set, ...change }).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(all);
}

/**
 * The first thing about a change that cannot be, as a sentence; `undefined` where all of it can.
 *
 * @param what for what it is set, such as `queue batch`.
 */
export function wrongInChange(what: string, change: object, rules: Readonly<Record<string, Rule>>): string | undefined {
  const given = new Map<string, unknown>(Object.entries(change));
  for (const [name, { expected, holds }] of Object.entries(rules)) {
    const value = given.get(name);
    if (value !== undefined && value !== null && !holds(value))
      return `Expected \`${name}\` of ${what} to be ${expected}, got \`${String(value)}\`. Correct it.`;
    given.delete(name);
  }
  const [unknown] = given.keys();
  return unknown === undefined
    ? undefined
    : `Expected one of ${Object.keys(rules).join(', ')} of ${what}, got \`${unknown}\`. Correct it.`;
}

/** Of somebody's JSON, what there are rules for. */
export function known(json: object, rules: Readonly<Record<string, Rule>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json).filter(([name]) => name in rules));
}
