/**
 * Retry policies as people write them, in a header or on a command line:
 * `exponential(1s, x2, max 30s, jitter 500ms)`, `linear(1s, +1s)`, `fixed(5s)`, `list(1s, 5s, 1m)`.
 */

import type { Backoff } from '../machines/rules/backoff.ts';
import { parseDuration } from '../machines/rules/duration.ts';

const shape = /^(exponential|linear|fixed|list)\(([^)]*)\)$/;
const unbounded = 30 * 86_400_000;

/** The policy that `text` means, or `undefined` where it means none. Jitter is 0 unless it is given. */
export function parseBackoff(text: string): Backoff | undefined {
  const [, kind, inner] = shape.exec(text.trim().toLowerCase()) ?? [];
  if (kind === undefined || inner === undefined) return undefined;
  const words = inner.split(',').map((word) => word.trim());
  const jitterMs = named(words, 'jitter') ?? 0;
  const maxMs = named(words, 'max') ?? unbounded;
  const plain = words.filter((word) => !/^(jitter|max)\b/.test(word));
  const [first, second] = plain;
  const baseMs = first === undefined ? undefined : parseDuration(first);
  if (baseMs === undefined) return undefined;
  switch (kind) {
    case 'exponential':
      return withNumber(second ?? 'x2', /^[x×*](\d+(?:\.\d+)?)$/, (factor) => ({
        kind,
        baseMs,
        factor,
        maxMs,
        jitterMs,
      }));
    case 'linear': {
      const stepMs = parseDuration((second ?? '+0').replace(/^\+/, ''));
      return stepMs === undefined ? undefined : { kind, baseMs, stepMs, maxMs, jitterMs };
    }
    case 'fixed':
      return plain.length === 1 ? { kind, delayMs: baseMs, jitterMs } : undefined;
    default:
      return listOf(plain, jitterMs);
  }
}

function listOf(words: readonly string[], jitterMs: number): Backoff | undefined {
  const delays = words.map((word) => parseDuration(word));
  const delaysMs = delays.filter((delay) => delay !== undefined);
  return delaysMs.length === delays.length ? { kind: 'list', delaysMs, jitterMs } : undefined;
}

function named(words: readonly string[], name: string): number | undefined {
  const word = words.find((candidate) => candidate.startsWith(name));
  return word === undefined ? undefined : parseDuration(word.slice(name.length).replace(/^[\s=:]+/, ''));
}

function withNumber<Result>(text: string, pattern: RegExp, then: (value: number) => Result): Result | undefined {
  const [, number] = pattern.exec(text) ?? [];
  return number === undefined ? undefined : then(Number(number));
}
