/**
 * The console under load: how long until its first page shows data, what that costs on the wire, and how smooth the machine of a job
 * runs in a real browser while jobs make so many transitions a second.
 *
 * Browser, broker, master and workers share this machine; what a frame takes includes all of them.
 */

import { type Browser, type CDPSession, chromium, type Page, type Request } from 'playwright-core';
import { z } from 'zod';
import { pause } from '../runtime/clock.ts';
import { connect } from '../sdk/index.ts';
import { percentile, rounded, type Spread, spread } from './figure.ts';
import { found, type Stage, setStage } from './stage.ts';

export interface ConsoleOptions {
  /** Jobs that lie behind the pages while they are looked at. */
  jobs: number;
  /** Transitions a second. */
  rate: number;
  seconds: number;
  /** First loads, each with an empty cache. */
  runs: number;
}

export interface ConsoleResult extends ConsoleOptions {
  /** Of each page: ms until data is shown, KiB of its files and of its data as they came over the wire. */
  firstLoad: Readonly<Record<string, { ms: Spread; filesKb: number; dataKb: number }>>;
  /** What the broker told, and what the picture counted on its wires: those that go from one state to another. */
  transitionsPerSecond: { told: number; drawn: number };
  /** Milliseconds from frame to frame. */
  frames: { count: number; p50: number; p95: number; p99: number; max: number; percentOver50Ms: number };
  /** Tasks of more than 50 ms. */
  longTasks: { count: number; totalMs: number; maxMs: number };
  /** Heap of the page after a collection, before and after. */
  heapMb: { before: number; after: number };
}

const program = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const warmUpSeconds = 5;
const submittedEveryMs = 10;
/** What shows that data is there, by page. */
const shows: Readonly<Record<string, (jobs: number) => string>> = {
  '/': (jobs) => `[data-count="${jobs}"]`,
  '/jobs': () => 'table.jobs tbody tr',
  '/machines': (jobs) => `[data-count="${jobs}"]`,
};

export async function consoleBench(options: ConsoleOptions): Promise<ConsoleResult> {
  await using stage = await setStage({
    workers: 2,
    concurrency: 12,
    flags: { httpAuth: 'off', httpPort: 'free' },
  });
  await storeBehind(stage, options.jobs);
  const url = await found(stage, async () => stage.cluster.httpUrls[0], { withinMs: 30_000, everyMs: 100 });
  const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
  try {
    const firstLoad: Record<string, Awaited<ReturnType<typeof firstLoads>>> = {};
    for (const path of Object.keys(shows)) firstLoad[path] = await firstLoads(browser, url, path, options);
    return { ...options, firstLoad, ...(await underLoad(stage, browser, url, options)) };
  } finally {
    await browser.close();
  }
}

/** Jobs that wait for ten hours. */
async function storeBehind(stage: Stage, jobs: number): Promise<void> {
  await using yard = await connect({ servers: stage.cluster.url.split(',') });
  await yard.submitMany(
    Array.from({ length: jobs }, (_, n) => ({ type: 'bench', payload: { n }, options: { delay: '10h' } })),
  );
  const stored = async () => ((await yard.census()).byState['scheduled'] === jobs ? true : undefined);
  await found(stage, stored, { withinMs: 120_000, everyMs: 100 });
}

async function firstLoads(browser: Browser, url: string, path: string, { runs, jobs }: ConsoleOptions) {
  const took: number[] = [];
  let bytes = { files: 0, data: 0 };
  for (let run = 0; run < runs; run++) {
    const context = await browser.newContext({ viewport: { width: 1_440, height: 900 } });
    const page = await context.newPage();
    await page.addInitScript(noteWhen(shows[path]?.(jobs) ?? 'h1'));
    const finished: Request[] = [];
    page.on('requestfinished', (request) => finished.push(request));
    await page.goto(`${url}/console${path}`);
    took.push(z.number().parse(await page.evaluate('globalThis.shownAfterMs')));
    bytes = await bytesOf(finished);
    await context.close();
  }
  const { median, min, max } = spread(took);
  const ms = { median: Math.round(median), min: Math.round(min), max: Math.round(max) };
  return { ms, filesKb: rounded(bytes.files / 1_024, 1), dataKb: rounded(bytes.data / 1_024, 1) };
}

/** As they came over the wire. */
async function bytesOf(requests: readonly Request[]): Promise<{ files: number; data: number }> {
  const bytes = { files: 0, data: 0 };
  for (const request of requests) {
    const isFile = new URL(request.url()).pathname.startsWith('/console');
    bytes[isFile ? 'files' : 'data'] += (await request.sizes()).responseBodySize;
  }
  return bytes;
}

/** Notes, in the page, at which frame since its beginning there was something. */
function noteWhen(selector: string): string {
  return `
    globalThis.shownAfterMs = new Promise((resolve) => {
      const look = () => {
        if (document.querySelector(${JSON.stringify(selector)}) === null) requestAnimationFrame(look);
        else resolve(performance.now());
      };
      requestAnimationFrame(look);
    });`;
}

async function underLoad(stage: Stage, browser: Browser, url: string, { rate, seconds }: ConsoleOptions) {
  const page = await browser.newPage({ viewport: { width: 1_440, height: 900 } });
  await page.goto(`${url}/console/machines?over=15+min`);
  await page.locator('.state[data-count]').first().waitFor();
  const inPage = await page.context().newCDPSession(page);
  const told = new Told(stage);
  const perJob = await transitionsOfOne(stage, told);
  const load = keepSubmitting(stage, rate / perJob);
  await pause(stage.clock, warmUpSeconds * 1_000);
  const before = { heap: await heapOf(inPage), drawn: await drawnIn(page), told: told.count, at: stage.clock.mono() };
  await page.evaluate(watching);
  await pause(stage.clock, seconds * 1_000);
  const seen = watched.parse(await page.evaluate('globalThis.stopWatching()'));
  const lastedSeconds = (stage.clock.mono() - before.at) / 1_000;
  const after = { drawn: await drawnIn(page), told: told.count };
  await load.stop();
  const perSecond = (count: number) => Math.round(count / lastedSeconds);
  const result = {
    transitionsPerSecond: {
      told: perSecond(after.told - before.told),
      drawn: perSecond(after.drawn - before.drawn),
    },
    frames: framesOf(seen.frames),
    longTasks: longTasksOf(seen.longTasks),
    heapMb: { before: before.heap, after: await heapOf(inPage) },
  };
  await page.close();
  return result;
}

/** What the broker tells of jobs. */
class Told {
  count = 0;

  constructor(stage: Stage) {
    stage.connection.subscribe('yard.event.>', {
      callback: () => {
        this.count++;
      },
    });
  }
}

/** How many transitions a job makes from its submission to its end. */
async function transitionsOfOne(stage: Stage, told: Told): Promise<number> {
  const jobs = 50;
  const before = told.count;
  let completed = 0;
  stage.onCompleted(() => completed++);
  for (let n = 0; n < jobs; n++) await stage.submit(n);
  await found(stage, async () => (completed >= jobs ? true : undefined), { withinMs: 60_000, everyMs: 50 });
  return (told.count - before) / jobs;
}

/** Submits so many jobs a second, whether or not those before are done. */
function keepSubmitting(stage: Stage, jobsPerSecond: number) {
  const open = new Set<Promise<void>>();
  const from = stage.clock.mono();
  let submitted = 0;
  let isOn = true;
  const run = async () => {
    while (isOn) {
      const due = ((stage.clock.mono() - from) / 1_000) * jobsPerSecond;
      for (; submitted < due; submitted++) {
        const one = stage.submit(1_000 + submitted).finally(() => open.delete(one));
        open.add(one);
      }
      await pause(stage.clock, submittedEveryMs);
    }
    await Promise.all(open);
  };
  const running = run();
  return {
    async stop() {
      isOn = false;
      await running;
    },
  };
}

/** How many the picture has counted on all its wires. */
async function drawnIn(page: Page): Promise<number> {
  const counts = await page.locator('.label .flow').allTextContents();
  return counts.reduce((sum, text) => sum + Number.parseInt(text.replaceAll(',', ''), 10), 0);
}

const watching = `
  globalThis.stopWatching = (() => {
    const frames = [];
    const longTasks = [];
    const observer = new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)));
    observer.observe({ entryTypes: ['longtask'] });
    let [last, frame] = [performance.now(), 0];
    const look = (now) => {
      frames.push(now - last);
      last = now;
      frame = requestAnimationFrame(look);
    };
    frame = requestAnimationFrame(look);
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      return { frames, longTasks };
    };
  })(); undefined`;

const watched = z.object({ frames: z.array(z.number()), longTasks: z.array(z.number()) });

function framesOf(frames: readonly number[]) {
  const over = frames.filter((ms) => ms > 50).length;
  return {
    count: frames.length,
    p50: rounded(percentile(frames, 50), 1),
    p95: rounded(percentile(frames, 95), 1),
    p99: rounded(percentile(frames, 99), 1),
    max: rounded(Math.max(...frames), 1),
    percentOver50Ms: rounded((100 * over) / frames.length),
  };
}

function longTasksOf(tasks: readonly number[]) {
  const totalMs = tasks.reduce((sum, ms) => sum + ms, 0);
  return { count: tasks.length, totalMs: Math.round(totalMs), maxMs: Math.round(Math.max(0, ...tasks)) };
}

const measured = z.object({ metrics: z.array(z.object({ name: z.string(), value: z.number() })) });

/** MiB, after what is no longer needed was collected. */
async function heapOf(inPage: CDPSession): Promise<number> {
  await inPage.send('HeapProfiler.collectGarbage');
  await inPage.send('Performance.enable');
  const { metrics } = measured.parse(await inPage.send('Performance.getMetrics'));
  return rounded((metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? 0) / 2 ** 20, 1);
}
