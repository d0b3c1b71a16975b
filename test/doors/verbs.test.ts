/** What people do to jobs and queues, by SDK and command: a master in this process, and no worker where none is needed. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineJob, type JobState, type Yard } from '../../sdk/index.ts';
import { type Scratch, scratch } from '../nats/broker.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { Shell } from './command.ts';

let cluster: TestCluster;
let directory: Scratch;
let shell: Shell;
let yard: Yard;

/** Fails at its first attempt, and is done at the next one that a person asks for. */
const moody = defineJob({
  type: 'moody',
  payload: z.unknown(),
  defaults: { maxAttempts: 1 },
  run: ({ fence }) => {
    if (fence.attempt === 1) throw new Error('Not in the mood.');
    return 'done';
  },
});

beforeAll(async () => {
  [cluster, directory] = await Promise.all([testCluster(), scratch()]);
  shell = new Shell(directory.path, { NATS_URL: cluster.broker.url });
  yard = await cluster.yard();
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function submitted(id: string, options = {}): Promise<string> {
  await yard.submit('noop', {}, { id, ...options });
  return id;
}

const stateOf = async (id: string): Promise<JobState | undefined> => (await yard.job(id))?.state;

describe('to one job', () => {
  test('that waits: it is held and released, put off and hurried, moved, and given another priority', async () => {
    const id = await submitted('one');
    expect(await yard.hold(id, { reason: 'Not today.' })).toMatchObject({ state: 'held' });
    expect(await yard.hold(id)).toMatchObject({ state: 'held' });
    const at = yard.now() + 3_600_000;
    expect(await yard.reschedule(id, at)).toMatchObject({ state: 'held', context: { dueAt: at } });
    expect(await yard.release(id)).toMatchObject({ state: 'scheduled' });
    expect(await yard.retry(id)).toMatchObject({ state: 'pending' });
    expect(await yard.move(id, 'batch')).toMatchObject({ queue: 'batch' });
    expect(await yard.prioritise(id, 'low')).toMatchObject({ queue: 'batch', priority: 'low' });
    const { transitions = [] } = (await yard.job(id)) ?? {};
    const byPeople = transitions.filter(({ event }) => event !== 'job.queued');
    expect(byPeople.map(({ event, to, reason }) => [event, to, reason])).toEqual([
      ['job.submitted', 'pending', undefined],
      ['job.hold', 'held', 'Not today.'],
      ['job.reschedule', 'held', undefined],
      ['job.release', 'scheduled', undefined],
      ['job.retry', 'pending', undefined],
      ['job.move', expect.any(String), 'to batch'],
      ['job.prioritise', expect.any(String), 'to low'],
    ]);
    await yard.cancel(id);
  });

  test('that is in another state is refused, with what it must be', async () => {
    const id = await submitted('other');
    await expect(yard.release(id)).rejects.toThrow(
      /^Expected a job that is held, got other, which is (pending|queued)\. It can be done to jobs that are held\.$/,
    );
    await yard.cancel(id);
    await expect(yard.hold(id)).rejects.toThrow('Expected a job that waits, got other, which is cancelled.');
    await expect(yard.move(id, 'Not a queue')).rejects.toThrow('Expected a queue of a lower-case letter');
    await expect(yard.redrive('nobody')).rejects.toThrow('Expected a job with id nobody, found none.');
  });

  test('that has failed is redriven, and runs again with all of its attempts', async () => {
    await using _ = await cluster.work([moody]);
    const job = await yard.submit('moody', {}, { expiresIn: '1h' });
    expect(await job.settled({ timeoutMs: 20_000 })).toMatchObject({ state: 'failed' });
    const redriven = await yard.redrive(job.id);
    expect(redriven.context).toMatchObject({ generation: 2, attempt: 1, spent: 0 });
    expect(redriven.expiresAt).toBeUndefined();
    expect(await yard.settled(job.id, { timeoutMs: 20_000 })).toMatchObject({
      state: 'completed',
      context: { result: 'done', attempt: 2 },
    });
  });
});

describe('to many jobs', () => {
  test('a dry run counts them; then each is done to or refused by itself', async () => {
    for (let n = 0; n < 5; n++) await submitted(`many-${n}`, { queue: 'heap', hold: n === 0 });
    const filter = { queue: 'heap' };
    const verb = { verb: 'hold' } as const;
    expect(await yard.actOnAll({ verb, filter, dryRun: true })).toEqual({ matched: 5, done: 0, refused: {} });
    expect(await stateOf('many-1')).not.toBe('held');
    const seen: number[] = [];
    const onProgress = ({ done }: { done: number }) => seen.push(done);
    expect(await yard.actOnAll({ verb, filter, onProgress })).toEqual({ matched: 5, done: 5, refused: {} });
    expect(seen.at(-1)).toBe(5);
    await yard.cancel('many-4');
    const all = { ...filter, state: ['held', 'cancelled'] as const };
    expect(await yard.actOnAll({ verb: { verb: 'move', queue: 'pile' }, filter: all })).toEqual({
      matched: 5,
      done: 4,
      refused: {
        'Expected a job that waits, got one, which is cancelled. It can be done to jobs that are scheduled, blocked, held, pending, queued, retrying.': 1,
      },
    });
  });

  test('a person who stops it in between has done what is done', async () => {
    for (let n = 0; n < 3; n++) await submitted(`stop-${n}`, { queue: 'stop' });
    const signal = AbortSignal.abort(new Error('Stopped.'));
    await expect(yard.actOnAll({ verb: { verb: 'cancel' }, filter: { queue: 'stop' }, signal })).rejects.toThrow(
      'Stopped.',
    );
    expect(await stateOf('stop-0')).not.toBe('cancelled');
  });
});

describe('by the command', () => {
  test('one job, or all that pass a filter, with a dry run first', async () => {
    for (let n = 0; n < 3; n++) await submitted(`typed-${n}`, { queue: 'typed' });
    expect((await shell.yard('job', 'hold', 'typed-0')).out).toBe('Job typed-0 is held.\n');
    expect((await shell.yard('job', 'priority', 'typed-0', '--to', 'normal')).out).toBe(
      'Job typed-0 is of priority medium.\n',
    );
    expect(await shell.yard('job', 'cancel', '--queue', 'typed', '--dry-run')).toMatchObject({
      code: 0,
      out: '3 jobs match; nothing was done. Without `--dry-run`: cancel.\n',
    });
    const cancelled = await shell.yard('job', 'cancel', '--queue', 'typed', '--reason', 'Enough.', '-o', 'json');
    expect(JSON.parse(cancelled.out)).toMatchObject({ state: 'done', matched: 3, done: 3, refused: {} });
    expect((await yard.job('typed-1'))?.transitions.at(-1)).toMatchObject({ to: 'cancelled', reason: 'Enough.' });
    const refused = await shell.yard('job', 'redrive', '--queue', 'typed', '--state', 'cancelled');
    expect(refused).toMatchObject({ code: 1, out: 'redrive: 0 of 3 jobs done, 3 refused.\n' });
  });

  test('many jobs are left to a master, seen, followed and aborted', async () => {
    for (let n = 0; n < 3; n++) await submitted(`left-${n}`, { queue: 'left' });
    const started = await shell.yard('job', 'hold', '--queue', 'left', '--rate', '0.01', '--detach');
    const id = started.out.trim();
    expect(started).toMatchObject({ code: 0, talk: expect.stringContaining(`yard bulk follow ${id}`) });
    expect((await shell.yard('bulk', 'list')).out).toMatch(new RegExp(`^${id} +running +hold +\\d .*queue=left$`, 'm'));
    expect((await shell.yard('bulk', 'get', id)).out).toMatch(/^rate +0\.01 a second$/m);
    const following = shell.start('bulk', 'follow', id);
    await following.says('of 3');
    expect(await shell.yard('bulk', 'abort', id)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^hold: [012] of 3 jobs done, 0 refused\. Aborted by .*; what is done is done\.\n$/),
    });
    expect(await following.ended).toMatchObject({ code: 1, out: expect.stringContaining('Aborted by') });
    expect(await shell.yard('bulk', 'abort', id)).toMatchObject({
      code: 1,
      talk: expect.stringContaining('is aborted'),
    });
    expect(await shell.yard('bulk', 'get', 'nothing')).toMatchObject({ code: 3 });
    await yard.actOnAll({ verb: { verb: 'cancel' }, filter: { queue: 'left' } });
  });

  test('Ctrl-C aborts what the command started', async () => {
    for (let n = 0; n < 3; n++) await submitted(`typed-stop-${n}`, { queue: 'typed-stop' });
    const running = shell.start('job', 'hold', '--queue', 'typed-stop', '--rate', '0.01');
    await running.says('of 3');
    running.signal('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, out: expect.stringContaining('Aborted by') });
    const [newest] = await yard.bulk.list();
    expect(newest?.state).toBe('aborted');
    expect(newest?.done).toBeLessThan(3);
    await yard.actOnAll({ verb: { verb: 'cancel' }, filter: { queue: 'typed-stop' } });
  });

  test('queues are seen and set, and the leader goes by it', async () => {
    const set = await shell.yard('queue', 'set', 'batch', '--mode', 'weighted', '--weight', '3', '--rate', '30/m');
    expect(set).toMatchObject({ code: 0, out: 'Queue batch: mode weighted, weight 3, rate 30/m.\n' });
    await shell.yard('queue', 'pause', 'live');
    const listed = await shell.yard('queue', 'list');
    expect(listed.out).toMatch(/^live +1 +strict +paused +\d+ +\S+(?: ago)? +0 +- +- +10m/m);
    expect(listed.out).toMatch(/^batch +3 +weighted 3 +open +\d+ +\S+(?: ago)? +0 +- +30\/m +10m/m);
    expect((await shell.yard('status')).out).toMatch(/^queue live is paused, and \d+ of its jobs wait for that$/m);
    expect((await shell.yard('queue', 'resume', 'live')).out).toBe('Queue live: nothing is set.\n');
    const one = await shell.yard('queue', 'get', 'batch', '-o', 'json');
    expect(JSON.parse(one.out)).toMatchObject({ queue: 'batch', mode: 'weighted', weight: 3, ratePerSecond: 0.5 });
    await yard.queues.set('batch', { mode: null, weight: null, ratePerSecond: null });
  });

  test.each([
    [['job', 'hold'], 'Expected the id of a job, or a filter'],
    [['job', 'hold', 'x', '--all'], 'got both'],
    [['job', 'hold', 'x', '--dry-run'], 'Expected a filter beside `--dry-run`'],
    [['job', 'reschedule', 'x'], 'Expected `--at` or `--delay`'],
    [['queue', 'set', 'batch'], 'Expected something to set'],
    [['queue', 'set', 'batch', '--weight', '0'], 'Expected `--weight` of queue batch to be a number above 0'],
    [
      ['limit', 'set', 'api.acme', '--max-active', '0'],
      'Expected `--max-active` of limit api.acme to be a whole number',
    ],
    [['queue', 'set', 'batch', '--rate', '0'], 'Expected `--rate` of queue batch to be a number above 0'],
  ])('a mistake ends with 2: yard %j', async (words, sentence) => {
    expect(await shell.yard(...words)).toMatchObject({ code: 2, out: '', talk: expect.stringContaining(sentence) });
  });
});
