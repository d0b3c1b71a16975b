/** What ends an attempt before its handler does: timeouts, silence, a person. And what does not: a blocked loop. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { JobRecord } from '../../runtime/record.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
const once = { 'Max-Attempts': '1' };

beforeAll(async () => {
  yard = await cluster({ flags: { cancelGrace: '300ms', concurrency: 4 } });
});
afterEach(() => yard.expectSound());
afterAll(() => yard[Symbol.asyncDispose]());

/** How long the last attempt ran, as the record says. */
function ranMs({ attempts }: JobRecord): number {
  const last = attempts.at(-1);
  return (last?.endedAt ?? 0) - (last?.startedAt ?? 0);
}

describe('an attempt', () => {
  test('that runs longer than its timeout is ended with a sentence', async () => {
    const id = await yard.user.pub('mark', { ms: 20_000 }, { ...once, Timeout: '500ms' });
    const record = await yard.user.waitUntil(id, 'failed');
    expect(record.context.error).toEqual({ kind: 'timeout', message: 'It ran longer than its timeout of 500ms.' });
    expect(record.attempts.at(-1)?.outcome).toBe('timed out');
    expect(ranMs(record)).toBeGreaterThanOrEqual(499);
    expect(ranMs(record)).toBeLessThan(7_000);
  });

  test('that gives no sign of life is ended with a sentence, and one that does is not', async () => {
    const stale = { ...once, 'Stale-After': '1s' };
    const silent = await yard.user.pub('mark', { ms: 20_000 }, stale);
    const chatty = await yard.user.pub('chatty', { ms: 1_800, everyMs: 100 }, stale);
    const record = await yard.user.waitUntil(silent, 'failed');
    expect(record.context.error).toEqual({
      kind: 'timeout',
      message: 'It gave no sign of life (progress or log) for 1s.',
    });
    expect(ranMs(record)).toBeLessThan(7_000);
    expect((await yard.user.waitUntil(chatty, 'completed')).attempts).toHaveLength(1);
  });

  test('that timed out is followed by another, as long as there is one', async () => {
    const headers = { Timeout: '300ms', 'Max-Attempts': '2', Backoff: 'fixed(100ms)' };
    const record = await yard.user.waitUntil(await yard.user.pub('mark', { ms: 20_000 }, headers), 'failed');
    expect(record.attempts.map(({ outcome }) => outcome)).toEqual(['timed out', 'timed out']);
  });

  test('that ignores its signal is abandoned after the grace, and its slot serves others', async () => {
    const ids = await Promise.all(
      Array.from({ length: 4 }, () => yard.user.pub('stubborn', { ms: 8_000 }, { ...once, Timeout: '300ms' })),
    );
    const after = await yard.user.pub('mark');
    const records = await yard.user.settled(ids);
    expect(records.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed', 'failed']);
    for (const record of records) expect(ranMs(record)).toBeLessThan(7_000);
    await yard.user.waitUntil(after, 'completed', 5_000);
    expect(
      yard.processes.flatMap(({ told }) => told).filter(({ event }) => event === 'attempt.abandoned'),
    ).toHaveLength(4);
  });

  test('whose handler blocks the event loop for longer than a worker may be silent keeps its worker', async () => {
    const id = await yard.user.pub('blocking', { ms: 6_000 }, once);
    const record = await yard.user.waitUntil(id, 'completed');
    expect(record.attempts).toHaveLength(1);
    expect(ranMs(record)).toBeGreaterThanOrEqual(5_900);
    expect(yard.processes.some((each) => each.tells('worker.lost'))).toBe(false);
  });
});

describe('a handler', () => {
  test.each(['nothing', 'a function'])('that returns %s has the result null', async (what) => {
    const { context } = await yard.user.waitUntil(await yard.user.pub('odd', { what }), 'completed');
    expect(context.result).toBeNull();
  });

  test.each([
    ['a bigint', /^Expected a result that fits into JSON, got one that does not: .*BigInt/],
    ['a circle', /^Expected a result that fits into JSON, got one that does not: .*circular/],
    ['too much', /^Expected a result of at most 67108864 bytes of JSON, got 67108866\./],
  ])('that returns %s fails for good, with a sentence', async (what, sentence) => {
    const { context, attempts } = await yard.user.waitUntil(await yard.user.pub('odd', { what }), 'failed');
    expect(context.error?.message).toMatch(sentence);
    expect(attempts).toMatchObject([{ outcome: 'failed' }]);
  });

  test('that throws nothing at all has failed all the same', async () => {
    const id = await yard.user.pub('odd', { what: 'a throw of nothing' }, once);
    expect((await yard.user.waitUntil(id, 'failed')).context.error).toMatchObject({ kind: 'error' });
  });

  test('is not run for a payload that its own schema refuses', async () => {
    const { context, attempts } = await yard.user.waitUntil(await yard.user.pub('mark', { ms: 'long' }), 'failed');
    expect(context.error?.message).toMatch(/^Expected a payload of type mark, got another\. .*number/);
    expect(attempts).toHaveLength(1);
  });

  test('gets a payload that is too large to travel with its offer', async () => {
    const id = await yard.user.pub('mark', { ms: 0, note: 'x'.repeat(60_000) });
    expect((await yard.user.waitUntil(id, 'completed')).payload).toMatchObject({ note: 'x'.repeat(60_000) });
  });
});

describe('a job that a person cancels', () => {
  test('while it waits is cancelled at once and never runs', async () => {
    const id = await yard.user.pub('mark', {}, { Delay: '1m' });
    await yard.user.waitUntil(id, 'scheduled');
    await yard.user.cancel(id);
    const record = await yard.user.waitUntil(id, 'cancelled');
    expect(record.attempts).toEqual([]);
  });

  test('while it runs is told to stop, and stops', async () => {
    const id = await yard.user.pub('mark', { ms: 20_000 });
    await yard.user.waitUntil(id, 'processing');
    await yard.user.cancel(id);
    const record = await yard.user.waitUntil(id, 'cancelled', 4_500);
    expect(record.transitions.map(({ to }) => to).slice(-2)).toEqual(['cancelling', 'cancelled']);
    const effects = (await yard.effects.all()).filter(({ job }) => job === id).map(({ what }) => what);
    expect(effects).toEqual(['begins', 'is told to stop']);
  });

  test('and whose handler does not stop is abandoned after the grace', async () => {
    const id = await yard.user.pub('stubborn', { ms: 5_000 });
    await yard.user.waitUntil(id, 'processing');
    await yard.user.cancel(id);
    const record = await yard.user.waitUntil(id, 'cancelled', 4_500);
    const [asked, done] = record.transitions.slice(-2);
    expect((done?.at ?? 0) - (asked?.at ?? 0)).toBeGreaterThanOrEqual(290);
    expect((done?.at ?? 0) - (asked?.at ?? 0)).toBeLessThan(4_500);
  });

  test('while it waits for its next attempt has none', async () => {
    const id = await yard.user.pub('always_fail', {}, { Backoff: 'fixed(1m)' });
    await yard.user.waitUntil(id, 'retrying');
    await yard.user.cancel(id);
    expect((await yard.user.waitUntil(id, 'cancelled')).attempts).toHaveLength(1);
  });
});
