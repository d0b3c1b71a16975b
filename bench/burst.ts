/**
 * A burst: all jobs submitted as fast as the broker takes them, to workers that do nothing with them.
 *
 * The rate counts from the first submission to the moment at which the leader has no open job left. Whether each
 * job ran exactly once is read from the handlers' effects, not from the cluster.
 */

import { pause } from '../runtime/clock.ts';
import { percentile, rounded, type Spread, spread } from './figure.ts';
import { type Stage, setStage } from './stage.ts';

export interface BurstOptions {
  jobs: number;
  workers: number;
  concurrency: number;
  runs: number;
}

export interface BurstResult extends BurstOptions {
  jobsPerSecond: Spread;
  submitsPerSecond: Spread;
  /** From a job's submission to the start of its handler, over all runs. */
  startMs: { p50: number; p99: number };
  exact: boolean;
}

const inFlight = 2_000;

export async function burst(options: BurstOptions): Promise<BurstResult> {
  await using stage = await setStage(options);
  const submittedAt = new Map<number, number>();
  await measureOnce(stage, { from: 0, jobs: Math.min(options.jobs, 20_000), submittedAt });
  submittedAt.clear();
  const rates: number[] = [];
  const submits: number[] = [];
  for (let at = 0; at < options.runs; at++) {
    const done = await measureOnce(stage, { from: 1_000_000 * (at + 1), jobs: options.jobs, submittedAt });
    rates.push(done.jobsPerSecond);
    submits.push(done.submitsPerSecond);
    process.stderr.write(
      `run ${at + 1}: ${Math.round(done.jobsPerSecond)} jobs/s, submitted at ${Math.round(done.submitsPerSecond)}/s\n`,
    );
  }
  const effects = (await stage.effects()).filter(({ n }) => submittedAt.has(n));
  const waits = effects.map(({ n, at }) => at - (submittedAt.get(n) ?? at));
  return {
    ...options,
    jobsPerSecond: whole(spread(rates)),
    submitsPerSecond: whole(spread(submits)),
    startMs: { p50: rounded(percentile(waits, 50)), p99: rounded(percentile(waits, 99)) },
    exact: effects.length === submittedAt.size && new Set(effects.map(({ n }) => n)).size === submittedAt.size,
  };
}

function whole({ median, min, max }: Spread): Spread {
  return { median: Math.round(median), min: Math.round(min), max: Math.round(max) };
}

interface Run {
  from: number;
  jobs: number;
  submittedAt?: Map<number, number>;
}

/** Submits jobs of these numbers, and waits until all have completed. */
export async function measureOnce(stage: Stage, { from, jobs, submittedAt = new Map() }: Run) {
  const { clock } = stage;
  let completed = 0;
  const done = Promise.withResolvers<number>();
  const subscription = stage.connection.subscribe('yard.event.*.bench.completed.*', {
    callback: () => {
      completed++;
      if (completed === jobs) done.resolve(clock.mono());
    },
  });
  const startedAt = clock.mono();
  const open = new Set<Promise<void>>();
  for (let n = from; n < from + jobs; n++) {
    submittedAt.set(n, clock.mono());
    const submission = stage.submit(n).finally(() => open.delete(submission));
    open.add(submission);
    if (open.size >= inFlight) await Promise.race(open);
  }
  await Promise.all(open);
  const submittedWhole = clock.mono();
  const endedAt = await done.promise;
  subscription.unsubscribe();
  await pause(clock, 300);
  return {
    jobsPerSecond: (1_000 * jobs) / (endedAt - startedAt),
    submitsPerSecond: (1_000 * jobs) / (submittedWhole - startedAt),
  };
}
