/**
 * Queues that are set while the cluster runs, and why a job waits: for each reason, make it so, ask, do what the answer says,
 * and the job starts. (That no worker has it, and that all are busy: `routing.test.ts`.)
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Yard } from '../../sdk/index.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
let sdk: Yard;

beforeAll(async () => {
  // A worker that is frozen for a moment is not to be taken for silent on a busy machine.
  const flags = { schedulerInterval: '500ms', concurrency: 3, lookAhead: 0, offerFor: '1s', lostAfter: '30s' };
  yard = await cluster({ masters: 2, flags: { ...flags, types: 'mark' } });
  sdk = await connect({ servers: yard.broker.url });
});
afterEach(() => yard.expectSound());
afterAll(async () => {
  await sdk.close();
  await yard[Symbol.asyncDispose]();
});

function starts(id: string) {
  return yard.user.waitUntil(id, ['processing', 'completed']);
}

/** The most handlers of these jobs that ran at once, as they say themselves. */
async function mostAtOnce(ids: readonly string[]): Promise<number> {
  let [now, most] = [0, 0];
  for (const { job, what } of await yard.effects.all()) {
    if (!ids.includes(job)) continue;
    if (what === 'begins') most = Math.max(most, ++now);
    if (what === 'ends') now--;
  }
  return most;
}

describe('a job waits because', () => {
  test('its queue is paused, also under the next leader; it starts when the queue is resumed', async () => {
    await sdk.queues.pause('batch');
    const id = await yard.user.pub('mark', {}, { Queue: 'batch' });
    const queued = await yard.user.waitUntil(id, 'queued');
    expect(queued.transitions.at(-1)?.reason).toBe('queue paused');
    const { term } = await sdk.stepDown();
    await yard.user.until(async () => {
      const view = await yard.user.view();
      return view !== undefined && view.leader.term > term ? true : undefined;
    }, 'another leader');
    expect((await yard.user.because(id, 'queue paused')).sentence).toBe(
      'Queue batch is paused. It goes on with `yard queue resume batch`.',
    );
    const other = await yard.user.pub('mark', {}, { Queue: 'default' });
    await yard.user.waitUntil(other, 'completed');
    await sdk.queues.resume('batch');
    await starts(id);
  });

  test('its queue is full, and it says of whom; it starts when the limit is raised', async () => {
    await sdk.queues.set('batch', { maxActive: 1 });
    const holder = await yard.user.pub('mark', { ms: 60_000 }, { Queue: 'batch' });
    await yard.user.waitUntil(holder, 'processing');
    const next = await yard.user.pub('mark', {}, { Queue: 'batch' });
    const last = await yard.user.pub('mark', {}, { Queue: 'batch' });
    expect(await yard.user.because(next, 'limit full')).toEqual({
      code: 'limit full',
      sentence: `Queue batch may have 1 out at once, and has: ${holder}. It starts when one of them ends, or with a higher \`yard queue set batch --max-active\`.`,
      ahead: 0,
    });
    expect(await yard.user.because(last, 'limit full')).toMatchObject({ ahead: 1 });
    await sdk.queues.set('batch', { maxActive: 2 });
    await yard.user.settled([next, last]);
    await sdk.queues.set('batch', { maxActive: null });
    await yard.user.cancel(holder);
    await yard.user.waitUntil(holder, 'cancelled');
  });

  test('its queue starts only so many; it starts when the limit is taken back', async () => {
    await sdk.queues.set('batch', { ratePerSecond: 0.01 });
    const id = await yard.user.pub('mark', {}, { Queue: 'batch' });
    expect((await yard.user.because(id, 'rate')).sentence).toMatch(
      /^Queue batch may start 36 an hour\. The next one starts in /,
    );
    await sdk.queues.set('batch', { ratePerSecond: null });
    await starts(id);
  });

  test('it is not due; it starts when a person hurries it', async () => {
    const id = await yard.user.pub('mark', {}, { Delay: '1h' });
    expect((await yard.user.because(id, 'not due')).sentence).toContain(`yard job retry ${id}`);
    await sdk.retry(id);
    await starts(id);
  });

  test('a person holds it; it starts when it is released', async () => {
    const id = await yard.user.pub('mark', {}, { Hold: 'true' });
    expect((await yard.user.because(id, 'held')).sentence).toContain(`yard job release ${id}`);
    await sdk.release(id);
    await starts(id);
  });

  test('the only worker drains; it starts when it takes jobs again', async () => {
    const [worker] = await sdk.workers();
    await sdk.drainWorker(worker?.incarnation ?? '');
    const id = await yard.user.pub('mark');
    expect((await yard.user.because(id, 'no workers')).sentence).toContain('yard worker undrain');
    await sdk.undrainWorker(worker?.incarnation ?? '');
    await starts(id);
  });

  test('it is offered to a worker that has not claimed it yet; it starts when that one does', async () => {
    const worker = yard.processes.find(({ role }) => role === 'worker');
    if (worker === undefined) throw new Error('Expected a worker, found none.');
    yard.freeze(worker);
    try {
      const id = await yard.user.pub('mark');
      expect((await yard.user.because(id, 'offered')).sentence).toContain(worker.name);
      yard.thaw(worker);
      await starts(id);
    } finally {
      yard.thaw(worker);
    }
  });
});

test('a limit holds while leaders change: no more handlers run at once than it says, and all jobs run', async () => {
  await sdk.queues.set('narrow', { maxActive: 2 });
  const ids: string[] = [];
  for (let n = 0; n < 16; n++) ids.push(await yard.user.pub('mark', { ms: 100 }, { Queue: 'narrow' }));
  await starts(ids[3] ?? '');
  await sdk.stepDown();
  await yard.user.settled(ids);
  expect(await mostAtOnce(ids)).toBe(2);
});

test('jobs of queues that share a turn start by their weights; of strict ones the order can be turned around', async () => {
  const holders: string[] = [];
  for (let n = 0; n < 3; n++) holders.push(await yard.user.pub('mark', { ms: 60_000 }, { Queue: 'live' }));
  for (const id of holders) await yard.user.waitUntil(id, 'processing');
  await sdk.queues.set('one', { mode: 'weighted', weight: 1, maxActive: null, order: 0 });
  await sdk.queues.set('three', { mode: 'weighted', weight: 3, order: 0 });
  await sdk.queues.set('first', { order: -1 });
  const ids: string[] = [];
  for (const queue of ['one', 'three'])
    for (let n = 0; n < 8; n++) ids.push(await yard.user.pub('mark', {}, { Queue: queue, 'Job-Id': `${queue}-${n}` }));
  ids.push(await yard.user.pub('mark', {}, { Queue: 'first', 'Job-Id': 'first-0' }));
  for (const id of ids) await yard.user.waitUntil(id, 'queued');
  // One slot after the other, so that the order is plain.
  await yard.user.cancel(holders[0] ?? '');
  await yard.user.settled(ids);
  const begun = (await yard.effects.all()).filter(({ what, job }) => what === 'begins' && ids.includes(job));
  const order = begun.map(({ job }) => job.split('-')[0]);
  expect(order[0]).toBe('first');
  expect(order.slice(1, 9).filter((queue) => queue === 'three')).toHaveLength(6);
  for (const id of holders.slice(1)) await yard.user.cancel(id);
  await yard.user.settled(holders);
});
