/**
 * Tokens: who may come in here. Only `admin` sees or changes them.
 */

import { z } from '@hono/zod-openapi';
import type { Yard } from '../../sdk/index.ts';
import { tokenScopes } from '../token-words.ts';
import { nothing, type Operation, operation, question } from './operation.ts';
import { token } from './shape.ts';

const tag = 'tokens';
const needs = 'admin';
const made = z.object({ token, secret: z.string() }).openapi('TokenMade', {
  description: '`secret` is what to show in `Authorization: Bearer …`; nobody can read it again.',
});
const duration = z
  .union([z.string(), z.number()])
  .openapi({ example: '90d', description: 'A number is milliseconds.' });
const params = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' }, example: 'k3v9x1qp77ab' }) });

export function tokenOperations(yard: Yard): readonly Operation[] {
  return [
    question(
      {
        path: '/v1/tokens',
        id: 'listTokens',
        needs,
        tag,
        summary: 'Lists tokens, revoked ones too, the newest first.',
        schema: z.object({ tokens: z.array(token) }),
      },
      async () => ({ tokens: await yard.tokens.list() }),
    ),
    operation({
      method: 'post',
      path: '/v1/tokens',
      id: 'createToken',
      needs,
      tag,
      summary: 'Makes a token.',
      params: nothing,
      query: nothing,
      body: z.strictObject({
        label: z.string(),
        scopes: z.array(z.enum(tokenScopes)).min(1),
        tenant: z.string().exactOptional(),
        expiresIn: duration.exactOptional(),
      }),
      replies: { 201: { description: 'The token, and its secret.', schema: made } },
      run: async ({ body }) => ({ status: 201, body: await yard.tokens.create(body) }),
    }),
    operation({
      method: 'post',
      path: '/v1/tokens/{id}/rotate',
      id: 'rotateToken',
      needs,
      tag,
      summary: 'Makes a new secret for a token; the former one opens for a while.',
      params,
      faults: ['token.missing'],
      query: nothing,
      body: z.strictObject({ grace: duration.default(0) }),
      replies: { 200: { description: 'The token, and its new secret.', schema: made } },
      run: async ({ params: { id }, body }) => ({ body: await yard.tokens.rotate(id, body) }),
    }),
    operation({
      method: 'delete',
      path: '/v1/tokens/{id}',
      id: 'revokeToken',
      needs,
      tag,
      summary: 'Revokes a token: it opens nothing more.',
      params,
      faults: ['token.missing'],
      query: nothing,
      body: nothing,
      replies: { 200: { description: 'The token.', schema: token } },
      run: async ({ params: { id } }) => ({ body: await yard.tokens.revoke(id) }),
    }),
  ];
}
