/** What the metrics of a worker say of the GPUs of its machine. */

import { expect, test } from 'vitest';
import { watchGpus } from '../../cluster/gpu-watch.ts';
import { type Gpu, parseGpus } from '../../handlers/gpu.ts';
import { ManualClock } from '../../runtime/memory/manual-clock.ts';

test('GPUs are told of as they were seen last, and a figure that the driver does not give is absent', async () => {
  const clock = new ManualClock();
  let read = Promise.withResolvers<readonly Gpu[]>();
  const watch = watchGpus({ clock, read: () => read.promise });
  expect(watch.samples()).toEqual([]);
  read.resolve(parseGpus('0, NVIDIA H100, 81559, 1024, 25, 41, 120.5\n1, NVIDIA T4, 15360, [N/A], [N/A], 30, [N/A]\n'));
  await expect
    .poll(() => watch.samples())
    .toEqual([
      { name: 'yard_gpu_busy_ratio', labels: { gpu: '0' }, value: 0.25 },
      { name: 'yard_gpu_memory_used_bytes', labels: { gpu: '0' }, value: 1024 * 1_048_576 },
      { name: 'yard_gpu_temperature_celsius', labels: { gpu: '0' }, value: 41 },
      { name: 'yard_gpu_power_watts', labels: { gpu: '0' }, value: 120.5 },
      { name: 'yard_gpu_temperature_celsius', labels: { gpu: '1' }, value: 30 },
    ]);
  read = Promise.withResolvers();
  read.reject(new Error('the driver is gone'));
  await clock.advance(10_000);
  await expect.poll(() => watch.samples()).toEqual([]);
  watch.stop();
});
