/** Masters in the console, and how soon the console shows that somebody is gone: a real browser, real processes. */

import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import { createTelemetry, next, type Telemetry } from '../../runtime/telemetry/telemetry.ts';
import { connect } from '../../sdk/index.ts';
import { scratch, testBroker } from '../nats/broker.ts';
import { serveOpen } from './cluster.ts';
import { Shell } from './command.ts';
import { confirm, countsIn, openPage, overflowOf, phone, program, seriousIn } from './console-page.ts';

const seenWithinMs = 1_000;

/** A broker, its pages, masters in this process, and a shell for processes that can be killed. */
async function stage() {
  const ends = new AsyncDisposableStack();
  const broker = ends.use(await testBroker());
  const directory = ends.use(await scratch());
  const shell = ends.use(new Shell(directory.path, { YARD_NATS: broker.url }));
  const served = await serveOpen(() => connect({ servers: broker.url }));
  ends.defer(() => served.close());
  return {
    shell,
    url: `${served.url}/console`,
    /** Resolves when it has started; what it tells is its own. */
    async master(name: string): Promise<Telemetry> {
      const telemetry = createTelemetry();
      const flags = { nats: broker.url, name, lostAfter: '2s' };
      const options = readSettings({ flags, env: {}, directory: directory.path }, 'master');
      const master = await startMaster({ options, telemetry });
      ends.defer(() => master.stop());
      return telemetry;
    },
    [Symbol.asyncDispose]: () => ends.disposeAsync(),
  };
}

const cardOf = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const litIn = (page: Page, name: string, path: string) => cardOf(page, name).locator(`.state.lit[data-path="${path}"]`);

/** When the page first shows it, epoch ms, to the frame: a locator looks twice a second only. */
async function shownAt(page: Page, selector: string): Promise<number> {
  const look = `const look = () => document.querySelector(${JSON.stringify(selector)}) ? seen(Date.now()) : requestAnimationFrame(look)`;
  return z.number().parse(await page.evaluate(`new Promise((seen) => { ${look}; look(); })`));
}

describe.skipIf(!existsSync(program))('the console', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
  });

  afterAll(() => browser.close());

  test('each master’s own chart is lit where it is, and who is told to step down is followed by another', async () => {
    await using on = await stage();
    await on.master('first');
    await using opened = await openPage(browser, `${on.url}/masters`, { viewport: phone, reducedMotion: 'reduce' });
    const { page } = opened;
    await litIn(page, 'first', 'leading.serving').waitFor();
    await on.master('second');
    await litIn(page, 'second', 'standingBy.watching').waitFor();
    await page.getByText('of 1 that do not lead').waitFor();
    expect([await overflowOf(page), await seriousIn(page)]).toEqual([0, []]);
    expect(await cardOf(page, 'first').locator('code').textContent()).toBe('yard master step-down');

    await cardOf(page, 'first').getByRole('button', { name: 'Step down' }).click();
    await confirm(page, 'Step down');
    await litIn(page, 'second', 'leading.serving').waitFor();
    await litIn(page, 'first', 'standingBy.watching').waitFor();
    const terms = page.getByRole('table', { name: 'Terms' }).locator('tbody tr');
    await terms.filter({ hasText: 'it was asked to' }).waitFor();
    expect((await terms.allTextContents()).map((row) => row.match(/first|second/)?.[0])).toEqual(['second', 'first']);
    expect(await terms.first().locator('.badge').textContent()).toBe('leads');
    expect(await seriousIn(page)).toEqual([]);

    await page.goto(`${on.url}/machines?of=election`);
    await expect
      .poll(async () => {
        const count = await countsIn(page);
        return ['serving', 'watching', 'unfit'].map(count);
      })
      .toEqual([1, 1, 0]);
  });

  test('that a killed worker is lost is shown within a second of its detection', async () => {
    await using on = await stage();
    const telemetry = await on.master('m');
    const worker = on.shell.start('worker', '--name', 'doomed');
    await using opened = await openPage(browser, `${on.url}/workers`);
    const { page } = opened;
    await cardOf(page, 'doomed').locator('.badge.worker-available').waitFor();
    // Pages may have asked before there was a leader who answers.
    opened.forgive();
    const detected = next(telemetry, 'worker.lost').then(() => Date.now());
    const shown = shownAt(page, '[aria-label="doomed"] .badge.worker-lost');
    worker.signal('SIGKILL');
    expect((await shown) - (await detected)).toBeLessThan(seenWithinMs);
  });

  test('that another one leads is shown within a second of its election when the leader is killed', async () => {
    await using on = await stage();
    const leader = on.shell.start('master', '--name', 'doomed', '--http-port', 'off');
    await leader.says('leader.elected');
    const telemetry = await on.master('heir');
    await using opened = await openPage(browser, `${on.url}/masters`);
    const { page } = opened;
    await litIn(page, 'doomed', 'leading.serving').waitFor();
    await litIn(page, 'heir', 'standingBy.watching').waitFor();
    const elected = next(telemetry, 'leader.elected').then(() => Date.now());
    const shown = shownAt(page, '[aria-label="heir"] .badge.lead');
    leader.signal('SIGKILL');
    expect((await shown) - (await elected)).toBeLessThan(seenWithinMs);
    await litIn(page, 'heir', 'leading.serving').waitFor();
    await cardOf(page, 'doomed').waitFor({ state: 'detached' });
  });
});
