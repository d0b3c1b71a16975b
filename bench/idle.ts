/**
 * What an idle all-in-one cluster costs: CPU and memory of `yard up` and everything under it, read from /proc.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pause, SystemClock } from '../runtime/clock.ts';
import { rounded, type Spread, spread } from './figure.ts';

export interface IdleResult {
  /** Percent of one core, over each run of ten seconds. */
  cpuPercent: Spread;
  /** Resident memory of all processes, MiB, pages that they share counted for each; and without those (PSS). */
  residentMb: number;
  proportionalMb: number;
  processes: number;
}

const settleMs = 5_000;
const windowMs = 10_000;
export const ticksPerSecond = 100;

export async function idle({ runs }: { runs: number }): Promise<IdleResult> {
  const clock = new SystemClock();
  const folder = await mkdtemp(join(tmpdir(), 'yard-idle-'));
  const program = new URL('../bin/yard.js', import.meta.url).pathname;
  const up = spawn(process.execPath, [program, 'up', '--free-ports', '--data', join(folder, 'yard')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await Promise.race([once(createInterface({ input: up.stdout }), 'line'), once(up, 'exit')]);
  await pause(clock, settleMs);
  const all = [up.pid ?? 0, ...(await descendants(up.pid ?? 0))];
  const shares: number[] = [];
  for (let run = 0; run < runs; run++) {
    const before = await ticksOf(all);
    const at = clock.mono();
    await pause(clock, windowMs);
    shares.push((100 * ((await ticksOf(all)) - before)) / ticksPerSecond / ((clock.mono() - at) / 1_000));
  }
  const [residentMb, proportionalMb] = [await memoryOf(all, 'Rss'), await memoryOf(all, 'Pss')];
  up.kill('SIGTERM');
  await once(up, 'exit');
  await rm(folder, { recursive: true, force: true });
  const { median, min, max } = spread(shares);
  return {
    cpuPercent: { median: rounded(median), min: rounded(min), max: rounded(max) },
    residentMb,
    proportionalMb,
    processes: all.length,
  };
}

async function descendants(pid: number): Promise<number[]> {
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger);
  const parents = await Promise.all(pids.map(async (each) => [each, await parentOf(each)] as const));
  const children = parents.filter(([, parent]) => parent === pid).map(([child]) => child);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}

async function fieldsOf(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

async function parentOf(pid: number): Promise<number> {
  return Number((await fieldsOf(pid))[1]);
}

/** User and system time of all, in clock ticks. */
export async function ticksOf(pids: readonly number[]): Promise<number> {
  const fields = await Promise.all(pids.map(fieldsOf));
  return fields.reduce((sum, each) => sum + Number(each[11] ?? 0) + Number(each[12] ?? 0), 0);
}

async function memoryOf(pids: readonly number[], what: 'Rss' | 'Pss'): Promise<number> {
  const kb = await Promise.all(
    pids.map(async (pid) => {
      const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
      return Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0);
    }),
  );
  return Math.round(kb.reduce((sum, each) => sum + each, 0) / 1_024);
}
