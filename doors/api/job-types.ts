/**
 * Job types: what their payloads may hold, and who serves them.
 */

import { z } from '@hono/zod-openapi';
import type { Yard } from '../../sdk/index.ts';
import { nothing, type Operation, operation, question } from './operation.ts';

const tag = 'types';

const type = z
  .object({
    type: z.string().openapi({ example: 'transcode' }),
    description: z.string().optional(),
    schema: z.record(z.string(), z.unknown()).optional().openapi({
      description:
        'What its payload may hold, as JSON Schema 2020-12; absent where its worker cannot say it. The check of the type itself decides.',
    }),
    defaults: z
      .looseObject({})
      .openapi({ description: 'What its jobs have where a submission says nothing; times in milliseconds.' }),
    workers: z
      .number()
      .int()
      .optional()
      .openapi({ description: 'How many take jobs of it now; absent where nobody leads.' }),
  })
  .openapi('JobType');

export function typeOperations(yard: Yard): readonly Operation[] {
  const common = { needs: 'read', forTenants: true, tag } as const;
  return [
    question(
      {
        ...common,
        path: '/v1/types',
        id: 'listTypes',
        summary: 'Lists the job types that workers have made known, with what their payloads may hold.',
        schema: z.object({ types: z.array(type) }),
      },
      async () => ({ types: await yard.types.list() }),
    ),
    operation({
      ...common,
      method: 'get',
      path: '/v1/types/{type}',
      id: 'getType',
      summary: 'One job type.',
      params: z.object({ type: z.string().openapi({ param: { name: 'type', in: 'path' }, example: 'transcode' }) }),
      query: nothing,
      body: nothing,
      replies: { 200: { description: 'The type.', schema: type } },
      faults: ['type.missing'],
      run: async ({ params }) => ({ body: await yard.types.get(params.type) }),
    }),
  ];
}
