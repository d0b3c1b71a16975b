/** The console as a person uses it: a real browser, a real cluster. */

import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineJob } from '../../sdk/index.ts';
import { type ConsoleStage, confirm, consoleStage, openMenu, program, screen, seriousIn } from './console-page.ts';

/** Fails once, then is done. */
const moody = defineJob({
  type: 'moody',
  payload: z.object({ secret: z.string().optional() }),
  defaults: { backoff: { kind: 'fixed', delayMs: 1, jitterMs: 0 } },
  run: ({ fence, log }) => {
    log(`attempt ${fence.attempt} says so`);
    if (fence.attempt === 1) throw new Error('Not in the mood.');
    return 'done';
  },
});

describe.skipIf(!existsSync(program))('the console', () => {
  let stage: ConsoleStage;

  beforeAll(async () => {
    stage = await consoleStage([moody]);
    await stage.yard.submit('moody', {}, { id: 'waits', gpu: 8 });
    await (await stage.yard.submit('moody', {}, { id: 'walked' })).result();
  });

  afterAll(() => stage[Symbol.asyncDispose]());

  test('what moves is counted on its wire', async () => {
    await using opened = await stage.open('/machines');
    const wire = opened.page.locator('.label .flow').first();
    // The stream of news opens a moment after the page.
    await expect
      .poll(async () => {
        await (await stage.yard.submit('moody', {})).result();
        return wire.isVisible();
      })
      .toBe(true);
  });

  test('every edge is told in words, the picture is dragged, and with Ctrl and the wheel it is zoomed', async () => {
    await using opened = await stage.open('/machines?words=yes');
    const { page } = opened;
    const edges = page.getByRole('table', { name: 'What can happen' });
    await edges.getByText('[isHeld]').first().waitFor();
    expect(await edges.locator('tbody tr').count()).toBe(await page.locator('.wire').count());
    const canvas = page.getByRole('region', { name: 'The chart; scrolls' });
    const place = (await canvas.boundingBox()) ?? expect.unreachable();
    await page.mouse.move(place.x + 300, place.y + 300);
    await page.mouse.down();
    await page.mouse.move(place.x + 100, place.y + 200, { steps: 4 });
    await page.mouse.up();
    expect(await canvas.evaluate(({ scrollLeft, scrollTop }) => [scrollLeft, scrollTop])).toEqual([200, 100]);
    const width = async () => Number(await page.locator('svg.chart').getAttribute('width'));
    const before = await width();
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -100);
    await page.keyboard.up('Control');
    await expect.poll(width).toBeGreaterThan(before);
    await page.getByRole('button', { name: 'schedule' }).click();
    await edges.getByText('Fires at its moments.').or(page.locator('.state[data-count="0"]').first()).first().waitFor();
  });

  test('a job shows the path that it walked, its log and its attempts, step by step', async () => {
    await using opened = await stage.open('/jobs/walked');
    const { page } = opened;
    expect(await page.locator('.steps li').count()).toBe((await stage.yard.job('walked'))?.transitions.length);
    expect(await page.locator('.state.lit').getAttribute('data-path')).toBe('completed');
    await page.locator('.steps button').first().click();
    expect(await page.locator('.state.lit').getAttribute('data-path')).toBe('open.waiting.pending');
    await page.getByText('attempt 1 says so').waitFor();
    await page.getByLabel('Search the log').fill('attempt 2');
    await expect.poll(() => page.locator('pre.log').textContent()).not.toContain('attempt 1 says so');
    await page.getByText('Not in the mood.').first().waitFor();
    const play = page.getByRole('button', { name: 'play' });
    await play.press('Enter');
    await page.locator('.steps li:first-child [aria-current="step"]').waitFor();
    await page.locator('.steps li:last-child [aria-current="step"]').waitFor();
    await expect.poll(() => play.getAttribute('aria-pressed')).toBe('false');
    const lived = await page.locator('.timeline svg').getAttribute('aria-label');
    expect(lived).toMatch(/^pending \d.*, retrying \d.*, processing \d/);
  });

  test('a job that waits says why, and is held, released and cancelled', async () => {
    await using opened = await stage.open('/jobs/waits');
    const { page } = opened;
    await page.getByLabel('Why it waits').waitFor();
    for (const [verb, state] of [
      ['Hold', 'held'],
      ['Release', 'pending'],
      ['Cancel', 'cancelled'],
    ] as const) {
      await page.getByRole('button', { name: verb }).click();
      if (verb !== 'Release') await confirm(page, verb);
      await expect.poll(async () => (await stage.yard.job('waits'))?.state).toBe(state);
    }
    await page.locator('header.job .state-cancelled').waitFor();
  });

  test('a queue is paused and resumed', async () => {
    await using opened = await stage.open('/queues');
    const { page } = opened;
    const row = page.locator('tr', { hasText: 'batch' }).first();
    await row.getByRole('button', { name: 'Pause' }).click();
    await confirm(page, 'Pause');
    await row.getByText('paused').waitFor();
    expect((await stage.yard.queues.list()).find(({ queue }) => queue === 'batch')?.paused).toBe(true);
    await row.getByRole('button', { name: 'Resume' }).click();
    await row.getByText('open').waitFor();
    await page
      .getByRole('link', { name: /^[1-9]/ })
      .first()
      .waitFor();
  });

  test('a schedule is run now and paused, what was refused is shown, and the audit says who did what', async () => {
    await stage.yard.schedules.add('nightly', { type: 'moody', payload: {}, cron: '0 3 * * *' });
    await using opened = await stage.open('/schedules');
    const { page } = opened;
    await page.getByRole('button', { name: 'Run now' }).click();
    await page.getByRole('list', { name: 'Its last moments' }).getByText('fired').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await confirm(page, 'Pause');
    await page.getByText('paused').waitFor();
    (await stage.cluster.broker.connect()).publish('yard.submit.nobody', '{"n":1}');
    await page.goto(`${stage.served.url}/console/rejected`);
    await page.getByText('Expected a job type').waitFor();
    await page.getByRole('link', { name: 'Correct it and submit …' }).click();
    await expect.poll(() => page.getByLabel('type', { exact: true }).inputValue()).toBe('nobody');
    await expect.poll(() => page.getByLabel('payload').inputValue()).toBe('{\n  "n": 1\n}');
    await page.getByRole('group', { name: 'Served now' }).getByRole('button', { name: 'moody' }).click();
    await expect.poll(() => page.getByLabel('type', { exact: true }).inputValue()).toBe('moody');
    await page.getByRole('button', { name: 'moody', pressed: true }).waitFor();
    await page.goto(`${stage.served.url}/console/audit`);
    await page.getByText('schedule.pause').first().waitFor();
  });

  test('who has to sign in shows a token once, does something, and signs out', async () => {
    await using locked = await stage.serve({ auth: 'token' });
    const { secret } = await stage.yard.tokens.create({ label: 'console', scopes: ['operate'] });
    const page = await stage.browser.newPage({ viewport: screen });
    await page.goto(`${locked.url}/console/queues`);
    await page.getByLabel('Token').fill('yard_wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Token').fill(secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    const row = page.locator('tr', { hasText: 'batch' }).first();
    await row.getByRole('button', { name: 'Pause' }).click();
    await confirm(page, 'Pause');
    await row.getByText('paused').waitFor();
    await row.getByRole('button', { name: 'Resume' }).click();
    await row.getByText('open').waitFor();
    expect(await page.evaluate('document.cookie')).toBe('');
    await openMenu(page);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Token').waitFor();
    await page.reload();
    await page.getByLabel('Token').waitFor();
    await page.close();
  });

  test('filters stand in the address, and keys lead from page to page', async () => {
    await using opened = await stage.open('/jobs');
    const { page } = opened;
    await page.getByLabel('state', { exact: true }).selectOption('completed');
    await page.waitForURL(/state=completed/);
    await page.keyboard.press('Escape');
    await page.locator('h1').click();
    await page.keyboard.press('g');
    await page.keyboard.press('q');
    await page.waitForURL(/console\/queues/);
    await page.keyboard.press('/');
    await page.waitForURL(/console\/jobs/);
  });

  test('columns are chosen, and stand in the address', async () => {
    await using opened = await stage.open('/jobs?columns=state,note');
    const { page } = opened;
    const heads = () => page.locator('table.jobs th').allTextContents();
    await expect.poll(heads).toEqual(['', 'Job', 'State', 'Note']);
    await page.getByText('Columns', { exact: true }).press('Enter');
    await page.getByLabel('Ran').press('Space');
    await expect.poll(heads).toEqual(['', 'Job', 'State', 'Ran', 'Note']);
    expect(new URL(page.url()).searchParams.get('columns')).toBe('state,note,ran');
    expect(await seriousIn(page)).toEqual([]);
    await page.getByLabel('state', { exact: true }).selectOption('completed');
    await page.waitForURL(/state=completed/);
    await expect.poll(heads).toEqual(['', 'Job', 'State', 'Ran', 'Note']);
  });
});
