/**
 * What is set for keys that jobs name and for tenants: how many may be out, how many may start, how many may be open.
 */

import { z } from '@hono/zod-openapi';
import type { Yard } from '../../sdk/index.ts';
import { nothing, type Operation, operation, question } from './operation.ts';
import { limit, limitChange, tenant, tenantChange } from './shape.ts';

const limitName = z.object({ limit: z.string().openapi({ param: { name: 'limit', in: 'path' }, example: 'api.*' }) });
const tenantName = z.object({
  tenant: z.string().openapi({ param: { name: 'tenant', in: 'path' }, example: 'acme' }),
});

export function limitOperations(yard: Yard): readonly Operation[] {
  return [...ofKeys(yard), ...ofTenants(yard)];
}

function ofKeys(yard: Yard): readonly Operation[] {
  const set = { needs: 'operate', tag: 'limits', params: limitName, query: nothing } as const;
  const replies = { 200: { description: 'All that is set.', schema: limit } };
  return [
    question(
      {
        path: '/v1/limits',
        id: 'listLimits',
        needs: 'read',
        tag: 'limits',
        summary: 'Lists limits of keys by name, and how many jobs are out under each key.',
        schema: z.object({ limits: z.array(limit) }),
      },
      async () => ({ limits: await yard.limits.list() }),
    ),
    operation({
      ...set,
      method: 'patch',
      path: '/v1/limits/{limit}',
      id: 'setLimit',
      summary: 'Changes what is set for a key, or for each key of a family such as `api.*`.',
      body: limitChange,
      replies,
      run: async ({ params, body }) => ({ body: await yard.limits.set(params.limit, body) }),
    }),
    operation({
      ...set,
      method: 'delete',
      path: '/v1/limits/{limit}',
      id: 'deleteLimit',
      summary: 'Takes back whatever was set for a key or a family.',
      body: nothing,
      replies,
      run: async ({ params }) => ({
        body: await yard.limits.set(params.limit, { maxActive: null, ratePerSecond: null }),
      }),
    }),
  ];
}

function ofTenants(yard: Yard): readonly Operation[] {
  const tag = 'tenants';
  return [
    question(
      {
        path: '/v1/tenants',
        id: 'listTenants',
        needs: 'read',
        tag,
        summary: 'Lists tenants for which something is set, or that have open jobs.',
        schema: z.object({ tenants: z.array(tenant) }),
      },
      async () => ({ tenants: await yard.tenants.list() }),
    ),
    operation({
      method: 'patch',
      path: '/v1/tenants/{tenant}',
      id: 'setTenant',
      needs: 'operate',
      tag,
      summary: 'Changes what is set for a tenant: its part, and its limits.',
      params: tenantName,
      query: nothing,
      body: tenantChange,
      replies: { 200: { description: 'All that is set.', schema: tenant } },
      run: async ({ params, body }) => ({ body: await yard.tenants.set(params.tenant, body) }),
    }),
  ];
}
