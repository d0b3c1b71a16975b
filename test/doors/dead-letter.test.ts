/** The dead letter, in groups and redriven: what of it is pure, and `yard dead` on a real cluster. */

import { describe, expect, test } from 'vitest';
import { commonText, groupOf } from '../../actors/dead-group.ts';
import { deadOf, groupDead } from '../../cluster/dead-letter.ts';
import type { Failure } from '../../machines/job.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { plainJob } from '../actors/stage.ts';

function failed(id: string, error: Partial<Failure> = {}, more: Partial<JobRecord> = {}): JobRecord {
  const job = plainJob(id);
  const context = { ...job.context, error: { kind: 'error' as const, message: 'No.', ...error } };
  return { ...job, state: 'failed', settledAt: 1_000, ...more, context };
}

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

describe('two messages are of one group', () => {
  test.each([
    ['where numbers differ', 'ended with 4 after 10.5 s', 'ended with 137 after 2 s'],
    ['where ids differ', 'no asset 7f3a9c21d04e', 'no asset 00ff12ab34cd'],
    ['where UUIDs differ', `x ${crypto.randomUUID()} y`, `x ${crypto.randomUUID()} y`],
    ['where paths differ', "can't open /data/in/a.mp4: gone", "can't open ./b/c.mov: gone"],
    ['where addresses differ', 'GET https://a.example/x?y=1 failed', 'GET http://b.example failed'],
    ['where quoted texts differ', 'expected `a b` there', 'expected `c` there'],
    ['where spaces differ', 'a  b\n c', 'a b c'],
  ])('%s', (_, one, other) => {
    expect(commonText(one)).toBe(commonText(other));
  });

  test.each([
    ['words', 'connection refused', 'connection reset'],
    ['what is named', 'no such table', 'no such column'],
  ])('and of two where %s differ', (_, one, other) => {
    expect(commonText(one)).not.toBe(commonText(other));
  });
});

test('groups tell how many, of which priority and queue, since when, and name the newest', async () => {
  const jobs = [
    failed('d', { message: 'lost 7' }, { priority: 'high', settledAt: 9_000 }),
    failed('c', { message: 'other' }),
    failed('b', { message: 'lost 12' }, { queue: 'batch', settledAt: 5_000 }),
    failed('a', { message: 'lost 1', kind: 'timeout' }),
  ];
  const groups = await groupDead(each(jobs));
  expect(groups).toMatchObject([
    {
      message: 'lost <n>',
      count: 2,
      byPriority: { high: 1, medium: 1 },
      byQueue: { default: 1, batch: 1 },
      firstAt: 5_000,
      lastAt: 9_000,
      sample: ['d', 'b'],
    },
    { count: 1 },
    { count: 1 },
  ]);
  const first = groups[0]?.id;
  expect((await Array.fromAsync(deadOf(each(jobs), first))).map(({ id }) => id)).toEqual(['d', 'b']);
  expect(groupOf(failed('later', { message: 'lost 99' }))).toBe(first);
});

test('the jobs of a group that is none are refused', async () => {
  await expect(Array.fromAsync(deadOf(each([failed('a')]), 'nothing'))).rejects.toMatchObject({
    code: 'group.missing',
  });
});
