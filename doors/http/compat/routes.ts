/**
 * The routes of other schedulers, so that their clients go on (`--http-compat`): `/jobs`, `/workers`, `/stats`, `/tasks`, `/metrics`.
 *
 * They say what the routes under `/v1` say, once more, and go through the same gate. What is new goes under `/v1` alone.
 */

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Yard } from '../../../sdk/index.ts';
import { nothing, type Operation, operation, readBody } from '../../api/operation.ts';
import { operationsByFace } from '../../api/operations.ts';
import type { Gate } from '../gate.ts';
import { mount } from '../mount.ts';
import { creatingId, isRecurring, labOperations, recurringLock } from './lab.ts';
import { taskOperations } from './tasks.ts';

export interface CompatOptions {
  /** What this process measures, in the text format of Prometheus. */
  metrics(): Promise<{ type: string; text: string }>;
}

/** Serves them, and returns what they are. */
export function registerCompat(app: OpenAPIHono, gate: Gate, yard: Yard, options: CompatOptions): readonly Operation[] {
  const made = (face: Yard) => [...labOperations(face), ...taskOperations(face), metrics(options)];
  const onFace = operationsByFace(made);
  const all = made(yard);
  for (const each of all)
    mount(app, each, async (context) => {
      const visitor = await gate.admit(context, each);
      if (each.id === creatingId && isRecurring(readBody(await context.req.text())))
        await gate.admit(context, recurringLock);
      return { operation: onFace(visitor.yard, each.id), onEnd: visitor.onEnd };
    });
  return all;
}

function metrics(options: CompatOptions): Operation {
  return operation({
    method: 'get',
    path: '/metrics',
    id: 'getMetrics',
    needs: 'read',
    tag: 'of other schedulers',
    summary: 'What this master measures, under the names of other schedulers too.',
    params: nothing,
    query: nothing,
    body: nothing,
    replies: { 200: { description: 'In the text format of Prometheus.', types: ['text/plain'] } },
    async run() {
      const { type, text } = await options.metrics();
      return { stream: { type, bytes: ReadableStream.from([new TextEncoder().encode(text)]) } };
    },
  });
}
