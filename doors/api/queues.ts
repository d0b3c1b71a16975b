/**
 * Queues: how each is served, and what people set for it.
 */

import { z } from '@hono/zod-openapi';
import { Fault, type Yard } from '../../sdk/index.ts';
import { changed, etagOf, expecting, onlyAsItWas } from './etag.ts';
import { nothing, type Operation, operation, question } from './operation.ts';
import { queueName } from './schema.ts';
import { queue, queueChange, queueSettings } from './shape.ts';

const tag = 'queues';
const ofSettings = { ETag: 'Of what is set for it: `If-Match` of a change takes it.' };
const params = z.object({ queue: queueName.openapi({ param: { name: 'queue', in: 'path' }, example: 'batch' }) });

export function queueOperations(yard: Yard): readonly Operation[] {
  return [...looking(yard), ...changing(yard)];
}

function looking(yard: Yard): readonly Operation[] {
  return [
    question(
      {
        path: '/v1/queues',
        id: 'listQueues',
        needs: 'read',
        tag,
        summary: 'Lists queues in the order in which they are served.',
        schema: z.object({ queues: z.array(queue) }),
      },
      async () => ({ queues: await yard.queues.list() }),
    ),
    operation({
      method: 'get',
      path: '/v1/queues/{queue}',
      id: 'getQueue',
      needs: 'read',
      tag,
      summary: 'What holds for a queue.',
      params,
      query: nothing,
      body: nothing,
      replies: { 200: { description: 'The queue.', schema: queue, headers: ofSettings } },
      faults: ['queue.missing'],
      async run({ params: { queue: name } }) {
        const found = await yard.queues.get(name);
        if (found !== undefined) return changed(found, etagOf(await yard.queues.settings(name)));
        throw new Fault('queue.missing', `Expected a queue that is listed, set or used, got ${name}. See /v1/queues.`);
      },
    }),
  ];
}

function changing(yard: Yard): readonly Operation[] {
  const set = {
    tag,
    params,
    query: nothing,
    replies: { 200: { description: 'All that is set.', schema: queueSettings, headers: ofSettings } },
    headers: onlyAsItWas,
    faults: ['precondition.failed'] as const,
  };
  return [
    operation({
      ...set,
      method: 'patch',
      path: '/v1/queues/{queue}',
      id: 'setQueue',
      needs: 'operate',
      summary: 'Changes what is set for a queue; masters go by it at once.',
      body: queueChange,
      run: async ({ params: { queue: name }, body, header }) =>
        changed(await yard.queues.set(name, body, expecting(header))),
    }),
    operation({
      ...set,
      method: 'post',
      path: '/v1/queues/{queue}/pause',
      id: 'pauseQueue',
      needs: 'operate',
      summary: 'Nothing more of it starts; what runs goes on.',
      body: nothing,
      run: async ({ params: { queue: name }, header }) => changed(await yard.queues.pause(name, expecting(header))),
    }),
    operation({
      ...set,
      method: 'post',
      path: '/v1/queues/{queue}/resume',
      id: 'resumeQueue',
      needs: 'operate',
      summary: 'Has its jobs start again.',
      body: nothing,
      run: async ({ params: { queue: name }, header }) => changed(await yard.queues.resume(name, expecting(header))),
    }),
  ];
}
