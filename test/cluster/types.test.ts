/** Every job type that ships, submitted as anybody does with a bare NATS client, run by real processes. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeClip } from '../../handlers/ffmpeg/clip.ts';
import { Ffmpeg } from '../../handlers/ffmpeg/tool.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
const types = 'noop,sleeper,flaky,always_fail,transcode,script';
const once = { 'Max-Attempts': '1' };
const backoff = { Backoff: 'exponential(200ms, x2)' };

beforeAll(async () => {
  yard = await cluster({ flags: { types, scriptAllow: 'printf,sh' } });
});
afterEach(() => yard.expectSound());
afterAll(() => yard[Symbol.asyncDispose]());

describe('a submission by plain publish becomes a job that', () => {
  test('does nothing and completes (noop)', async () => {
    const record = await yard.user.waitUntil(await yard.user.pub('noop'), 'completed');
    expect(record.transitions.map(({ to }) => to)).toEqual(['pending', 'assigned', 'processing', 'completed']);
    expect(record.attempts).toMatchObject([{ attempt: 1, outcome: 'completed' }]);
    expect(record.context.result).toEqual({ attempt: 1 });
  });

  test('takes as long as it was told to (sleeper)', async () => {
    const id = await yard.user.pub('sleeper', { executionTimeMs: 400 });
    const { attempts } = await yard.user.waitUntil(id, 'completed');
    const [attempt] = attempts;
    expect((attempt?.endedAt ?? 0) - (attempt?.startedAt ?? 0)).toBeGreaterThanOrEqual(399);
  });

  test('fails twice, waits longer each time, and succeeds at last (flaky)', async () => {
    const id = await yard.user.pub('flaky', {}, backoff);
    const { attempts, context } = await yard.user.waitUntil(id, 'completed');
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'completed']);
    expect(context).toMatchObject({ attempt: 3, result: { attempt: 3 } });
    const gaps = attempts.slice(1).map(({ startedAt = 0 }, at) => startedAt - (attempts[at]?.endedAt ?? 0));
    for (const [at, gapMs] of gaps.entries()) {
      expect(gapMs).toBeGreaterThanOrEqual(200 * 2 ** at);
      expect(gapMs).toBeLessThan(200 * 2 ** at + 5_000);
    }
    expect(gaps).toHaveLength(2);
  });

  test('comes again when its handler says, and not by the backoff', async () => {
    const payload = { failAttempts: 1, retryAfterMs: 300 };
    const id = await yard.user.pub('flaky', payload, { Backoff: 'fixed(1h)' });
    const { attempts } = await yard.user.waitUntil(id, 'completed');
    const [first, second] = attempts;
    expect(first).toMatchObject({ outcome: 'failed', error: { name: 'JobError', retryAfterMs: 300 } });
    expect((second?.claimedAt ?? 0) - (first?.endedAt ?? 0)).toBeGreaterThanOrEqual(300);
  });

  test('uses up its attempts and comes to rest as failed, with the last error (always_fail)', async () => {
    const id = await yard.user.pub('always_fail', {}, { ...backoff, 'Max-Attempts': '2' });
    const { attempts, context } = await yard.user.waitUntil(id, 'failed');
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
    expect(context.error).toMatchObject({
      kind: 'error',
      message: 'Failed on purpose, as every attempt of this type.',
    });
  });

  test('fails at once where its handler says that another attempt is no use', async () => {
    const id = await yard.user.pub('always_fail', { retryable: false });
    expect((await yard.user.waitUntil(id, 'failed')).attempts).toHaveLength(1);
  });

  test('runs a program that the worker allows, and keeps what it wrote (script)', async () => {
    const id = await yard.user.pub('script', { command: 'printf', args: ['%s and %s', 'one', 'two'] });
    const { context } = await yard.user.waitUntil(id, 'completed');
    expect(context.result).toEqual({ exitCode: 0, stdout: 'one and two', stderr: '' });
  });

  test('logs what its program writes while it runs (script)', async () => {
    const id = await yard.user.pub('script', { command: 'sh', args: ['-c', 'echo out; echo err >&2; sleep 5'] });
    const lines = await yard.user.logs(id, 2);
    expect(lines.map(({ stream, line, attempt }) => `${stream} ${line} ${attempt}`).sort()).toEqual([
      'stderr err 1',
      'stdout out 1',
    ]);
    expect((await yard.user.record(id)).state).toBe('processing');
    await yard.user.cancel(id);
    await yard.user.waitUntil(id, 'cancelled');
    expect(await yard.user.logs(id, 2)).toEqual(lines);
  });

  test('is refused by the worker where the program is not on its list (script)', async () => {
    const id = await yard.user.pub('script', { command: 'cat', args: ['/etc/passwd'] });
    const { context, attempts } = await yard.user.waitUntil(id, 'failed');
    expect(context.error?.message).toBe('Expected a command that this worker allows (printf, sh), got cat.');
    expect(attempts).toHaveLength(1);
  });

  test('fails with the exit code and the last words of its program (script)', async () => {
    const id = await yard.user.pub('script', { command: 'sh', args: ['-c', 'echo gone >&2; exit 3'] }, once);
    const { context, attempts } = await yard.user.waitUntil(id, 'failed');
    const error = {
      kind: 'error',
      name: 'JobError',
      exitCode: 3,
      stderr: 'gone',
      stack: expect.stringContaining(' at '),
    };
    expect(context.error).toMatchObject(error);
    expect(attempts).toMatchObject([{ attempt: 1, worker: expect.any(String), outcome: 'failed', error }]);
  });

  test('transcodes a clip, and says how well (transcode)', async () => {
    await makeClip({ ffmpeg: new Ffmpeg({ clock: new SystemClock() }), path: join(yard.folder, 'a.mp4'), seconds: 1 });
    const id = await yard.user.pub('transcode', { input: 'a.mp4', output: 'b.mp4', preset: 'ultrafast' });
    const { context } = await yard.user.waitUntil(id, 'completed');
    expect(context.result).toMatchObject({ encoder: 'libx264', width: 160, height: 120 });
    expect((await stat(join(yard.folder, 'b.mp4'))).size).toBeGreaterThan(1_000);
  });

  test('fails with a sentence where the input is not there (transcode)', async () => {
    const id = await yard.user.pub('transcode', { input: 'nowhere.mp4', output: 'c.mp4' });
    const { context } = await yard.user.waitUntil(id, 'failed');
    expect(context.error?.message).toMatch(/^Expected .*nowhere\.mp4/);
  });
});
