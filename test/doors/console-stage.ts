/**
 * What tests of the console share: a real browser over a real cluster's pages, which fails the test for whatever goes wrong in it.
 */

import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';
import { z } from 'zod';

export const chromiumProgram = '/usr/bin/chromium';

export interface OpenedPage extends AsyncDisposable {
  page: Page;
}

/** A page of the console at `path`; what it finds wrong fails the test at its end. */
export async function openPage(
  browser: Browser,
  url: string,
  path: string,
  options: Parameters<Browser['newPage']>[0] = {},
): Promise<OpenedPage> {
  const page = await browser.newPage({ viewport: { width: 1_440, height: 900 }, ...options });
  const wrong: string[] = [];
  page.on('console', (said) => said.type() === 'error' && wrong.push(said.text()));
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('request', (request) => request.url().startsWith(url) || wrong.push(`asked ${request.url()}`));
  await page.goto(`${url}/console${path}`);
  await page.locator('h1').first().waitFor();
  return {
    page,
    async [Symbol.asyncDispose]() {
      await page.close();
      expect(wrong).toEqual([]);
    },
  };
}

/** Says yes to what is asked over the page. */
export async function confirm(page: Page, verb: string | RegExp): Promise<void> {
  await page.getByRole('dialog').getByRole('button', { name: verb, exact: true }).click();
}

/** What axe finds that is serious, or worse. */
export async function seriousIn(page: Page): Promise<readonly string[]> {
  const source = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
  await page.evaluate(source);
  const found = await page.evaluate(
    "axe.run().then(({ violations }) => violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))",
  );
  return z.array(z.string()).parse(found);
}

/** How many the picture says are in each state, by its name. */
export async function countsIn(page: Page) {
  const states = await page
    .locator('.state[data-count]')
    .evaluateAll((those) => those.map((one) => [one.getAttribute('data-path'), one.getAttribute('data-count')]));
  return (name: string) => Number(states.find(([path]) => path?.endsWith(name))?.[1] ?? Number.NaN);
}
