import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBackoff } from '../../actors/backoff-text.ts';
import { backoff } from '../../machines/rules/backoff.ts';

const month = 30 * 86_400_000;

describe('a retry policy as people write it', () => {
  test.each([
    ['exponential(1s)', { kind: 'exponential', baseMs: 1_000, factor: 2, maxMs: month, jitterMs: 0 }],
    [
      'exponential(1s, x3, max 30s, jitter 500ms)',
      { kind: 'exponential', baseMs: 1_000, factor: 3, maxMs: 30_000, jitterMs: 500 },
    ],
    ['exponential(1s, 1.5)', undefined],
    ['exponential(500ms, ×1.5)', { kind: 'exponential', baseMs: 500, factor: 1.5, maxMs: month, jitterMs: 0 }],
    ['linear(1s)', { kind: 'linear', baseMs: 1_000, stepMs: 0, maxMs: month, jitterMs: 0 }],
    ['linear(1s, +2s, max 1m)', { kind: 'linear', baseMs: 1_000, stepMs: 2_000, maxMs: 60_000, jitterMs: 0 }],
    ['fixed(5s)', { kind: 'fixed', delayMs: 5_000, jitterMs: 0 }],
    ['fixed(5s, jitter=1s)', { kind: 'fixed', delayMs: 5_000, jitterMs: 1_000 }],
    ['list(1s, 5s, 1m)', { kind: 'list', delaysMs: [1_000, 5_000, 60_000], jitterMs: 0 }],
    [' Fixed( 5s ) ', { kind: 'fixed', delayMs: 5_000, jitterMs: 0 }],
  ])('%s is understood', (text, meant) => {
    expect(parseBackoff(text)).toEqual(meant);
  });

  test.each([
    '',
    'exponential',
    'exponential()',
    'exponential(soon)',
    'exponential(1s, +2)',
    'exponential(1s, x2, x3)',
    'exponential(1s, max banana)',
    'exponential(1s, max)',
    'exponential(1s, maximum 5s)',
    'exponential(1s, max 5s, max 6s)',
    'linear(1s, x2)',
    'linear(1s, +1s, +2s)',
    'fixed(5s, 6s)',
    'fixed(5s, jitter lots)',
    'fixed(5s, max 10s)',
    'list()',
    'list(1s, never)',
    'list(1s, max 5s)',
    'cubic(1s)',
    'fixed(5s) and more',
  ])('%s is no policy, and not taken for another', (text) => {
    expect(parseBackoff(text)).toBeUndefined();
  });

  test('never throws, whatever is written', () => {
    const words = fc.constantFrom('1s', 'x2', '+1s', 'max', 'jitter', '5s', ',', ' ', '');
    const text = fc
      .tuple(fc.constantFrom('exponential', 'linear', 'fixed', 'list', 'none'), fc.array(words))
      .map(([kind, inner]) => `${kind}(${inner.join('')})`);
    fc.assert(fc.property(fc.oneof(text, fc.string()), (written) => void parseBackoff(written)));
    expect(parseBackoff('none')).toBeUndefined();
  });

  // Exercise 4 of source 4: `max_retries: 5`, "exponential backoff (2^attempt seconds)".
  test.each([
    ['exponential(1s, ×2)', 'attempts count from 0', [1, 2, 4, 8, 16]],
    ['exponential(2s, ×2)', 'attempts count from 1', [2, 4, 8, 16, 32]],
  ])('%s has the gaps of source 4, 2^attempt seconds, where %s', (text, _, seconds) => {
    const policy = parseBackoff(text);
    const gaps = policy === undefined ? [] : seconds.map((_second, at) => backoff(policy, at + 1, 0.99));
    expect(gaps).toEqual(seconds.map((second) => second * 1_000));
  });
});
