/** Workflows in the console, as a person uses them: a real browser, a real cluster. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineJob, workflowOf, type Yard } from '../../sdk/index.ts';
import {
  type ConsoleStage,
  confirm,
  consoleStage,
  overflowOf,
  phone,
  program,
  screen,
  seriousIn,
} from './console-page.ts';

/** Fails the first time, and completes when it is redriven. */
const mended = new Set<string>();
const broken = defineJob({
  type: 'broken',
  payload: z.unknown(),
  defaults: { maxAttempts: 1 },
  run: ({ id }) => {
    if (mended.has(id)) return 'mended';
    mended.add(id);
    throw new Error('No such film.');
  },
});

const noop = { type: 'noop' };
const held = { ...noop, options: { hold: true } };

describe.skipIf(!existsSync(program))('workflows in the console', () => {
  let stage: ConsoleStage;
  let yard: Yard;

  beforeAll(async () => {
    stage = await consoleStage([broken]);
    yard = stage.yard;
    await stage.cluster.work([], { name: 'w2', types: ['noop'] });
  });

  afterAll(() => stage[Symbol.asyncDispose]());

  /** Some that are done, one that waits, and one that is to be run when an outer job fails. */
  async function film(id: string): Promise<void> {
    const jobs = {
      probe: noop,
      cut: { ...noop, each: [{}, {}, {}], after: ['probe'] },
      gate: held,
      join: { ...noop, after: ['cut', 'gate'] },
      alarm: { ...noop, after: { jobs: ['join', 'job:elsewhere'], need: 'any', when: 'failure' } as const },
    };
    await yard.workflows.submit({ id, name: `Film ${id}`, jobs });
    await yard.settled(`${id}-cut-3`);
    await expect
      .poll(async () => (await yard.workflows.get(id)).byState)
      .toEqual({ completed: 4, held: 1, blocked: 2 });
  }

  const unit = (page: Page, name: string) => page.locator(`.flow [data-unit="${name}"]`);

  test('who has none is told how to make one, by a line that works', async () => {
    await using opened = await stage.open('/jobs');
    const { page } = opened;
    await page.route('**/v1/workflows?*', (route) => route.fulfill({ json: { workflows: [] } }));
    await page.goto(`${stage.served.url}/console/workflows`);
    const line = (await page.locator('.copyable code').textContent()) ?? '';
    const [, json = ''] = /^echo '(.+)' \| yard workflow submit -$/.exec(line) ?? [];
    const { id } = await yard.workflows.submit(workflowOf(JSON.parse(json)));
    expect((await yard.workflows.settled(id)).state).toBe('completed');
  });

  test('the list tells how each stands, and is filtered by state and words that stand in the address', async () => {
    await film('listed');
    await yard.workflows.submit({ id: 'listed-too', jobs: { a: noop } });
    await yard.workflows.settled('listed-too');
    await using opened = await stage.open('/workflows?q=listed');
    const { page } = opened;
    const row = page.getByRole('row', { name: /Film listed/ });
    await row.getByText('57 %: 1 held, 2 blocked, 4 completed').waitFor();
    await page.getByRole('row', { name: /listed-too/ }).waitFor();
    await page.getByLabel('state', { exact: true }).selectOption('completed');
    await page.waitForURL(/state=completed/);
    await row.waitFor({ state: 'detached' });
    await page.getByText('yard workflow list --state completed --search listed --limit 25').waitFor();
    await page.getByRole('searchbox').fill('nothing like it');
    await page.keyboard.press('Enter');
    await page.waitForURL(/q=nothing/);
    await page.getByText('No workflow is like that.').waitFor();
  });

  test('the palette finds one by its name', async () => {
    await film('sought');
    await using opened = await stage.open('/');
    const { page } = opened;
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'A page, a job by its id, or something to do' }).fill('film sought');
    await page.getByRole('option', { name: /^workflow Film sought \(sought\)/ }).click();
    await page.waitForURL(/console\/workflows\/sought$/);
    await page.getByRole('heading', { level: 1, name: 'Film sought' }).waitFor();
    opened.forgive();
  });

  test('there is a next page, and a way back to the first', async () => {
    for (let n = 0; n < 27; n++) await yard.workflows.submit({ id: `paged-${n}`, jobs: { a: held } });
    await using opened = await stage.open('/workflows?q=paged');
    const { page } = opened;
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.getByRole('link', { name: 'paged-0', exact: true }).waitFor();
    expect(await page.locator('.workflows tbody tr').count()).toBe(2);
    await page.getByRole('link', { name: 'First page' }).click();
    await page.getByRole('link', { name: 'paged-26' }).waitFor();
  });

  test('the graph counts what the API counts, tells each node in words, and what it waits for', async () => {
    await film('counted');
    await using opened = await stage.open('/workflows/counted');
    const { page } = opened;
    await unit(page, 'join').waitFor();
    const { nodes } = await yard.workflows.get('counted');
    for (const { node, byState } of nodes) {
      const counted = Object.values(byState).reduce((sum, count) => sum + count, 0);
      expect(await unit(page, node).getAttribute('data-count')).toBe(String(counted));
    }
    expect(await unit(page, 'cut').getAttribute('aria-label')).toBe(
      'cut, list of 3 jobs, type noop: 3 completed; after probe',
    );
    expect(await unit(page, 'alarm').getAttribute('aria-label')).toBe(
      'alarm, type noop: blocked; after any failed of join, job:elsewhere',
    );
    await page.locator('.condition').getByText('any failed').waitFor();
    expect(await page.locator('.flow .edge').count()).toBe(5);
    await page.getByText(/^It waits for counted-gate, which is held/).waitFor();
    expect(await page.locator('.flow .waited a').getAttribute('data-unit')).toBe('gate');
  });

  test('what happens is seen as it happens', async () => {
    await film('moving');
    await using opened = await stage.open('/workflows/moving');
    const { page } = opened;
    await page.locator('.unit.is-blocked [data-unit="join"]').waitFor();
    await yard.act('moving-gate', { verb: 'release' });
    await page.locator('.unit.is-completed [data-unit="join"]').waitFor();
    await page.getByText('5 completed').or(page.getByText('6 completed')).first().waitFor();
    await yard.workflows.cancel('moving');
    await page.locator('header.job .state-cancelled').waitFor();
  });

  test('one is cancelled and redriven from its page, and each button says the line that does the same', async () => {
    await yard.workflows.submit({ id: 'wrong', jobs: { a: { type: broken }, b: { ...noop, after: ['a'] }, c: held } });
    await expect.poll(async () => (await yard.workflows.get('wrong')).byState).toEqual({ failed: 2, held: 1 });
    await using opened = await stage.open('/workflows/wrong');
    const { page } = opened;
    await page.getByText('wrong-a failed: No such film.').waitFor();
    await page.getByRole('button', { name: 'Redrive' }).click();
    await page.getByRole('dialog').getByText('yard workflow redrive wrong').waitFor();
    await confirm(page, 'Redrive');
    await expect.poll(async () => (await yard.workflows.get('wrong')).byState).toEqual({ completed: 2, held: 1 });
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('dialog').getByText('yard workflow cancel wrong').waitFor();
    await confirm(page, 'Cancel');
    await page.locator('header.job .state-cancelled').waitFor();
    expect((await yard.job('wrong-c'))?.state).toBe('cancelled');
  });

  test('all of it by the keyboard alone: to the page, from node to node, to a job and back', async () => {
    await film('typed');
    await using opened = await stage.open('/');
    const { page } = opened;
    await page.keyboard.press('g');
    await page.keyboard.press('f');
    await page.waitForURL(/console\/workflows$/);
    await page.getByRole('link', { name: 'Film typed' }).press('Enter');
    await unit(page, 'probe').focus();
    await page.keyboard.press(screen === phone ? 'ArrowDown' : 'ArrowRight');
    const focused = () => page.evaluate('document.activeElement?.getAttribute("data-unit")');
    expect(await focused()).toBe('cut');
    await page.keyboard.press('Enter');
    await page.waitForURL(/node=cut/);
    const jobs = page.getByRole('region', { name: 'Jobs', exact: true });
    await jobs.getByRole('heading', { name: 'Jobs of cut 3' }).waitFor();
    expect(await jobs.locator('tbody tr').count()).toBe(3);
    await jobs.getByRole('link', { name: 'typed-cut-2' }).press('Enter');
    await page.waitForURL(/jobs\/typed-cut-2$/);
    await page.getByRole('link', { name: 'Film typed' }).press('Enter');
    await page.waitForURL(/workflows\/typed\?node=cut$/);
  });

  test('it is turned, enlarged, and taken along as SVG with its colours', async () => {
    await film('taken');
    await using opened = await stage.open('/workflows/taken');
    const { page } = opened;
    await page.getByRole('button', { name: 'down' }).click();
    await page.waitForURL(/look=down/);
    const width = async () => Number(await page.locator('svg.flow').getAttribute('width'));
    const before = await width();
    await page.getByRole('button', { name: 'Larger' }).click();
    await page.getByRole('button', { name: 'Larger' }).click();
    await expect.poll(width).toBeGreaterThan(before);
    const larger = await width();
    const canvas = page.getByRole('region', { name: 'The graph' });
    const probe = page.locator('.flow a').filter({ hasText: 'probe' }).first();
    await probe.scrollIntoViewIfNeeded();
    const at = (await probe.boundingBox()) ?? expect.unreachable();
    const [x, y] = [at.x + at.width / 2, at.y + at.height / 2];
    await page.mouse.move(x, y);
    await page.keyboard.down('Control');
    for (let n = 0; n < 8; n++) await page.mouse.wheel(0, -100);
    await page.keyboard.up('Control');
    await expect.poll(width).toBeGreaterThan(larger * 2);
    const now = (await probe.boundingBox()) ?? expect.unreachable();
    expect(now.x < x && x < now.x + now.width && now.y < y && y < now.y + now.height).toBe(true);
    // By a node, which is a link: it is dragged, and nobody goes anywhere.
    const here = page.url();
    await page.mouse.down();
    await page.mouse.move(x - 80, y - 60, { steps: 4 });
    await page.mouse.up();
    expect(page.url()).toBe(here);
    expect(await canvas.evaluate(({ scrollTop }) => scrollTop)).toBeGreaterThan(0);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'SVG' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('taken.svg');
    const svg = await readFile(await download.path(), 'utf8');
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).toMatch(/<text class="name"[^>]* fill="rgb\([^>]* font-size="14px"[^>]*>probe</);
  });

  test('one of a thousand nodes opens, and what is alike is one box with a cell for each', async () => {
    const node = (name: string, after: readonly string[]) => ({
      ...{ node: name, type: 'noop', size: 1, each: false, after, need: 'all', when: 'success' },
      byState: { blocked: 1 },
    });
    const chain = Array.from({ length: 200 }, (_, n) => node(`c${n}`, n === 0 ? [] : [`c${n - 1}`]));
    const nodes = [...chain, ...Array.from({ length: 800 }, (_, n) => node(`f${n}`, ['c99']))];
    const jobs = nodes.map(({ node: name }) => ({
      ...{ id: `huge-${name}`, node: name, type: 'noop', state: 'blocked', updatedAt: 1, attempt: 0 },
    }));
    const json = {
      ...{ id: 'huge', state: 'open', percent: 0, byState: { blocked: 1_000 }, createdAt: 1, onFailure: 'stop' },
      ...{ nodes, jobs, forgotten: 3 },
    };
    await using opened = await stage.open('/workflows');
    const { page } = opened;
    await page.route('**/v1/workflows/huge', (route) => route.fulfill({ json }));
    await page.goto(`${stage.served.url}/console/workflows/huge`);
    await page.getByText('3 of its jobs settled so long ago that the cluster has forgotten them').waitFor();
    expect(await page.locator('.flow .unit').count()).toBe(201);
    expect(await page.locator('.flow .cell').count()).toBe(800);
    await page.locator('[data-cell="f30"]').click();
    await page.getByRole('heading', { name: 'Jobs of f30 1' }).waitFor();
    await page.locator('[data-cell="f30"]').press('ArrowRight');
    expect(await page.evaluate('document.activeElement?.getAttribute("data-cell")')).toBe('f31');
  });

  test.for(['/workflows', '/workflows/seen'])('%s is accessible in both themes and fits a phone', async (path) => {
    if ((await yard.workflows.list({ search: 'seen' })).length === 0) await film('seen');
    for (const colorScheme of ['dark', 'light'] as const) {
      await using opened = await stage.open(path, { colorScheme, reducedMotion: 'reduce', viewport: phone });
      const { page } = opened;
      await page.locator('.shares').first().waitFor();
      expect(await overflowOf(page)).toBe(0);
      expect(await seriousIn(page)).toEqual([]);
    }
  });
});
