/** What is thrown becomes data: bounded, whatever it is, and with what a handler has said of trying again. */

import { describe, expect, test } from 'vitest';
import { failureOf, shortened } from '../../runtime/failure.ts';
import { JobError } from '../../runtime/handler.ts';
import { type JobRecord, keptAttempts } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';
import { plainJob } from '../actors/stage.ts';

const day = 24 * 3_600_000;

describe('what a handler throws', () => {
  test('is told with its class, its message and its stack', () => {
    expect(failureOf(new TypeError('no'))).toMatchObject({ kind: 'error', name: 'TypeError', message: 'no' });
    expect(failureOf(new TypeError('no')).stack).toContain('failure.test.ts');
  });

  test.each([[undefined], [null], ['text'], [7], [{ message: 'x' }]])('may be %j', (thrown) => {
    expect(failureOf(thrown)).toEqual({ kind: 'error', message: String(thrown) });
  });

  test('is cut where it is long: of a message the beginning is kept, of what a program wrote the end', () => {
    const error = new JobError('m'.repeat(9_000), { exitCode: 2, stderr: `${'a'.repeat(99_000)}the end` });
    const { message, stack = '', stderr = '', exitCode } = failureOf(error);
    expect([message.length, stack.length, stderr.length, exitCode]).toEqual([2_001, 4_001, 8_001, 2]);
    expect(stderr.endsWith('the end')).toBe(true);
  });

  test('may have been given names and texts that are none, or are huge', () => {
    const error = Object.assign(new Error('m'), { name: 'n'.repeat(9_000), stack: 7 });
    expect(failureOf(error)).toEqual({ kind: 'error', message: 'm', name: `${'n'.repeat(100)}…` });
    expect(failureOf(Object.assign(new Error('m'), { message: { a: 1 }, name: null }))).toMatchObject({
      message: '[object Object]',
      name: 'null',
    });
    expect(failureOf(Object.create(null))).toEqual({ kind: 'error', message: '[object Object]' });
  });

  test.each([
    [1_500.5, 1_501],
    [0, 0],
    [400 * day, 30 * day],
    [-1, undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
  ])('and asks to come again in %s ms does so in %s', (asked, got) => {
    expect(failureOf(new JobError('later', { retryAfterMs: asked })).retryAfterMs).toBe(got);
  });

  test('is understood from another copy of the package', () => {
    class JobError2 extends Error {
      override readonly name = 'JobError';
      readonly retryable = false;
      readonly retryAfterMs = undefined;
      readonly exitCode = 3;
    }
    expect(failureOf(new JobError2('no use'))).toMatchObject({ retryable: false, exitCode: 3 });
  });
});

test('of a failure that another attempt has followed less is kept', () => {
  const failure = failureOf(new JobError('m', { retryable: false, stderr: `${'a'.repeat(5_000)}the end` }));
  const { stderr = '', ...rest } = shortened({ ...failure, stack: 's'.repeat(4_000) });
  expect([stderr.length, stderr.endsWith('the end'), rest.stack?.length]).toEqual([1_001, true, 1_001]);
  expect(rest).toMatchObject({ kind: 'error', message: 'm', retryable: false });
});

test('the record of a job that fails as often as it can, with the worst that can be said, is one that a broker takes', () => {
  // Each of these takes six bytes of JSON.
  const worst = '\u0000'.repeat(99_000);
  let record: JobRecord = { ...plainJob('worst'), payload: 'x'.repeat(65_536) };
  record = { ...record, context: { ...record.context, maxAttempts: 99 } };
  for (let attempt = 1; attempt <= keptAttempts + 2; attempt++) {
    const error = { ...failureOf(new JobError(worst, { stderr: worst })), stack: worst.slice(0, 4_001) };
    for (const event of [
      { type: 'attempt.claimed', at: 1, worker: 'w' },
      { type: 'attempt.started', at: 1, attempt },
      { type: 'attempt.failed', at: 2, attempt, error, spread: 0 },
      { type: 'job.due', at: 3 },
    ] as const) {
      const stepped = step(record, event);
      expect(stepped).toMatchObject({ moved: true });
      record = stepped.record;
    }
  }
  expect(record.attempts).toHaveLength(keptAttempts);
  // Beside it the record may have a result of 64 KiB and a checkpoint of 16 KiB; the broker takes 1 MiB.
  expect(JSON.stringify(record).length).toBeLessThan(1_048_576 - 100_000);
});
