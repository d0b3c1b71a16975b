/**
 * Looks every ten seconds how the GPUs of a worker's machine fare, for its metrics. What it cannot tell is absent.
 */

import { type Gpu, readGpus } from '../handlers/gpu.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Sample, SampleName } from '../runtime/telemetry/sample.ts';

const everyMs = 10_000;

export interface GpuWatch {
  /** As they were when somebody last looked. */
  samples(): readonly Sample[];
  /** How busy they are, in the mean of those that tell; `undefined` where none does. */
  busyPercent(): number | undefined;
  stop(): void;
}

/** @param options.read how they are read; by `nvidia-smi` where absent. */
export function watchGpus({
  clock,
  read = () => readGpus({ clock }),
}: {
  clock: Clock;
  read?: () => Promise<readonly Gpu[]>;
}): GpuWatch {
  let seen: readonly Gpu[] = [];
  const refresh = () =>
    void read().then(
      (gpus) => {
        seen = gpus;
      },
      () => {
        seen = [];
      },
    );
  const stop = clock.every(everyMs, refresh);
  refresh();
  return { samples: () => seen.flatMap(gpuSamples), busyPercent: () => meanBusy(seen), stop };
}

function meanBusy(gpus: readonly Gpu[]): number | undefined {
  const told = gpus.flatMap(({ utilizationPercent }) => utilizationPercent ?? []);
  return told.length === 0 ? undefined : told.reduce((sum, each) => sum + each, 0) / told.length;
}

function gpuSamples({ index, utilizationPercent, memoryUsedMb, temperatureC, powerW }: Gpu): readonly Sample[] {
  const labels = { gpu: String(index) };
  const sample = (name: SampleName, value: number | undefined) =>
    value === undefined ? [] : [{ name, labels, value }];
  return [
    ...sample('yard_gpu_busy_ratio', utilizationPercent === undefined ? undefined : utilizationPercent / 100),
    ...sample('yard_gpu_memory_used_bytes', memoryUsedMb === undefined ? undefined : memoryUsedMb * 1_048_576),
    ...sample('yard_gpu_temperature_celsius', temperatureC),
    ...sample('yard_gpu_power_watts', powerW),
  ];
}
