/** A claim of the demonstration that does not hold is told: each check fails once. */

import { copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from '../../cluster/stage.ts';
import { complaints, type Seen } from '../../doors/cli/demo/check.ts';
import { servedTooEarly } from '../../doors/cli/demo/order.ts';
import { type Plan, plan } from '../../doors/cli/demo/plan.ts';
import { defaultBackoff } from '../../machines/rules/backoff.ts';
import type { AttemptEntry, JobRecord, Transition } from '../../sdk/index.ts';
import { type Scratch, scratch } from '../nats/broker.ts';

const stage = new Stage();
let folder: Scratch;
let planned: Plan;
let sizeBytes: number;

/** Every output is a copy of one clip, and the plan expects just that. */
beforeAll(async () => {
  folder = await scratch();
  const input = join(folder.path, 'clip.mp4');
  await stage.makeClip({ path: input, seconds: 2, width: 320, height: 180, fps: 10 });
  const clip = { input, seconds: 2 };
  const { jobs, ...special } = plan({ clip, long: clip, codecs: ['h264'] });
  planned = {
    ...special,
    jobs: jobs.map((job) => (job.made === undefined ? job : { ...job, made: { ...job.made, height: 180 } })),
  };
  for (const { made } of planned.jobs) if (made !== undefined) await copyFile(input, join(folder.path, made.file));
  sizeBytes = (await stat(input)).size;
});

afterAll(() => folder[Symbol.asyncDispose]());

const begin = 1_000_000;

/** What is seen where all goes well. */
function seen(): Seen {
  const records = new Map(planned.jobs.map((job) => [job.id, record(job.id)]));
  change(records, planned.victim, { attempts: [attempt(1, 'w1', 'lost'), attempt(2, 'w2', 'completed')] });
  change(records, planned.flaky, { attempts: [1, 2, 3].map((n) => attempt(n, 'w2', n < 3 ? 'failed' : 'completed')) });
  change(records, planned.gpu, { attempts: [attempt(1, 'w3', 'completed')] });
  return {
    plan: planned,
    records,
    killed: { worker: 'worker-1', at: begin },
    why: { code: 'no worker has it', sentence: 'No worker has 1 GPU.' },
    gpuWorker: 'worker-3',
    workerName: (incarnation) => incarnation.replace('w', 'worker-'),
  };
}

function record(id: string): JobRecord {
  const job = planned.jobs.find((each) => each.id === id);
  if (job === undefined) throw new Error(`Expected a job of the plan, got ${id}.`);
  const base = {
    version: 1,
    machine: 1,
    tenant: 'default',
    requirements: {},
    staleAfterMs: 1,
    source: 'test',
    updatedAt: 1,
  };
  return {
    ...base,
    id,
    type: job.type,
    queue: job.queue,
    priority: priorityOf(job.priority),
    payload: job.payload,
    createdAt: begin,
    state: 'completed',
    context: {
      attempt: 1,
      spent: 1,
      losses: 0,
      generation: 1,
      maxAttempts: 4,
      maxLosses: 3,
      backoff: defaultBackoff,
      result: { sizeBytes, quality: { ssim: 0.9 }, energy: { joules: 3 } },
    },
    attempts: [attempt(1, 'w2', 'completed')],
    transitions: [moved(1, begin, 'pending'), moved(2, begin, 'assigned'), moved(3, begin, 'completed')],
  };
}

function priorityOf(text: string): JobRecord['priority'] {
  const found = (['critical', 'high', 'medium', 'low'] as const).find((priority) => priority === text);
  return found ?? 'medium';
}

function attempt(number: number, worker: string, outcome: NonNullable<AttemptEntry['outcome']>): AttemptEntry {
  return { attempt: number, worker, claimedAt: begin, outcome };
}

function moved(n: number, at: number, to: Transition['to']): Transition {
  return { n, at, to, from: 'pending', event: 'test', attempt: 1 };
}

function change(records: Map<string, JobRecord>, id: string, changed: Partial<JobRecord>): void {
  records.set(id, { ...record(id), ...records.get(id), ...changed });
}

/** What is said where one job's record, or what was seen, is otherwise. */
function complaintsWhere(
  changed: Partial<Seen>,
  id?: string,
  ofRecord: Partial<JobRecord> = {},
): Promise<readonly string[]> {
  const all = seen();
  const records = new Map(all.records);
  if (id !== undefined) change(records, id, ofRecord);
  return complaints({ ...all, records, ...changed }, { stage, folder: folder.path });
}

test('where all claims hold, nothing is said', async () => {
  expect(await complaintsWhere({})).toEqual([]);
});

test('a record that says other than what was submitted', async () => {
  expect(await complaintsWhere({}, 'batch-low', { queue: 'live' })).toEqual([
    'Expected the record of batch-low to say transcode in batch with low, got transcode in live with low.',
  ]);
});

test('a job that is missing in KV, and one that failed', async () => {
  const { records } = seen();
  const without = new Map([...records].filter(([id]) => id !== 'batch-low'));
  expect(await complaintsWhere({ records: without })).toEqual(['Expected a record of batch-low in KV, found none.']);
  const [failed] = await complaintsWhere({}, 'batch-low', { state: 'failed' });
  expect(failed).toContain('Expected batch-low to complete, got failed');
});

test('a file that is another size than its record tells, or has no figures', async () => {
  const context = { ...record('batch-low').context, result: { sizeBytes: 1 } };
  expect(await complaintsWhere({}, 'batch-low', { context })).toEqual([
    `Expected batch-low.mp4 to have the 1 bytes that its record tells, got ${sizeBytes}.`,
    'Expected batch-low to tell its quality, got none.',
    'Expected batch-low to tell its energy, got undefined J.',
  ]);
});

test('a file that holds another codec, height or length than was asked for, and one that is not there', async () => {
  const other = { file: 'batch-low.mp4', codec: 'vp9', height: 360, seconds: 4 };
  const withOther = {
    ...planned,
    jobs: planned.jobs.map((job) => (job.id === 'batch-low' ? { ...job, made: other } : job)),
  };
  expect(await complaintsWhere({ plan: withOther })).toEqual([
    'Expected batch-low.mp4 to hold vp9, got h264.',
    'Expected batch-low.mp4 to be 360 lines high, got 180.',
    expect.stringContaining('Expected batch-low.mp4 to last 4 s, got 2'),
  ]);
  const nowhere = {
    ...withOther,
    jobs: withOther.jobs.map((job) =>
      job.id === 'batch-low' ? { ...job, made: { ...other, file: 'none.mp4' } } : job,
    ),
  };
  expect(await complaintsWhere({ plan: nowhere })).toEqual([
    `Expected batch-low to make ${join(folder.path, 'none.mp4')}, found no file there.`,
  ]);
});

test('a victim that was not caught, was not lost, or ran again where it was', async () => {
  expect((await complaintsWhere({ killed: undefined }))[0]).toContain('Expected to catch live-critical in the middle');
  const once = { attempts: [attempt(1, 'w1', 'completed')] };
  expect(await complaintsWhere({}, planned.victim, once)).toHaveLength(2);
  const there = { attempts: [attempt(1, 'w1', 'lost'), attempt(2, 'w1', 'completed')] };
  expect(await complaintsWhere({}, planned.victim, there)).toEqual([
    'Expected live-critical to run again elsewhere, got lost on worker-1, completed on worker-1.',
  ]);
});

test('a flaky job that did not fail, a GPU job that did not wait or ran elsewhere', async () => {
  expect(await complaintsWhere({}, planned.flaky, { attempts: [attempt(1, 'w2', 'completed')] })).toEqual([
    'Expected flaky to take 3 attempts, got 1.',
  ]);
  expect(await complaintsWhere({ why: undefined })).toHaveLength(1);
  expect(await complaintsWhere({}, planned.gpu, { attempts: [attempt(1, 'w2', 'completed')] })).toEqual([
    'Expected needs-a-gpu to run on worker-3 and nowhere else, got worker-2.',
  ]);
});

/** A record whose job was ready from the beginning, or from `readyAt` on, and was claimed then by that worker. */
function claimed(id: string, at: number, worker: string, readyAt = begin): JobRecord {
  const transitions = [moved(1, begin, 'pending'), moved(2, begin + 1, 'retrying'), moved(3, readyAt, 'pending')];
  const ready = readyAt === begin ? transitions.slice(0, 1) : transitions;
  return {
    ...record(id),
    attempts: [attempt(1, worker, 'completed')],
    transitions: [...ready, moved(4, at, 'assigned')],
  };
}

test('a job that was served while a more urgent one had been waiting', () => {
  const urgent = claimed('live-high', begin + 9_000, 'w1');
  expect(servedTooEarly([claimed('batch-low', begin + 5_000, 'w2'), urgent])).toEqual([
    'Expected live-high (live, high) to start before batch-low (batch, low), it had been waiting for 5000 ms when that one started.',
  ]);
  const rightAfter = claimed('batch-low', begin + 8_500, 'w1');
  expect(servedTooEarly([rightAfter, urgent])).toHaveLength(1);
});

test('not one that was served first, or beside it by another worker, or before it was ready', () => {
  const urgent = claimed('live-high', begin + 9_000, 'w1');
  expect(servedTooEarly([claimed('batch-low', begin + 9_500, 'w1'), urgent])).toEqual([]);
  expect(servedTooEarly([claimed('batch-low', begin + 8_990, 'w2'), urgent])).toEqual([]);
  expect(servedTooEarly([claimed('batch-low', begin + 500, 'w1'), urgent])).toEqual([]);
  const backingOff = claimed('live-high', begin + 9_000, 'w1', begin + 4_500);
  expect(servedTooEarly([claimed('batch-low', begin + 5_000, 'w2'), backingOff])).toEqual([]);
});
