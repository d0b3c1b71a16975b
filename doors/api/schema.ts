/**
 * The shapes that the API speaks of. Answers are what the face of the package returns, as JSON; moments are epoch ms.
 */

import { z } from '@hono/zod-openapi';
import { jobStates, priorities } from '../job-words.ts';

export const moment = z.number().openapi({ description: 'Epoch ms.', example: 1_795_000_000_000 });

/** As the rules of queues have it. */
export const queueName = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,31}$/, 'Expected a lower-case letter and up to 31 of `a-z 0-9 _ -`')
  .openapi({ example: 'batch' });

const transition = z
  .looseObject({
    n: z.number().int(),
    at: moment,
    event: z.string(),
    from: z.string(),
    to: z.enum(jobStates),
    attempt: z.number().int(),
    reason: z.string().optional(),
  })
  .openapi('Transition');

export const job = z
  .looseObject({
    id: z.string(),
    tenant: z.string(),
    type: z.string(),
    name: z.string().optional(),
    queue: z.string(),
    priority: z.enum(priorities),
    state: z.enum(jobStates),
    requirements: z.looseObject({}),
    tags: z.array(z.string()).optional(),
    payload: z.unknown().optional(),
    aside: z
      .looseObject({})
      .optional()
      .openapi({ description: 'What of it is too large for its record; in lists, `null` stands in its place.' }),
    context: z.looseObject({
      attempt: z.number().int(),
      maxAttempts: z.number().int(),
      result: z.unknown().optional(),
    }),
    attempts: z.array(z.looseObject({ attempt: z.number().int(), worker: z.string(), claimedAt: moment })),
    transitions: z.array(transition),
    progress: z.looseObject({ at: moment }).optional(),
    createdAt: moment,
    updatedAt: moment,
    startedAt: moment.optional(),
    settledAt: moment.optional(),
  })
  .openapi('Job', { description: 'A job as it lies in KV.' });

export const submitted = z
  .object({
    id: z.string(),
    created: z.boolean().openapi({ description: 'False where an earlier submission of the same was found.' }),
    durability: z.string().openapi({ description: 'What the acknowledgement survives.', example: 'fast' }),
  })
  .openapi('Submitted');

export const why = z
  .looseObject({ code: z.string(), sentence: z.string(), ahead: z.number().int().optional() })
  .openapi('Why');

/** Which jobs; what is not said is not asked for. */
export const filter = z.object({
  state: z
    .union([z.enum(jobStates), z.array(z.enum(jobStates))])
    .optional()
    .openapi({ description: 'One, or several by repeating it.' }),
  queue: z.string().optional(),
  type: z.string().optional(),
  priority: z.enum(priorities).optional(),
  tag: z.string().optional(),
});

const timeOrMs = z
  .union([z.coerce.number(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))])
  .optional()
  .openapi({ type: 'string', description: 'Epoch ms, or as `2026-11-26T12:00:00Z`.' });

/** When a job was created, and when its present state began: from, and before. */
export const ranges = z.object({
  createdFrom: timeOrMs,
  createdTo: timeOrMs,
  updatedFrom: timeOrMs,
  updatedTo: timeOrMs,
});

export const jobId = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' }, example: 'nightly-17' }) });
