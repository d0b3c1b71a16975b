/** Every process is restarted in turn, under load: nobody notices. */

import { expect, test } from 'vitest';
import type { JobRecord } from '../../runtime/record.ts';
import { type Cluster, cluster } from './harness.ts';
import { loadUntil } from './load.ts';
import type { YardProcess } from './process.ts';

/** Half a second is usual; how long it takes is measured by `npm run bench -- failover`. */
const patienceMs = 5_000;

const lengths = [0, 20, 100, 300, 3_000];

/** One of these lengths after the other, some of them urgent. */
function submit(yard: Cluster, turn: number): Promise<string> {
  const headers = { 'Max-Attempts': '1', Priority: turn % 4 === 0 ? 'high' : 'medium' };
  return yard.user.pub('mark', { ms: lengths[turn % lengths.length], laterMs: 0 }, headers);
}

/** How long a job stood still before each start of its handler: after its submission, or after it was handed back. */
function delaysOf({ createdAt, attempts }: JobRecord): readonly number[] {
  const started = attempts.filter(({ startedAt }) => startedAt !== undefined);
  return started.map(({ startedAt = 0 }, at) => startedAt - (started[at - 1]?.endedAt ?? createdAt));
}

async function restart(yard: Cluster, each: YardProcess): Promise<void> {
  await yard.stop(each);
  expect(each.how, each.lastLines).toBe('exit code 0');
  await yard.start(each.role);
}

test('every master and worker is restarted in turn, under load: nothing is lost, no attempt spent, nobody waits long', async () => {
  const flags = { concurrency: 12, drainDeadline: '500ms', cancelGrace: '300ms' };
  await using yard = await cluster({ masters: 2, workers: 3, flags });
  const rolling = async () => {
    for (const each of yard.running()) await restart(yard, each);
  };
  const ids = await loadUntil(yard, rolling(), (turn) => submit(yard, turn));
  const records = await yard.user.settled(ids, 30_000);
  expect(records.filter(({ state, context }) => state !== 'completed' || context.spent !== 1)).toEqual([]);
  const outcomes = new Set(records.flatMap(({ attempts }) => attempts.map(({ outcome }) => outcome)));
  expect(outcomes.has('lost')).toBe(false);
  expect(outcomes.has('drained'), 'a job that was handed back at the deadline').toBe(true);
  const delays = records.flatMap(delaysOf).sort((a, b) => b - a);
  process.stdout.write(`rolling restart: ${ids.length} jobs, the longest delays ${delays.slice(0, 5).join(', ')} ms\n`);
  expect(delays[0]).toBeLessThan(patienceMs);
  await yard.expectSound();
});
