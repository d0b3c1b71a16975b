/**
 * Makes the pictures of `docs/observability.md`: a cluster on this machine under a mixed load, a real Prometheus that watches it for some
 * minutes, each dashboard drawn with what that answers, and Chromium to make a PNG of it.
 *
 * `node test/grafana/pictures.ts`, with `prometheus` and `chromium` (or `chromium-headless-shell`) of Debian on PATH.
 */

import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { startCluster } from '../../cluster/up.ts';
import { dashboards } from '../../grafana/dashboards.ts';
import { makeClip } from '../../handlers/ffmpeg/clip.ts';
import { Ffmpeg } from '../../handlers/ffmpeg/tool.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { resolveOptions } from '../../runtime/options.ts';
import { connect, type Yard } from '../../sdk/index.ts';
import { found, Prometheus } from '../doors/prometheus.ts';
import { draw, type Line, readDashboard, sizeOf } from './picture.ts';

const watchedForMs = Number(process.env['PICTURES_MS'] ?? 300_000);
const root = resolve(import.meta.dirname, '../..');
const clock = new SystemClock();
const rest = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

function program(...names: readonly string[]): string {
  const path = names.map(found).find((each) => each !== undefined);
  if (path !== undefined) return path;
  throw new RangeError(`Expected ${names.join(' or ')} on PATH, found none. Install the Debian package of that name.`);
}

/** What a driver of one GPU says, a little other each time. */
const smi = `#!/bin/sh
s=$(date +%s); echo "0, NVIDIA A10, 23028, $((9000 + s % 40 * 200)), $((50 + s % 40)), $((55 + s % 20)), $((110 + s % 50)).5"
`;

async function withFakeDriver(folder: string): Promise<NodeJS.ProcessEnv> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'nvidia-smi'), smi);
  await chmod(join(bin, 'nvidia-smi'), 0o755);
  return { ...process.env, PATH: [bin, process.env['PATH'] ?? ''].join(delimiter) };
}

/** Some of everything, for so long. */
async function load(yard: Yard): Promise<void> {
  const queues = ['live', 'default', 'batch'];
  const priorities = ['high', 'medium', 'low'] as const;
  const end = clock.mono() + watchedForMs;
  for (let second = 0; clock.mono() < end; second++) {
    const wave = 6 + Math.round(5 * Math.sin(second / 12));
    const lane = (at: number) => ({ queue: queues[at % 3] ?? 'default', priority: priorities[at % 2] ?? 'medium' });
    await yard.submitMany([
      ...Array.from({ length: wave }, (_, at) => ({ type: 'noop', payload: {}, options: lane(at) })),
      ...Array.from({ length: wave }, (_, at) => ({
        type: 'sleeper',
        payload: { executionTimeMs: 200 + 150 * at },
        options: lane(at + second),
      })),
      { type: 'flaky', payload: { failAttempts: second % 3 } },
    ]);
    if (second % 6 === 0) await yard.submit('always_fail', {}, { maxAttempts: 2 });
    if (second % 20 === 0)
      await yard.submit('transcode', { input: 'clip.mp4', output: `${second}.mp4`, crf: 20 + (second % 30) });
    if (second === 5) await yard.submit('noop', {}, { labels: { zone: 'nowhere' } });
    if (second === 40) await yard.queues.pause('batch');
    if (second === 75) await yard.queues.resume('batch');
    await rest(1_000);
  }
}

async function answers(prometheus: Prometheus, uid: string, range: { from: number; to: number }) {
  const dashboard = readDashboard(await readFile(join(root, `grafana/dashboards/${uid}.json`), 'utf8'));
  const lines = new Map<number, readonly Line[]>();
  for (const { id, targets } of dashboard.panels) {
    const read = targets.map(({ expr, legendFormat = '' }) =>
      prometheus.range(expr.replaceAll('$__rate_interval', '15s'), { ...range, legend: legendFormat }),
    );
    lines.set(id, (await Promise.all(read)).flat());
  }
  return { dashboard, lines, ...range };
}

async function main(): Promise<void> {
  const [ofPrometheus, ofChromium] = [program('prometheus'), program('chromium', 'chromium-headless-shell')];
  const folder = await mkdtemp(join(tmpdir(), 'yard-pictures-'));
  const env = await withFakeDriver(folder);
  await makeClip({ ffmpeg: new Ffmpeg({ clock }), path: join(folder, 'clip.mp4'), seconds: 2 });
  const flags = {
    ...{ data: join(folder, 'yard'), port: 'free', mqttPort: 'free', monitorPort: 'free', httpAuth: 'off' },
    ...{ masters: 2, workers: 3, concurrency: 4, inputRoots: folder, outputRoot: folder, logLevel: 'warn' },
  };
  const cluster = await startCluster({ options: resolveOptions({ flags, env: {} }, 'up'), env, directory: folder });
  const yard = await connect({ servers: cluster.url });
  const prometheus = await Prometheus.start(ofPrometheus, `${cluster.httpUrls[0]}/v1/prometheus/targets`);
  await yard.jobPage({ limit: 1 });
  const from = Date.now() / 1_000;
  await load(yard);
  const range = { from, to: Date.now() / 1_000 };
  await mkdir(join(root, 'docs/pictures'), { recursive: true });
  for (const { uid } of dashboards) {
    const drawn = await answers(prometheus, uid, range);
    const page = join(folder, `${uid}.html`);
    await writeFile(page, draw(drawn));
    const { width, height } = sizeOf(drawn.dashboard);
    const picture = join(root, `docs/pictures/${uid}.png`);
    const words = ['--headless', '--no-sandbox', '--hide-scrollbars', `--window-size=${width},${height}`];
    await promisify(execFile)(ofChromium, [...words, `--screenshot=${picture}`, `file://${page}`]);
    process.stderr.write(`${picture}\n`);
  }
  await yard.close();
  await prometheus[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}

await main();
