/** What users test their own job types with: a whole yard in this process, on a clock that the test moves. */

import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { defineJob, type JobRecord } from '../../sdk/index.ts';
import { testYard } from '../../sdk/testing.ts';

const greet = defineJob({
  type: 'greet',
  payload: z.object({ name: z.string() }),
  run: ({ payload }) => `Hello ${payload.name}`,
});

/** Fails as often as it is told, then succeeds. */
const shaky = defineJob({
  type: 'shaky',
  payload: z.object({ failures: z.number() }),
  run: ({ payload, fence }) => {
    if (fence.attempt <= payload.failures) throw new Error(`attempt ${fence.attempt} fails`);
    return fence.attempt;
  },
});

/** Ends when it is told to stop, and says why. */
const endless = defineJob({
  type: 'endless',
  payload: z.object({}),
  run: ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
});

const hourMs = 3_600_000;

function gapsOf({ attempts }: JobRecord): readonly number[] {
  return attempts.slice(1).map(({ claimedAt }, before) => claimedAt - Number(attempts[before]?.endedAt));
}

describe('a yard for tests', () => {
  test('runs a delayed job at its moment, on a clock that stands still until it is moved', async () => {
    await using test = await testYard([greet]);
    expect(new Date(test.now()).toISOString()).toBe('2027-01-01T00:00:00.000Z');
    const job = await test.yard.submit(greet, { name: 'Ada' }, { delay: '1h' });
    await test.advance('59m');
    expect(await job.job()).toMatchObject({ state: 'scheduled' });
    await test.advance('1m');
    expect(await job.job()).toMatchObject({ state: 'completed', startedAt: test.now() });
    expect(await test.until(job.result())).toBe('Hello Ada');
  });

  test('shows each retry and its backoff to the millisecond, and the dead letter behind them', async () => {
    await using test = await testYard([shaky]);
    const backoff = 'exponential(1m, x2)';
    const job = await test.yard.submit(shaky, { failures: 3 }, { backoff });
    const hopeless = await test.yard.submit(shaky, { failures: 9 }, { backoff, maxAttempts: 2 });
    expect(await test.until(job.result())).toBe(4);
    const record = await job.settled();
    expect(gapsOf(record)).toEqual([60_000, 120_000, 240_000]);
    expect(record.attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed', 'completed']);
    await expect(test.until(hopeless.result())).rejects.toThrow('failed after 2 attempts: attempt 2 fails');
    const [group] = await test.yard.deadGroups();
    expect(group).toMatchObject({ type: 'shaky', count: 1 });
  });

  test('fires a schedule at each of its moments, though days pass in between', async () => {
    await using test = await testYard([greet], { startAt: '2027-03-26T12:00:00Z' });
    const nightly = { cron: '0 2 * * *', tz: 'Europe/Berlin', type: 'greet', payload: { name: 'Ada' } };
    await test.yard.schedules.add('nightly', nightly);
    await test.advance('72h');
    const jobs = await Array.fromAsync(test.yard.jobs({ type: 'greet' }));
    const started = jobs.map(({ startedAt = 0 }) => new Date(startedAt).toISOString()).toSorted();
    // On the 28th there is no two o'clock in Berlin.
    expect(started).toEqual(['2027-03-27T01:00:00.000Z', '2027-03-28T01:00:00.000Z', '2027-03-29T00:00:00.000Z']);
    expect(jobs.every(({ state, context }) => state === 'completed' && context.attempt === 1)).toBe(true);
  });

  test('waits for handlers before time goes on: what they do takes none', async () => {
    const slow = defineJob({
      type: 'slow',
      payload: z.object({}),
      run: () => new Promise((resolve) => setTimeout(resolve, 20, 'done')),
    });
    await using test = await testYard([slow]);
    const job = await test.yard.submit(slow, {}, { timeout: '1s' });
    await test.advance('1h');
    const { state, startedAt = 0, settledAt = 0 } = await job.settled();
    expect([state, settledAt - startedAt < 1_000]).toEqual(['completed', true]);
  });

  test('a handler that hangs is told of, and runs into its timeout where the clock is moved while it runs', async () => {
    await using test = await testYard([endless]);
    const job = await test.yard.submit(endless, {}, { timeout: '10m', maxAttempts: 1 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const moved = test.advance('1h').catch((cause: unknown) => cause);
      while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
      vi.advanceTimersByTime(5_000);
      expect(await moved).toMatchObject({ code: 'wait.timedOut', message: expect.stringContaining('`endless` (job') });
    } finally {
      vi.useRealTimers();
    }
    await test.advance('11m', { whileRunning: true });
    const { state, context, startedAt = 0, settledAt = 0 } = await job.settled();
    expect([state, context.error?.kind, settledAt - startedAt]).toEqual(['failed', 'timeout', 600_000]);
  });

  test('a job that runs is cancelled, and its handler hears of it', async () => {
    await using test = await testYard([endless]);
    const job = await test.yard.submit(endless, {});
    await test.advance('1s', { whileRunning: true });
    expect(await job.job()).toMatchObject({ state: 'processing' });
    await job.cancel({ reason: 'enough' });
    expect(await test.until(job.settled())).toMatchObject({ state: 'cancelled' });
  });

  test('the same seed is the same test: ids, jitter and all', async () => {
    const story = async (seed: number) => {
      await using test = await testYard([shaky], { seed });
      const job = await test.yard.submit(shaky, { failures: 3 });
      await test.until(job.settled());
      const { id, attempts } = await job.settled();
      return [id, attempts.map(({ claimedAt }) => claimedAt)];
    };
    expect(await story(7)).toEqual(await story(7));
    expect(await story(7)).not.toEqual(await story(8));
  });

  test('a job waits for what the worker lacks, and runs where it is declared', async () => {
    const needsGpu = { gpu: 1, encoder: 'h264_nvenc' };
    await using without = await testYard([greet]);
    const waits = await without.yard.submit(greet, { name: 'Ada' }, needsGpu);
    await without.advance('1m');
    expect(await without.yard.why(waits.id)).toMatchObject({ code: 'no worker has it' });
    await using withGpu = await testYard([greet], { advertise: 'gpu=1,vram=16000,encoder=h264_nvenc' });
    const runs = await withGpu.yard.submit(greet, { name: 'Ada' }, needsGpu);
    expect(await withGpu.until(runs.result())).toBe('Hello Ada');
  });

  test('workflows, bulk operations and people’s verbs are those of production', async () => {
    await using test = await testYard([greet, shaky], { concurrency: 1 });
    const first = await test.yard.submit(greet, { name: 'Ada' }, { delay: '2h' });
    const second = await test.yard.submit(greet, { name: 'Bob' }, { after: [first.id] });
    const held = await test.yard.submit(greet, { name: 'Cy' }, { hold: true });
    await test.advance('1h');
    expect(await Promise.all([first, second, held].map(async (job) => (await job.job())?.state))).toEqual([
      ...['scheduled', 'blocked', 'held'],
    ]);
    await test.advance('1h');
    expect(await test.until(second.result(), { within: '1m' })).toBe('Hello Bob');
    const outcome = await test.until(test.yard.actOnAll({ verb: { verb: 'cancel' }, filter: { type: 'greet' } }));
    expect(outcome).toMatchObject({ done: 1 });
    expect(await held.job()).toMatchObject({ state: 'cancelled' });
    expect(await test.yard.auditLog({ limit: 1 })).toHaveLength(1);
    expect(await test.until(test.yard.masters())).toMatchObject([{ name: 'test', leads: true }]);
  });

  test('what cannot be is refused at once', async () => {
    await expect(testYard([greet], { startAt: 'soon' })).rejects.toMatchObject({ code: 'input.invalid' });
    await expect(testYard([greet], { advertise: 'gpu' })).rejects.toMatchObject({ code: 'option.invalid' });
    await using test = await testYard([greet]);
    await expect(test.advance('a while')).rejects.toMatchObject({ code: 'input.invalid' });
    await expect(test.yard.submit('greet', { name: 7 })).resolves.toBeDefined();
    const never = test.until(new Promise(() => {}), { within: '1h' });
    await expect(never).rejects.toMatchObject({ code: 'wait.timedOut' });
    await expect(test.yard.backup('/nowhere')).rejects.toMatchObject({ code: 'broker.refused' });
    const lapsed = await test.yard.submit(greet, { name: 'Ada' }, { hold: true, expiresIn: '5h' });
    await test.advance(6 * hourMs);
    expect(await lapsed.job()).toMatchObject({ state: 'failed', context: { error: { kind: 'expired' } } });
  });
});
