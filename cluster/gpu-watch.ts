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
  return { samples: () => seen.flatMap(gpuSamples), stop };
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
