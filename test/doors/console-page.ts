/**
 * A page of the console in a real browser. What it finds wrong, and whatever it asks of others, fails the test at its end.
 */

import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';
import { z } from 'zod';

export const program = '/usr/bin/chromium';
export const phone = { width: 390, height: 844 };
const desk = { width: 1_440, height: 900 };

/** A page at an address of the console; what it finds wrong fails the test at its end. */
export async function openPage(browser: Browser, address: string, options: Parameters<Browser['newPage']>[0] = {}) {
  const page = await browser.newPage({ viewport: desk, ...options });
  const wrong: string[] = [];
  page.on('console', (said) => said.type() === 'error' && wrong.push(said.text()));
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on(
    'request',
    (request) => request.url().startsWith(new URL(address).origin) || wrong.push(`asked ${request.url()}`),
  );
  await page.goto(address);
  await page.locator('h1').first().waitFor();
  return {
    page,
    /** What the page has complained of is expected, and forgotten. */
    forgive: () => wrong.splice(0),
    async [Symbol.asyncDispose]() {
      await page.close();
      expect(wrong).toEqual([]);
    },
  };
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

/** By how many pixels the page is wider than what is seen of it. */
export async function overflowOf(page: Page): Promise<number> {
  return z
    .number()
    .parse(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'));
}
