/**
 * What the face says of everything that is no job: workers, masters, brokers, queues, schedules, what is set, and the books.
 *
 * A name that may be absent is optional here. What is deep inside and read by people alone is told in words.
 */

import { z } from '@hono/zod-openapi';
import { jobStates, priorities } from '../job-words.ts';
import { tokenScopes } from '../token-words.ts';
import { moment, queueName } from './schema.ts';

const texts = z.array(z.string());
const counts = z.record(z.string(), z.number().int());
const settledStates = z.enum(['completed', 'failed', 'cancelled']);

export const worker = z
  .looseObject({
    incarnation: z.string(),
    name: z.string(),
    host: z.string(),
    pid: z.number().int(),
    version: z.string(),
    status: z.string(),
    types: texts,
    slots: z.number().int(),
    used: z.number().int(),
    gpu: z.number().int(),
    vramMb: z.number(),
    encoders: texts,
    memoryMb: z.number(),
    labels: z.record(z.string(), z.string()),
    load: z.looseObject({ cpuPercent: z.number(), memoryMb: z.number() }),
    startedAt: moment,
    heardMsAgo: z.number(),
    isHung: z.boolean().openapi({ description: 'It pulses, but its main loop stands still.' }),
    jobs: texts.openapi({ description: 'Keys of the jobs that it holds.' }),
    metrics: z.string().optional(),
  })
  .openapi('Worker', { description: 'A worker as the leader sees it.' });

export const master = z
  .looseObject({
    incarnation: z.string(),
    name: z.string(),
    leads: z.boolean(),
    state: z.string().optional().openapi({
      description: 'Where it is in the machine `election`, as a path. Absent where its version tells none.',
      example: 'leading.serving',
    }),
    since: moment.optional().openapi({ description: 'When it came to that state.' }),
    term: z.number().int().optional(),
    behindMs: z.number(),
    host: z.string(),
    pid: z.number().int(),
    version: z.string(),
    startedAt: moment,
    http: z.string().optional(),
    metrics: z.string().optional(),
    clock: z.object({ skewMs: z.number(), uncertaintyMs: z.number() }),
  })
  .openapi('Master', { description: 'A master as it sees itself.' });

export const term = z
  .object({
    term: z.number().int().openapi({ description: 'Grows from term to term, with gaps.' }),
    name: z.string(),
    incarnation: z.string(),
    since: moment.openapi({ description: 'When it was elected.' }),
    ended: z
      .object({ at: moment, reason: z.string().openapi({ example: 'it was asked to' }) })
      .optional()
      .openapi({ description: 'Absent of who leads now.' }),
  })
  .openapi('Term', { description: 'A time in which one master led.' });

export const steppedDown = z
  .object({ name: z.string(), incarnation: z.string(), term: z.number().int() })
  .openapi('SteppedDown', { description: 'Who led.' });

export const brokers = z
  .object({
    all: z.number().int(),
    current: z.number().int(),
    brokers: z.array(
      z.object({
        name: z.string(),
        isCurrent: z.boolean(),
        isAway: z.boolean(),
        leads: texts,
        keeps: z.number().int(),
        behind: z.number().int(),
      }),
    ),
    store: z.looseObject({ bytes: z.number(), most: z.number() }).optional(),
  })
  .openapi('Brokers', { description: 'The brokers, and how full the store of jobs is.' });

export const cluster = z
  .looseObject({
    leader: z.object({ name: z.string(), incarnation: z.string(), term: z.number().int() }),
    at: moment,
    workers: z.array(worker),
    open: z.number().int(),
    byState: counts,
    lookAhead: z.record(z.string(), z.number()),
    unserved: counts.optional(),
    paused: counts.optional(),
    durability: z.string().optional(),
  })
  .openapi('Cluster', { description: 'Leader, workers, and how many jobs are in each state.' });

export const viewAge = z
  .object({ revision: z.number(), behindBy: z.number(), behindMs: z.number(), isBuilding: z.boolean() })
  .openapi('ViewAge', { description: 'How old the view is that found them.' });

export const stats = z
  .object({
    total: z.number().int(),
    byState: counts,
    byQueue: z.record(z.string(), counts),
    byPriority: z.record(z.string(), counts),
    view: viewAge.optional(),
  })
  .openapi('Stats', { description: 'How many jobs there are of each kind.' });

export const lanes = z
  .object({
    lanes: z.array(
      z.object({
        state: z.enum(jobStates),
        queue: z.string(),
        priority: z.enum(priorities),
        count: z.number().int(),
      }),
    ),
    view: viewAge,
  })
  .openapi('Lanes', { description: 'How many jobs there are in each state, queue and priority.' });

export const advice = z
  .object({
    targetMs: z.number(),
    demands: z.array(
      z.object({
        type: z.string(),
        requirements: z.looseObject({}),
        waiting: z.number().int(),
        oldestMs: z.number(),
        running: z.number().int(),
        runMs: z.number().optional(),
        workers: z.number().int(),
        jobsPerWorker: z.number(),
        needed: z.number().int(),
      }),
    ),
    idle: texts,
  })
  .openapi('Advice', { description: 'What each set of requirements needs, and workers that may go.' });

export const rejection = z
  .object({
    at: moment,
    subject: z.string(),
    sequence: z.number().int(),
    reason: z.string(),
    body: z.string(),
    headers: z.record(z.string(), z.string()),
  })
  .openapi('Rejection', { description: 'What was submitted, and why it was refused.' });

export const auditEntry = z
  .object({
    place: z.number().int(),
    at: moment,
    who: z.string(),
    door: z.string(),
    tenant: z.string(),
    what: z.string().openapi({ example: 'job.cancel' }),
    target: z.string(),
    given: z.string().openapi({ description: 'What was asked for beside that, as JSON.' }),
    refused: z.string().optional().openapi({ description: 'It was not done: the code of the fault.' }),
  })
  .openapi('AuditEntry', { description: 'Who did what to what, when, and by which door.' });

export const audit = z
  .looseObject({
    at: moment,
    agrees: z.boolean(),
    submissions: z.record(z.string(), z.number()),
    jobs: z.looseObject({ total: z.number().int() }),
    discrepancies: z.array(
      z.object({ of: z.string(), what: z.string(), expected: z.string(), met: z.string(), advice: z.string() }),
    ),
  })
  .openapi('Audit', { description: 'Whether the books agree, and each discrepancy.' });

export const deadGroup = z
  .object({
    id: z.string().openapi({ example: '3f2a91c0' }),
    type: z.string(),
    kind: z.string(),
    message: z.string(),
    count: z.number().int(),
    byPriority: counts,
    byQueue: counts,
    firstAt: moment,
    lastAt: moment,
    sample: texts.openapi({ description: 'Ids of the newest of them.' }),
  })
  .openapi('DeadGroup', { description: 'A type, a kind, and a message without numbers, ids and paths.' });

const secondOrOff = z
  .union([z.literal(0), z.number().min(1_000)])
  .openapi({ description: 'From a second up; 0: off.' });

const queueSet = {
  order: z.number(),
  mode: z.enum(['strict', 'weighted']),
  weight: z.number().positive(),
  paused: z.boolean(),
  maxActive: z.number().int().min(1),
  ratePerSecond: z.number().positive(),
  agingStepMs: secondOrOff,
  mayEvict: z.array(queueName),
  evictAfterMs: z.number().min(1_000),
  reserveAfterMs: secondOrOff,
};

export const queueSettings = z
  .object({ queue: z.string(), ...z.object(queueSet).partial().shape })
  .openapi('QueueSettings', { description: 'All that is set for a queue.' });

export const queue = z
  .object({
    ...queueSettings.required({ order: true, mode: true, weight: true, paused: true }).shape,
    waiting: z.number().int().optional().openapi({ description: 'Ready and not offered; absent where nobody leads.' }),
    out: z.number().int().optional().openapi({ description: 'Offered, or held by a worker.' }),
  })
  .openapi('Queue', { description: 'How a queue is served, what of it waits and what is out.' });

/** As a change: `null` takes back what was set; what is absent stays. */
export const queueChange = z.strictObject(changeOf(queueSet)).openapi('QueueChange', { description: takesBack() });

const limitSet = { maxActive: z.number().int().min(1), ratePerSecond: z.number().positive() };

export const limit = z
  .object({
    limit: z.string().openapi({ example: 'api.*' }),
    ...z.object(limitSet).partial().shape,
    out: counts.optional().openapi({ description: 'Of each key, how many jobs are out.' }),
  })
  .openapi('Limit', { description: 'What is set for a key that jobs name, or for a family of keys.' });

export const limitChange = z.strictObject(changeOf(limitSet)).openapi('LimitChange', { description: takesBack() });

const tenantSet = { weight: z.number().positive(), ...limitSet, maxOpen: z.number().int().min(1) };

export const tenant = z
  .object({
    tenant: z.string(),
    ...z.object(tenantSet).partial().shape,
    open: z.number().int().optional(),
    out: z.number().int().optional(),
  })
  .openapi('Tenant', { description: 'What is set for a tenant, and how many of its jobs are open and out.' });

export const tenantChange = z.strictObject(changeOf(tenantSet)).openapi('TenantChange', { description: takesBack() });

function takesBack(): string {
  return '`null` takes back what was set; what is absent stays.';
}

type Change<Shape extends z.ZodRawShape> = { [Name in keyof Shape]: z.ZodExactOptional<z.ZodNullable<Shape[Name]>> };

/** Each of them may be absent, and `null`. */
function changeOf<Shape extends z.ZodRawShape>(shape: Shape): Change<Shape>;
function changeOf(shape: z.ZodRawShape): z.ZodRawShape {
  return Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, z.nullable(field).exactOptional()]));
}

export const firing = z
  .object({
    n: z.number().int(),
    at: moment,
    to: moment.optional(),
    count: z.number().int().optional(),
    decidedAt: moment,
    outcome: z.enum(['fired', 'skipped', 'missed', 'refused']),
    job: z.string().optional(),
    why: z.string().optional(),
    byHand: z.literal(true).optional(),
  })
  .openapi('Firing', { description: 'A moment and what became of it.' });

export const schedule = z
  .looseObject({
    tenant: z.string(),
    name: z.string(),
    plan: z.looseObject({ kind: z.string() }),
    misfire: z.string(),
    overlap: z.string(),
    until: moment.optional(),
    job: z.looseObject({ type: z.string() }),
    state: z.string(),
    context: z.looseObject({ nextAt: moment.optional() }),
    counts,
    firings: z.array(firing),
    createdAt: moment,
    updatedAt: moment,
  })
  .openapi('Schedule', { description: 'A schedule as it lies in KV.' });

export const token = z
  .object({
    token: z.string(),
    label: z.string(),
    scopes: z.array(z.enum(tokenScopes)),
    tenant: z.string().optional(),
    createdAt: moment,
    expiresAt: moment.optional(),
    revokedAt: moment.optional(),
  })
  .openapi('Token', { description: 'Whose it is and what it opens, without its secret.' });

export const webhook = z
  .looseObject({
    webhook: z.string(),
    tenant: z.string(),
    url: z.string(),
    states: z.array(settledStates),
    types: texts.optional(),
    queues: texts.optional(),
    createdAt: moment,
  })
  .openapi('Webhook', { description: 'Who is told of which jobs, without its secret.' });

export const bulkOutcome = z
  .object({
    matched: z.number().int(),
    done: z.number().int(),
    refused: counts.openapi({ description: 'How many were refused, by the sentence with which they were.' }),
  })
  .openapi('BulkOutcome', { description: 'What became of them.' });
