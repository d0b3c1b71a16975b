/**
 * Retry policies as people write them, in a header or on a command line:
 * `exponential(1s, x2, max 30s, jitter 500ms)`, `linear(1s, +1s)`, `fixed(5s)`, `list(1s, 5s, 1m)`.
 */

import type { Backoff } from '../machines/rules/backoff.ts';
import { parseDuration } from '../machines/rules/duration.ts';

const shape = /^(exponential|linear|fixed|list)\(([^)]*)\)$/;
const unbounded = 30 * 86_400_000;

/** What stands between the parentheses: durations in order, and those with a name. */
interface Words {
  plain: readonly string[];
  max?: number;
  jitter?: number;
}

/** The policy that `text` means, or `undefined` where it means none. Jitter is 0 unless it is given. */
export function parseBackoff(text: string): Backoff | undefined {
  const [, kind, inner] = shape.exec(text.trim().toLowerCase()) ?? [];
  const words = inner === undefined ? undefined : wordsOf(inner);
  if (words === undefined) return undefined;
  switch (kind) {
    case 'exponential':
      return exponential(words);
    case 'linear':
      return linear(words);
    case 'fixed':
      return fixed(words);
    default:
      return list(words);
  }
}

function wordsOf(inner: string): Words | undefined {
  const plain: string[] = [];
  const words: Words = { plain };
  for (const word of inner.split(',').map((one) => one.trim())) {
    const [, name, text = ''] = /^(max|jitter)\b[\s=:]*(.*)$/.exec(word) ?? [];
    if (name !== 'max' && name !== 'jitter') {
      plain.push(word);
      continue;
    }
    const ms = parseDuration(text);
    if (ms === undefined || words[name] !== undefined) return undefined;
    words[name] = ms;
  }
  return words;
}

function exponential({ plain, max: maxMs = unbounded, jitter: jitterMs = 0 }: Words): Backoff | undefined {
  const [first = '', second = 'x2'] = plain;
  const baseMs = parseDuration(first);
  const [, factor] = /^[x×*](\d+(?:\.\d+)?)$/.exec(second) ?? [];
  if (plain.length > 2 || baseMs === undefined || factor === undefined) return undefined;
  return { kind: 'exponential', baseMs, factor: Number(factor), maxMs, jitterMs };
}

function linear({ plain, max: maxMs = unbounded, jitter: jitterMs = 0 }: Words): Backoff | undefined {
  const [first = '', second = '+0'] = plain;
  const baseMs = parseDuration(first);
  const stepMs = parseDuration(second.replace(/^\+/, ''));
  if (plain.length > 2 || baseMs === undefined || stepMs === undefined) return undefined;
  return { kind: 'linear', baseMs, stepMs, maxMs, jitterMs };
}

function fixed({ plain, max, jitter: jitterMs = 0 }: Words): Backoff | undefined {
  const delayMs = parseDuration(plain[0] ?? '');
  if (plain.length !== 1 || max !== undefined || delayMs === undefined) return undefined;
  return { kind: 'fixed', delayMs, jitterMs };
}

function list({ plain, max, jitter: jitterMs = 0 }: Words): Backoff | undefined {
  const delays = plain.map((word) => parseDuration(word));
  const delaysMs = delays.filter((delay) => delay !== undefined);
  if (max !== undefined || delaysMs.length === 0 || delaysMs.length < delays.length) return undefined;
  return { kind: 'list', delaysMs, jitterMs };
}
