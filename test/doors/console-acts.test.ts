/** What a person does in the console, with ten thousand jobs behind it: a real browser, a real cluster. */

import { existsSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { defineJob, type TokenScope } from '../../sdk/index.ts';
import { scratch } from '../nats/broker.ts';
import { serveOpen } from './cluster.ts';
import { Shell } from './command.ts';
import {
  type ConsoleStage,
  confirm,
  consoleStage,
  openMenu,
  phone,
  program,
  screen,
  seriousIn,
} from './console-page.ts';

const stored = 10_000;

const quick = defineJob({ type: 'quick', payload: z.object({}).loose(), run: () => 'done' });

describe.skipIf(!existsSync(program))('with ten thousand jobs, in the console', () => {
  let stage: ConsoleStage;

  beforeAll(async () => {
    stage = await consoleStage([quick]);
    const later = Array.from({ length: stored }, (_, n) => ({
      type: 'quick',
      payload: { n },
      options: { id: `later-${n}`, delay: '10h', queue: n < 300 ? 'live' : 'batch' } as const,
    }));
    await stage.yard.submitMany(later);
    const inView = async () => (await stage.yard.lanes()).lanes.reduce((sum, { count }) => sum + count, 0);
    await vi.waitFor(async () => expect(await inView()).toBe(stored), { timeout: 50_000, interval: 200 });
  });

  afterAll(() => stage[Symbol.asyncDispose]());

  const verbs = (page: Page) => page.getByRole('toolbar', { name: 'What is done to many' });
  const dryRun = (page: Page) => page.getByRole('region', { name: 'Dry run' });
  const statesIn = async (queue: string) => {
    const { lanes } = await stage.yard.lanes();
    return Object.fromEntries(lanes.filter((lane) => lane.queue === queue).map(({ state, count }) => [state, count]));
  };

  test('all that match a filter are held: counted first, then done, on a phone too', async () => {
    await using opened = await stage.open('/jobs?queue=live', { viewport: phone });
    const { page } = opened;
    await verbs(page).getByRole('button', { name: 'Hold' }).press('Enter');
    await page.getByText('Select jobs first').waitFor();
    await page.getByRole('button', { name: 'All that match the filter' }).click();
    await verbs(page).getByRole('button', { name: 'Hold' }).click();
    await dryRun(page).getByText('300', { exact: true }).waitFor();
    expect(await dryRun(page).locator('li').count()).toBe(6);
    await page.getByText('yard job hold --queue live', { exact: true }).waitFor();
    expect(await seriousIn(page)).toEqual([]);
    const wide = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
    expect(await page.evaluate(wide)).toBe(0);
    await expect.poll(() => statesIn('live')).toEqual({ scheduled: 300 });
    await confirm(page, 'Hold 300');
    await page.getByText('300 of 300 done').waitFor();
    await expect.poll(() => statesIn('live')).toEqual({ held: 300 });
    await page.getByRole('button', { name: 'Put away' }).click();
  });

  test('what cannot be undone has to be typed first, by the keyboard alone', async () => {
    await using opened = await stage.open('/jobs?queue=live&state=held');
    const { page } = opened;
    await page.getByRole('button', { name: 'All that match the filter' }).press('Space');
    await verbs(page).getByRole('button', { name: 'Cancel' }).press('Enter');
    const dialog = page.getByRole('dialog');
    const act = dialog.getByRole('button', { name: 'Cancel 300' });
    await act.waitFor();
    expect(await act.isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await verbs(page).getByRole('button', { name: 'Cancel' }).press('Enter');
    await dialog.getByLabel('Reason').fill('No longer wanted.');
    await dialog.getByLabel('Type cancel 300 to go on').fill('cancel 300');
    await page.keyboard.press('Enter');
    await page.getByText('300 of 300 done').waitFor();
    await expect.poll(() => statesIn('live')).toEqual({ cancelled: 300 });
    expect((await stage.yard.job('later-7'))?.transitions.at(-1)).toMatchObject({ reason: 'No longer wanted.' });
  });

  test('rows that are selected get another priority, and no others', async () => {
    await using opened = await stage.open('/jobs?queue=batch');
    const { page } = opened;
    for (const n of [0, 1, 2]) await page.getByRole('checkbox', { name: 'Select' }).nth(n).check();
    await verbs(page).getByText('3 selected').waitFor();
    await verbs(page).getByRole('button', { name: 'Priority' }).click();
    await page.getByLabel('To the priority').selectOption('critical');
    await dryRun(page).getByText('of the 3 that are selected').waitFor();
    await confirm(page, 'Priority 3');
    await page.getByText('3 of 3 done').waitFor();
    const critical = async () => (await stage.yard.lanes()).lanes.filter(({ priority }) => priority === 'critical');
    await expect.poll(critical).toMatchObject([{ queue: 'batch', count: 3 }]);
  });

  test('what somebody else does to many is seen, and stopped', async () => {
    await using opened = await stage.open('/jobs');
    const { page } = opened;
    const { id } = await stage.yard.bulk.start({ verb: { verb: 'hold' }, filter: { queue: 'batch' }, perSecond: 1 });
    const operation = page.getByRole('region', { name: 'hold, running' });
    await operation.getByRole('button', { name: 'Abort' }).click();
    await operation.waitFor({ state: 'detached' });
    expect(await stage.yard.bulk.get(id)).toMatchObject({ state: 'aborted' });
  });

  test('what a filter cannot be used for is said, and nothing is done', async () => {
    await using opened = await stage.open('/jobs?q=later');
    const { page } = opened;
    const all = page.getByRole('button', { name: 'All that match the filter' });
    await all.press('Enter');
    await page.getByText('Take the words and the worker out').waitFor();
    await page.goto(`${stage.served.url}/console/jobs`);
    await all.press('Enter');
    await page.getByText('Filter first').waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  test('a job says what can happen next, and which guard forbids the rest', async () => {
    await stage.yard.submit('quick', {}, { id: 'parked', hold: true, delay: '1h' });
    await using opened = await stage.open('/jobs/parked');
    const { page } = opened;
    const next = page.getByRole('region', { name: 'What can happen next' });
    const forbidden = next.locator('.forbidden');
    await next.getByText('Released, and not yet due.').waitFor();
    await forbidden.getByText('It waits for no other job.').first().waitFor();
    await page.getByRole('button', { name: 'Release' }).click();
    await next.getByText('A person lets it run before its moment.').waitFor();
    await page.getByRole('button', { name: 'Run now' }).click();
    await page.getByText('Nothing: completed is final.').waitFor();
    expect((await stage.yard.job('parked'))?.state).toBe('completed');
  });

  test('a lost link is said, found again, and what was missed is shown', async () => {
    const door = await serveOpen(() => stage.cluster.yard());
    const page = await stage.browser.newPage();
    await stage.yard.submit('quick', {}, { id: 'missed', delay: '1h' });
    await page.goto(`${door.url}/console/jobs/missed`);
    await page.locator('header.job .state-scheduled').waitFor();
    await door.close();
    await page.getByText('The link to this master is lost').waitFor();
    await stage.yard.act('missed', { verb: 'hold' });
    await using _again = await stage.serve({ port: Number(new URL(door.url).port) });
    await page.locator('header.job .state-held').waitFor();
    await page.getByText('The link to this master is lost').waitFor({ state: 'detached' });
    expect((await stage.yard.job('missed'))?.state).toBe('held');
    await page.close();
  });

  test('the palette finds a page, a job and something to do, and ? tells the keys', async () => {
    await using opened = await stage.open('/');
    const { page } = opened;
    const field = page.getByRole('combobox', { name: 'A page, a job by its id, or something to do' });
    await page.keyboard.press('Control+k');
    await field.fill('queu');
    await page.keyboard.press('Enter');
    await page.waitForURL(/console\/queues/);
    await page.keyboard.press('Control+k');
    await field.fill('later-42');
    await page.getByRole('option', { name: /^job later-42 / }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    expect(await seriousIn(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await page.waitForURL(/console\/jobs\/later-42/);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).getByText('To Workers').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  const roles = [
    { scope: 'read', role: 'read-only', mayHold: false, mayStepDown: false },
    { scope: 'operate', role: 'operator', mayHold: true, mayStepDown: false },
    { scope: 'admin', role: 'admin', mayHold: true, mayStepDown: true },
  ] as const;

  test.for(roles)('a token with $scope is $role: what it may not do says why', async ({ scope, role, ...may }) => {
    await using locked = await stage.serve({ auth: 'token' });
    const scopes: TokenScope[] = [scope];
    const { secret } = await stage.yard.tokens.create({ label: `${scope}-er`, scopes });
    const page = await stage.browser.newPage({ viewport: screen });
    await page.goto(`${locked.url}/console/jobs/later-9000`);
    await page.getByLabel('Token').fill(secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await openMenu(page);
    await page.locator('.badge.role').getByText(role).waitFor();
    const isOff = (name: string) => page.getByRole('button', { name }).getAttribute('aria-disabled');
    await page.getByRole('button', { name: 'Hold' }).waitFor();
    expect(await isOff('Hold')).toBe(String(!may.mayHold));
    if (!may.mayHold) {
      await page.getByRole('button', { name: 'Hold' }).press('Enter');
      await page.getByText('it takes a token with the scope operate').waitFor();
    }
    expect(await page.getByRole('link', { name: 'Audit' }).count()).toBe(may.mayStepDown ? 1 : 0);
    await page.getByRole('link', { name: 'Masters' }).click();
    await page.getByRole('button', { name: 'step down' }).waitFor();
    expect(await isOff('step down')).toBe(String(!may.mayStepDown));
    await page.close();
  });

  test('a worker that is killed is shown as lost', async () => {
    await using folder = await scratch();
    await using shell = new Shell(folder.path, { NATS_URL: stage.cluster.broker.url });
    const worker = shell.start('worker', '--name', 'doomed', '--types', 'noop', '--metrics-port', 'off');
    await using opened = await stage.open('/workers');
    const card = opened.page.getByRole('region', { name: 'doomed' });
    await card.locator('.worker-available').waitFor();
    worker.signal('SIGKILL');
    await card.locator('.worker-lost').waitFor();
    expect(await card.locator('.state.lit').getAttribute('data-path')).toBe('lost');
  });
});
