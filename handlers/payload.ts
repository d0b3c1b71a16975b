/**
 * How the payloads of the shipped types are checked: only known fields, and refusals as sentences.
 */

import { z } from 'zod';

/** An object with exactly these fields; others are refused by name, with the names that are known. */
export function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys')
        return `Expected only the fields ${known}; got ${issue.keys.join(', ')}. Remove or correct it.`;
      return issue.code === 'invalid_type' ? `Expected an object with the fields ${known}.` : undefined;
    },
  });
}

/** Text without control characters, which have no place in paths and arguments. */
export function text(limit: number) {
  return (
    z
      .string()
      .min(1, 'Expected some text, got none.')
      .max(limit, `Expected at most ${limit} characters.`)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      .refine((value) => !/[\u0000-\u001f\u007f]/.test(value), 'Expected no control characters.')
  );
}

export function milliseconds(limit: number) {
  const sentence = `Expected milliseconds from 0 to ${limit}.`;
  return z.number(sentence).min(0, sentence).max(limit, sentence);
}
