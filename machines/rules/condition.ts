/**
 * Conditions that a job puts on a text of a worker: on a label, or on the version of a handler.
 *
 * A condition is a short text, so that it reads in a record as it was written: `eu` (this), `eu|us` (one of these),
 * `!=hdd` (not this), `>=8` (a number), `*` (any), `!` (none). Several hold together with `&` between them: `>=8&<32`.
 */

/** -1, 0 or 1; `undefined` where the two cannot be compared. */
export type Compare = (value: string, other: string) => number | undefined;

const operators = ['!=', '>=', '<=', '>', '<'] as const;
type Operator = (typeof operators)[number];

/** Whether `value` is as `condition` says; `undefined` is a value that is not there. */
export function meets(condition: string, value: string | undefined, compare: Compare = byNumber): boolean {
  return condition.split('&').every((part) => meetsPart(part, value, compare));
}

function meetsPart(part: string, value: string | undefined, compare: Compare): boolean {
  if (part === '*') return value !== undefined;
  if (part === '!') return value === undefined;
  const operator = operators.find((each) => part.startsWith(each));
  const words = part.slice(operator?.length ?? 0).split('|');
  if (operator === undefined) return value !== undefined && words.some((word) => word === value);
  if (operator === '!=') return value === undefined || !words.includes(value);
  const sign = value === undefined ? undefined : compare(value, words[0] ?? '');
  return sign !== undefined && holds(operator, sign);
}

function holds(operator: Exclude<Operator, '!='>, sign: number): boolean {
  switch (operator) {
    case '>':
      return sign > 0;
    case '>=':
      return sign >= 0;
    case '<':
      return sign < 0;
    case '<=':
      return sign <= 0;
  }
}

/** Texts as numbers: `7.5` is more than `7.10`. */
export function byNumber(value: string, other: string): number | undefined {
  const [one, two] = [value, other].map((text) => (text.trim() === '' ? Number.NaN : Number(text)));
  return one === undefined || two === undefined || Number.isNaN(one - two) ? undefined : Math.sign(one - two);
}

/** Texts as versions, number by number: `7.10` is more than `7.5`, `2` is `2.0.0`. What follows a `-` or `+` is passed over. */
export function byVersion(value: string, other: string): number | undefined {
  const [one, two] = [value, other].map(numbersOf);
  if (one === undefined || two === undefined) return undefined;
  for (let at = 0; at < Math.max(one.length, two.length); at++) {
    const sign = Math.sign((one[at] ?? 0) - (two[at] ?? 0));
    if (sign !== 0) return sign;
  }
  return 0;
}

function numbersOf(version: string): readonly number[] | undefined {
  const core = /^v?(\d+(?:\.\d+)*)(?:[-+].*)?$/.exec(version.trim())?.[1];
  return core?.split('.').map(Number);
}

/** Whether the text is a condition at all, whose numbers `compare` can read. */
export function isCondition(condition: string, compare: Compare = byNumber): boolean {
  return condition.split('&').every((part) => {
    if (part === '*' || part === '!') return true;
    const operator = operators.find((each) => part.startsWith(each));
    const words = part.slice(operator?.length ?? 0).split('|');
    if (words.some((word) => word.trim() === '' || /[=!<>]/.test(word))) return false;
    if (operator === undefined || operator === '!=') return true;
    return words.length === 1 && words.every((word) => compare(word, word) === 0);
  });
}

/** How a person would say it of `name`: `zone=eu`, `cores>=8`, `disk` (any), `!spot` (none). */
export function inWords(name: string, condition: string): string {
  return condition
    .split('&')
    .map((part) => {
      if (part === '*') return name;
      if (part === '!') return `!${name}`;
      return operators.some((each) => part.startsWith(each)) ? `${name}${part}` : `${name}=${part}`;
    })
    .join(' and ');
}
