/**
 * What may be said of a job: every name of the table that reads headers, each with what it expects.
 *
 * All of it is checked at once, so that every field that is wrong is named.
 */

import { z } from '@hono/zod-openapi';
import { saidFields, wrongSaid } from '../../cluster/said.ts';

const said = Object.fromEntries(
  saidFields.map(({ name, expects, example }) => [name, { description: `Expects ${expects}.`, example }]),
);

type Refusing = Pick<z.core.$RefinementCtx, 'addIssue'>;

function refuseWrong(given: Readonly<Record<string, unknown>>, { addIssue }: Refusing): void {
  for (const { path, message } of wrongSaid(given))
    addIssue({ code: 'custom', message, path: [path.slice(1).replaceAll('~1', '/').replaceAll('~0', '~')] });
}

export const submission = z
  .looseObject({ type: z.unknown(), payload: z.unknown().optional() })
  .superRefine(({ type, payload: _, ...options }, refusing) => {
    if (typeof type !== 'string')
      refusing.addIssue({ code: 'invalid_type', expected: 'string', input: type, path: ['type'] });
    refuseWrong(options, refusing);
  })
  .openapi('Submission', {
    properties: {
      type: { type: 'string', example: 'transcode' },
      payload: {
        description: 'What the handler gets; checked by its type.',
        example: { input: 'a.mov', output: 'a.mp4' },
      },
      ...said,
    },
    required: ['type'],
    additionalProperties: false,
  });

export const jobOptions = z.looseObject({}).superRefine(refuseWrong).openapi('JobOptions', {
  description: 'What each job is told, as in a submission.',
  properties: said,
  additionalProperties: false,
});
