/**
 * The dead letter: jobs that have failed, by what went wrong, and how they run again.
 */

import { z } from '@hono/zod-openapi';
import type { Yard } from '../../sdk/index.ts';
import { priorities } from '../job-words.ts';
import { nothing, type Operation, operation } from './operation.ts';
import { job } from './schema.ts';
import { bulkOutcome, deadGroup } from './shape.ts';

const tag = 'dead letter';
const group = z.string().openapi({ description: 'The id of a group.', example: '3f2a91c0' });
const filter = {
  queue: z.string().optional(),
  type: z.string().optional(),
  priority: z.enum(priorities).optional(),
  tag: z.string().optional(),
};
const limit = z.coerce.number().int().min(1).max(1_000).default(100);
const jobs = { 200: { description: 'The jobs.', schema: z.object({ jobs: z.array(job) }) } };

export function deadOperations(yard: Yard): readonly Operation[] {
  const common = { method: 'get', needs: 'read', forTenants: true, tag, body: nothing } as const;
  return [
    operation({
      ...common,
      path: '/v1/dead',
      id: 'listDead',
      summary: 'Failed jobs, the newest first: all, or those of a group, a queue, a type, a priority or a tag.',
      params: nothing,
      query: z.strictObject({ ...filter, group: group.optional(), limit }),
      replies: jobs,
      faults: ['group.missing'],
      run: async ({ query }) => ({ body: { jobs: await Array.fromAsync(yard.dead(query)) } }),
    }),
    operation({
      ...common,
      path: '/v1/dead/groups',
      id: 'listDeadGroups',
      summary: 'Failed jobs, grouped by what went wrong, the largest group first.',
      params: nothing,
      query: z.strictObject(filter),
      replies: { 200: { description: 'The groups.', schema: z.object({ groups: z.array(deadGroup) }) } },
      run: async ({ query }) => ({ body: { groups: await yard.deadGroups(query) } }),
    }),
    operation({
      ...common,
      path: '/v1/dead/{group}/jobs',
      id: 'listDeadOfGroup',
      summary: 'Failed jobs of a group, the newest first.',
      params: z.object({ group: group.openapi({ param: { name: 'group', in: 'path' } }) }),
      query: z.strictObject({ limit }),
      replies: jobs,
      faults: ['group.missing'],
      run: async ({ params, query }) => ({ body: { jobs: await Array.fromAsync(yard.dead({ ...params, ...query })) } }),
    }),
    redrive(yard),
  ];
}

function redrive(yard: Yard): Operation {
  return operation({
    method: 'post',
    path: '/v1/dead/redrive',
    id: 'redriveDead',
    needs: 'operate',
    forTenants: true,
    tag,
    summary: 'Has failed jobs run again, with all of their attempts, and answers when all of them were told.',
    description:
      'With `sample` only the newest few, to see whether it helps; with `dryRun` it only counts. An empty filter is refused: say `all`. For many, `POST /v1/bulk` answers at once.',
    params: nothing,
    query: nothing,
    body: z
      .strictObject({
        ...filter,
        group: group.optional(),
        all: z.literal(true).optional(),
        sample: z.number().int().min(1).optional(),
        perSecond: z.number().positive().optional(),
        dryRun: z.boolean().default(false),
      })
      .refine(({ dryRun: _, perSecond: __, ...which }) => Object.keys(which).length > 0, {
        message: 'Expected a group, a filter or a `sample`, got none. Say `"all": true` where all of them are meant.',
      }),
    replies: { 200: { description: 'How many there were, were done, and were refused and why.', schema: bulkOutcome } },
    faults: ['group.missing', 'bulk.failed'],
    run: async ({ body: { all: _, ...options } }) => ({ body: await yard.redriveDead(options) }),
  });
}
