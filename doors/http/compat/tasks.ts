/**
 * The route of the Go scheduler (`POST /tasks`), with its fields and its answers.
 *
 * Its four types are ours under the same names. Ours take known fields only: what its clients say to them in other words is
 * said in ours (`ms`, `fail_first_n`), and whatever else stands in their payload travels along as `input`.
 */

import { z } from '@hono/zod-openapi';
import type { Yard } from '../../../sdk/index.ts';
import { nothing, type Operation, operation } from '../../api/operation.ts';

const simulated: ReadonlySet<string> = new Set(['noop', 'sleeper', 'flaky', 'always_fail']);
const known: ReadonlySet<string> = new Set([
  'executionTimeMs',
  'failRate',
  'failAttempts',
  'retryAfterMs',
  'retryable',
]);
const translated: ReadonlyMap<string, string> = new Map([
  ['ms', 'executionTimeMs'],
  ['fail_first_n', 'failAttempts'],
]);

type Payload = Readonly<Record<string, unknown>>;

const given = z
  .strictObject({
    type: z.string().openapi({ example: 'noop' }),
    priority: z.enum(['critical', 'high', 'default', 'low']).default('default'),
    payload: z.record(z.string(), z.unknown()).default({}),
    idempotency_key: z.string().min(1).nullish(),
    max_retries: z.number().int().min(0).nullish(),
  })
  .openapi('TaskSubmission');

const taken = z.object({ task_id: z.string(), status: z.enum(['queued', 'duplicate']) }).openapi('TaskSubmitted');

export function taskOperations(yard: Yard): readonly Operation[] {
  return [
    operation({
      method: 'post',
      path: '/tasks',
      id: 'createTask',
      needs: 'submit',
      forTenants: true,
      tag: 'of other schedulers',
      summary: 'Submits a job.',
      description: 'A repeat under the same `idempotency_key` finds the job that is there.',
      params: nothing,
      query: nothing,
      body: given,
      replies: {
        200: { description: 'It was there already.', schema: taken },
        202: { description: 'It was created.', schema: taken },
      },
      async run({ body: { type, priority, payload, idempotency_key: key, max_retries: retries } }) {
        const { id, created } = await yard.submit(type, simulated.has(type) ? inOurWords(payload) : payload, {
          priority: priority === 'default' ? 'medium' : priority,
          idempotencyKey: key ?? undefined,
          maxAttempts: typeof retries === 'number' ? retries + 1 : undefined,
        });
        if (created) return { status: 202, body: { task_id: id, status: 'queued' } };
        return { body: { task_id: id, status: 'duplicate' } };
      },
    }),
  ];
}

function inOurWords(payload: Payload): Payload {
  const ours: Record<string, unknown> = {};
  const input: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(payload)) {
    const word = translated.get(name) ?? (known.has(name) ? name : undefined);
    if (word === undefined) input[name] = value;
    else ours[word] = value;
  }
  return Object.keys(input).length === 0 ? ours : { ...ours, input };
}
