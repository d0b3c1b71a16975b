/**
 * Jobs that make room for others, and go on from what they saved; jobs that need much, and find a worker that keeps room.
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, type JobRecord, type Yard } from '../../sdk/index.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
let sdk: Yard;

beforeAll(async () => {
  const flags = { schedulerInterval: '500ms', concurrency: 2, lookAhead: 0, lostAfter: '3s', cancelGrace: '3s' };
  yard = await cluster({ masters: 2, flags: { ...flags, types: 'mark,sleeper,stubborn' } });
  sdk = await connect({ servers: yard.broker.url });
});
afterEach(() => yard.expectSound());
afterAll(async () => {
  await sdk.close();
  await yard[Symbol.asyncDispose]();
});

/** The record of a job once it says that so much is saved. */
function saved(id: string, steps: number): Promise<JobRecord> {
  return yard.user.until(async () => {
    const record = await yard.user.find(id);
    return Number(record?.checkpoint?.value ?? 0) >= steps ? record : undefined;
  }, `${steps} steps of ${id} to be saved`);
}

const outcomes = ({ attempts }: JobRecord) => attempts.map(({ outcome }) => outcome);

describe('a queue that may evict another', () => {
  test('finds room where a job makes some, which goes on from what it saved, uncounted', async () => {
    await sdk.queues.set('batch', { evictAfterMs: 1_000 });
    const long = { executionTimeMs: 8_000, steps: 10 };
    const batch = await yard.user.pub('sleeper', long, { Queue: 'batch', Slots: '2', 'Max-Attempts': '1' });
    await saved(batch, 6);
    await sdk.queues.set('live', { mayEvict: ['batch'] });
    const live = await yard.user.pub('mark', {}, { Queue: 'live' });
    expect((await yard.user.waitUntil(live, 'completed')).attempts).toHaveLength(1);
    const moved = await yard.user.waitUntil(batch, ({ attempts }) => attempts[0]?.outcome === 'preempted');
    expect(moved.checkpoint).toEqual({ at: expect.any(Number), attempt: 1, value: expect.any(Number) });
    const done = await yard.user.waitUntil(batch, 'completed', 30_000);
    expect(outcomes(done)).toEqual(['preempted', 'completed']);
    expect(done.context).toMatchObject({ attempt: 2, spent: 1, preempted: 1 });
    expect(done.context.result).toEqual({ attempt: 2, stepsDone: 10 - Number(moved.checkpoint?.value) });
    expect(Number(moved.checkpoint?.value)).toBeGreaterThanOrEqual(6);
    const story = done.transitions.map(({ event, reason }) => `${event} ${reason ?? ''}`.trim());
    expect(story).toContain(`job.preempt for ${live} of queue live`);
    expect(story).toContain(`attempt.preempted made room for ${live}`);
    await sdk.queues.set('live', { mayEvict: null });
  });

  test('tells whoever asks what makes room for it, also where that takes its time to stop', async () => {
    await sdk.queues.set('live', { mayEvict: ['batch'] });
    const slow = await yard.user.pub('stubborn', { ms: 60_000, laterMs: 1 }, { Queue: 'batch', Slots: '2' });
    await yard.user.waitUntil(slow, 'processing');
    const live = await yard.user.pub('mark', {}, { Queue: 'live' });
    const { sentence } = await yard.user.because(live, 'making room');
    expect(sentence).toMatch(
      new RegExp(`^Worker .+ makes room for it: told to stop there is ${slow}. It starts when there is room.$`),
    );
    await yard.user.waitUntil(live, 'completed');
    expect(outcomes(await yard.user.waitUntil(slow, 'completed'))).toEqual(['preempted', 'completed']);
    await sdk.queues.set('live', { mayEvict: null });
  });

  test('where a limit key is full has those go that fill it, and nobody where others do', async () => {
    await sdk.queues.set('live', { mayEvict: ['batch'] });
    await sdk.limits.set('licence', { maxActive: 1 });
    const keyed = { 'Limit-Key': 'licence' };
    const plain = await yard.user.pub('mark', { ms: 60_000 }, { Queue: 'batch' });
    const holder = await yard.user.pub('mark', { ms: 60_000 }, { Queue: 'batch', ...keyed });
    for (const id of [holder, plain]) await yard.user.waitUntil(id, 'processing');
    const live = await yard.user.pub('mark', { ms: 60_000 }, { Queue: 'live', ...keyed });
    await yard.user.waitUntil(live, 'processing');
    expect(outcomes(await yard.user.waitUntil(holder, ({ attempts }) => attempts.length > 0))).toEqual(['preempted']);
    // Now the key is full by one that stays, though the worker has jobs that could go.
    const next = await yard.user.pub('mark', {}, { Queue: 'live', ...keyed });
    await yard.user.because(next, 'limit full');
    const free = await yard.user.pub('mark', {}, { Queue: 'live' });
    await yard.user.waitUntil(free, 'completed');
    const { context } = await yard.user.waitUntil(plain, ({ attempts }) => attempts.length > 0);
    expect(context.preempted).toBe(1);
    expect((await yard.user.record(next)).attempts).toEqual([]);
    for (const id of [live, next, holder, plain]) await yard.user.cancel(id).catch(() => undefined);
    await yard.user.settled([live, next, holder, plain]);
    await sdk.limits.delete('licence');
    await sdk.queues.set('live', { mayEvict: null });
  });
});

test('what a job has saved survives its worker', async () => {
  const id = await yard.user.pub('sleeper', { executionTimeMs: 10_000, steps: 20 });
  const worker = await yard.workerOf(id);
  await yard.start('worker');
  const { checkpoint } = await saved(id, 5);
  await yard.kill(worker);
  const done = await yard.user.waitUntil(id, 'completed', 40_000);
  expect(outcomes(done)).toEqual(['lost', 'completed']);
  const { stepsDone } = Object(done.context.result);
  expect(stepsDone).toBeLessThanOrEqual(20 - Number(checkpoint?.value));
});

describe('a job that needs a whole worker', () => {
  test('is kept room for when it has waited for long, and others are told so; when it is cancelled they start', async () => {
    await sdk.queues.set('wide', { reserveAfterMs: 1_000 });
    const holder = await yard.user.pub('mark', { ms: 60_000 }, { Queue: 'wide' });
    await yard.user.waitUntil(holder, 'processing');
    const wide = await yard.user.pub('mark', {}, { Queue: 'wide', Slots: '2' });
    await yard.user.until(async () => {
      const why = await yard.user.why(wide).catch(() => undefined);
      return why?.code === 'all busy' && why.sentence.includes('keeps the next room for it') ? why : undefined;
    }, `a worker that keeps room for ${wide}`);
    const small = await yard.user.pub('mark', {}, { Queue: 'wide' });
    expect((await yard.user.because(small, 'room reserved')).sentence).toContain(`keeps it for ${wide}.`);
    await yard.user.cancel(wide);
    await yard.user.waitUntil(small, 'completed');
    await yard.user.cancel(holder);
    await yard.user.waitUntil(holder, 'cancelled');
  });

  test('starts though smaller ones, which came later, would take each slot as it gets free', async () => {
    const small = (ms: number) => yard.user.pub('mark', { ms }, { Queue: 'wide' });
    const first = [await small(300), await small(600)];
    for (const id of first) await yard.user.waitUntil(id, ['processing', 'completed']);
    const wide = await yard.user.pub('mark', {}, { Queue: 'wide', Slots: '2' });
    const later: string[] = [];
    for (let n = 0; n < 30; n++) later.push(await small(600 + 20 * n));
    const { startedAt: wideAt = 0 } = await yard.user.waitUntil(wide, 'completed');
    for (const id of later) await yard.user.cancel(id).catch(() => undefined);
    const done = await yard.user.settled(later);
    const before = done.filter(({ startedAt = Number.POSITIVE_INFINITY }) => startedAt < wideAt);
    expect(before.length).toBeLessThan(later.length / 2);
  });
});
