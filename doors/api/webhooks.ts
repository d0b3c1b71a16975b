/**
 * Webhooks: who is told of a tenant's jobs once they have settled.
 */

import { z } from '@hono/zod-openapi';
import type { Yard } from '../../sdk/index.ts';
import { nothing, type Operation, operation, question } from './operation.ts';
import { webhook } from './shape.ts';

const tag = 'webhooks';
const made = z.object({ webhook, secret: z.string() }).openapi('WebhookMade', {
  description: '`secret` is what signatures are checked with; nobody can read it again.',
});
const params = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' }, example: 'k3v9x1qp77ab' }) });
const names = z.array(z.string()).min(1);

export function webhookOperations(yard: Yard): readonly Operation[] {
  const faults = ['webhook.missing'] as const;
  const one = { tag, params, query: nothing, body: nothing, forTenants: true as const, faults };
  const replies = { 200: { description: 'The webhook.', schema: webhook } };
  return [
    question(
      {
        path: '/v1/webhooks',
        id: 'listWebhooks',
        needs: 'read',
        forTenants: true,
        tag,
        summary: 'Lists webhooks, the newest first.',
        schema: z.object({ webhooks: z.array(webhook) }),
      },
      async () => ({ webhooks: await yard.webhooks.list() }),
    ),
    operation({
      method: 'post',
      path: '/v1/webhooks',
      id: 'addWebhook',
      needs: 'operate',
      forTenants: true,
      tag,
      summary: 'Tells an address of every job that settles from now on.',
      params: nothing,
      query: nothing,
      body: z.strictObject({
        url: z.string().openapi({ example: 'https://example.com/jobs' }),
        states: z
          .array(z.enum(['completed', 'failed', 'cancelled']))
          .min(1)
          .exactOptional(),
        types: names.exactOptional(),
        queues: names.exactOptional(),
      }),
      replies: { 201: { description: 'The webhook, and its secret.', schema: made } },
      run: async ({ body }) => ({ status: 201, body: await yard.webhooks.add(body) }),
    }),
    operation({
      ...one,
      method: 'get',
      path: '/v1/webhooks/{id}',
      id: 'getWebhook',
      needs: 'read',
      summary: 'One webhook.',
      replies,
      run: async ({ params: { id } }) => ({ body: await yard.webhooks.get(id) }),
    }),
    operation({
      ...one,
      method: 'delete',
      path: '/v1/webhooks/{id}',
      id: 'removeWebhook',
      needs: 'operate',
      summary: 'Removes a webhook: it is told of nothing more.',
      replies,
      run: async ({ params: { id } }) => ({ body: await yard.webhooks.remove(id) }),
    }),
  ];
}
