/**
 * NVIDIA GPUs as `nvidia-smi` tells of them. A figure that the driver does not give (`[N/A]`) is absent.
 */

import type { Clock } from '../runtime/clock.ts';
import { onPath } from './ffmpeg/binary.ts';
import { capture } from './process/child.ts';

export interface Gpu {
  index: number;
  name: string;
  memoryMb?: number;
  memoryUsedMb?: number;
  utilizationPercent?: number;
  temperatureC?: number;
  powerW?: number;
}

const query = 'index,name,memory.total,memory.used,utilization.gpu,temperature.gpu,power.draw';

/** The GPUs of this machine; none where there is no `nvidia-smi`, or it fails. */
export async function readGpus({
  clock,
  command = 'nvidia-smi',
}: {
  clock: Clock;
  command?: string;
}): Promise<readonly Gpu[]> {
  const path = await onPath(command);
  if (path === undefined) return [];
  const args = [`--query-gpu=${query}`, '--format=csv,noheader,nounits'];
  const { exitCode, stdout } = await capture({ clock, command: path, args, timeoutMs: 10_000 });
  return exitCode === 0 ? parseGpus(stdout) : [];
}

/** Reads the CSV lines of the query above; other lines, such as "No devices were found", are no GPUs. */
export function parseGpus(csv: string): readonly Gpu[] {
  return csv.split('\n').flatMap((line) => {
    const fields = line.split(',').map((field) => field.trim());
    const [index = '', name = '', ...figures] = fields;
    if (fields.length !== query.split(',').length || !/^\d+$/.test(index)) return [];
    return [{ index: Number(index), name, ...figuresOf(figures) }];
  });
}

function figuresOf(figures: readonly string[]): Omit<Gpu, 'index' | 'name'> {
  const names = ['memoryMb', 'memoryUsedMb', 'utilizationPercent', 'temperatureC', 'powerW'];
  const pairs = names.map((name, at) => [name, figures[at] ?? ''] as const);
  const known = pairs.filter(([, text]) => /^-?\d+(\.\d+)?$/.test(text));
  return Object.fromEntries(known.map(([name, text]) => [name, Number(text)]));
}
