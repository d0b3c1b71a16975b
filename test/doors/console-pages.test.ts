/** The pages of the console where something is made or mended, as a person uses them: a real browser, a real cluster. */

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Listening } from '../../doors/http/listen.ts';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';
import { openPage, overflowOf, phone, program, seriousIn } from './console-page.ts';

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
  let cluster: TestCluster;
  let yard: Yard;
  let served: Listening;
  let browser: Browser;

  beforeAll(async () => {
    cluster = await testCluster();
    yard = await cluster.yard();
    await cluster.work([broken], { name: 'w1' });
    served = await serveOpen(() => cluster.yard());
    browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser.close();
    await served.close();
    await cluster[Symbol.asyncDispose]();
  });

  const open = (path: string, options?: Parameters<Browser['newPage']>[0]) =>
    openPage(browser, `${served.url}/console${path}`, options);

  /** So many failed jobs of one group. */
  async function failed(count: number, options: { priority?: 'high' | 'low' } = {}): Promise<readonly string[]> {
    const handles = await yard.submitMany(
      Array.from({ length: count }, (_, n) => ({ type: 'broken', payload: { n }, options })),
    );
    await Promise.all(handles.map((handle) => handle.settled()));
    return handles.map(({ id }) => id);
  }

  async function inState(ids: readonly string[], state: string): Promise<number> {
    const jobs = await Promise.all(ids.map((id) => yard.job(id)));
    return jobs.filter((job) => job?.state === state).length;
  }

  const pages = ['/dead'];

  test.for(pages)('%s is accessible in both themes where there is nothing yet, and fits a phone', async (path) => {
    for (const colorScheme of ['dark', 'light'] as const) {
      await using opened = await open(path, { colorScheme, reducedMotion: 'reduce', viewport: phone });
      await opened.page.waitForLoadState('networkidle');
      expect(await seriousIn(opened.page)).toEqual([]);
      expect(await overflowOf(opened.page)).toBe(0);
    }
  });

  test('what failed is looked at in its group, and redriven: one, a sample, and all by their number', async () => {
    const ids = await failed(6, { priority: 'high' });
    await using opened = await open('/dead?priority=high');
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
    await page.getByRole('region', { name: 'What is being done' }).getByText('2 of 2').waitFor();

    await group.getByRole('button', { name: 'Hide them' }).click();
    await page.getByRole('button', { name: 'Redrive all 3 …' }).click();
    await dialog.getByLabel('All of them').check();
    await dialog.getByLabel('At most a second').fill('50');
    await dialog.getByText('yard dead redrive --priority high --rate 50').waitFor();
    expect(await seriousIn(page)).toEqual([]);
    const all = dialog.getByRole('button', { name: 'Redrive 3 jobs' });
    await expect.poll(() => all.isDisabled()).toBe(true);
    await dialog.getByLabel('to confirm').fill('3');
    await page.keyboard.press('Enter');
    await expect.poll(() => inState(ids, 'completed')).toBe(6);
    await page.getByText('No such job has failed.').waitFor();
  });

  test('a group that others have redriven meanwhile is told as gone, and Escape leaves the question', async () => {
    const ids = await failed(2, { priority: 'low' });
    await using opened = await open('/dead?priority=low');
    const { page } = opened;
    await page.getByRole('button', { name: 'Redrive …' }).waitFor();
    await yard.redriveDead({ priority: 'low' });
    await expect.poll(() => inState(ids, 'completed')).toBe(2);
    await page.getByRole('button', { name: 'Redrive …' }).click();
    await page.getByRole('dialog').getByRole('alert').getByText('Expected a group of failed jobs').waitFor();
    opened.forgive();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.getByText('No such job has failed.').waitFor();
  });
});
