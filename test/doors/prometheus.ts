/** A real Prometheus, where this machine has one (`test/setup-debian.sh` brings it). */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

/** Where a program lies that `PATH` names. */
export function found(program: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find(existsSync);
}

/** What `promtool` says. @throws where it is not content */
export async function promtool(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(found('promtool') ?? 'promtool', [...args]);
  return stdout;
}

const answer = z.object({
  status: z.string(),
  error: z.string().optional(),
  data: z
    .object({
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
    })
    .optional(),
});

const ranges = z.object({
  data: z.object({
    result: z.array(
      z.object({ metric: z.record(z.string(), z.string()), values: z.array(z.tuple([z.number(), z.string()])) }),
    ),
  }),
});

/** A series, called as a legend of Grafana says. */
export function named(legend: string, labels: Readonly<Record<string, string>>): string {
  return legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '');
}

export interface Series {
  labels: Readonly<Record<string, string>>;
  value: number;
}

export class Prometheus implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #url: string;

  private constructor(child: ChildProcess, folder: string, url: string) {
    this.#process = child;
    this.#folder = folder;
    this.#url = url;
  }

  /** Asks every few seconds whom `discovery` names. */
  static async start(program: string, discovery: string, scrapeEvery = '3s'): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'yard-prometheus-'));
    const port = await freePort();
    const config = {
      // As long as an answer may take: a series of whom does not answer in time is gone, and machines may be busy.
      global: { scrape_interval: scrapeEvery, scrape_timeout: scrapeEvery },
      scrape_configs: [{ job_name: 'yard', http_sd_configs: [{ url: discovery, refresh_interval: '5s' }] }],
    };
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const flags = [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=error',
    ];
    return new Prometheus(spawn(program, flags, { stdio: 'ignore' }), folder, `http://127.0.0.1:${port}`);
  }

  /** What an expression is now. @throws where it is none */
  async query(expr: string): Promise<readonly Series[]> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const { status, error, data } = answer.parse(await response.json());
    if (status !== 'success') throw new Error(`Expected an expression, got ${expr}: ${error}`);
    return (data?.result ?? []).map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** What an expression was, second by second: a line for each series, called as the legend says. */
  async range(expr: string, { from, to, legend }: { from: number; to: number; legend: string }) {
    const step = Math.max(1, Math.round((to - from) / 300));
    const asked = new URLSearchParams({ query: expr, start: String(from), end: String(to), step: String(step) });
    const read = ranges.parse(await (await fetch(`${this.#url}/api/v1/query_range?${asked}`)).json());
    return read.data.result.map(({ metric, values }) => ({
      name: named(legend, metric),
      points: values.map(([at, value]) => [at, Number(value)] as const),
    }));
  }

  /** Whether it answers. */
  async isUp(): Promise<boolean> {
    return await fetch(`${this.#url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** Exemplars of a series in the last minutes. */
  async exemplars(series: string): Promise<string> {
    const now = Date.now() / 1_000;
    const range = `start=${now - 300}&end=${now + 5}`;
    return await (
      await fetch(`${this.#url}/api/v1/query_exemplars?query=${encodeURIComponent(series)}&${range}`)
    ).text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await gone;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('Expected a port.');
  return address.port;
}
