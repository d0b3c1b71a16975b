/**
 * Every page of the console, by the list of places and the routes, with more than ten thousand jobs behind it: at a desk and on a
 * phone, dark and light. A new page is looked at without a word here.
 */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { consolePolicy } from '../../doors/http/console.ts';
import { places } from '../../doors/web/src/place.ts';
import { mixed, mixedJobs, stored } from './console-load.ts';
import { type ConsoleStage, consoleStage, countsIn, overflowOf, phone, program, seriousIn } from './console-page.ts';

const firstLoadAtMost = 150_000;

/** Addresses below places that are worth a look of their own. */
const besides = [
  '/jobs/named',
  '/jobs/runs',
  '/jobs/nobody-has-this',
  '/jobs?state=failed&columns=id,worker,waited,ran,tenant,tags,note',
  '/machines?words=yes',
  '/schedules/new',
  '/nowhere',
];

/** Routes with a name in them, such as `/schedules/:name`: what it lies below. */
async function detailRoutes(): Promise<readonly string[]> {
  const source = await readFile(new URL('../../doors/web/src/app.tsx', import.meta.url), 'utf8');
  return [...source.matchAll(/path={`\$\{base\}(\/[^`]*)\/:\w+`}/g)].flatMap(([, path]) => path ?? []);
}

describe.skipIf(!existsSync(program))('with more than ten thousand jobs behind it', () => {
  let stage: ConsoleStage;

  beforeAll(async () => {
    stage = await consoleStage(mixed);
    await mixedJobs(stage);
  });

  afterAll(() => stage[Symbol.asyncDispose]());

  /** What holds for every page. `titled` is what its title begins with. */
  async function isSound(page: Page, titled?: string): Promise<void> {
    expect(await page.locator('h1').count()).toBe(1);
    const title = await page.title();
    expect(title).toMatch(/^.+ · Yardmaster$/);
    expect(title).toContain(titled ?? (await page.locator('h1').textContent()));
    expect(await page.getByRole('main').count()).toBe(1);
    expect(await page.getByRole('navigation', { name: 'Pages' }).count()).toBe(1);
    expect(await overflowOf(page)).toBe(0);
  }

  async function looksGood(path: string, titled?: string): Promise<void> {
    await using opened = await stage.open(path, { colorScheme: 'dark', reducedMotion: 'reduce' });
    const { page } = opened;
    await opened.settled();
    await isSound(page, titled);
    expect(await opened.bytes()).toBeLessThan(firstLoadAtMost);
    // What is on a page is the same at both widths and in both themes, but for how it lies and its colours.
    expect(await seriousIn(page)).toEqual([]);
    await page.evaluate("document.documentElement.dataset.theme = 'light'");
    expect(await seriousIn(page, ['color-contrast'])).toEqual([]);
    await page.setViewportSize(phone);
    await expect.poll(() => overflowOf(page)).toBe(0);
    expect(await seriousIn(page, ['scrollable-region-focusable', 'target-size'])).toEqual([]);
    if (path.includes('nobody')) opened.forgive();
  }

  test.for(places)('$name is sound at a desk and on a phone, dark and light', ({ path, name }) =>
    looksGood(path, name),
  );

  test.for(besides)('%s is sound at a desk and on a phone, dark and light', (path) => looksGood(path));

  test('each page about one thing is sound, and a list leads to it', async () => {
    for (const route of await detailRoutes()) {
      await using opened = await stage.open(route);
      const { page } = opened;
      const link = page.locator(`main a[href^="/console${route}/"]:not([href$="/new"])`).first();
      await link.waitFor();
      const path = (await link.getAttribute('href'))?.slice('/console'.length) ?? '';
      await looksGood(path);
    }
  });

  test('the policy of the pages has no exception', async () => {
    const answer = await fetch(`${stage.served.url}/console/`);
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'/);
    expect(policy).not.toMatch(/unsafe|data:|blob:|https?:|\*|nonce|sha\d/);
    expect(Object.values(consolePolicy).flat().toSorted()).toEqual(expect.arrayContaining(["'none'", "'self'"]));
  });

  test('what the pictures count is what /v1/stats counts, at rest and once a load has settled', async () => {
    await using machines = await stage.open('/machines');
    await using overview = await stage.open('/');
    const isSo = async () => {
      const answer = await fetch(`${stage.served.url}/v1/stats`);
      const { byState } = z.object({ byState: z.record(z.string(), z.number()) }).parse(await answer.json());
      for (const { page } of [machines, overview])
        await expect
          .poll(async () => {
            const shown = await countsIn(page);
            return Object.fromEntries(Object.keys(byState).map((state) => [state, shown(state)]));
          })
          .toEqual(byState);
      return byState;
    };
    const before = await isSo();
    expect(Object.values(before).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(stored);
    const handles = await stage.yard.submitMany(Array.from({ length: 1_000 }, () => ({ type: 'quick', payload: {} })));
    await Promise.all(handles.map((handle) => handle.settled({ timeoutMs: 60_000 })));
    const after = await isSo();
    expect(after).toEqual({ ...before, completed: (before['completed'] ?? 0) + 1_000 });
  });
});
