/**
 * Webhooks: who is told of a tenant's jobs once they have settled.
 */

import { z } from '@hono/zod-openapi';
import { shownAddress } from '../../cluster/webhooks.ts';
import type { Yard } from '../../sdk/index.ts';
import { settledWithin } from './jobs.ts';
import { nothing, type Operation, operation, question } from './operation.ts';
import { waitOf } from './prefer.ts';
import { job } from './schema.ts';
import { webhook } from './shape.ts';

const tag = 'webhooks';
const made = z.object({ webhook, secret: z.string() }).openapi('WebhookMade', {
  description: '`secret` is what signatures are checked with; nobody can read it again.',
});
const params = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' }, example: 'k3v9x1qp77ab' }) });
const names = z.array(z.string()).min(1);

const faults = ['webhook.missing'] as const;
const one = { tag, params, query: nothing, body: nothing, forTenants: true as const, faults };

export function webhookOperations(yard: Yard): readonly Operation[] {
  const replies = { 200: { description: 'The webhook.', schema: webhook } };
  return [
    question(
      {
        path: '/v1/webhooks',
        id: 'listWebhooks',
        needs: 'read',
        forTenants: true,
        tag,
        summary: 'Lists webhooks, the newest first; of their addresses what names the receiver, and no more.',
        schema: z.object({ webhooks: z.array(webhook) }),
      },
      async () => ({
        webhooks: (await yard.webhooks.list()).map((each) => ({ ...each, url: shownAddress(each.url) })),
      }),
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
      needs: 'operate',
      summary: 'One webhook, with its whole address.',
      replies,
      run: async ({ params: { id } }) => ({ body: await yard.webhooks.get(id) }),
    }),
    testing(yard),
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

function testing(yard: Yard): Operation {
  return operation({
    ...one,
    method: 'post',
    path: '/v1/webhooks/{id}/test',
    id: 'testWebhook',
    faults: ['webhook.missing', 'job.conflict', 'quota.full', 'store.full'],
    needs: 'operate',
    summary:
      'Tells it of an event that is a test, signed as any other and tried once; answers with the job that tells.',
    headers: { Prefer: '`wait=10`: answers once its receiver has, where it does within so many seconds.' },
    replies: { 200: { description: 'The delivery: it completes where the receiver took it.', schema: job } },
    async run({ params: { id }, header }) {
      const delivery = await yard.webhooks.test(id);
      const waitMs = waitOf(header('prefer'));
      const settled = waitMs === undefined ? undefined : await settledWithin(delivery, waitMs);
      return { body: settled ?? (await yard.job(delivery.id)) };
    },
  });
}
