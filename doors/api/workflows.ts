/**
 * Workflows: jobs that are given at once and wait for one another.
 */

import { z } from '@hono/zod-openapi';
import { Fault, type WorkflowView, workflowOf, type Yard } from '../../sdk/index.ts';
import { jobStates, workflowStates } from '../job-words.ts';
import { asItWas, tagged, tells } from './etag.ts';
import { nothing, type Operation, operation } from './operation.ts';
import { waitOf } from './prefer.ts';
import { moment } from './schema.ts';
import { jobOptions } from './submission.ts';

const tag = 'workflows';
const params = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' }, example: 'release-7' }) });
const texts = z.array(z.string());
const counts = z.record(z.string(), z.number().int());
const states = z.enum(workflowStates);

const after = z.union([
  texts,
  z.strictObject({
    jobs: texts,
    need: z.enum(['all', 'any']).optional(),
    when: z.enum(['success', 'failure', 'end']).optional(),
  }),
]);

const node = z
  .strictObject({
    type: z.string(),
    payload: z.unknown().optional(),
    each: z.array(z.unknown()).optional().openapi({ description: 'A job for each of these payloads.' }),
    after: after.optional().openapi({ description: 'Nodes that it waits for; `job:ID` is a job outside.' }),
    options: jobOptions.optional(),
  })
  .openapi('WorkflowNode');

const given = z
  .strictObject({
    id: z.string().optional().openapi({ description: 'Makes it idempotent.', example: 'release-7' }),
    name: z.string().optional(),
    onFailure: z.enum(['stop', 'continue']).optional(),
    jobs: z.record(z.string(), node),
  })
  .openapi('Workflow', {
    example: { jobs: { probe: { type: 'probe' }, cut: { type: 'cut', after: ['probe'] } } },
  });

const submitted = z
  .object({ id: z.string(), created: z.boolean(), jobs: texts })
  .openapi('WorkflowSubmitted', { description: '`jobs` are ids, each after all that it waits for.' });

const outcome = z
  .object({ id: z.string(), done: texts })
  .openapi('WorkflowOutcome', { description: 'Ids of the jobs to which it was done.' });

const about = {
  id: z.string(),
  name: z.string().optional(),
  state: states,
  percent: z.number().int().openapi({ description: 'How many of its jobs have settled.' }),
  byState: counts,
  createdAt: moment,
  settledAt: moment.optional().openapi({ description: 'When the last of its jobs settled; absent while one is open.' }),
};

const listed = z.strictObject({
  state: states.optional(),
  q: z.string().max(100).optional().openapi({ description: 'What stands in the id or in the name.' }),
  cursor: z.string().optional().openapi({ description: 'The `next` of the page before.' }),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
});

const summary = z.object({ ...about, jobs: z.number().int() }).openapi('WorkflowSummary');

const page = z.object({
  workflows: z.array(summary),
  next: z.string().optional().openapi({ description: 'The `cursor` of the next page; absent where this is the last.' }),
});

const view = z
  .object({
    ...about,
    onFailure: z.enum(['stop', 'continue']),
    nodes: z.array(
      z.object({
        node: z.string(),
        type: z.string().optional().openapi({ description: 'Absent where all of its jobs are forgotten.' }),
        size: z.number().int().openapi({ description: 'How many jobs it has, forgotten ones too.' }),
        each: z.boolean().openapi({ description: 'Whether it was given as a list.' }),
        after: texts,
        need: z.string(),
        when: z.string(),
        byState: counts,
      }),
    ),
    jobs: z.array(
      z.looseObject({
        id: z.string(),
        node: z.string(),
        index: z.number().int().optional(),
        type: z.string(),
        state: z.enum(jobStates),
        updatedAt: moment,
        startedAt: moment.optional(),
        settledAt: moment.optional(),
        attempt: z.number().int(),
        spent: z.number().int(),
        error: z.string().optional(),
      }),
    ),
    forgotten: z.number().int(),
  })
  .openapi('WorkflowView', { description: 'Each of its jobs, and what follows for the whole.' });

const where = { Location: 'Where the workflow is read.' };

export function workflowOperations(yard: Yard): readonly Operation[] {
  return [submit(yard), ...looking(yard), ...acting(yard)];
}

function submit(yard: Yard): Operation {
  return operation({
    method: 'post',
    path: '/v1/workflows',
    id: 'submitWorkflow',
    needs: 'submit',
    forTenants: true,
    tag,
    summary: 'Submits all jobs of a workflow at once: all of them are stored, or none is.',
    description: 'Each job is called `<workflow>-<node>`, and `<workflow>-<node>-<n>` where its node is a list.',
    headers: { Prefer: '`wait=10`: answers with the whole once all is settled, where it is within so many seconds.' },
    params: nothing,
    query: nothing,
    body: given,
    replies: {
      200: {
        description: 'The very same was there already, or all of it is settled.',
        schema: z.union([submitted, view]),
        headers: where,
      },
      201: { description: 'It was created.', schema: submitted, headers: where },
    },
    faults: ['job.conflict', 'quota.full', 'store.full'],
    async run({ body, header }) {
      const made = await yard.workflows.submit(workflowOf(body));
      const headers = { location: `/v1/workflows/${made.id}` };
      const waitMs = waitOf(header('prefer'));
      const settled = waitMs === undefined ? undefined : await settledWithin(yard, made.id, waitMs);
      if (settled !== undefined) return { body: settled, headers };
      return { status: made.created ? 201 : 200, body: made, headers };
    },
  });
}

async function settledWithin(yard: Yard, id: string, timeoutMs: number): Promise<WorkflowView | undefined> {
  try {
    return await yard.workflows.settled(id, { timeoutMs });
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'wait.timedOut') return undefined;
    throw cause;
  }
}

function looking(yard: Yard): readonly Operation[] {
  const common = { method: 'get', needs: 'read', forTenants: true, tag, body: nothing } as const;
  return [
    operation({
      ...common,
      path: '/v1/workflows',
      id: 'listWorkflows',
      summary: 'Lists workflows that have jobs, page by page, the newest first.',
      description:
        'What is told follows from their jobs, which are read for it. A page may have fewer workflows than asked for, and more behind `next`.',
      params: nothing,
      query: listed,
      replies: { 200: { description: 'The workflows.', schema: page } },
      run: async ({ query: { q: search, ...list } }) => ({ body: await yard.workflows.page({ ...list, search }) }),
    }),
    operation({
      ...common,
      path: '/v1/workflows/{id}',
      id: 'getWorkflow',
      summary: 'The whole as it is now: each of its jobs and what follows from them.',
      headers: asItWas,
      params,
      query: nothing,
      replies: tells({ description: 'The workflow.', schema: view }),
      faults: ['workflow.missing'],
      run: async (asked) => tagged(asked, await yard.workflows.get(asked.params.id)),
    }),
  ];
}

function acting(yard: Yard): readonly Operation[] {
  const common = { method: 'post', needs: 'operate', forTenants: true, tag, params, query: nothing } as const;
  const replies = { 200: { description: 'What was done.', schema: outcome } };
  return [
    operation({
      ...common,
      path: '/v1/workflows/{id}/cancel',
      id: 'cancelWorkflow',
      summary: 'Cancels all of it that is open, in one batch.',
      body: z.strictObject({ reason: z.string().max(500).optional() }),
      replies,
      faults: ['workflow.missing', 'commit.conflict'],
      run: async ({ params: { id }, body }) => ({ body: await yard.workflows.cancel(id, body) }),
    }),
    operation({
      ...common,
      path: '/v1/workflows/{id}/redrive',
      id: 'redriveWorkflow',
      summary: 'Has what failed run again, and what could not be reached or was stopped wait again, in one batch.',
      body: nothing,
      replies,
      faults: ['workflow.missing', 'commit.conflict', 'job.refused'],
      run: async ({ params: { id } }) => ({ body: await yard.workflows.redrive(id) }),
    }),
  ];
}
