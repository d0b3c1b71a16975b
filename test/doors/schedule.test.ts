/** Schedules as people keep them: by the SDK and by the command, against a real broker and a master. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ScheduleGiven, Yard } from '../../sdk/index.ts';
import { type Scratch, scratch } from '../nats/broker.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { Shell } from './command.ts';

let cluster: TestCluster;
let directory: Scratch;
let shell: Shell;
let yard: Yard;

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

const yearly: ScheduleGiven = { cron: '0 0 1 1 *', tz: 'Europe/Berlin', type: 'noop', payload: {} };

/** Resolves with the id of the first job that a schedule makes. */
async function firstJob(name: string): Promise<{ made: Promise<string>; stop: () => Promise<void> }> {
  const { promise: made, resolve } = Promise.withResolvers<string>();
  const stop = await yard.onTransition(({ key, transition }) => {
    if (key.startsWith(`default.${name}-`) && transition.from === 'submitted') resolve(key.slice('default.'.length));
  });
  return { made, stop };
}

describe('a schedule', () => {
  test('fires, and its jobs are jobs as all others', async () => {
    const { made, stop } = await firstJob('ticking');
    const { schedule, created } = await yard.schedules.add('ticking', {
      every: '1s',
      type: 'noop',
      payload: { executionTimeMs: 5 },
      options: { queue: 'batch', tags: ['tick'] },
    });
    expect([created, schedule.state, schedule.context.nextAt === undefined]).toEqual([true, 'active', false]);
    const id = await made;
    await stop();
    await yard.schedules.pause('ticking');
    const [firing] = await yard.schedules.history('ticking');
    const job = await yard.job(firing?.job ?? '');
    expect(job).toMatchObject({ id, name: 'ticking', queue: 'batch', tags: ['tick'], payload: { executionTimeMs: 5 } });
    expect(job?.source).toMatch(/^schedule:ticking@/);
    const report = await yard.audit();
    expect(report.discrepancies).toEqual([]);
    expect(report.jobs.scheduled).toBe(report.jobs.total);
  });

  test('that is added again is the same one; another one under its name is refused', async () => {
    await yard.schedules.add('same', yearly);
    expect((await yard.schedules.add('same', yearly)).created).toBe(false);
    await expect(yard.schedules.add('same', { ...yearly, overlap: 'skip' })).rejects.toMatchObject({
      code: 'schedule.conflict',
      message: expect.stringContaining('yard schedule edit same'),
    });
  });

  test('is edited, paused, resumed, run and deleted, and keeps what is not named', async () => {
    const { schedule: first } = await yard.schedules.add('changing', { ...yearly, options: { priority: 'low' } });
    const edited = await yard.schedules.edit('changing', { cron: '30 2 * * *', options: { queue: 'live' } });
    expect(edited.plan).toEqual({ kind: 'cron', cron: '30 2 * * *', zone: 'Europe/Berlin' });
    expect(edited.job.options).toEqual({ priority: 'low', queue: 'live' });
    expect(edited.context.nextAt).toBeLessThanOrEqual(first.context.nextAt ?? 0);
    const paused = await yard.schedules.pause('changing');
    expect([paused.state, paused.context.nextAt]).toEqual(['paused', undefined]);
    const job = await yard.schedules.run('changing');
    expect(await yard.job(job.id)).toMatchObject({ priority: 'low', queue: 'live' });
    const resumed = await yard.schedules.resume('changing');
    expect([resumed.state, resumed.context.nextAt]).toEqual(['active', edited.context.nextAt]);
    await yard.schedules.delete('changing');
    expect(await yard.schedules.get('changing')).toBeUndefined();
    expect(await yard.schedules.history('changing')).toMatchObject([{ job: job.id, byHand: true, outcome: 'fired' }]);
    await expect(yard.schedules.pause('changing')).rejects.toMatchObject({ code: 'schedule.missing' });
    expect((await yard.schedules.add('changing', yearly)).created).toBe(true);
  });

  test('ends with its last moment, and an edit gives it more', async () => {
    const over = new Date(yard.now() - 1_000);
    const { schedule } = await yard.schedules.add('ending', { every: '1h', until: over, type: 'noop' });
    expect(schedule.state).toBe('ended');
    await expect(yard.schedules.resume('ending')).rejects.toMatchObject({ code: 'schedule.refused' });
    const edited = await yard.schedules.edit('ending', { until: new Date(yard.now() + 7_200_000) });
    expect(edited.state).toBe('active');
    const endless = await yard.schedules.edit('ending', { until: null });
    expect([endless.state, endless.until]).toEqual(['active', undefined]);
    expect((await yard.schedules.edit('ending', { window: '2h' })).until).toBeUndefined();
  });

  test.each<[Partial<ScheduleGiven>, string]>([
    [{ cron: '61 * * * *' }, 'got `61 * * * *` (Invalid value for minute: 61)'],
    [{ tz: 'Mars/Olympus' }, 'got `Mars/Olympus`'],
    [{ every: '30s' }, 'Expected either `cron` or `every`, got both.'],
    [{ window: 'long' }, 'Expected `window` to be a duration'],
    [{ type: 'nopp' }, 'Did you mean noop?'],
    [{ options: { priority: 'highest' } }, 'Expected `priority` to be critical, high, medium or low, got `highest`.'],
    [{ options: { runAt: 1 } }, 'got `runAt`, which is of one job alone'],
  ])('of %j is refused with what was met and what to do', async (wrong, sentence) => {
    await expect(yard.schedules.add('wrong', { ...yearly, ...wrong })).rejects.toMatchObject({
      code: 'input.invalid',
      message: expect.stringContaining(sentence),
    });
    expect(await yard.schedules.get('wrong')).toBeUndefined();
  });
});

describe('the command', () => {
  test('adds a schedule, shows it, runs it and deletes it', async () => {
    const flags = ['--cron', '0 3 * * *', '--tz', 'Europe/Berlin', '--misfire', 'all', '--window', '2h'];
    const added = await shell.yard(
      'schedule',
      'add',
      'typed',
      ...flags,
      '--priority',
      'high',
      'noop',
      '{"executionTimeMs":2}',
    );
    expect(added).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Schedule typed is active, by 0 3 \* \* \* in Europe\/Berlin; next in /),
    });
    const [list, page, ran] = await Promise.all([
      shell.yard('schedule', 'list'),
      shell.yard('schedule', 'get', 'typed'),
      shell.yard('schedule', 'run', 'typed'),
    ]);
    expect(list.out).toMatch(/^typed +active +by 0 3 \* \* \* in Europe\/Berlin +in /m);
    expect(page.out).toMatch(/^misfire +all, within 2h$/m);
    expect(ran.out.trim()).toMatch(/^typed-run-/);
    const [history, deleted] = await Promise.all([
      shell.yard('schedule', 'history', 'typed', '-o', 'json'),
      shell.yard('schedule', 'delete', 'typed'),
    ]);
    expect(JSON.parse(history.out)).toMatchObject([{ job: ran.out.trim(), byHand: true }]);
    expect(deleted).toMatchObject({ code: 0, out: 'Schedule typed is deleted.\n' });
  });

  test('takes the end of a schedule back', async () => {
    const ends = await shell.yard('schedule', 'add', 'bounded', '--every', '1h', '--until', '2199-01-01', 'noop');
    expect(ends.code).toBe(0);
    expect((await yard.schedules.get('bounded'))?.until).toBe(Date.UTC(2199, 0, 1));
    const endless = await shell.yard('schedule', 'edit', 'bounded', '--until', 'none');
    expect(endless.code).toBe(0);
    expect((await yard.schedules.get('bounded'))?.until).toBeUndefined();
  });

  test('offers no flag that a schedule refuses', async () => {
    const { out } = await shell.yard('schedule', 'add', '--help');
    expect(out).toContain('--priority');
    expect(out).not.toMatch(/--(?:after|id|run-at|expires-at|idempotency-key)/);
  });

  test('yard status counts schedules and names the one that fires next', async () => {
    await yard.schedules.add('soonest', { every: '10m', type: 'noop' });
    await yard.schedules.add('resting', { every: '5m', type: 'noop' });
    await yard.schedules.pause('resting');
    const [screen, json] = await Promise.all([shell.yard('status'), shell.yard('status', '-o', 'json')]);
    expect(screen.out).toMatch(/^schedules +\d+ active, \d+ paused; next soonest in /m);
    const { schedules } = z
      .object({ schedules: z.looseObject({ byState: z.record(z.string(), z.number()) }) })
      .parse(JSON.parse(json.out));
    expect(schedules).toMatchObject({ next: 'soonest', byState: { paused: expect.any(Number) } });
  });

  test('tells the next moments of what could be one, and what is wrong with what could not', async () => {
    const [preview, wrong, missing, there] = await Promise.all([
      shell.yard('schedule', 'preview', '--cron', '0 12 * * *', '-n', '3', '-o', 'json'),
      shell.yard('schedule', 'preview', '--cron', '0 25 * * *'),
      shell.yard('schedule', 'get', 'nobody'),
      shell.yard('schedule', 'preview', '--cron', '0 9 15 JAN *', '--tz', 'Asia/Kolkata', '-n', '1'),
    ]);
    expect(there.out).toMatch(/-01-15T03:30:00.000Z {2}[A-Z][a-z]{2} \d{4}-01-15 09:00:00 GMT\+5:30 {2}/);
    const moments = z.array(z.string()).parse(JSON.parse(preview.out));
    expect(moments.map((moment) => moment.slice(11))).toEqual(Array(3).fill('12:00:00.000Z'));
    expect(missing).toMatchObject({ code: 3, talk: expect.stringContaining('See `yard schedule list`.') });
    expect(wrong).toMatchObject({ code: 2, talk: expect.stringContaining('Invalid value for hour: 25') });
  });
});
