/** Pages of which there is much to show: some of it, and what words in the address find, in a real browser. */

import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineJob } from '../../sdk/index.ts';
import { type ConsoleStage, consoleStage, overflowOf, program, seriousIn } from './console-page.ts';

const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: () => null });
const count = 130;
const names = Array.from({ length: count }, (_, n) => `many-${n}`);

describe.skipIf(!existsSync(program))('the console, where there is much of it,', () => {
  let stage: ConsoleStage;
  let stopPulsing = () => {};

  beforeAll(async () => {
    stage = await consoleStage([echo]);
    await Promise.all(names.map((name) => stage.yard.schedules.add(name, { type: 'echo', cron: '0 3 * * *' })));
    await Promise.all(names.map((name) => stage.yard.queues.set(name, { weight: 2 })));
    await stage.yard.queues.pause('many-77');
    await stage.yard.submit('echo', {}, { queue: 'many-77' });
    stopPulsing = await pulses();
  });

  afterAll(async () => {
    stopPulsing();
    await stage[Symbol.asyncDispose]();
  });

  /** As many workers as there are names, each with a sign of life a second. */
  async function pulses(): Promise<() => void> {
    const connection = await stage.cluster.broker.connect();
    const first = Promise.withResolvers<object>();
    connection.subscribe('yard.pulse.*', {
      callback: (_, message) => {
        const pulse = message.json<Record<string, unknown>>();
        if (pulse['name'] === 'w1') first.resolve(pulse);
      },
    });
    const pulse = await first.promise;
    const beat = () => {
      for (const [at, name] of names.entries()) {
        const status = at === 99 ? 'draining' : 'available';
        connection.publish(`yard.pulse.${name}`, JSON.stringify({ ...pulse, incarnation: name, name, status }));
      }
    };
    beat();
    const timer = setInterval(beat, 1_000);
    return () => clearInterval(timer);
  }

  test('some schedules are shown, more when asked for, and those that words find', async () => {
    await using opened = await stage.open('/schedules');
    const { page } = opened;
    const cards = page.locator('.card');
    await page.getByText(`60 of ${count}`).waitFor();
    expect([await overflowOf(page), await seriousIn(page)]).toEqual([0, []]);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => cards.count()).toBe(120);
    await page.keyboard.press('/');
    await page.keyboard.type('many-7 active');
    await page.keyboard.press('Enter');
    await page.getByText(`11 of 11 found, ${count} in all`).waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('many-7 active');
    await cards.filter({ hasText: 'many-77' }).getByRole('link', { name: 'many-77' }).click();
    await page.waitForURL(/schedules\/many-77$/);
  });

  test('queues are found by name, and those in which most waits are on the first page', async () => {
    await using opened = await stage.open('/queues?q=many-12');
    const { page } = opened;
    const table = page.getByRole('table', { name: 'Queues', exact: true });
    await page.getByText(`11 of 11 found, ${count + 3} in all`).waitFor();
    expect(await table.locator('tbody tr').count()).toBe(11);
    await page.goto(`${stage.served.url}/console`);
    await page.getByRole('link', { name: `all ${count + 3} queues` }).waitFor();
    expect(await table.locator('tbody tr').count()).toBe(20);
    expect(await table.locator('tbody a').first().textContent()).toBe('many-77');
  });

  test('of workers those come first that need somebody, and each status leads to its own', async () => {
    await using opened = await stage.open('/workers');
    const { page } = opened;
    await page.getByText(`60 of ${count + 1}`).waitFor();
    expect(await page.locator('.card h2').first().textContent()).toBe('many-99');
    expect(await seriousIn(page)).toEqual([]);
    await page.getByRole('list', { name: 'Workers by status' }).getByText('draining').click();
    await page.getByText(`1 of 1 found, ${count + 1} in all`).waitFor();
    expect(await page.locator('.card h2').allTextContents()).toEqual(['many-99']);
  });
});
