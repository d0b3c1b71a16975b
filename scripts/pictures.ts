/**
 * `npm run pictures -- FOLDER [page …]`: pictures of every page of the console over a cluster that works: three masters, four workers of
 * which one drains, jobs of many types in all states, schedules, workflows, transcodes of a clip that is made.
 *
 * At a desk in both themes, and on a phone in the dark: `jobs-dark.png`, `jobs-light.png`, `jobs-phone.png`. Named pages only, where some are named.
 */

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { connect as connectNats } from 'nats';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type Cluster, startCluster } from '../cluster/up.ts';
import { places } from '../doors/web/src/place.ts';
import { makeClip } from '../handlers/ffmpeg/clip.ts';
import { Ffmpeg } from '../handlers/ffmpeg/tool.ts';
import { type Clock, pause, SystemClock } from '../runtime/clock.ts';
import { resolveOptions } from '../runtime/options.ts';
import { connect, type Submission, type Yard } from '../sdk/index.ts';

const program = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const looks = {
  dark: { colorScheme: 'dark', viewport: { width: 1_440, height: 900 } },
  light: { colorScheme: 'light', viewport: { width: 1_440, height: 900 } },
  phone: { colorScheme: 'dark', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
} as const;
/** So long a page is looked at before its picture is taken, so that something has moved. */
const watchedMs = 2_500;
const filledMs = 12_000;

async function takePictures(folder: string, only: readonly string[]): Promise<void> {
  const clock = new SystemClock();
  const data = await mkdtemp(join(tmpdir(), 'yard-pictures-'));
  try {
    await using cluster = await start(clock, data);
    await using yard = await connect({ servers: cluster.url.split(',') });
    const load = new Load(yard, clock);
    await fill(yard);
    await mistakes(cluster.url);
    await pause(clock, filledMs);
    const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
    await mkdir(folder, { recursive: true });
    const pages = Object.entries(await addresses(yard)).filter(([name]) => only.length === 0 || only.includes(name));
    for (const [name, path] of pages)
      await picture(browser, `${cluster.httpUrls[0]}/console${path}`, join(folder, name));
    await browser.close();
    await load.stop();
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

async function start(clock: Clock, data: string): Promise<Cluster> {
  await makeClip({
    ffmpeg: new Ffmpeg({ clock }),
    path: join(data, 'reel.mp4'),
    seconds: 8,
    width: 640,
    height: 360,
    fps: 25,
  });
  const flags = {
    ...{ data: join(data, 'yard'), masters: 3, workers: 3, concurrency: 6, logLevel: 'error' },
    ...{ port: 'free', mqttPort: 'free', monitorPort: 'free', httpPort: 'free', inputRoots: data, outputRoot: data },
  };
  const options = resolveOptions({ flags, env: {} }, 'up');
  return startCluster({ options, onLine: (from, line) => process.stderr.write(`${from}: ${line}\n`) });
}

/** Places by their names, and one of each kind of thing. */
async function addresses(yard: Yard): Promise<Readonly<Record<string, string>>> {
  const failed = (await yard.jobPage({ state: 'failed', limit: 1 })).jobs[0];
  return {
    ...Object.fromEntries(places.map(({ name, path }) => [name.toLowerCase().replaceAll(' ', '-'), path])),
    job: '/jobs/encode',
    'job-retrying': '/jobs/retries',
    'job-runs': '/jobs/runs',
    'job-waits': '/jobs/waits',
    'job-failed': `/jobs/${failed?.id}`,
    'jobs-failed': '/jobs?state=failed',
    'machines-words': '/machines?words=yes',
    'machines-worker': '/machines?of=worker',
    'schedule-new': '/schedules/new',
    'submit-transcode':
      '/submit?type=transcode&payload=%7B%22input%22%3A%22reel.mp4%22%2C%22output%22%3A%22reel-720.mp4%22%2C%22codec%22%3A%22h266%22%7D',
    schedule: '/schedules/nightly-archive',
    workflow: '/workflows/film-19',
    'jobs-cancelled': '/jobs?state=held',
  };
}

/** What is done on a page before its picture is taken. */
const poses: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  // So that its curves have a past.
  overview: (page) => page.waitForTimeout(25_000),
  'jobs-cancelled': async (page) => {
    await page.getByRole('button', { name: 'All that match the filter' }).click();
    await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('region', { name: 'Dry run' }).waitFor();
  },
  'submit-transcode': async (page) => {
    await page.getByRole('button', { name: 'Submit', exact: true }).click();
    await page.getByRole('alert').first().waitFor();
  },
};

async function picture(browser: Browser, address: string, path: string): Promise<void> {
  for (const [look, options] of Object.entries(looks)) {
    const page = await browser.newPage(options);
    await page.goto(address);
    await page.locator('h1').waitFor();
    await page.waitForTimeout(watchedMs);
    await poses[basename(path)]?.(page);
    await page.screenshot({ path: `${path}-${look}.png`, fullPage: look === 'phone' });
    await page.close();
  }
  process.stdout.write(`${path}\n`);
}

const queues = ['live', 'default', 'batch'] as const;
const priorities = ['critical', 'high', 'medium', 'low'] as const;

function one(id: string, type: string, payload: object, options: Submission['options'] = {}): Submission {
  return { type, payload, options: { id, ...options } };
}

/** So many alike, over all queues and priorities. */
function many(count: number, type: string, payload: object, options: Submission['options'] = {}): Submission[] {
  return Array.from({ length: count }, (_, n) => ({
    type,
    payload,
    options: { queue: queues[n % 3] ?? 'default', priority: priorities[n % 4] ?? 'medium', ...options },
  }));
}

const once = { maxAttempts: 1 } as const;

async function fill(yard: Yard): Promise<void> {
  await yard.submitMany([
    ...many(600, 'noop', {}),
    ...many(40, 'always_fail', {}, once),
    ...many(12, 'transcode', { input: 'reel-10.mov', output: 'reel-10.mp4' }, once),
    ...many(3, 'flaky', { failAttempts: 1 }, once),
    ...many(20, 'flaky', { failAttempts: 1 }),
    ...many(30, 'noop', {}, { hold: true, tags: ['review'] }),
    ...many(200, 'noop', {}, { delay: '3h', tags: ['night'] }),
    ...many(25, 'noop', {}, { gpu: 1 }),
    one('waits', 'transcode', { input: 'reel.mp4', output: 'waits.mp4' }, { gpu: 2, name: 'Reel 9 in 2160p' }),
    one('retries', 'flaky', { failAttempts: 1, retryAfterMs: 3_600_000 }, { name: 'Fetch the subtitles of reel 9' }),
    one('runs', 'sleeper', { executionTimeMs: 600_000, steps: 100 }, { name: 'Analyse the sound of reel 9' }),
    ...encodes(),
  ]);
  await yard.schedules.add('nightly-archive', { type: 'noop', payload: {}, cron: '0 3 * * *', tz: 'Europe/Berlin' });
  await yard.schedules.add('sweep', { type: 'noop', payload: {}, every: '5s' });
  await yard.schedules.add('weekly-report', { type: 'noop', payload: {}, cron: '0 8 * * 1' });
  await yard.schedules.pause('weekly-report');
  await yard.schedules.run('nightly-archive');
  await workflows(yard);
  await yard.submit('noop', {}, { id: 'unwanted', hold: true });
  await yard.cancel('unwanted', { reason: 'The reel was withdrawn.' });
  await yard.queues.pause('batch');
  await yard.queues.resume('batch');
  const [worker] = await yard.workers();
  if (worker !== undefined) await yard.drainWorker(worker.name);
}

/** What other programs may send that is no job. */
async function mistakes(url: string): Promise<void> {
  const connection = await connectNats({ servers: url.split(',') });
  connection.publish('yard.submit.transcode', '{"input":"reel.mp4","output":"reel.mp4","codec":"h266"}');
  connection.publish('yard.submit.noop', 'not JSON');
  connection.publish('yard.submit.sleeper', '{"executionTimeMs":"long"}');
  await connection.drain();
}

function encodes(): readonly Submission[] {
  const sizes = [18, 23, 28, 34, 40].flatMap((crf) => ['h264', 'h265', 'mpeg4'].map((codec) => ({ codec, crf })));
  const films = sizes.map(({ codec, crf }) =>
    one(`reel-${codec}-${crf}`, 'transcode', {
      ...{ input: 'reel.mp4', output: `reel-${codec}-${crf}.mp4`, codec },
      ...(codec === 'mpeg4' ? {} : { crf }),
    }),
  );
  return [
    one('encode', 'transcode', { input: 'reel.mp4', output: 'encode.mp4' }, { name: 'Reel 9 in 360p' }),
    ...films,
  ];
}

async function workflows(yard: Yard): Promise<void> {
  const noop = { type: 'noop', payload: { executionTimeMs: 400 } };
  const cut = { type: 'noop', each: [{}, {}, {}, {}], after: ['probe'] };
  const jobs = { probe: noop, cut, join: { ...noop, after: ['cut'] }, publish: { ...noop, after: ['join'] } };
  await yard.workflows.submit({ id: 'film-17', name: 'Film 17 for the web', jobs });
  const failing = {
    type: 'always_fail',
    payload: {},
    options: once,
    after: ['probe'],
  };
  await yard.workflows.submit({ id: 'film-18', name: 'Film 18', jobs: { ...jobs, cut: failing } });
  const long = { type: 'sleeper', payload: { executionTimeMs: 300_000 }, after: ['probe'] };
  await yard.workflows.submit({ id: 'film-19', name: 'Film 19', jobs: { ...jobs, cut: long } });
}

/** Some jobs a second, so that the pictures move. */
class Load {
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(yard: Yard, clock: Clock) {
    this.#running = this.#run(yard, clock);
    this.#running.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(yard: Yard, clock: Clock): Promise<void> {
    while (!this.#isOver) {
      await yard.submitMany([
        ...many(8, 'noop', { executionTimeMs: 30 }),
        ...many(2, 'flaky', { failAttempts: 1, retryAfterMs: 1_500 }),
        ...many(1, 'sleeper', { executionTimeMs: 1_800 }),
      ]);
      await pause(clock, 500);
    }
  }
}

const [into, ...named] = process.argv.slice(2);
if (into === undefined) {
  process.stderr.write(
    'Expected a folder for the pictures. Write, for example, `npm run pictures -- /tmp/pictures`.\n',
  );
  process.exit(2);
}
await takePictures(resolve(into), named);
