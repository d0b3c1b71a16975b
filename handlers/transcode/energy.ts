/**
 * The energy that an encode took, with where the figure comes from.
 *
 * CPU: RAPL counters where the kernel shows them, shared by CPU time, for they count the whole package; else CPU
 * seconds × watts per core, marked `estimated`. GPU: `nvidia-smi` power, read each second and integrated; it is that
 * of the whole first board, which ffmpeg uses. `source` is that of the larger part; `parts` says it all.
 */

import { readdir, readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../runtime/clock.ts';
import { type Gpu, readGpus } from '../gpu.ts';

export type EnergySource = 'rapl' | 'nvml' | 'estimated';

export interface Energy {
  joules: number;
  source: EnergySource;
  cpuSeconds?: number;
  parts: readonly { of: 'cpu' | 'gpu'; joules: number; source: EnergySource }[];
}

export interface EnergyOptions {
  clock: Clock;
  /** What a busy core draws, W. */
  wattsPerCore: number;
  /** The GPU that works too, as its driver numbers it. */
  device?: string;
  /** The kernel's folder of RAPL zones. */
  powercap?: string;
  readGpus?(): Promise<readonly Gpu[]>;
}

export interface EnergyMeter extends Disposable {
  /** The energy since the start; `undefined` where nothing could be measured. Asked once, at the end. */
  read(cpuSeconds: number | undefined): Promise<Energy | undefined>;
}

export async function startEnergy(options: EnergyOptions): Promise<EnergyMeter> {
  const { powercap = '/sys/class/powercap', wattsPerCore } = options;
  const gpu = options.device === undefined ? undefined : startGpu({ ...options, device: options.device });
  const before = { rapl: await readRapl(powercap), busy: busySeconds() };
  const read = async (cpuSeconds: number | undefined) => {
    const gpuJoules = await gpu?.read();
    const share = shareOf(cpuSeconds, busySeconds() - before.busy);
    const rapl = raplJoules(before.rapl, await readRapl(powercap));
    return sum({ cpuSeconds, wattsPerCore, gpuJoules, raplJoules: rapl === undefined ? undefined : rapl * share });
  };
  return { read, [Symbol.dispose]: () => gpu?.cancel() };
}

interface Zone {
  microjoules: number;
  /** Where the counter begins anew. */
  range: number;
}

/** Joules between two readings; a counter that began anew is made up for. `undefined` without zones. */
function raplJoules(before: ReadonlyMap<string, Zone>, after: ReadonlyMap<string, Zone>): number | undefined {
  const grown = [...after].flatMap(([name, { microjoules, range }]) => {
    const start = before.get(name)?.microjoules;
    return start === undefined ? [] : [microjoules - start + (microjoules < start ? range : 0)];
  });
  return grown.length === 0 ? undefined : grown.reduce((total, one) => total + one, 0) / 1e6;
}

/** The packages of the machine (`intel-rapl:0`), without the zones inside them. Unreadable ones are left out. */
async function readRapl(powercap: string): Promise<ReadonlyMap<string, Zone>> {
  const zones = new Map<string, Zone>();
  const names = await readdir(powercap).catch(() => []);
  for (const name of names.filter((entry) => /^intel-rapl:\d+$/.test(entry))) {
    const [microjoules, range] = await Promise.all([
      readNumber(join(powercap, name, 'energy_uj')),
      readNumber(join(powercap, name, 'max_energy_range_uj')),
    ]);
    if (microjoules !== undefined) zones.set(name, { microjoules, range: range ?? 0 });
  }
  return zones;
}

function sum(known: {
  cpuSeconds: number | undefined;
  wattsPerCore: number;
  gpuJoules: number | undefined;
  raplJoules: number | undefined;
}): Energy | undefined {
  const { cpuSeconds, wattsPerCore, gpuJoules } = known;
  const estimated = cpuSeconds === undefined ? undefined : cpuSeconds * wattsPerCore;
  const cpu = part('cpu', known.raplJoules ?? estimated, known.raplJoules === undefined ? 'estimated' : 'rapl');
  const parts = [...cpu, ...part('gpu', gpuJoules, 'nvml')].sort((a, b) => b.joules - a.joules);
  const [largest] = parts;
  if (!largest) return undefined;
  const joules = round(parts.reduce((total, one) => total + one.joules, 0));
  return { joules, source: largest.source, parts, ...(cpuSeconds === undefined ? {} : { cpuSeconds }) };
}

function part(of: 'cpu' | 'gpu', joules: number | undefined, source: EnergySource): Energy['parts'] {
  return joules === undefined ? [] : [{ of, joules: round(joules), source }];
}

/** Reads the power each second and adds it up, until it is read. */
function startGpu({ clock, device, readGpus: read = () => readGpus({ clock }) }: EnergyOptions & { device: string }) {
  let last: { watts: number; at: number } | undefined;
  let joules = 0;
  const sample = async () => {
    const watts = (await read()).find(({ index }) => String(index) === device)?.powerW ?? Number.NaN;
    const at = clock.mono();
    if (last) joules += (((watts + last.watts) / 2) * (at - last.at)) / 1000;
    last = { watts, at };
  };
  let running = sample();
  const next = () => {
    running = running.then(sample);
  };
  const cancel = clock.every(1000, next);
  const finish = async () => {
    cancel();
    next();
    await running;
    return Number.isNaN(joules) || joules === 0 ? undefined : joules;
  };
  return { cancel, read: finish };
}

/** The part of the machine's work that was this job's. */
function shareOf(cpuSeconds: number | undefined, busy: number): number {
  return cpuSeconds === undefined || busy <= 0 ? 1 : Math.min(1, cpuSeconds / busy);
}

function busySeconds(): number {
  return cpus().reduce((total, { times }) => total + times.user + times.nice + times.sys + times.irq, 0) / 1000;
}

async function readNumber(path: string): Promise<number | undefined> {
  const value = Number.parseInt(await readFile(path, 'utf8').catch(() => ''), 10);
  return Number.isNaN(value) ? undefined : value;
}

function round(joules: number): number {
  return Math.round(joules * 1000) / 1000;
}
