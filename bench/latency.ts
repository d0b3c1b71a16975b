/**
 * Latency: one job at a time on an idle system, from its submission to the start of its handler.
 */

import { pause } from '../runtime/clock.ts';
import { percentile, rounded } from './figure.ts';
import { setStage } from './stage.ts';

export interface LatencyOptions {
  jobs: number;
  runs: number;
}

export interface LatencyResult extends LatencyOptions {
  /** Milliseconds; the median of the runs' percentiles, with the least and the greatest. */
  startMs: { p50: number; p99: number; p50Range: [number, number]; p99Range: [number, number] };
  exact: boolean;
}

const warmUp = 300;

export async function latency(options: LatencyOptions): Promise<LatencyResult> {
  await using stage = await setStage({ workers: 2, concurrency: 12 });
  const submittedAt = new Map<number, number>();
  let settled = () => {};
  stage.onCompleted(() => settled());
  const one = async (n: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    settled = resolve;
    submittedAt.set(n, stage.clock.mono());
    await stage.submit(n);
    await promise;
    await pause(stage.clock, 1 + 4 * stage.clock.chance());
  };
  for (let n = 0; n < warmUp; n++) await one(n);
  const total = options.jobs * options.runs;
  for (let n = warmUp; n < warmUp + total; n++) await one(n);
  await pause(stage.clock, 100);
  const effects = (await stage.effects()).filter(({ n }) => n >= warmUp);
  const waits = effects.toSorted((a, b) => a.n - b.n).map(({ n, at }) => at - (submittedAt.get(n) ?? at));
  const runs = Array.from({ length: options.runs }, (_, at) => waits.slice(at * options.jobs, (at + 1) * options.jobs));
  const of = (percent: number) => runs.map((run) => rounded(percentile(run, percent))).sort((a, b) => a - b);
  const [p50s, p99s] = [of(50), of(99)];
  return {
    ...options,
    startMs: { p50: percentile(p50s, 50), p99: percentile(p99s, 50), p50Range: rangeOf(p50s), p99Range: rangeOf(p99s) },
    exact: effects.length === total && new Set(effects.map(({ n }) => n)).size === total,
  };
}

function rangeOf(sorted: readonly number[]): [number, number] {
  return [sorted[0] ?? 0, sorted.at(-1) ?? 0];
}
