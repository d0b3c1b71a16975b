/** The pages of the console where something is made or mended, as a person uses them: a real browser, a real cluster. */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { transcode } from '../../handlers/transcode.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { defineJob } from '../../sdk/index.ts';
import { type ConsoleStage, confirm, consoleStage, overflowOf, phone, program, seriousIn } from './console-page.ts';

/** Fails once, and completes when it is redriven. */
const mended = new Set<string>();
const broken = defineJob({
  type: 'broken',
  payload: z.object({ n: z.number() }),
  defaults: { maxAttempts: 1 },
  run: ({ id, payload }) => {
    if (mended.has(id)) return 'mended';
    mended.add(id);
    throw new Error(`No picture number ${payload.n}.`);
  },
});

describe.skipIf(!existsSync(program))('the console', () => {
  let stage: ConsoleStage;

  beforeAll(async () => {
    stage = await consoleStage([broken]);
    // A page that asks before the leader has heard of anybody would be told to come again.
    mended.add('first');
    await (await stage.yard.submit('broken', { n: 0 }, { id: 'first' })).result();
  });

  afterAll(() => stage[Symbol.asyncDispose]());

  /** So many failed jobs of one group. */
  async function failed(count: number, options: { priority?: 'high' | 'low' } = {}): Promise<readonly string[]> {
    const handles = await stage.yard.submitMany(
      Array.from({ length: count }, (_, n) => ({ type: 'broken', payload: { n }, options })),
    );
    await Promise.all(handles.map((handle) => handle.settled()));
    return handles.map(({ id }) => id);
  }

  async function inState(ids: readonly string[], state: string): Promise<number> {
    const jobs = await Promise.all(ids.map((id) => stage.yard.job(id)));
    return jobs.filter((job) => job?.state === state).length;
  }

  test('what failed is looked at in its group, and redriven: one, a sample, and all by their number', async () => {
    const ids = await failed(6, { priority: 'high' });
    await using opened = await stage.open('/dead?priority=high');
    const { page } = opened;
    const group = page.getByRole('region', { name: /^broken: No picture number/ });
    await group.getByText('6 high').waitFor();
    await group.getByRole('button', { name: 'Look at some' }).click();
    const table = group.getByRole('table', { name: 'The newest of them' });
    await table.getByText('No picture number 0.').waitFor();
    expect(await seriousIn(page)).toEqual([]);
    await table.getByRole('button', { name: 'Redrive' }).first().click();
    await expect.poll(() => inState(ids, 'completed')).toBe(1);

    await group.getByText('5 high').waitFor();
    await group.getByRole('button', { name: 'Redrive …' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('A sample, to see whether it helps').check();
    await dialog.getByLabel('The newest').fill('2');
    await dialog.getByText(/--priority high --sample 2$/).waitFor();
    await dialog.getByRole('button', { name: 'Redrive 2 jobs' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await expect.poll(() => inState(ids, 'completed')).toBe(3);
    await page.getByRole('region', { name: 'What is done to many jobs' }).getByText('2 of 2').waitFor();

    await group.getByRole('button', { name: 'Hide them' }).click();
    await page.getByRole('button', { name: 'Redrive all 3 …' }).click();
    await dialog.getByLabel('All of them').check();
    await dialog.getByLabel('At most a second').fill('50');
    await dialog.getByText('yard dead redrive --priority high --rate 50').waitFor();
    expect(await seriousIn(page)).toEqual([]);
    const all = dialog.getByRole('button', { name: 'Redrive 3 jobs' });
    await expect.poll(() => all.isDisabled()).toBe(true);
    await dialog.getByLabel('to go on').fill('3');
    await page.keyboard.press('Enter');
    await expect.poll(() => inState(ids, 'completed')).toBe(6);
    await page.getByText('No such job has failed.').waitFor();
    expect(await seriousIn(page)).toEqual([]);
  });

  test('a group that others have redriven meanwhile is told as gone, and Escape leaves the question', async () => {
    const ids = await failed(2, { priority: 'low' });
    await using opened = await stage.open('/dead?priority=low');
    const { page } = opened;
    await page.getByRole('button', { name: 'Redrive …' }).waitFor();
    await stage.yard.redriveDead({ priority: 'low' });
    await expect.poll(() => inState(ids, 'completed')).toBe(2);
    await page.getByRole('button', { name: 'Redrive …' }).click();
    await page.getByRole('dialog').getByRole('alert').getByText('Expected a group of failed jobs').waitFor();
    opened.forgive();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.getByText('No such job has failed.').waitFor();
  });

  test('a job is submitted from a preset, what is refused is said at its field, and lines for the shell say the same', async () => {
    await using opened = await stage.open('/submit');
    const { page } = opened;
    await page.getByLabel('begin with').selectOption('Transcode for the archive: H.265, slow and small');
    await expect.poll(() => page.getByLabel('type').inputValue()).toBe('transcode');
    await expect.poll(() => page.getByLabel('queue').inputValue()).toBe('batch');
    await page.getByLabel('delay').fill('soon');
    await page.getByLabel('payload').fill('{"input":');
    await page.getByText('Expected JSON, it is none yet').waitFor();
    await page.getByLabel('payload').fill('{"input": "a.mov", "crf": 900}');
    await page.getByRole('button', { name: 'Submit' }).click();
    await page.getByText('Expected `delay` to be a duration').waitFor();
    expect(await page.getByLabel('delay').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('delay').fill('1h');
    await page.getByLabel('payload').press('Control+Enter');
    await page.getByText('crf: Expected crf from 0 to 63.').waitFor();
    opened.forgive();
    await page.getByLabel('type', { exact: true }).fill('broken');
    await page.getByRole('button', { name: 'JSON' }).click();
    await page.getByLabel('payload').fill('{"n": "it\'s 7"}');
    await page.getByLabel('name', { exact: true }).fill("Mia's, 720p");
    await page.getByText('What it needs of a worker').click();
    await page.getByLabel('labels').fill('zone=eu,cores>=8');
    expect(await seriousIn(page)).toEqual([]);

    const lines = page.getByRole('region', { name: 'The same by other ways' }).locator('code');
    const [yardLine, natsLine, curlLine] = await lines.allTextContents();
    expect(await wordsOf(yardLine)).toEqual([
      ...['yard', 'submit', 'broken', '{"n":"it\'s 7"}', '--queue', 'batch', '--priority', 'low', '--delay', '1h'],
      ...['--name', "Mia's, 720p", '--labels', 'zone=eu,cores>=8'],
    ]);
    expect(await wordsOf(natsLine)).toContain("Name:Mia's, 720p");
    expect(JSON.parse((await wordsOf(curlLine)).at(-1) ?? '')).toMatchObject({ payload: { n: "it's 7" }, delay: '1h' });

    await page.getByLabel('payload').fill('{"n": 7}');
    await page.getByLabel('payload').press('Control+Enter');
    const made = page.getByRole('status', { name: 'What was submitted' }).getByRole('link');
    const job = await stage.yard.job((await made.textContent()) ?? '');
    expect(job).toMatchObject({
      type: 'broken',
      state: 'scheduled',
      queue: 'batch',
      priority: 'low',
      payload: { n: 7 },
    });
    await made.click();
    await page.waitForURL(/console\/jobs\//);
  });

  test('a payload is a form where its type tells its fields: filled by keys, the same as JSON, refused at its field', async () => {
    await stage.cluster.work([transcode({ clock: new SystemClock() })], { name: 'w2' });
    await using opened = await stage.open('/submit?type=transcode');
    const { page } = opened;
    await page.getByLabel('input *').focus();
    await page.keyboard.type('a.mov');
    await page.keyboard.press('Tab');
    await page.keyboard.type('a.mp4');
    await page.getByLabel('crf').focus();
    await page.keyboard.type('60');
    await page.getByLabel('audio', { exact: true }).focus();
    await page.keyboard.type('none');
    await page.getByLabel('quality').focus();
    await page.keyboard.type('false');
    await page.keyboard.press('Control+Enter');
    await page.getByText('Expected crf from 0 to 51 for libx264, got 60.').waitFor();
    expect(await page.getByLabel('crf').getAttribute('aria-invalid')).toBe('true');
    opened.forgive();
    expect(await seriousIn(page)).toEqual([]);
    await page.getByRole('button', { name: 'JSON' }).press('Enter');
    const payload = { input: 'a.mov', output: 'a.mp4', crf: 60, audio: 'none', quality: false };
    expect(JSON.parse(await page.getByLabel('payload').inputValue())).toEqual(payload);
    await page.getByLabel('payload').fill(JSON.stringify({ ...payload, crf: 23, bitrate: '2M' }));
    await page.getByRole('button', { name: 'Form' }).press('Enter');
    expect([
      await page.getByLabel('crf').inputValue(),
      await page.getByLabel('bitrate', { exact: true }).inputValue(),
    ]).toEqual(['23', '2M']);
    await page.getByLabel('bitrate', { exact: true }).fill('');
    await page.setViewportSize(phone);
    expect(await overflowOf(page)).toBe(0);
    await page.getByLabel('crf').press('Control+Enter');
    const made = page.getByRole('status', { name: 'What was submitted' }).getByRole('link');
    const job = await stage.yard.job((await made.textContent()) ?? '');
    expect(job?.payload).toEqual({ ...payload, crf: 23 });
  });

  test('what was said of a job is said again: by its lines, and in a form to be changed', async () => {
    const given = {
      name: "Mia's",
      queue: 'batch',
      priority: 'low',
      tags: ['a', 'b'],
      timeout: '90s',
      maxAttempts: 2,
    } as const;
    const needs = { gpu: 1, vram: 8_000, labels: { zone: 'eu', cores: '>=8' } };
    await stage.yard.submit('broken', { n: 1 }, { id: 'said', ...given, ...needs });
    await using opened = await stage.open('/jobs/said');
    const { page } = opened;
    const told = async () => {
      const line = page.locator('code', { hasText: /^curl .*-d / });
      const body = (await wordsOf((await line.textContent()) ?? '')).at(-1) ?? '';
      const answer = await fetch(`${stage.served.url}/v1/jobs`, { method: 'POST', body });
      const { id } = z.object({ id: z.string() }).parse(await answer.json());
      return await stage.yard.job(id);
    };
    const { name, queue, priority, tags, timeoutMs, requirements } = (await stage.yard.job('said')) ?? {};
    const same = { name, queue, priority, tags, timeoutMs, requirements, payload: { n: 1 } };
    expect(await told()).toMatchObject(same);
    await page.getByRole('link', { name: 'Change it and submit …' }).click();
    await page.getByLabel('n *').fill('2');
    await page.getByLabel('n *').press('Control+Enter');
    const made = page.getByRole('status', { name: 'What was submitted' }).getByRole('link');
    expect(await stage.yard.job((await made.textContent()) ?? '')).toMatchObject({ ...same, payload: { n: 2 } });
  });

  test('a schedule is made with its next firings in sight, run, changed, paused, resumed and deleted', async () => {
    await using opened = await stage.open('/schedules');
    const { page } = opened;
    await page.getByRole('link', { name: 'New schedule' }).click();
    await page.getByLabel('name of the schedule').fill('nightly');
    await page.getByLabel('cron', { exact: true }).fill('61 * * * *');
    const next = page.getByRole('region', { name: 'Next firings' });
    await next.getByText('Invalid value for minute: 61').waitFor();
    opened.forgive();
    await page.getByLabel('cron', { exact: true }).fill('0 0 29 2 *');
    await page.getByLabel('tz').fill('UTC');
    await next.getByText('2028-02-2').waitFor();
    await page.getByLabel('type', { exact: true }).fill('broken');
    await page.getByLabel('n *').fill('1');
    await page.getByLabel('priority').selectOption('low');
    await page.getByLabel('timeout').fill('long');
    await page.getByRole('button', { name: 'Add the schedule' }).click();
    await page.getByText('Expected `timeout` to be a duration').waitFor();
    opened.forgive();
    await page.getByLabel('timeout').fill('10m');
    await page.getByText(`yard schedule add nightly broken '{"n":1}' --cron '0 0 29 2 *' --tz UTC`).waitFor();
    await page.getByRole('button', { name: 'Add the schedule' }).click();
    await page.waitForURL(/schedules\/nightly$/);

    await page.getByRole('button', { name: 'Run now' }).click();
    const history = page.getByRole('table');
    await history.getByText('by hand').waitFor();
    const job = await stage.yard.job((await history.getByRole('link').textContent()) ?? '');
    expect(job).toMatchObject({ type: 'broken', priority: 'low', timeoutMs: 600_000, payload: { n: 1 } });

    await page.getByLabel('overlap').selectOption('skip');
    await page.getByText('yard schedule edit nightly --overlap skip').waitFor();
    await page.getByRole('button', { name: 'Save the changes' }).click();
    await expect.poll(async () => (await stage.yard.schedules.get('nightly'))?.overlap).toBe('skip');
    expect(await seriousIn(page)).toEqual([]);
    await page.getByRole('button', { name: 'Pause' }).click();
    await confirm(page, 'Pause');
    await page.getByText('paused', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('active', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await confirm(page, 'Delete');
    await page.waitForURL(/schedules$/);
    await page.getByText('There is none.').waitFor();
    expect(await stage.yard.schedules.list()).toEqual([]);
    // The page of one that is gone has asked for it once more.
    opened.forgive();
  });
});

/** What a shell makes of a line. */
async function wordsOf(line = ''): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('sh', ['-c', `printf '%s\\n' ${line}`]);
  return stdout.trimEnd().split('\n');
}
