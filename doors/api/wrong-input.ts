/**
 * What is wrong with what was given, field by field: where it is, as a JSON pointer, and what was expected and met there.
 *
 * Of several shapes that one thing might have, it is held against the one that it comes closest to.
 */

import type { z } from '@hono/zod-openapi';
import { Fault } from '../../sdk/index.ts';

interface Wrong {
  path: string;
  message: string;
}

type Issue = z.core.$ZodIssue;

/** A thousand jobs may be wrong in thirty fields each. */
const toldAtMost = 100;

export function wrongInput(issues: readonly Issue[]): Fault {
  const all = issues.flatMap((issue) => wrongsOf(issue, []));
  const fields = all.slice(0, toldAtMost);
  const detail = fields.map(({ path, message }) => `${path}: ${message}`).join(' ');
  const more = all.length > fields.length ? ` And ${all.length - fields.length} more.` : '';
  return new Fault('input.invalid', `Expected what /openapi.json says, got other content. ${detail}${more}`, {
    facts: { fields },
  });
}

function wrongsOf(issue: Issue, above: readonly PropertyKey[]): readonly Wrong[] {
  const path = [...above, ...issue.path];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) =>
        wrong([...path, key], 'Expected no such field here. Correct its name, or leave it out.'),
      );
    case 'invalid_union': {
      const [closest] = issue.errors.toSorted((one, other) => distance(one) - distance(other));
      if (closest === undefined) return [wrong(path, `${issue.message}, got ${met(issue.input)}.`)];
      return closest.flatMap((each) => wrongsOf(each, path));
    }
    case 'invalid_type':
      return [wrong(path, `Expected ${wordOf(issue.expected)}, got ${met(issue.input)}.`)];
    case 'invalid_value':
      return [wrong(path, `Expected ${issue.values.map(String).join(', ')}, got ${met(issue.input)}.`)];
    case 'too_small':
      return [
        wrong(
          path,
          `Expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unitOf(issue.origin)}, got ${met(issue.input)}.`,
        ),
      ];
    case 'too_big':
      return [wrong(path, `Expected at most ${issue.maximum}${unitOf(issue.origin)}, got ${met(issue.input)}.`)];
    case 'custom':
      return [wrong(path, issue.message)];
    default:
      return [wrong(path, `${issue.message}, got ${met(issue.input)}.`)];
  }
}

function wrong(path: readonly PropertyKey[], message: string): Wrong {
  const parts = path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1'));
  return { path: `/${parts.join('/')}`, message };
}

/** What is of another kind altogether is further away than what is wrong inside. */
function distance(issues: readonly Issue[]): number {
  return issues.reduce((sum, { code, path }) => sum + (code === 'invalid_type' && path.length === 0 ? 100 : 1), 0);
}

const words: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a text',
};

function wordOf(expected: string): string {
  return words[expected] ?? expected;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' of them' : '';
}

/** The beginning of it, as JSON. */
function met(input: unknown): string {
  if (input === undefined) return 'nothing';
  if (typeof input === 'object' && input !== null) return Array.isArray(input) ? 'a list' : 'an object';
  const text = typeof input === 'string' ? input : String(input);
  return `\`${text.length > 60 ? `${text.slice(0, 60)}…` : text}\``;
}
