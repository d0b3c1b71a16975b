/**
 * What people do to jobs: to one, and to all that pass a filter.
 */

import { z } from '@hono/zod-openapi';
import { Fault, type Verb, type Yard } from '../../sdk/index.ts';
import { priorities } from '../job-words.ts';
import { changed, etagOfJob, expectingJob, onlyAsItWas, tag } from './etag.ts';
import { nothing, type Operation, operation } from './operation.ts';
import { filter, job, jobId, queueName } from './schema.ts';
import { bulkOutcome } from './shape.ts';

const noun = 'jobs';
const reasoned = z.strictObject({ reason: z.string().max(500).optional() });

export function verbOperations(yard: Yard): readonly Operation[] {
  const verb = <Body extends z.ZodType>(
    name: Verb['verb'],
    summary: string,
    body: Body,
    read: (given: z.output<Body>) => Verb,
  ) =>
    operation({
      method: 'post',
      path: `/v1/jobs/{id}/${name}`,
      id: `${name}Job`,
      needs: 'operate',
      forTenants: true,
      tag: noun,
      summary,
      params: jobId,
      query: nothing,
      body,
      headers: onlyAsItWas,
      replies: { 200: { description: 'The job as it is then.', schema: job, headers: tag } },
      faults: ['job.missing', 'job.refused', 'precondition.failed'],
      async run({ params: { id }, body, header }) {
        const record = await yard.act(id, read(body), expectingJob(header));
        return changed(record, etagOfJob(record));
      },
    });
  return [
    verb('cancel', 'Cancels a job: at once where no worker holds it, else its worker is told.', reasoned, (given) => ({
      verb: 'cancel',
      reason: given.reason,
    })),
    verb('hold', 'Has a job that waits not start until it is released.', reasoned, (given) => ({
      verb: 'hold',
      reason: given.reason,
    })),
    verb('release', 'Lets a held job go.', nothing, () => ({ verb: 'release' })),
    verb('retry', 'Has a job run now that waits for its moment or out its backoff.', nothing, () => ({
      verb: 'retry',
    })),
    verb('redrive', 'Has a failed job run again, with all of its attempts.', nothing, () => ({ verb: 'redrive' })),
    verb('move', 'Puts a job that waits into another queue.', z.strictObject({ queue: queueName }), ({ queue }) => ({
      verb: 'move',
      queue,
    })),
    verb(
      'prioritise',
      'Gives a job that waits another priority.',
      z.strictObject({ priority: z.enum(priorities) }),
      ({ priority }) => ({ verb: 'prioritise', priority }),
    ),
    verb(
      'reschedule',
      'Has a job that waits not run before another moment.',
      z.strictObject({ dueAt: z.number().int().min(0).openapi({ description: 'Epoch ms.' }) }),
      ({ dueAt }) => ({ verb: 'reschedule', dueAt }),
    ),
    bulk(yard),
  ];
}

function bulk(yard: Yard): Operation {
  return operation({
    method: 'post',
    path: '/v1/jobs/actions',
    id: 'actOnJobs',
    needs: 'operate',
    forTenants: true,
    tag: noun,
    summary: 'Does something to all jobs that pass a filter, each by itself.',
    description: 'An empty filter is refused. With `dryRun` it only counts.',
    params: nothing,
    query: nothing,
    body: z.strictObject({
      verb: z.enum(['cancel', 'hold', 'release', 'retry', 'redrive']),
      filter: z.strictObject({
        ...filter.shape,
        group: z.string().optional(),
        limit: z.number().int().min(1).optional(),
      }),
      dryRun: z.boolean().default(false),
    }),
    replies: {
      200: {
        description: 'How many there were, were done, and were refused and why.',
        schema: bulkOutcome,
      },
    },
    faults: ['group.missing', 'bulk.failed'],
    async run({ body: { verb, filter: given, dryRun } }) {
      if (Object.keys(given).length === 0)
        throw new Fault('input.invalid', 'Expected a filter, got an empty one. Name at least a state or a queue.');
      return { body: await yard.actOnAll({ verb: { verb }, filter: given, dryRun }) };
    },
  });
}
