/** Masters with a clock that is wrong, or with a feed that has fallen silent: the cluster does what it always does. */

import { afterEach, expect, test } from 'vitest';
import { askMasters } from '../../cluster/masters.ts';
import { natsDesk } from '../../nats/desk.ts';
import { names } from '../../nats/names.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
afterEach(async () => {
  await yard.expectSound();
  await yard[Symbol.asyncDispose]();
});

const hour = 3_600_000;

test('a leader and a worker whose clocks are an hour off change nothing: what is due later runs then, and records tell the time', async () => {
  yard = await cluster({ masters: 0, workers: 0 });
  const off = { YARD_TEST_CLOCK_OFFSET: String(hour) };
  const leader = await yard.start('master', {}, off);
  expect(await yard.leader()).toBe(leader);
  const worker = await yard.start('worker', {}, { YARD_TEST_CLOCK_OFFSET: String(-hour) });
  for (const each of [leader, worker]) expect(each.tells('clock.skewed'), each.lastLines).toBe(true);
  const other = await yard.start('master');
  expect(other.tells('clock.skewed')).toBe(false);
  const connection = await yard.broker.connect();
  const masters = await yard.user.until(async () => {
    const found = await askMasters(natsDesk({ connection, names: names() }));
    return found.length === 2 ? found : undefined;
  }, 'two masters');
  expect(masters.map(({ clock }) => clock.skewMs > hour / 2)).toEqual([true, false]);
  const behind = await yard.user.until(
    async () => (await yard.user.view())?.workers[0]?.skewMs,
    'the worker to be heard',
  );
  expect(behind).toBeLessThan(-hour / 2);
  const at = yard.clock.now();
  const delayed = await yard.user.pub('mark', {}, { Delay: '2s' });
  const retried = await yard.user.pub('always_fail', {}, { 'Max-Attempts': '2', Backoff: 'fixed(1s)' });
  const long = await yard.user.pub('mark', { ms: 1_000 }, { Timeout: '30m' });
  const records = await yard.user.settled([delayed, retried, long], 60_000);
  expect(records.map(({ state, attempts }) => [state, attempts.length])).toEqual([
    ['completed', 1],
    ['failed', 2],
    ['completed', 1],
  ]);
  for (const { createdAt, settledAt = 0 } of records) {
    expect(createdAt).toBeGreaterThan(at - 60_000);
    expect(settledAt).toBeLessThan(yard.clock.now() + 60_000);
  }
  const [record] = records;
  expect((record?.startedAt ?? 0) - (record?.createdAt ?? 0)).toBeGreaterThanOrEqual(2_000);
  await yard.kill(leader);
  expect(await yard.leader()).toBe(other);
  const ids = await Promise.all(Array.from({ length: 10 }, () => yard.user.pub('mark')));
  for (const { state } of await yard.user.settled(ids)) expect(state).toBe('completed');
});

test('a leader whose feed alone is cut reads the stream instead, leads on, and jobs run', async () => {
  yard = await cluster({ masters: 2, wired: true, flags: { leaderSilence: '60s' } });
  const leader = await yard.leader();
  leader.wire?.cut('feed');
  const ids = await Promise.all(Array.from({ length: 20 }, () => yard.user.pub('mark', { ms: 50 })));
  for (const { state } of await yard.user.settled(ids, 60_000)) expect(state).toBe('completed');
  await yard.user.until(async () => leader.tells('feed.gap') || undefined, 'the leader to read the stream');
  expect(leader.tells('leader.steppedDown'), leader.lastLines).toBe(false);
  expect(await yard.leader()).toBe(leader);
  leader.wire?.heal();
  expect((await yard.user.waitUntil(await yard.user.pub('mark'), 'completed')).attempts).toHaveLength(1);
});
