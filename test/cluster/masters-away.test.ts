/** Every master is away while work is published: nothing of it is lost, and what runs goes on. */

import { expect, test } from 'vitest';
import { cluster } from './harness.ts';

test('all masters are down for ten seconds while publishing goes on: each job runs once when they are back', async () => {
  await using yard = await cluster({ masters: 2, workers: 1, flags: { concurrency: 4 } });
  const long = await yard.user.pub('mark', { ms: 3_000 });
  await yard.user.waitUntil(long, 'processing');
  await Promise.all(yard.running().flatMap((each) => (each.role === 'master' ? [yard.kill(each)] : [])));
  const ids: string[] = [];
  for (let second = 0; second < 10; second++) {
    for (let n = 0; n < 5; n++) ids.push(await yard.user.pub('mark'));
    await yard.lasts(1_000);
  }
  expect(await yard.user.find(ids[0] ?? '')).toBeUndefined();
  expect((await yard.user.waitUntil(long, 'completed')).attempts).toHaveLength(1);
  await Promise.all([yard.start('master'), yard.start('master')]);
  const records = await yard.user.settled(ids, 30_000);
  expect(records.map(({ state, attempts }) => [state, attempts.length])).toEqual(ids.map(() => ['completed', 1]));
  await yard.expectSound();
});
