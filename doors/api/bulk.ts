/**
 * Bulk operations: what a master does to many jobs at once, whoever asked for it having gone away.
 */

import { z } from '@hono/zod-openapi';
import { type BulkRecord, Fault, type Yard } from '../../sdk/index.ts';
import { priorities } from '../job-words.ts';
import { asItWas, tagged, tells } from './etag.ts';
import { nothing, type Operation, operation, question } from './operation.ts';
import { waitOf } from './prefer.ts';
import { filter, moment, queueName } from './schema.ts';

const tag = 'bulk';
const id = z.string().openapi({ param: { name: 'id', in: 'path' }, example: 'k3v9x1qp77ab' });
const params = z.object({ id });
const reason = z.string().max(500).optional();

const verb = z
  .discriminatedUnion('verb', [
    z.strictObject({ verb: z.enum(['cancel', 'hold']), reason }),
    z.strictObject({ verb: z.enum(['release', 'retry', 'redrive']) }),
    z.strictObject({ verb: z.literal('move'), queue: queueName }),
    z.strictObject({ verb: z.literal('prioritise'), priority: z.enum(priorities) }),
    z.strictObject({ verb: z.literal('reschedule'), dueAt: z.number().int().min(0) }),
  ])
  .openapi('BulkVerb', { example: { verb: 'move', queue: 'batch' } });

const picked = z
  .strictObject({
    ...filter.shape,
    id: z
      .union([z.string(), z.array(z.string()).min(1).max(1_000)])
      .optional()
      .openapi({ description: 'These, by their ids, where they pass the rest too.' }),
    group: z.string().optional(),
    limit: z.number().int().min(1).optional(),
  })
  .refine((given) => Object.keys(given).length > 0, {
    message: 'Expected a filter, got an empty one. Name at least a state or a queue.',
  });

const operationShape = z
  .looseObject({
    id: z.string(),
    tenant: z.string(),
    verb: z.looseObject({ verb: z.string() }),
    filter: z.looseObject({}),
    perSecond: z.number().optional(),
    by: z.string(),
    createdAt: moment,
    updatedAt: moment,
    endedAt: moment.optional(),
    state: z.enum(['running', 'done', 'aborted', 'failed']),
    matched: z.number().int().optional().openapi({ description: 'Absent until they are counted.' }),
    done: z.number().int(),
    refused: z.record(z.string(), z.number().int()),
    samples: z.array(z.string()),
    error: z.string().optional(),
  })
  .openapi('Bulk', { description: 'A bulk operation as it lies in KV.' });

const where = { Location: 'Where the operation is read.' };

export function bulkOperations(yard: Yard): readonly Operation[] {
  const common = { forTenants: true, tag, query: nothing } as const;
  return [
    question(
      {
        path: '/v1/bulk',
        id: 'listBulk',
        needs: 'read',
        forTenants: true,
        tag,
        summary: 'Lists operations that run, and the last that ended, the newest first.',
        schema: z.object({ operations: z.array(operationShape) }),
      },
      async () => ({ operations: await yard.bulk.list() }),
    ),
    start(yard),
    operation({
      ...common,
      method: 'post',
      path: '/v1/bulk/count',
      id: 'countBulk',
      needs: 'read',
      summary: 'Counts the jobs that an operation would be done to now, and does nothing.',
      description: 'Where the filter names no state, those in a state in which the verb can be done.',
      params: nothing,
      body: z.strictObject({ verb, filter: picked }),
      replies: { 200: { description: 'How many.', schema: z.object({ matched: z.number().int() }) } },
      faults: ['group.missing'],
      run: async ({ body }) => ({ body: { matched: await yard.bulk.count(body) } }),
    }),
    operation({
      ...common,
      method: 'get',
      path: '/v1/bulk/{id}',
      id: 'getBulk',
      needs: 'read',
      summary: 'How far an operation has come.',
      headers: asItWas,
      params,
      body: nothing,
      replies: tells({ description: 'The operation.', schema: operationShape }),
      faults: ['bulk.missing'],
      run: async (given) => tagged(given, (await yard.bulk.get(given.params.id)) ?? missing(given.params.id)),
    }),
    operation({
      ...common,
      method: 'post',
      path: '/v1/bulk/{id}/abort',
      id: 'abortBulk',
      needs: 'operate',
      summary: 'Has an operation stop; what is done is done.',
      params,
      body: nothing,
      replies: { 200: { description: 'The operation as it is then.', schema: operationShape } },
      faults: ['bulk.missing', 'bulk.refused'],
      run: async (given) => ({ body: await yard.bulk.abort(given.params.id) }),
    }),
  ];
}

function start(yard: Yard): Operation {
  return operation({
    method: 'post',
    path: '/v1/bulk',
    id: 'startBulk',
    needs: 'operate',
    forTenants: true,
    tag,
    summary: 'Starts something that is done to all jobs that pass a filter, each by itself.',
    description: 'Durable once it is answered; a master carries it out. An empty filter is refused.',
    headers: {
      Prefer: '`wait=10`: answers with the operation once it has ended, where it has within so many seconds.',
    },
    params: nothing,
    query: nothing,
    body: z.strictObject({
      verb,
      filter: picked,
      perSecond: z.number().positive().optional().openapi({ description: 'At most so many jobs a second.' }),
    }),
    replies: {
      200: { description: 'It has ended.', schema: operationShape, headers: where },
      202: { description: 'It was started.', schema: operationShape, headers: where },
    },
    faults: ['group.missing'],
    async run({ body, header }) {
      const started = await yard.bulk.start(body);
      const headers = { location: `/v1/bulk/${started.id}` };
      const waitMs = waitOf(header('prefer'));
      const last = waitMs === undefined ? started : await endedWithin(yard, started, waitMs);
      return { status: last.state === 'running' ? 202 : 200, body: last, headers };
    },
  });
}

/** The operation as it is once it has ended, or when the time is over. */
async function endedWithin(yard: Yard, started: BulkRecord, waitMs: number): Promise<BulkRecord> {
  return await yard.bulk.ended(started.id, { timeoutMs: waitMs }).catch(async (cause: unknown) => {
    if (!(cause instanceof Fault) || cause.code !== 'wait.timedOut') throw cause;
    return (await yard.bulk.get(started.id)) ?? started;
  });
}

function missing(given: string): never {
  throw new Fault('bulk.missing', `Expected a bulk operation with id ${given}, found none. See /v1/bulk.`);
}
