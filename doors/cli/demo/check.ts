/**
 * Whether what the demonstration shows is true: files are what was asked for, records say what was submitted, and
 * what was to happen to the three special jobs has happened to them.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage } from '../../../cluster/stage.ts';
import type { JobRecord, Why } from '../../../sdk/index.ts';
import { servedTooEarly } from './order.ts';
import { outcomeOf } from './outcome.ts';
import type { Expected, Plan, PlannedJob } from './plan.ts';

/** The worker that was killed in the middle of the victim, and when (broker time, epoch ms). */
export interface Killed {
  worker: string;
  at: number;
}

/** What was seen while it went on, and what lies in KV at the end. */
export interface Seen {
  plan: Plan;
  records: ReadonlyMap<string, JobRecord>;
  killed: Killed | undefined;
  /** Why the GPU job waited before a worker with a GPU came. */
  why: Why | undefined;
  gpuWorker: string;
  workerName(incarnation: string): string;
}

export interface Checks {
  stage: Stage;
  /** Where the outputs are. */
  folder: string;
}

/** A sentence for each thing that is not as it should be. */
export async function complaints(seen: Seen, checks: Checks): Promise<readonly string[]> {
  const { plan, records } = seen;
  const found: string[] = [];
  for (const job of plan.jobs) {
    const record = records.get(job.id);
    if (record === undefined) found.push(`Expected a record of ${job.id} in KV, found none.`);
    else found.push(...asSubmitted(job, record), ...(await asMade(job, record, checks)));
  }
  const transcodes = [...records.values()].filter(({ type }) => type === 'transcode');
  return [...found, ...servedTooEarly(transcodes), ...victim(seen), ...flaky(seen), ...gpu(seen)];
}

function asSubmitted(job: PlannedJob, record: JobRecord): string[] {
  const submitted = `${job.type} in ${job.queue} with ${job.priority}`;
  const stored = `${record.type} in ${record.queue} with ${record.priority}`;
  const last = record.transitions.at(-1)?.to;
  return [
    ...expect(submitted === stored, `the record of ${job.id} to say ${submitted}`, stored),
    ...expect(
      record.state === 'completed',
      `${job.id} to complete`,
      `${record.state}: ${record.context.error?.message}`,
    ),
    ...expect(last === record.state, `the last transition of ${job.id} to lead to ${record.state}`, String(last)),
  ];
}

async function asMade({ id, made }: PlannedJob, record: JobRecord, checks: Checks): Promise<string[]> {
  if (made === undefined || record.state !== 'completed') return [];
  const path = join(checks.folder, made.file);
  const { sizeBytes, quality, joules } = outcomeOf(record);
  const size = (await stat(path).catch(() => undefined))?.size;
  if (size === undefined) return [`Expected ${id} to make ${path}, found no file there.`];
  return [
    ...expect(size === sizeBytes, `${made.file} to have the ${sizeBytes} bytes that its record tells`, `${size}`),
    ...expect(Object.keys(quality ?? {}).length > 0, `${id} to tell its quality`, 'none'),
    ...expect((joules ?? 0) > 0, `${id} to tell its energy`, `${joules} J`),
    ...(await asLooked(made, path, checks)),
  ];
}

async function asLooked(
  { file, codec, height, seconds }: Expected,
  path: string,
  { stage }: Checks,
): Promise<string[]> {
  const { video, durationSeconds = 0 } = await stage.look(path);
  return [
    ...expect(video?.codec === codec, `${file} to hold ${codec}`, String(video?.codec)),
    ...expect(video?.height === height, `${file} to be ${height} lines high`, String(video?.height)),
    ...expect(Math.abs(durationSeconds - seconds) < 0.6, `${file} to last ${seconds} s`, `${durationSeconds} s`),
  ];
}

function victim({ plan, records, killed, workerName }: Seen): string[] {
  const attempts = records.get(plan.victim)?.attempts ?? [];
  const [first, last] = [attempts.at(0), attempts.at(-1)];
  const ran = attempts.map(({ worker, outcome }) => `${outcome} on ${workerName(worker)}`).join(', ');
  if (killed === undefined) return [`Expected to catch ${plan.victim} in the middle, got it done before: ${ran}.`];
  return [
    ...expect(
      first?.outcome === 'lost' && workerName(first.worker) === killed.worker,
      `${plan.victim} to be lost with ${killed.worker}`,
      ran,
    ),
    ...expect(attempts.length > 1 && last?.worker !== first?.worker, `${plan.victim} to run again elsewhere`, ran),
  ];
}

function flaky({ plan, records }: Seen): string[] {
  const record = records.get(plan.flaky);
  const attempts = record === undefined ? 0 : outcomeOf(record).attempts;
  return expect(attempts === plan.failures + 1, `${plan.flaky} to take ${plan.failures + 1} attempts`, `${attempts}`);
}

function gpu({ plan, records, why, gpuWorker, workerName }: Seen): string[] {
  const workers = (records.get(plan.gpu)?.attempts ?? []).map(({ worker }) => workerName(worker));
  return [
    ...expect(
      why?.code === 'no worker has it',
      `${plan.gpu} to wait for a worker with a GPU`,
      why?.sentence ?? 'no reason',
    ),
    ...expect(
      workers.length > 0 && workers.every((name) => name === gpuWorker),
      `${plan.gpu} to run on ${gpuWorker} and nowhere else`,
      workers.join(', '),
    ),
  ];
}

function expect(holds: boolean, what: string, met: string): string[] {
  return holds ? [] : [`Expected ${what}, got ${met}.`];
}
