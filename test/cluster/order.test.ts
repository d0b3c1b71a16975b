/** In which order jobs start, and when: queues, priorities, delays. One worker with one slot makes the order plain. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { priorities } from '../../machines/rules/lanes.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
const queues = ['live', 'default', 'batch', 'another'];

beforeAll(async () => {
  yard = await cluster({ flags: { concurrency: 1, lookAhead: 0 } });
});
afterEach(() => yard.expectSound());
afterAll(() => yard[Symbol.asyncDispose]());

/** The ids in the order in which their handlers began, as the handlers say. */
async function order(ids: readonly string[]): Promise<string[]> {
  const begun = (await yard.effects.all()).filter(({ what, job }) => what === 'begins' && ids.includes(job));
  return begun.map(({ job }) => job);
}

/** Keeps the only slot busy, so that what is submitted next has to wait. */
async function holdTheSlot(): Promise<void> {
  await yard.user.waitUntil(await yard.user.pub('mark', { ms: 700 }), 'processing');
}

describe('jobs start', () => {
  test('by queue, then by priority, then in the order in which they came', async () => {
    await holdTheSlot();
    const lanes = queues.flatMap((queue) => priorities.map((priority) => ({ queue, priority })));
    const name = (lane: { queue: string; priority: string }, turn: string) => `${lane.queue}-${lane.priority}-${turn}`;
    for (const lane of lanes.toReversed())
      for (const turn of ['first', 'second'])
        await yard.user.pub('mark', {}, { 'Job-Id': name(lane, turn), Queue: lane.queue, Priority: lane.priority });
    const expected = lanes.flatMap((lane) => [name(lane, 'first'), name(lane, 'second')]);
    await yard.user.settled(expected);
    expect(await order(expected)).toEqual(expected);
  });

  test('in the order of their submission within a lane, fifty of them', async () => {
    await holdTheSlot();
    const ids: string[] = [];
    for (let count = 0; count < 50; count++) ids.push(await yard.user.pub('mark'));
    await yard.user.settled(ids);
    expect(await order(ids)).toEqual(ids);
  });

  test('before what waits already, where they are more urgent', async () => {
    await holdTheSlot();
    const low = await yard.user.pub('mark', { ms: 100 }, { Priority: 'low' });
    const lower = await yard.user.pub('mark', { ms: 100 }, { Priority: 'low' });
    await yard.user.waitUntil(low, 'processing');
    const urgent = await yard.user.pub('mark', {}, { Priority: 'critical' });
    await yard.user.settled([low, lower, urgent]);
    expect(await order([low, lower, urgent])).toEqual([low, urgent, lower]);
  });

  test('not before their delay is over, and soon after', async () => {
    const id = await yard.user.pub('mark', {}, { Delay: '700ms' });
    const waiting = await yard.user.waitUntil(id, 'scheduled');
    const record = await yard.user.waitUntil(id, 'completed');
    expect(waiting.context.dueAt).toBe(record.createdAt + 700);
    const startedMs = (record.startedAt ?? 0) - record.createdAt;
    expect(startedMs).toBeGreaterThanOrEqual(700);
    expect(startedMs).toBeLessThan(6_000);
  });

  test('not before the moment that was named, and soon after', async () => {
    const { createdAt } = await yard.user.waitUntil(await yard.user.pub('mark'), 'completed');
    const runAt = createdAt + 1_500;
    const id = await yard.user.pub('mark', {}, { 'Run-At': new Date(runAt).toISOString() });
    const { startedAt = 0 } = await yard.user.waitUntil(id, 'completed');
    expect(startedAt).toBeGreaterThanOrEqual(runAt);
    expect(startedAt).toBeLessThan(runAt + 6_000);
  });

  test('never, where they expire before a slot is free', async () => {
    await holdTheSlot();
    const id = await yard.user.pub('mark', {}, { 'Expires-In': '200ms' });
    const { context, attempts } = await yard.user.waitUntil(id, 'failed');
    expect(context.error?.kind).toBe('expired');
    expect(attempts).toEqual([]);
  });

  test('not while they are held', async () => {
    const id = await yard.user.pub('mark', {}, { Hold: 'true' });
    const after = await yard.user.pub('mark');
    await yard.user.waitUntil(after, 'completed');
    expect((await yard.user.record(id)).state).toBe('held');
    expect(await yard.user.why(id)).toMatchObject({ code: 'held' });
  });
});
