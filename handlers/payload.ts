/**
 * How the payloads of the shipped types are checked: only known fields, and refusals as sentences.
 */

import { z } from 'zod';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const control = /[\u0000-\u001f\u007f]/;

/** An object with exactly these fields; others are refused by name, with the names that are known. */
export function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return `Expected only the fields ${known}; got ${issue.keys.join(', ')}.`;
      return issue.code === 'invalid_type' ? `Expected an object with the fields ${known}.` : undefined;
    },
  });
}

/** Text without control characters, which have no place in paths and arguments. */
export function text(limit: number) {
  return z
    .string({ error: ({ input }) => (input === undefined ? 'Expected this field, it is missing.' : 'Expected text.') })
    .min(1, 'Expected some text, got none.')
    .max(limit, `Expected at most ${limit} characters.`)
    .refine((value) => !control.test(value), 'Expected no control characters.');
}

/** A number of `what`, such as `frames a second`. */
export function between(low: number, high: number, what: string) {
  const sentence = `Expected ${what} from ${low} to ${high}.`;
  return z.number(sentence).min(low, sentence).max(high, sentence);
}

export function whole(low: number, high: number, what: string) {
  return between(low, high, what).int(`Expected a whole number of ${what}.`);
}
