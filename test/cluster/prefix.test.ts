/** Two clusters on one broker, told apart by their prefixes, never meet. */

import { jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { testBroker } from '../nats/broker.ts';
import { cluster } from './harness.ts';

test('two clusters with different prefixes on one broker never meet', async () => {
  await using broker = await testBroker();
  await using east = await cluster({ broker, flags: { prefix: 'east' } });
  await using west = await cluster({ broker, flags: { prefix: 'east_2' } });
  const theirs = await Promise.all(Array.from({ length: 10 }, () => east.user.pub('mark', { ms: 50 })));
  const ours = await Promise.all(Array.from({ length: 10 }, () => west.user.pub('mark', { ms: 50 })));
  expect(theirs).toEqual(ours);
  for (const [yard, ids] of [
    [east, theirs],
    [west, ours],
  ] as const) {
    const records = await yard.user.settled(ids);
    expect(records.map(({ state }) => state)).toEqual(ids.map(() => 'completed'));
    const pids = new Set((await yard.effects.all()).map(({ pid }) => pid));
    expect([...pids]).toEqual(yard.processes.filter(({ role }) => role === 'worker').map(({ pid }) => pid));
    expect((await yard.user.view())?.workers).toHaveLength(1);
    await yard.expectSound();
  }
  await west.user.submit('noop', 'bad');
  expect(await east.user.rejections()).toEqual([]);
  const streams: string[] = [];
  const jsm = await jetstreamManager(await broker.connect());
  for await (const { config } of jsm.streams.list()) streams.push(config.name);
  expect(streams.filter((name) => !/^(KV_|OBJ_)?east(_2)?_[a-z]+$/.test(name))).toEqual([]);
});
