/**
 * The routes of the lab's scheduler (`POST /jobs`, `GET /jobs`, `/workers`, `/stats`), with its fields and its states.
 *
 * Its jobs only pass time and fail by chance, so they are of the type `sleeper`; the payload travels along as `input`. A
 * recurring one is a schedule of its name. `max_retries` counts what comes after the first attempt, and the backoff is 2^attempt
 * seconds, as its document says.
 */

import { z } from '@hono/zod-openapi';
import { Fault, type JobRecord, type JobState, type ScheduleRecord, type Yard } from '../../../sdk/index.ts';
import type { Lock, Operation } from '../../api/operation.ts';
import { nothing, operation, question } from '../../api/operation.ts';
import { jobId } from '../../api/schema.ts';
import { idIn, jobStates } from '../../job-words.ts';

const tag = 'of other schedulers';
const dayMs = 86_400_000;
const type = 'sleeper';
const backoff = 'exponential(2s, x2)';
const jobTypes = ['immediate', 'delayed', 'recurring'] as const;
const statuses = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;

type Status = (typeof statuses)[number];

/** What it calls each of our states. */
const statusOf: Readonly<Record<JobState, Status>> = {
  scheduled: 'pending',
  blocked: 'pending',
  held: 'pending',
  pending: 'pending',
  queued: 'pending',
  retrying: 'pending',
  assigned: 'running',
  processing: 'running',
  cancelling: 'running',
  completed: 'completed',
  cancelled: 'cancelled',
  failed: 'failed',
};

/** What is not said is its default. */
const given = z
  .strictObject({
    name: z.string().trim().min(1).openapi({ example: 'my-first-job' }),
    job_type: z.enum(jobTypes).default('immediate'),
    payload: z.record(z.string(), z.unknown()).default({}),
    delay_seconds: z.number().positive().max(1e9).nullish(),
    cron_expression: z.string().nullish(),
    max_retries: z.number().int().min(0).default(3),
    timeout_seconds: z.number().positive().max(1e9).nullish(),
    fail_rate: z.number().min(0).max(1).default(0),
    execution_time_ms: z.number().int().min(0).max(dayMs).default(1_000),
  })
  .superRefine(({ job_type: kind, delay_seconds: delay, cron_expression: cron }, check) => {
    const lacks = (field: string) =>
      check.addIssue({ code: 'custom', path: [field], message: `Expected it for a ${kind} job, it is missing.` });
    if (kind === 'delayed' && typeof delay !== 'number') lacks('delay_seconds');
    if (kind === 'recurring' && typeof cron !== 'string') lacks('cron_expression');
  })
  .openapi('LabSubmission');

type Given = z.output<typeof given>;

const moment = z.string().openapi({ example: '2026-11-26T12:00:00.000Z' });
const shownJob = z
  .object({
    id: z.string(),
    name: z.string(),
    job_type: z.enum(jobTypes),
    status: z.enum(statuses),
    payload: z.unknown(),
    created_at: moment,
    scheduled_at: moment,
    started_at: moment.nullable(),
    completed_at: moment.nullable(),
    worker_id: z.string().nullable(),
    attempt: z.number().int(),
    max_retries: z.number().int(),
    error_message: z.string().nullable(),
  })
  .openapi('LabJob');

type ShownJob = z.output<typeof shownJob>;

const shownWorker = z
  .object({
    worker_id: z.string(),
    name: z.string(),
    last_heartbeat: moment,
    current_job_id: z.string().nullable(),
    health: z.enum(['active', 'stale']),
  })
  .openapi('LabWorker');

const listed = z.strictObject({
  status: z.enum(statuses).optional(),
  job_type: z.enum(jobTypes).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
});

/** What a recurring job asks for beside the lock of its route: it stays, and makes jobs for ever. */
export const recurringLock: Lock = { needs: 'operate', forTenants: true };

export const creatingId = 'createLabJob';

/** Whether a body that was sent to `POST /jobs` is a recurring job. */
export function isRecurring(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'job_type' in body && body.job_type === 'recurring';
}

export function labOperations(yard: Yard): readonly Operation[] {
  return [creating(yard), ...reading(yard), cancelling(yard), ...looking(yard)];
}

function creating(yard: Yard): Operation {
  return operation({
    method: 'post',
    path: '/jobs',
    id: creatingId,
    needs: 'submit',
    forTenants: true,
    tag,
    summary: 'Submits a job that passes time, now, later or again and again.',
    description: 'A recurring one is a schedule of that name, and asks for a token with `operate`.',
    params: nothing,
    query: nothing,
    body: given,
    replies: { 200: { description: 'The job as it is then.', schema: shownJob } },
    async run({ body }) {
      if (body.job_type === 'recurring') return { body: ofSchedule(await addSchedule(yard, body)) };
      const { delay_seconds: seconds } = body;
      const delay = body.job_type === 'delayed' && typeof seconds === 'number' ? { delay: inMs(seconds) } : {};
      const { id } = await yard.submit(type, payloadOf(body), { ...optionsOf(body), name: body.name, ...delay });
      return { body: await found(yard, id) };
    },
  });
}

async function addSchedule(yard: Yard, body: Given): Promise<ScheduleRecord> {
  const cron = body.cron_expression ?? '';
  const spec = { cron, type, payload: payloadOf(body), options: optionsOf(body) };
  return (await yard.schedules.add(body.name, spec)).schedule;
}

function payloadOf({ payload, execution_time_ms: executionTimeMs, fail_rate: failRate }: Given) {
  return { executionTimeMs, ...(failRate > 0 ? { failRate } : {}), input: payload };
}

function optionsOf({ job_type: kind, max_retries: retries, timeout_seconds: seconds }: Given) {
  const timeout = typeof seconds === 'number' ? { timeout: inMs(seconds) } : {};
  return { tags: [kind], maxAttempts: retries + 1, backoff, ...timeout };
}

function inMs(seconds: number): number {
  return Math.ceil(seconds * 1_000);
}

function reading(yard: Yard): readonly Operation[] {
  const common = { method: 'get', needs: 'read', forTenants: true, tag, body: nothing } as const;
  return [
    operation({
      ...common,
      path: '/jobs',
      id: 'listLabJobs',
      summary: 'Lists jobs, the newest first.',
      params: nothing,
      query: listed,
      replies: { 200: { description: 'The jobs.', schema: z.array(shownJob) } },
      async run({ query: { status, job_type: kind, limit } }) {
        const state = status === undefined ? {} : { state: jobStates.filter((each) => statusOf[each] === status) };
        const jobs = yard.jobs({ ...state, ...(kind === undefined ? {} : { tag: kind }), limit });
        return { body: (await Array.fromAsync(jobs)).map(ofRecord) };
      },
    }),
    operation({
      ...common,
      path: '/jobs/{id}',
      id: 'getLabJob',
      summary: 'Reads a job, or what recurs under this name.',
      params: jobId,
      query: nothing,
      replies: { 200: { description: 'The job.', schema: shownJob } },
      run: async ({ params: { id } }) => ({ body: await found(yard, id) }),
    }),
  ];
}

function cancelling(yard: Yard): Operation {
  return operation({
    method: 'delete',
    path: '/jobs/{id}',
    id: 'cancelLabJob',
    needs: 'operate',
    forTenants: true,
    tag,
    summary: 'Cancels a job, or deletes what recurs under this name.',
    params: jobId,
    query: nothing,
    body: nothing,
    replies: {
      200: { description: 'It is, or will be.', schema: z.object({ message: z.string(), job_id: z.string() }) },
    },
    async run({ params: { id } }) {
      const isSchedule = (await yard.job(id)) === undefined && (await recurring(yard, id)) !== undefined;
      await (isSchedule ? yard.schedules.delete(id) : yard.cancel(id));
      return { body: { message: 'Job cancelled', job_id: id } };
    },
  });
}

function looking(yard: Yard): readonly Operation[] {
  return [
    question(
      {
        path: '/workers',
        id: 'listLabWorkers',
        needs: 'read',
        tag,
        summary: 'Lists workers, as the leader sees them.',
        schema: z.array(shownWorker),
      },
      async () => (await yard.workers()).map((worker) => ofWorker(worker, yard.now())),
    ),
    question(
      {
        path: '/stats',
        id: 'getLabStats',
        needs: 'read',
        tag,
        summary:
          'How many jobs wait for a worker, how many workers are there, and how many jobs are in each of its states.',
        schema: z
          .object({
            queue_length: z.number().int(),
            active_workers: z.number().int(),
            jobs_by_status: z.partialRecord(z.enum(statuses), z.number().int()),
          })
          .openapi('LabStats'),
      },
      () => statsOf(yard),
    ),
  ];
}

async function statsOf(yard: Yard) {
  const [{ byState }, workers] = await Promise.all([yard.census(), yard.workers()]);
  const byStatus: Partial<Record<Status, number>> = {};
  for (const state of jobStates) {
    const count = byState[state] ?? 0;
    if (count > 0) byStatus[statusOf[state]] = (byStatus[statusOf[state]] ?? 0) + count;
  }
  return {
    queue_length: (byState.pending ?? 0) + (byState.queued ?? 0),
    active_workers: workers.filter(isThere).length,
    jobs_by_status: byStatus,
  };
}

type Worker = Awaited<ReturnType<Yard['workers']>>[number];

function ofWorker(worker: Worker, now: number): z.output<typeof shownWorker> {
  const [job] = worker.jobs;
  return {
    worker_id: worker.incarnation,
    name: worker.name,
    last_heartbeat: timeOf(now - worker.heardMsAgo),
    current_job_id: job === undefined ? null : idIn(job),
    health: isThere(worker) ? 'active' : 'stale',
  };
}

function isThere({ status }: Worker): boolean {
  return status === 'available' || status === 'busy';
}

/** @throws {Fault} `job.missing` */
async function found(yard: Yard, id: string): Promise<ShownJob> {
  const record = await yard.job(id);
  if (record !== undefined) return ofRecord(record);
  const schedule = await recurring(yard, id);
  if (schedule !== undefined) return ofSchedule(schedule);
  throw new Fault('job.missing', `Expected a job with id ${id}, found none. See /jobs.`, { facts: { id } });
}

/** What recurs under this name; not every id of a job could be one. */
async function recurring(yard: Yard, id: string): Promise<ScheduleRecord | undefined> {
  return /^[A-Za-z][\w-]{0,39}$/.test(id) ? await yard.schedules.get(id) : undefined;
}

function ofRecord(record: JobRecord): ShownJob {
  const { id, name = id, tags = [], state, context, createdAt, settledAt, transitions } = record;
  const last = record.attempts.at(-1);
  const readyAt = transitions.findLast(({ to }) => to === 'pending')?.at ?? createdAt;
  return {
    id,
    name,
    job_type: jobTypes.find((kind) => tags.includes(kind)) ?? 'immediate',
    status: statusOf[state],
    payload: record.type === type ? inputOf(record.payload) : record.payload,
    created_at: timeOf(createdAt),
    scheduled_at: timeOf(context.dueAt ?? readyAt),
    started_at: last?.startedAt === undefined ? null : timeOf(last.startedAt),
    completed_at: settledAt === undefined ? null : timeOf(settledAt),
    worker_id: context.worker ?? last?.worker ?? null,
    attempt: context.attempt,
    max_retries: context.maxAttempts - 1,
    error_message: context.error?.message ?? null,
  };
}

/** The next of its jobs, which is not there yet. */
function ofSchedule({ name, job, context, createdAt }: ScheduleRecord): ShownJob {
  return {
    id: name,
    name,
    job_type: 'recurring',
    status: 'pending',
    payload: job.type === type ? inputOf(job.payload) : job.payload,
    created_at: timeOf(createdAt),
    scheduled_at: timeOf(context.nextAt ?? createdAt),
    started_at: null,
    completed_at: null,
    worker_id: null,
    attempt: 0,
    max_retries: Number(job.options['maxAttempts'] ?? 4) - 1,
    error_message: null,
  };
}

function inputOf(payload: unknown): unknown {
  return typeof payload === 'object' && payload !== null && 'input' in payload ? payload.input : {};
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
