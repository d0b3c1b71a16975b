/**
 * How busy this process's machine and memory are, for pulses. What nobody can tell of its GPUs is absent.
 */

import { availableParallelism } from 'node:os';
import type { Clock } from '../runtime/clock.ts';
import type { Pulse } from '../runtime/ports.ts';

/** A meter of this process: CPU since the last reading (percent of the whole machine), resident memory (MiB). */
export function loadMeter({
  clock,
  gpuPercent,
}: {
  clock: Clock;
  gpuPercent: () => number | undefined;
}): () => Pulse['load'] {
  let before = { at: clock.mono(), cpu: process.cpuUsage() };
  return () => {
    const now = { at: clock.mono(), cpu: process.cpuUsage() };
    const usedMs = (now.cpu.user + now.cpu.system - before.cpu.user - before.cpu.system) / 1_000;
    const availableMs = Math.max(1, now.at - before.at) * availableParallelism();
    before = now;
    const gpu = gpuPercent();
    return {
      cpuPercent: Math.round((100 * usedMs) / availableMs),
      memoryMb: Math.round(process.memoryUsage.rss() / 2 ** 20),
      ...(gpu === undefined ? {} : { gpuPercent: gpu }),
    };
  };
}
