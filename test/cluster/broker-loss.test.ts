/** A broker that dies, hangs, or stays away: nothing that it acknowledged is lost, and everybody carries on by itself. */

import { afterEach, expect, test } from 'vitest';
import type { JobRecord } from '../../runtime/record.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
afterEach(async () => {
  await yard.expectSound();
  await yard[Symbol.asyncDispose]();
});

function states(records: readonly JobRecord[]): string[] {
  return [...new Set(records.map(({ state }) => state))];
}

/** Publishes many without waiting in between; the ids of those whose submission was acknowledged. */
async function load(count: number, payload: unknown): Promise<readonly string[]> {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, () => yard.user.pub('mark', payload)));
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

test('a broker that is killed under load and comes back has lost nothing, and all go on', async () => {
  yard = await cluster({ masters: 2, workers: 2, flags: { concurrency: 4 } });
  const [first] = await load(60, { ms: 50 });
  await yard.user.waitUntil(first ?? '', 'completed');
  const long = await yard.user.pub('mark', { ms: 2_500 }, { Priority: 'critical' });
  await yard.user.waitUntil(long, 'processing');
  const before = yard.user.submitted.length;
  const under = load(40, { ms: 10 });
  await yard.restartBroker();
  await under;
  const after = await yard.user.until(async () => nonEmpty(await load(5, {})), 'a broker that takes submissions');
  const promised = yard.user.submitted.flatMap(({ id }) => (id === undefined ? [] : [id]));
  expect(promised.length).toBeGreaterThanOrEqual(before + after.length);
  const records = await yard.user.settled(promised, 30_000);
  expect(states(records)).toEqual(['completed']);
  expect((await yard.user.record(long)).attempts).toHaveLength(1);
});

test('a broker that hangs for two seconds costs nothing but these', async () => {
  yard = await cluster({ masters: 2, flags: { concurrency: 4 } });
  const twoSeconds = await yard.user.pub('mark', { ms: 2_000 });
  const longer = await yard.user.pub('mark', { ms: 3_000 });
  for (const id of [twoSeconds, longer]) await yard.user.waitUntil(id, 'processing');
  yard.freezeBroker();
  const meanwhile = load(20, {});
  await yard.handlerEnds(twoSeconds);
  yard.thawBroker();
  const ids = await meanwhile;
  expect(ids).toHaveLength(20);
  expect(states(await yard.user.settled(ids, 5_000))).toEqual(['completed']);
  for (const record of await yard.user.settled([twoSeconds, longer])) expect(record.attempts).toHaveLength(1);
});

test('a broker that is away for longer than a worker may be silent costs no worker its jobs', async () => {
  yard = await cluster({ workers: 2, flags: { concurrency: 2, lostAfter: '2s', pulse: '250ms' } });
  const threeSeconds = await yard.user.pub('mark', { ms: 3_000 });
  const longer = await Promise.all(Array.from({ length: 3 }, () => yard.user.pub('mark', { ms: 5_000 })));
  for (const id of [threeSeconds, ...longer]) await yard.user.waitUntil(id, 'processing');
  await yard.broker.kill();
  await yard.handlerEnds(threeSeconds);
  await yard.broker.restart();
  const records = await yard.user.settled([threeSeconds, ...longer]);
  expect(records.map(({ state, attempts }) => [state, attempts.length])).toEqual(records.map(() => ['completed', 1]));
  expect(yard.processes.some((each) => each.tells('jobs.takenBack'))).toBe(false);
});

test('what ended while the broker was away is stored when it is back', async () => {
  yard = await cluster();
  const ids = await Promise.all(Array.from({ length: 5 }, () => yard.user.pub('mark', { ms: 700 })));
  for (const id of ids) await yard.user.waitUntil(id, 'processing');
  await yard.broker.kill();
  for (const id of ids) await yard.handlerEnds(id);
  await yard.broker.restart();
  const records = await yard.user.settled(ids);
  expect(records.map(({ state, attempts }) => [state, attempts.length])).toEqual(ids.map(() => ['completed', 1]));
});

function nonEmpty<Item>(items: readonly Item[]): readonly Item[] | undefined {
  return items.length > 0 ? items : undefined;
}
