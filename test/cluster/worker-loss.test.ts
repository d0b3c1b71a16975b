/** Workers that die, hang, are cut off or leave: their jobs run elsewhere, and nothing that they still do counts. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeClip } from '../../handlers/ffmpeg/clip.ts';
import { Ffmpeg } from '../../handlers/ffmpeg/tool.ts';
import { SystemClock } from '../../runtime/clock.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { type Cluster, cluster } from './harness.ts';
import type { YardProcess } from './process.ts';

describe('with the defaults', () => {
  let yard: Cluster;
  beforeAll(async () => {
    yard = await cluster({ workers: 2, flags: { types: 'transcode' } });
    const ffmpeg = new Ffmpeg({ clock: new SystemClock() });
    await makeClip({ ffmpeg, path: join(yard.folder, 'a.mp4'), seconds: 6, width: 640, height: 480 });
  });
  afterEach(() => yard.expectSound());
  afterAll(() => yard[Symbol.asyncDispose]());

  /** Ids of the processes whose command line names this cluster's folder and ffmpeg. */
  async function ffmpegs(): Promise<string[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
    return pids.filter((_, at) => /ffmpeg/.test(lines[at] ?? '') && lines[at]?.includes(yard.folder));
  }

  test('a transcode whose worker is killed runs elsewhere within 5 s, and the ffmpeg of the dead is gone', async () => {
    const payload = { input: 'a.mp4', output: 'b.mp4', preset: 'veryslow', threads: 1, quality: false };
    const id = await yard.user.pub('transcode', payload, { Backoff: 'fixed(100ms)' });
    const worker = await yard.workerOf(id);
    const orphans = await yard.user.until(async () => nonEmpty(await ffmpegs()), 'an ffmpeg that runs');
    const killedAt = yard.clock.now();
    await yard.kill(worker);
    const record = await yard.user.waitUntil(id, ({ attempts }) => attempts[1]?.startedAt !== undefined, 10_000);
    const [lost, second] = record.attempts;
    expect(lost).toMatchObject({ attempt: 1, outcome: 'lost', error: { kind: 'lost' } });
    expect(second?.worker).not.toBe(lost?.worker);
    expect((second?.startedAt ?? 0) - killedAt).toBeLessThan(5_000);
    const left = async () => ((await ffmpegs()).some((pid) => orphans.includes(pid)) ? undefined : true);
    await yard.user.until(left, 'no ffmpeg of the dead worker');
    expect((await yard.user.waitUntil(id, 'completed', 60_000)).attempts).toHaveLength(2);
  });
});

function nonEmpty<Item>(items: readonly Item[]): readonly Item[] | undefined {
  return items.length > 0 ? items : undefined;
}

describe('with a short patience', () => {
  let yard: Cluster;
  const retry = { Backoff: 'fixed(50ms)' };
  beforeAll(async () => {
    const flags = {
      pulse: '200ms',
      lostAfter: '1s',
      cancelGrace: '300ms',
      drainDeadline: '600ms',
      lookAhead: 0,
      offerFor: '2s',
    };
    yard = await cluster({ wired: true, flags: { ...flags, concurrency: 3 } });
  });
  afterEach(() => yard.expectSound());
  afterAll(() => yard[Symbol.asyncDispose]());

  /** Starts a worker beside the one that is there, and gives it this job. */
  async function onAnother(type: string, payload: unknown, headers = {}) {
    const worker = await yard.start('worker', { labels: 'the=one' });
    const id = await yard.user.pub(type, payload, { ...retry, ...headers, Labels: 'the=one' });
    // By the worker's own word: a claim may be stored before its answer has come.
    await yard.user.until(async () => worker.tells('attempt.started') || undefined, `${id} to start on another worker`);
    return { worker, id };
  }

  function outcomes({ attempts }: JobRecord) {
    return attempts.map(({ outcome }) => outcome);
  }

  test('all jobs of a worker that is killed run elsewhere', async () => {
    const worker = await yard.start('worker');
    const ids = await Promise.all(Array.from({ length: 6 }, () => yard.user.pub('mark', { ms: 1_500 }, retry)));
    for (const id of ids) await yard.user.waitUntil(id, 'processing');
    await yard.kill(worker);
    const records = await yard.user.settled(ids);
    expect(records.map(({ state }) => state)).toEqual(ids.map(() => 'completed'));
    expect(records.filter((record) => outcomes(record)[0] === 'lost')).toHaveLength(3);
  });

  /** A worker that was taken for lost is another one now, which runs jobs. */
  async function expectAnotherLife(worker: YardProcess) {
    const { incarnation, former } = await yard.user.until(
      async () => worker.told.find(({ event }) => event === 'worker.returned'),
      'the worker to return',
    );
    expect(incarnation).toBe(`${former}-2`);
    const next = await yard.user.pub('mark', {}, { Labels: 'the=one' });
    const { attempts } = await yard.user.waitUntil(next, 'completed');
    expect(attempts).toMatchObject([{ worker: incarnation, outcome: 'completed' }]);
    const names = (await yard.user.view())?.workers.filter(({ name }) => name === worker.name);
    expect(names?.map((view) => view.incarnation)).toEqual([incarnation]);
  }

  test('a worker that was frozen finds its job gone, what it makes of it is discarded, and it works as another one', async () => {
    const { worker, id } = await onAnother('stubborn', { ms: 1_500, laterMs: 0 });
    yard.freeze(worker);
    const other = await yard.start('worker', { labels: 'the=one' });
    const record = await yard.user.waitUntil(id, 'completed');
    expect(outcomes(record)).toEqual(['lost', 'completed']);
    expect(record.context.result).toEqual({ pid: other.pid });
    yard.thaw(worker);
    await yard.user.until(async () => worker.tells('attempt.fenced') || undefined, 'the thawed worker to be fenced');
    expect(await yard.user.record(id)).toEqual(record);
    await yard.stop(other);
    await expectAnotherLife(worker);
    await yard.stop(worker);
  });

  test('a worker that is cut off loses its job, and is told so when the network heals', async () => {
    const { worker, id } = await onAnother('mark', { ms: 20_000 }, { 'Max-Attempts': '1' });
    yard.cut(worker);
    const record = await yard.user.waitUntil(id, 'failed');
    expect(record.context.error?.message).toBe(`Worker ${worker.name} was lost while it held the job.`);
    yard.heal(worker);
    await yard.user.until(async () => worker.tells('attempt.fenced') || undefined, 'the healed worker to be fenced');
    const stopped = (await yard.effects.all()).filter(({ job, what }) => job === id && what === 'is told to stop');
    expect(stopped).toHaveLength(1);
    expect(await yard.user.record(id)).toEqual(record);
    await expectAnotherLife(worker);
    await yard.stop(worker);
  });

  test('a worker whose handler blocks it hangs, keeps its job, and is offered no other', async () => {
    const { worker, id } = await onAnother('blocking', { ms: 5_000 });
    const leader = await yard.leader();
    const told = (event: string) => leader.told.some((line) => line.event === event && line['name'] === worker.name);
    await yard.user.until(async () => told('worker.hung') || undefined, 'the leader to tell that it hangs');
    const views = (await yard.user.view())?.workers;
    expect(views?.find(({ name }) => name === worker.name)).toMatchObject({ isHung: true });
    const other = await yard.user.pub('mark', {}, { Labels: 'the=one' });
    expect(outcomes(await yard.user.waitUntil(id, 'completed'))).toEqual(['completed']);
    expect(outcomes(await yard.user.waitUntil(other, 'completed'))).toEqual(['completed']);
    await yard.user.until(async () => told('worker.unhung') || undefined, 'the leader to tell that it turns again');
    await yard.stop(worker);
  });

  test('a worker whose mailbox gives nothing out is deaf, opens it anew when it is told so, and runs what waited', async () => {
    const worker = await yard.start('worker', { labels: 'the=deaf' });
    const incarnation = worker.told.find(({ event }) => event === 'worker.started')?.['incarnation'];
    const { consumers } = await jetstreamManager(await yard.broker.connect());
    const { work } = yard.user.names.streams;
    for await (const { name } of consumers.list(work))
      if (name.startsWith(`worker_${incarnation}_`))
        await consumers.pause(work, name, new Date(Date.now() + 3_600_000));
    const id = await yard.user.pub('mark', {}, { Labels: 'the=deaf' });
    expect(outcomes(await yard.user.waitUntil(id, 'completed'))).toEqual(['completed']);
    const leader = await yard.leader();
    const told = () => leader.told.filter((line) => line['incarnation'] === incarnation).map(({ event }) => event);
    await yard.user.until(async () => told().includes('worker.undeaf') || undefined, 'the leader to hear its answer');
    expect(told()).toContain('worker.deaf');
    await yard.stop(worker);
  });

  test('a job whose worker was killed and that a person cancels meanwhile is cancelled, and runs nowhere', async () => {
    const { worker, id } = await onAnother('mark', { ms: 20_000 });
    await yard.kill(worker);
    await yard.user.cancel(id);
    const record = await yard.user.waitUntil(id, 'cancelled');
    expect(outcomes(record)).toEqual(['lost']);
  });

  test('an attempt that its worker cannot end in time is ended by the leader, and the worker’s word comes too late', async () => {
    const { worker, id } = await onAnother('blocking', { ms: 4_000 }, { 'Max-Attempts': '1', Timeout: '300ms' });
    const record = await yard.user.waitUntil(id, 'failed');
    expect(record.context.error).toMatchObject({
      kind: 'timeout',
      message: expect.stringMatching(/^It ran longer than/),
    });
    await yard.user.until(async () => worker.tells('attempt.fenced') || undefined, 'the worker to be fenced');
    expect(await yard.user.record(id)).toEqual(record);
    await yard.stop(worker);
  });

  test('a job that takes its workers down with it is put away after the third', async () => {
    const id = await yard.user.pub('deadly', { ms: 50 }, { ...retry, Labels: 'the=one', 'Max-Attempts': '9' });
    for (let turn = 0; turn < 3; turn++) await yard.start('worker', { labels: 'the=one', types: 'deadly' });
    const record = await yard.user.waitUntil(id, 'failed', 30_000);
    expect(outcomes(record)).toEqual(['lost', 'lost', 'lost']);
    expect(record.context.error?.message).toMatch(/^Quarantined: 3 workers were lost while they ran it\./);
  });

  test('a worker that is asked to stop takes nothing more, finishes what runs, and leaves in good order', async () => {
    const { worker, id } = await onAnother('mark', { ms: 400 });
    const stopping = yard.stop(worker);
    await yard.user.until(async () => (await statusOf(worker.pid)) === 'draining' || undefined, 'a worker that drains');
    const late = await yard.user.pub('mark', {}, { Labels: 'the=one' });
    await stopping;
    expect(worker.how).toBe('exit code 0');
    expect(outcomes(await yard.user.waitUntil(id, 'completed'))).toEqual(['completed']);
    const { attempts } = await yard.user.record(late);
    expect(attempts).toEqual([]);
    await yard.user.cancel(late);
  });

  async function statusOf(pid: number | undefined) {
    return (await yard.user.view())?.workers.find((worker) => worker.pid === pid)?.status;
  }

  test.each(['mark', 'stubborn'])(
    'at its deadline it hands back what runs (%s), which costs no attempt',
    async (type) => {
      const { worker, id } = await onAnother(type, { ms: 60_000, laterMs: 0 }, { 'Max-Attempts': '1' });
      const other = await yard.start('worker', { labels: 'the=one' });
      await yard.stop(worker);
      expect(worker.how).toBe('exit code 0');
      const record = await yard.user.waitUntil(id, 'completed');
      expect(outcomes(record)).toEqual(['drained', 'completed']);
      expect(record.context).toMatchObject({ attempt: 2, spent: 1, losses: 0 });
      await yard.stop(other);
    },
  );
});

test('workers that fall silent together get more time, and those that are back by then keep their jobs', async () => {
  await using yard = await cluster({ workers: 3, flags: { pulse: '200ms', lostAfter: '3s', concurrency: 1 } });
  const ids = await Promise.all([1, 2, 3].map(() => yard.user.pub('mark', { ms: 6_000 })));
  for (const id of ids) await yard.user.waitUntil(id, 'processing');
  const leader = await yard.leader();
  const frozen = yard.processes.filter(({ role }) => role === 'worker').slice(1);
  for (const worker of frozen) yard.freeze(worker);
  await yard.user.until(
    async () => leader.tells('workers.silentTogether') || undefined,
    'the leader to tell of the silence',
  );
  for (const worker of frozen) yard.thaw(worker);
  for (const { attempts } of await yard.user.settled(ids)) expect(attempts).toMatchObject([{ outcome: 'completed' }]);
  expect(leader.tells('worker.lost')).toBe(false);
  await yard.expectSound();
});
