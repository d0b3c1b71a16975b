/**
 * A page of the console in a real browser, before a real cluster. What it finds wrong, and whatever it asks of others, fails the
 * test at its end.
 */

import { readFile } from 'node:fs/promises';
import { type Browser, chromium, type Page, type Request } from 'playwright-core';
import { expect } from 'vitest';
import { z } from 'zod';
import type { Listening } from '../../doors/http/listen.ts';
import { serveHttp } from '../../doors/http/serve.ts';
import type { JobDefinition, WorkOptions, Yard } from '../../sdk/index.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';

export const program = '/usr/bin/chromium';
export const phone = { width: 390, height: 844 };
const desk = { width: 1_440, height: 900 };
/** `npm run test:phone` does all that is done in the console as on a phone. */
export const screen = process.env['CONSOLE_SCREEN'] === 'phone' ? phone : desk;

type PageOptions = Parameters<Browser['newPage']>[0];

/** A cluster with one worker `w1`, the door that serves the console, and a browser. */
export interface ConsoleStage extends AsyncDisposable {
  readonly cluster: TestCluster;
  readonly yard: Yard;
  readonly served: Listening;
  readonly browser: Browser;
  /** A page at a path below `/console`. */
  open(path: string, options?: PageOptions): ReturnType<typeof openPage>;
  /** The same cluster by one more door. */
  serve(options: { port?: number; auth?: 'off' | 'token' }): Promise<Pick<Listening, 'url'> & AsyncDisposable>;
}

export async function consoleStage(
  definitions: readonly JobDefinition[],
  options: Omit<WorkOptions, 'name'> = {},
): Promise<ConsoleStage> {
  const cluster = await testCluster();
  const yard = await cluster.yard();
  await cluster.work(definitions, { ...options, name: 'w1' });
  const served = await serveOpen(() => cluster.yard());
  const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
  return {
    ...{ cluster, yard, served, browser },
    open: (path, options) => openPage(browser, `${served.url}/console${path}`, options),
    async serve({ port, auth = 'off' }) {
      const door = await serveHttp({
        ...{ open: () => cluster.yard(), version: '0', auth, ratePerSecond: 0 },
        ...{ port: port ?? 'free', isNamed: port !== undefined },
        onError: (cause) => expect.unreachable(String(cause)),
      });
      return { url: door.url, [Symbol.asyncDispose]: () => door.close() };
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await served.close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

/** Where the leader is busy or the view is behind, the API says to come again, and the page does. */
const comesAgain = /the server responded with a status of 503/;

/** A page at an address of the console; what it finds wrong fails the test at its end. */
export async function openPage(browser: Browser, address: string, options: PageOptions = {}) {
  const page = await browser.newPage({ viewport: screen, ...options });
  const wrong: string[] = [];
  const asking = new Set<Request>();
  const finished: Request[] = [];
  const isQuestion = (request: Request) => !request.url().includes('/v1/events');
  page.on('request', (request) => isQuestion(request) && asking.add(request));
  page.on('requestfailed', (request) => asking.delete(request));
  page.on('requestfinished', (request) => {
    asking.delete(request);
    finished.push(request);
  });
  await page.addInitScript(tellsOfPolicy);
  page.on('console', (said) => {
    if (said.type() === 'error' && !comesAgain.test(said.text()))
      wrong.push(`${said.text()} ${said.location().url}`.trim());
  });
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
    /** Resolves when all that it asked for has come. */
    async settled() {
      await page.waitForLoadState('load');
      await expect.poll(() => asking.size, { interval: 20 }).toBe(0);
    },
    /** How many came over the wire for its files. */
    async bytes(): Promise<number> {
      const files = finished.filter((request) => new URL(request.url()).pathname.startsWith('/console/'));
      const sizes = await Promise.all(files.map((request) => request.sizes()));
      return sizes.reduce((sum, { responseBodySize }) => sum + responseBodySize, 0);
    },
    async [Symbol.asyncDispose]() {
      await page.close();
      expect(wrong).toEqual([]);
    },
  };
}

/** What the policy forbids is an error of the page. */
const tellsOfPolicy = `document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
  console.error('against the policy: ' + effectiveDirective + ' ' + blockedURI))`;

/** What axe finds that is serious, or worse; by all of its rules, or these. */
export async function seriousIn(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  const source = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
  await page.evaluate(source);
  const found = await page.evaluate(
    `axe.run({ resultTypes: ['violations'], ${rules === undefined ? '' : `runOnly: ${JSON.stringify(rules)}`} })
      .then(({ violations }) => violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))`,
  );
  return z.array(z.string()).parse(found);
}

/** By how many pixels the page is wider than what is seen of it. */
export async function overflowOf(page: Page): Promise<number> {
  return z
    .number()
    .parse(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'));
}

/** On a phone, what stands at the side of a desk is behind a button. */
export async function openMenu(page: Page): Promise<void> {
  if (screen === phone) await page.getByRole('button', { name: 'Menu', expanded: false }).click();
}

/** Says yes to what is asked over the page. */
export async function confirm(page: Page, verb: string | RegExp): Promise<void> {
  await page.getByRole('dialog').getByRole('button', { name: verb, exact: true }).click();
}

/** How many the picture says are in each state, by its name. */
export async function countsIn(page: Page) {
  const states = await page
    .locator('.state[data-count]')
    .evaluateAll((those) => those.map((one) => [one.getAttribute('data-path'), one.getAttribute('data-count')]));
  return (name: string) => Number(states.find(([path]) => path?.endsWith(name))?.[1] ?? Number.NaN);
}
