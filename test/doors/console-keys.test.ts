/** A working day in the console by the keyboard alone, with more than ten thousand jobs behind it. Nothing here is clicked. */

import { existsSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mixed, mixedJobs } from './console-load.ts';
import { type ConsoleStage, consoleStage, phone, program, screen } from './console-page.ts';

const steps = 150;

describe.skipIf(!existsSync(program))('by the keyboard alone, in the console', () => {
  let stage: ConsoleStage;

  beforeAll(async () => {
    stage = await consoleStage(mixed);
    await mixedJobs(stage);
  });

  afterAll(() => stage[Symbol.asyncDispose]());

  test('a day is worked, from signing in to having the leader step down', async () => {
    await using locked = await stage.serve({ auth: 'token' });
    const { secret } = await stage.yard.tokens.create({ label: 'console', scopes: ['admin'] });
    const page = await stage.browser.newPage({ viewport: screen, reducedMotion: 'reduce' });
    const hands = new Hands(page);
    await page.goto(`${locked.url}/console/`);

    await page.getByLabel('Token').waitFor();
    await hands.tabTo(page.getByLabel('Token'));
    await page.keyboard.type(secret);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();

    await skipsToThePage(page, hands);
    await findsByPalette(page, hands);
    await cancelsMany(page, hands, stage);
    await stepsThroughAJob(page, hands);
    await cancelsOne(page, hands, stage);
    await redrivesOne(page, hands, stage);
    await pausesAQueue(page, hands, stage);
    await drainsAWorker(page, hands);
    await submits(page, hands, stage);
    await keepsASchedule(page, hands, stage);
    await redrivesASample(page, hands, stage);
    await changesTheLeader(page, hands, stage);
    await page.close();
  });
});

/** Fingers on a keyboard. */
class Hands {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Goes on with Tab until it is there; as a person, it gives up. */
  async tabTo(target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    await target.first().waitFor();
    for (let step = 0; step < steps; step++) {
      if (await isFocused(target)) return;
      await this.#page.keyboard.press(key);
    }
    expect.unreachable(`Expected to come to ${target} with ${key}, was not there after ${steps}.`);
  }

  async press(target: Locator, key = 'Enter'): Promise<void> {
    await this.tabTo(target);
    await this.#page.keyboard.press(key);
  }

  async fill(target: Locator, text: string): Promise<void> {
    await this.tabTo(target);
    await this.#page.keyboard.press('Control+a');
    await this.#page.keyboard.type(text);
  }

  /** `g` and a letter. */
  async go(letter: string, heading: string): Promise<void> {
    await this.#page.keyboard.press('g');
    await this.#page.keyboard.press(letter);
    await this.#page.getByRole('heading', { level: 1, name: heading }).waitFor();
  }

  /** Types into the palette. */
  async find(text: string): Promise<void> {
    await this.#page.keyboard.press('Control+k');
    const field = this.#page.getByRole('combobox', { name: 'A page, a job by its id, or something to do' });
    await field.waitFor();
    await expect.poll(() => isFocused(field)).toBe(true);
    await this.#page.keyboard.type(text);
  }

  /** Opens a question with a button, looks whether Tab stays in it and Escape leads back, and opens it again. */
  async ask(button: Locator): Promise<Locator> {
    const dialog = this.#page.getByRole('dialog');
    await this.press(button);
    await dialog.waitFor();
    for (let step = 0; step < 12; step++) {
      await this.#page.keyboard.press('Tab');
      expect(await this.#focusIsOutside(dialog)).toBe(false);
    }
    await this.#page.keyboard.press('Escape');
    // It hides before the page hears that it is closed, and would take what is opened in between for what was closed.
    await this.#page.locator('dialog').waitFor({ state: 'detached' });
    await expect.poll(() => isFocused(button)).toBe(true);
    await this.#page.keyboard.press('Enter');
    await dialog.waitFor();
    return dialog;
  }

  /** On the page behind; the frame of the browser is not. */
  async #focusIsOutside(dialog: Locator): Promise<boolean> {
    return dialog.evaluate((one) => {
      const { activeElement, body } = one.ownerDocument;
      return activeElement !== null && activeElement !== body && !one.contains(activeElement);
    });
  }

  /** Somewhere on the page, not lost to its body. */
  async isSomewhere(): Promise<void> {
    await expect.poll(() => this.#page.evaluate('document.activeElement !== document.body')).toBe(true);
  }
}

async function isFocused(target: Locator): Promise<boolean> {
  return target.first().evaluate((one) => one === one.ownerDocument.activeElement);
}

async function skipsToThePage(page: Page, hands: Hands): Promise<void> {
  await hands.press(page.getByRole('link', { name: 'To the page' }));
  expect(await isFocused(page.getByRole('main'))).toBe(true);
}

async function findsByPalette(page: Page, hands: Hands): Promise<void> {
  await hands.find('queu');
  await page.getByRole('option', { name: /^page Queues/, selected: true }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Queues' }).waitFor();
  await hands.isSomewhere();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await hands.isSomewhere();
}

async function cancelsMany(page: Page, hands: Hands, { yard }: ConsoleStage): Promise<void> {
  await hands.go('j', 'Jobs');
  await hands.tabTo(page.getByLabel('state', { exact: true }));
  await page.keyboard.type('held');
  await page.waitForURL(/state=held/);
  for (const nth of [0, 1]) await hands.press(page.getByRole('checkbox', { name: 'Select' }).nth(nth), 'Space');
  const verbs = page.getByRole('toolbar', { name: 'What is done to many' });
  await verbs.getByText('2 selected').waitFor();
  const held = async () => (await yard.census()).byState['held'] ?? 0;
  const before = await held();
  await hands.tabTo(verbs.getByRole('button', { name: 'Cancel' }), 'Shift+Tab');
  const dialog = await hands.ask(verbs.getByRole('button', { name: 'Cancel' }));
  await hands.fill(dialog.getByLabel('Type cancel 2 to go on'), 'cancel 2');
  await page.keyboard.press('Enter');
  await page.getByText('2 of 2 done').waitFor();
  await expect.poll(held).toBe(before - 2);
  await hands.isSomewhere();
}

async function stepsThroughAJob(page: Page, hands: Hands): Promise<void> {
  await hands.find('retries');
  await page.getByRole('option', { name: /^job retries /, selected: true }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'retries' }).waitFor();
  const lit = page.locator('.state.lit').first();
  const path = await lit.getAttribute('data-path');
  await hands.press(page.getByRole('button', { name: '← before' }));
  await expect.poll(() => lit.getAttribute('data-path')).not.toBe(path);
  await hands.press(page.getByRole('button', { name: 'next →' }));
  await expect.poll(() => lit.getAttribute('data-path')).toBe(path);
  await hands.isSomewhere();
}

async function cancelsOne(page: Page, hands: Hands, { yard }: ConsoleStage): Promise<void> {
  await hands.tabTo(page.getByRole('button', { name: 'Cancel' }), 'Shift+Tab');
  const dialog = await hands.ask(page.getByRole('button', { name: 'Cancel' }));
  await hands.press(dialog.getByRole('button', { name: 'Cancel', exact: true }));
  await expect.poll(async () => (await yard.job('retries'))?.state).toBe('cancelled');
  await hands.isSomewhere();
}

async function redrivesOne(page: Page, hands: Hands, { yard }: ConsoleStage): Promise<void> {
  await hands.find('fails');
  await page.getByRole('option', { name: /^job fails /, selected: true }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'fails' }).waitFor();
  const dialog = await hands.ask(page.getByRole('button', { name: 'Redrive' }));
  await hands.press(dialog.getByRole('button', { name: 'Redrive', exact: true }));
  const walked = async () => (await yard.job('fails'))?.transitions.map(({ to }) => to) ?? [];
  await expect.poll(async () => (await walked()).filter((state) => state === 'failed').length).toBe(2);
  await hands.isSomewhere();
}

async function pausesAQueue(page: Page, hands: Hands, { yard }: ConsoleStage): Promise<void> {
  await hands.go('q', 'Queues');
  const row = page.locator('tr', { hasText: 'batch' }).first();
  const dialog = await hands.ask(row.getByRole('button', { name: 'Pause' }));
  await hands.press(dialog.getByRole('button', { name: 'Pause', exact: true }));
  await row.getByText('paused').waitFor();
  expect((await yard.queues.list()).find(({ queue }) => queue === 'batch')?.paused).toBe(true);
  await hands.isSomewhere();
  await hands.press(row.getByRole('button', { name: 'Resume' }));
  await row.getByText('open').waitFor();
  await hands.isSomewhere();
}

async function drainsAWorker(page: Page, hands: Hands): Promise<void> {
  await hands.go('w', 'Workers');
  const card = page.getByRole('region', { name: 'w1', exact: true });
  const dialog = await hands.ask(card.getByRole('button', { name: 'Drain' }));
  await hands.press(dialog.getByRole('button', { name: 'Drain', exact: true }));
  await card.locator('.worker-draining').waitFor();
  await hands.isSomewhere();
  await hands.press(card.getByRole('button', { name: 'Undrain' }));
  await card.locator('.worker-draining').waitFor({ state: 'detached' });
}

async function submits(page: Page, hands: Hands, { yard }: ConsoleStage): Promise<void> {
  await hands.go('n', 'Submit a job');
  await hands.fill(page.getByLabel('type', { exact: true }), 'quick');
  await hands.press(page.getByRole('button', { name: 'JSON' }));
  await hands.fill(page.getByLabel('payload'), '{"n": 7}');
  await page.keyboard.press('Control+Enter');
  const made = page.getByRole('status', { name: 'What was submitted' }).getByRole('link');
  await made.waitFor();
  expect(await yard.job((await made.textContent()) ?? '')).toMatchObject({ type: 'quick', payload: { n: 7 } });
}

async function keepsASchedule(page: Page, hands: Hands, { yard }: ConsoleStage): Promise<void> {
  await page.keyboard.press('Escape');
  if (screen === phone) await hands.press(page.getByRole('button', { name: 'Menu' }));
  await hands.press(page.getByRole('navigation').getByRole('link', { name: 'Schedules' }));
  await page.getByRole('heading', { level: 1, name: 'Schedules' }).waitFor();
  await hands.press(page.getByRole('link', { name: 'New schedule' }));
  await hands.fill(page.getByLabel('name of the schedule'), 'typed');
  await hands.fill(page.getByLabel('cron', { exact: true }), '0 4 * * *');
  await hands.fill(page.getByLabel('type', { exact: true }), 'quick');
  await hands.press(page.getByRole('button', { name: 'Add the schedule' }));
  await page.waitForURL(/schedules\/typed$/);
  expect((await yard.schedules.get('typed'))?.job.type).toBe('quick');
  const dialog = await hands.ask(page.getByRole('button', { name: 'Delete' }));
  await hands.press(dialog.getByRole('button', { name: 'Delete', exact: true }));
  await page.waitForURL(/schedules$/);
  expect(await yard.schedules.get('typed')).toBeUndefined();
  await hands.isSomewhere();
}

async function redrivesASample(page: Page, hands: Hands, { yard }: ConsoleStage): Promise<void> {
  await hands.go('d', 'Dead letter');
  const group = page.getByRole('region', { name: /^broken: .* part two/ });
  const dialog = await hands.ask(group.getByRole('button', { name: 'Redrive …' }));
  await hands.fill(dialog.getByLabel('The newest'), '3');
  await hands.press(dialog.getByRole('button', { name: 'Redrive 3 jobs' }));
  await dialog.waitFor({ state: 'detached' });
  const redriven = async () => (await yard.bulk.list()).find(({ verb }) => verb.verb === 'redrive');
  await expect.poll(redriven).toMatchObject({ state: 'done', matched: 3 });
  await hands.isSomewhere();
}

async function changesTheLeader(page: Page, hands: Hands, { served }: ConsoleStage): Promise<void> {
  const leads = async () => {
    const answer = await fetch(`${served.url}/v1/cluster`);
    const cluster = z.object({ leader: z.object({ incarnation: z.string() }).optional() });
    return cluster.parse(await answer.json()).leader?.incarnation;
  };
  const before = await leads();
  await hands.go('l', 'Masters');
  const dialog = await hands.ask(page.getByRole('button', { name: /step down/i }));
  await hands.press(dialog.getByRole('button', { name: /step down/i }));
  await expect.poll(async () => [undefined, before].includes(await leads())).toBe(false);
  await hands.isSomewhere();
}
