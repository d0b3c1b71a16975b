/**
 * Cold start: how long a master takes from the start of its process until it leads with a whole picture, beside many
 * jobs: waiting ones, which it must know, and settled ones, which lie in the same stream.
 *
 * The one before has given its lease back, so nobody's silence is waited for, and has saved its picture, as a leader does
 * each minute and when it stops. The very first one reads everything.
 */

import { link } from '../cluster/link.ts';
import { resolveOptions } from '../runtime/options.ts';
import type { JobStore } from '../runtime/ports.ts';
import { type JobRecord, jobKey } from '../runtime/record.ts';
import { born, step } from '../runtime/step.ts';
import { createTelemetry } from '../runtime/telemetry/telemetry.ts';
import { connect, type Yard } from '../sdk/index.ts';
import { type Spread, spread } from './figure.ts';
import { found, type Stage, setStage } from './stage.ts';

export interface ColdStartOptions {
  open: number;
  settled: number;
  runs: number;
}

export interface ColdStartResult extends ColdStartOptions {
  /** Milliseconds until it leads, where there are no jobs at all, and beside these: without a saved picture, and with one. */
  emptyMs: Spread;
  scanMs: number;
  leadsMs: Spread;
}

const batchSize = 500;
const batchesAtOnce = 8;
const startsWithinMs = 300_000;

export async function coldStart(options: ColdStartOptions): Promise<ColdStartResult> {
  const { open, settled, runs } = options;
  await using stage = await setStage({ masters: 0, workers: 0, concurrency: 1 });
  await using yard = await connect({ servers: stage.cluster.url });
  const emptyMs = await startAgain({ stage, yard, open: 0, runs });
  const settings = resolveOptions({ flags: { nats: stage.cluster.url }, env: {} }, 'master');
  await using to = await link({ settings, telemetry: createTelemetry(), role: 'bench', withFeed: false });
  const at = to.clock.now();
  const filledFrom = to.clock.mono();
  const [one, other] = [waiting('open', at), cancelled(waiting('settled', at), at)];
  await fill(to.world.store, settled, (n) => ({ ...other, id: `settled-${n}` }));
  await fill(to.world.store, open, (n) => ({ ...one, id: `open-${n}` }));
  const filledInMs = Math.round(to.clock.mono() - filledFrom);
  process.stderr.write(`${settled} settled and ${open} open jobs are there after ${filledInMs} ms\n`);
  const { median: scanMs } = await startAgain({ stage, yard, open, runs: 1 });
  return { ...options, emptyMs, scanMs, leadsMs: await startAgain({ stage, yard, open, runs }) };
}

interface Starts {
  stage: Stage;
  yard: Yard;
  open: number;
  runs: number;
}

async function startAgain({ stage, yard, open, runs }: Starts): Promise<Spread> {
  const took: number[] = [];
  for (let run = 0; run < runs; run++) {
    const startedAt = stage.clock.mono();
    // With very many jobs it leads later than a person would wait for it.
    void stage.cluster.add('master', { logLevel: 'info' }).catch(() => undefined);
    await until(stage, async () => (await yard.cluster())?.open === open);
    took.push(Math.round(stage.clock.mono() - startedAt));
    const pids = stage.cluster.members.flatMap(({ role, pid }) =>
      role === 'master' && pid !== undefined ? [pid] : [],
    );
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    await until(stage, async () => stage.cluster.members.every(({ pid }) => pid === undefined));
  }
  process.stderr.write(`led beside ${open} open jobs after: ${took.join(' ')} ms\n`);
  return spread(took);
}

async function until(stage: Stage, isSo: () => Promise<boolean>): Promise<void> {
  await found(stage, async () => (await isSo()) || undefined, { withinMs: startsWithinMs, everyMs: 10 });
}

function waiting(id: string, createdAt: number): JobRecord {
  const backoff = { kind: 'fixed', delayMs: 10, jitterMs: 0 } as const;
  return born(
    {
      id,
      tenant: 'default',
      type: 'noop',
      queue: 'default',
      priority: 'medium',
      requirements: {},
      payload: {},
      staleAfterMs: 60_000,
      source: 'bench',
      createdAt,
    },
    { attempt: 0, spent: 0, losses: 0, generation: 1, maxAttempts: 4, maxLosses: 3, backoff },
  );
}

function cancelled(record: JobRecord, at: number): JobRecord {
  return step(record, { type: 'job.cancel', at }).record;
}

/** Stores `count` new records, many batches at a time. */
async function fill(store: JobStore, count: number, make: (n: number) => JobRecord): Promise<void> {
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < count) {
      const from = next;
      next = Math.min(count, from + batchSize);
      const records = Array.from({ length: next - from }, (_, at) => make(from + at));
      await store.write(records.map((record) => ({ key: jobKey(record), expected: 0, record })));
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, write));
}
