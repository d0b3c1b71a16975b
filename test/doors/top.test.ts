/** `yard top`: once as a program reads it, and on a real terminal that is resized and left. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { clipped } from '../../doors/cli/screen.ts';
import { frame } from '../../doors/cli/top/frame.ts';
import { type Picture, ratesBetween } from '../../doors/cli/top/picture.ts';
import { defineJob, JobError, type Yard } from '../../sdk/index.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { Shell } from './command.ts';

const yardFile = resolve(import.meta.dirname, '../../bin/yard.js');
const home = '\u001B[H';
const leave = '\u001B[?1049l';

const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: ({ payload }) => payload });
const broken = defineJob({
  type: 'broken',
  payload: z.looseObject({}),
  run: () => {
    throw new JobError('The disk is on fire.', { retryable: false });
  },
});

let cluster: TestCluster;
let yard: Yard;

beforeAll(async () => {
  cluster = await testCluster();
  yard = await cluster.yard();
  await cluster.work([echo, broken], { name: 'hand', concurrency: 3 });
  await (await yard.submit('echo', {}, { queue: 'live' })).result();
  await (await yard.submit('broken', {}, { id: 'doomed' })).settled();
});

afterAll(() => cluster[Symbol.asyncDispose]());

const folder = () => cluster.broker.server.dataDir;

/** `yard top` on a terminal of its own; `wish` is what a shell beside it does there once somebody writes into the pipe. */
async function onTerminal(
  size: string,
  { wish = 'true', env = {} }: { wish?: string; env?: Record<string, string> } = {},
) {
  const pipe = join(folder(), `wish-${size.replaceAll(' ', '-')}`);
  await promisify(execFile)('mkfifo', [pipe]);
  const command = `stty ${size}; (read line < ${pipe}; ${wish}) & exec ${process.execPath} ${yardFile} top --interval 200ms`;
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: {
      PATH,
      HOME,
      XDG_CONFIG_HOME: folder(),
      NATS_URL: cluster.broker.url,
      TERM: 'xterm-256color',
      SHELL: '/bin/sh',
      ...env,
    },
  });
  let said = '';
  let hear = () => {};
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    hear();
  });
  const ended = once(child, 'close');
  return {
    /** The last whole frame, without colours, once there is one that passes. */
    async shows(passes: (lines: readonly string[], raw: string) => boolean): Promise<readonly string[]> {
      for (;;) {
        const raw = said.split(home).slice(1, -1).at(-1);
        const lines = stripVTControlCharacters(raw ?? '').split(/\r+\n/);
        if (raw !== undefined && passes(lines, raw)) return lines;
        await new Promise<void>((heard) => (hear = heard));
      }
    },
    wish: () => writeFile(pipe, 'now\n'),
    async quit(): Promise<{ code: unknown; last: string }> {
      child.stdin.write('q');
      const [code] = await ended;
      return { code, last: said };
    },
  };
}

describe('on a terminal', () => {
  test('it draws queues, workers and failures within the screen, follows its size, and leaves it as it was', async () => {
    const terminal = await onTerminal('rows 30 cols 100', { wish: 'stty rows 14 cols 60 < /dev/tty' });
    const wide = await terminal.shows((lines) => lines.some((line) => line.includes('doomed')));
    expect(wide[0]).toMatch(/^yard top {2}\d\d:\d\d:\d\d UTC {2}\S+ leads, term \d+/);
    expect(wide.join('\n')).toMatch(/^live +0 +- +0 +- +\S+ +\S+ +1 +0 +open *$/m);
    expect(wide.join('\n')).toMatch(/^hand +available +░{8} 0\/3/m);
    expect(wide.length).toBeLessThanOrEqual(30);
    await terminal.wish();
    const narrow = await terminal.shows((lines) => lines.every((line) => line.length <= 60));
    expect(narrow.length).toBeLessThanOrEqual(14);
    const { code, last } = await terminal.quit();
    expect(code).toBe(0);
    expect(last.lastIndexOf(leave)).toBeGreaterThan(last.lastIndexOf(home));
  });

  test('while the broker is away it shows what it had, and says so; then it goes on', async () => {
    const terminal = await onTerminal('rows 30 cols 120');
    await terminal.shows((lines) => lines.some((line) => line.includes('doomed')));
    await cluster.broker.kill();
    const away = await terminal.shows((lines) => lines.some((line) => line.includes('The broker is away')));
    expect(away.join('\n')).toContain('doomed');
    await cluster.broker.restart();
    await terminal.shows(
      (lines) => !lines.some((line) => /away|As it was/.test(line)) && lines[0]?.includes('leads') === true,
    );
    expect(await terminal.quit()).toMatchObject({ code: 0 });
  });

  test('it has no colours where NO_COLOR is set', async () => {
    const plain = await onTerminal('rows 24 cols 90', { env: { NO_COLOR: '1' } });
    const isStyled = (raw: string) => /\[[\d;]*m/.test(raw);
    await plain.shows((_, raw) => raw.includes('doomed') && !isStyled(raw));
    expect(await plain.quit()).toMatchObject({ code: 0 });
  });
});

test('off a terminal it is one frame, without anything that moves a cursor', async () => {
  await using shell = new Shell(folder(), { NATS_URL: cluster.broker.url });
  const [page, json] = await Promise.all([shell.yard('top'), shell.yard('top', '--once', '-o', 'json')]);
  expect(page).toMatchObject({ code: 0, talk: '' });
  expect(page.out).not.toContain('\u001B');
  expect(page.out).toMatch(/^\S+ ago +doomed +broken +default +The disk is on fire\.$/m);
  const {
    cluster: view,
    rates,
    failures,
  } = z
    .object({
      cluster: z.object({ workers: z.array(z.object({ name: z.string() })) }),
      rates: z.object({ completed: z.number() }),
      failures: z.array(z.object({ id: z.string() })),
    })
    .parse(JSON.parse(json.out));
  expect(view.workers).toMatchObject([{ name: 'hand' }]);
  expect(rates.completed).toBeGreaterThanOrEqual(0);
  expect(failures).toMatchObject([{ id: 'doomed' }]);
});

test('rates are what happened between two looks, and what was forgotten meanwhile makes none negative', () => {
  const at = (now: number, completed: number, failed: number): Picture => ({
    ...{ now, cluster: undefined, masters: [], brokers: undefined, queues: [], failures: [] },
    settled: new Map([['live', { completed, failed, cancelled: 0 }]]),
  });
  expect(ratesBetween(undefined, at(0, 10, 0))).toBeUndefined();
  const rates = ratesBetween(at(1_000, 10, 5), at(3_000, 50, 2));
  expect(rates?.all).toEqual({ completed: 20, failed: 0, cancelled: 0 });
});

test('however low the screen, a frame fits into it, and says how many it leaves out', () => {
  const queues = Array.from({ length: 12 }, (_, at) => ({
    ...{ queue: `q${at}`, order: at, mode: 'strict' as const, weight: 1, paused: false, waiting: 0, out: 0 },
  }));
  const picture: Picture = {
    now: 0,
    cluster: undefined,
    masters: [],
    brokers: undefined,
    queues,
    settled: undefined,
    failures: [],
  };
  const terminal = {
    ...{ print() {}, say() {}, draw() {}, style: (_: unknown, text: string) => text, isInteractive: true, columns: 80 },
  };
  for (const rows of [10, 14, 20, 40]) {
    const lines = frame(picture, undefined, { terminal, rows });
    expect(lines.length).toBeLessThanOrEqual(rows);
  }
  expect(frame(picture, undefined, { terminal, rows: 14 }).join('\n')).toMatch(/… and \d+ more/);
});

test('a line is cut to the width of the screen, and its colours end with it', () => {
  expect(clipped('plain', 5)).toBe('plain');
  expect(clipped('plainer', 5)).toBe('plai…');
  expect(clipped('\u001B[31mred and long\u001B[39m', 5)).toBe('\u001B[31mred …\u001B[0m');
});
