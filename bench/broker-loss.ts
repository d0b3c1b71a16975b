/**
 * The loss of a broker: of three, the one that leads the stream of jobs is killed while workers are busy with jobs that wait
 * in line. What counts is the longest time without the start of a handler from then on. It comes back, and the next round
 * begins when it has everything.
 */

import { readUpFile } from '../cluster/up-file.ts';
import { pause } from '../runtime/clock.ts';
import { connect, type Yard } from '../sdk/index.ts';
import { type Spread, spread } from './figure.ts';
import { found, type Stage, setStage } from './stage.ts';

export interface BrokerLossResult {
  rounds: number;
  /** The longest time without a start, ms. */
  brokerKilled: Spread;
  /** Whether each job ran, and ran once. */
  exact: boolean;
}

const brokers = 3;
const jobsARound = 2_400;
const jobMs = 200;
const beforeMs = 2_000;
const patience = { withinMs: 120_000, everyMs: 200 };

export async function brokerLoss({ rounds }: { rounds: number }): Promise<BrokerLossResult> {
  await using stage = await setStage({ masters: 2, workers: 2, concurrency: 12, brokers });
  await using yard = await connect({ servers: stage.cluster.url.split(',') });
  const took: number[] = [];
  for (let at = 0; at < rounds; at++) {
    took.push(Math.round(await round(stage, yard, at * jobsARound)));
    process.stderr.write(`${took.at(-1)} ms without a start\n`);
  }
  const effects = await stage.effects();
  const ran = new Set(effects.map(({ n }) => n));
  const { median, min, max } = spread(took);
  return {
    rounds,
    brokerKilled: { min, median, max },
    exact: ran.size === rounds * jobsARound && effects.length === ran.size,
  };
}

async function round(stage: Stage, yard: Yard, from: number): Promise<number> {
  const { clock } = stage;
  const numbers = Array.from({ length: jobsARound }, (_, n) => from + n);
  await Promise.all(numbers.map((n) => stage.submit(n, jobMs)));
  await pause(clock, beforeMs);
  const pid = await leaderOfJobs(stage, yard);
  const killedAt = clock.mono();
  process.kill(pid, 'SIGKILL');
  const starts = await found(
    stage,
    async () => {
      const ours = (await stage.effects()).filter(({ n }) => n >= from && n < from + jobsARound);
      return ours.length >= jobsARound ? ours : undefined;
    },
    patience,
  );
  const isWhole = async () => (await yard.brokers().catch(() => undefined))?.current === brokers;
  await found(stage, async () => (await isWhole()) || undefined, patience);
  const moments = [killedAt, ...starts.map(({ at }) => at).filter((at) => at > killedAt)].sort((a, b) => a - b);
  return Math.max(...moments.map((at, n) => at - (moments[n - 1] ?? at)));
}

async function leaderOfJobs({ cluster }: Stage, yard: Yard): Promise<number> {
  const leader = (await yard.brokers()).brokers.find(({ leads }) =>
    leads.some((stream) => stream.startsWith('KV_') && stream.endsWith('_jobs')),
  );
  const up = await readUpFile(cluster.dataDir);
  const pid = up?.brokers?.[Number(/\d+$/.exec(leader?.name ?? '')?.[0]) - 1];
  if (pid === undefined) throw new Error('Expected a broker that leads the stream of jobs, found none.');
  return pid;
}
