/** Schedules while masters die: each moment is fired once, whoever leads. The history checker counts (`history.ts`). */

import { afterEach, expect, test } from 'vitest';
import { connect, type ScheduleRecord } from '../../sdk/index.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
afterEach(async () => {
  await yard.expectSound();
  await yard[Symbol.asyncDispose]();
});

/** A schedule, once it has made so many jobs since it was last looked at. */
function fired(name: string, count: number): Promise<ScheduleRecord> {
  const look = async () =>
    (await yard.user.schedules()).find((each) => each.name === name && each.counts.fired >= count);
  return yard.user.until(look, `${count} firings of ${name}`);
}

test('the leader is killed, again and again, amid firings each second: every one happens once', async () => {
  // So long that moments come while nobody leads.
  yard = await cluster({ masters: 2, flags: { leaderSilence: '2s' } });
  await using face = await connect({ servers: yard.broker.url });
  await face.schedules.add('tick', { every: '1s', misfire: 'all', type: 'mark' });
  await face.schedules.add('tock', { cron: '* * * * * *', misfire: 'once', overlap: 'skip', type: 'mark' });
  for (let turn = 0; turn < 2; turn++) {
    const { counts } = await fired('tick', 1);
    await fired('tick', counts.fired + 1);
    await yard.kill(await yard.leader());
    await yard.start('master');
  }
  const { counts } = await fired('tick', 1);
  await fired('tick', counts.fired + 2);
  const paused = [await face.schedules.pause('tick'), await face.schedules.pause('tock')];
  const ids = paused.flatMap(({ firings }) => firings.flatMap(({ job = [] }) => job));
  const records = await yard.user.settled(ids);
  expect([...new Set(records.map(({ state }) => state))]).toEqual(['completed']);
  expect(paused[0]?.counts.missed).toBe(0);
  const begun = (await yard.effects.all()).filter(({ what }) => what === 'begins').map(({ job }) => job);
  expect(begun.sort()).toEqual(ids.sort());
});
