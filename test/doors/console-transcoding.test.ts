/** Transcodes as the console draws them, and what it says of itself: a real browser, a real cluster, real transcodes. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { makeClip } from '../../handlers/ffmpeg/clip.ts';
import { Ffmpeg } from '../../handlers/ffmpeg/tool.ts';
import { transcode } from '../../handlers/transcode.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { type Scratch, scratch } from '../nats/broker.ts';
import { type ConsoleStage, consoleStage, openMenu, overflowOf, phone, program, seriousIn } from './console-page.ts';

const films = [
  { id: 'fine', codec: 'h264', crf: 18 },
  { id: 'coarse', codec: 'h264', crf: 45 },
  { id: 'old', codec: 'mpeg4' },
] as const;

const told = z.object({ encoder: z.string(), quality: z.object({ ssim: z.number() }) });
const running = z.object({ machines: z.array(z.object({ title: z.string(), hash: z.string() })).min(3) });

describe.skipIf(!existsSync(program))('the console', () => {
  let stage: ConsoleStage;
  let folder: Scratch;

  beforeAll(async () => {
    folder = await scratch();
    const clock = new SystemClock();
    const ffmpeg = new Ffmpeg({ clock });
    await makeClip({ ffmpeg, path: join(folder.path, 'in.mp4'), seconds: 4, width: 480, height: 270 });
    stage = await consoleStage([transcode({ clock, ffmpeg, inputRoots: [folder.path], outputRoot: folder.path })]);
    for (const { id, ...how } of films)
      await (await stage.yard.submit('transcode', { input: 'in.mp4', output: `${id}.mp4`, ...how }, { id })).result();
  });

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  test('every transcode is one point, what its result says, and what nothing beats is joined', async () => {
    await using opened = await stage.open('/transcoding');
    const { page } = opened;
    await page.locator('.mark').first().waitFor();
    const points = await page.locator('.mark').evaluateAll((those) => those.map((one) => one.getAttribute('data-id')));
    expect(points.toSorted()).toEqual(['coarse', 'fine', 'old']);
    const rows = page.getByRole('table', { name: 'Each transcode' });
    for (const { id } of films) {
      const { quality, encoder } = told.parse((await stage.yard.job(id))?.context.result);
      const cells = rows.getByRole('row', { name: id }).getByRole('cell');
      expect(await cells.nth(1).textContent()).toBe(encoder);
      expect(Number(await cells.nth(3).textContent())).toBeCloseTo(quality.ssim, 3);
    }
    await expect.poll(() => page.locator('.frontier').count()).toBe(1);
    expect(await seriousIn(page)).toEqual([]);
    await openMenu(page);
    await page.getByRole('button', { name: 'Dark' }).click();
    expect(await seriousIn(page)).toEqual([]);
  });

  test('what is looked at is chosen by keyboard and stands in the address; rows are sorted, and lead to their job', async () => {
    await using opened = await stage.open('/transcoding');
    const { page } = opened;
    await page.getByLabel('encoder', { exact: true }).focus();
    await page.keyboard.type('libx264');
    await page.waitForURL(/encoder=libx264/);
    await expect.poll(() => page.locator('.mark').count()).toBe(2);
    await page.getByLabel('against', { exact: true }).focus();
    await page.keyboard.type('size');
    await page.waitForURL(/cost=megabytes/);
    const rows = page.getByRole('table', { name: 'Each transcode' }).locator('tbody tr');
    const first = () => rows.first().getByRole('link').textContent();
    await page.getByRole('button', { name: 'size, MB' }).press('Enter');
    await expect.poll(first).toBe('coarse');
    await page.getByRole('button', { name: 'SSIM' }).press('Enter');
    await expect.poll(first).toBe('fine');
    await rows.first().getByRole('link').press('Enter');
    await page.waitForURL(/jobs\/fine$/);
  });

  test('what is encoded now is seen with its progress, and is a point when it is done', async () => {
    await using opened = await stage.open('/transcoding', { viewport: phone, reducedMotion: 'reduce' });
    const { page } = opened;
    const job = await stage.yard.submit(
      'transcode',
      { input: 'in.mp4', output: 'slow.webm', codec: 'vp9' },
      { id: 'slow' },
    );
    const now = page.getByRole('region', { name: 'Encoded now' });
    await now.getByRole('link', { name: 'slow' }).waitFor();
    expect(await overflowOf(page)).toBe(0);
    await job.result();
    await page.locator('.mark[data-id=slow]').waitFor({ state: 'attached' });
    await now.waitFor({ state: 'detached' });
    expect(await overflowOf(page)).toBe(0);
  });

  test('the console says what runs here, who looks, and whose code it holds', async () => {
    await using opened = await stage.open('/about');
    const { page } = opened;
    const { machines } = running.parse(await (await fetch(`${stage.served.url}/v1/machines`)).json());
    for (const { title, hash } of machines) await page.getByRole('row', { name: title }).getByText(hash).waitFor();
    await page.getByText('anyone: this API asks for no token').waitFor();
    await page.getByText(/^preact \d.*MIT$/).click();
    await page.locator('details[open]', { hasText: 'Permission is hereby granted' }).waitFor();
    expect(await page.getByText(/^uplot \d/).count()).toBe(1);
    expect(await seriousIn(page)).toEqual([]);
    await page.setViewportSize(phone);
    expect(await overflowOf(page)).toBe(0);
  });
});
