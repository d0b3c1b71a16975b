/**
 * What went wrong, as RFC 9457 says it: a status, a code for programs, a sentence for people, and every wrong field.
 *
 * A fault of ours keeps its code and its sentence. Anything else is our own mistake: it is told without its inner words.
 */

import { z } from '@hono/zod-openapi';
import { Fault, type FaultCode } from '../../sdk/index.ts';

export const problem = z
  .object({
    type: z.string().openapi({ example: 'urn:yardmaster:fault:input.invalid' }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().openapi({ description: 'What was expected, what was met, what to do.' }),
    code: z.string().openapi({ example: 'input.invalid' }),
    expected: z.string().optional().openapi({ description: 'Of 412: the tags of which one was expected.' }),
    met: z.string().optional().openapi({ description: 'Of 412: the `ETag` of what is there.' }),
    errors: z
      .array(z.object({ path: z.string().openapi({ example: '/priority' }), message: z.string() }))
      .optional()
      .openapi({ description: 'Each field that was not what was expected.' }),
  })
  .openapi('Problem');

export type Problem = z.infer<typeof problem>;

/** Statuses of faults; all others are 500, or 503 where trying again may help. */
const statuses: Partial<Record<FaultCode, number>> = {
  'input.invalid': 422,
  'option.invalid': 422,
  'request.foreign': 403,
  'token.refused': 401,
  'scope.missing': 403,
  'rate.exceeded': 429,
  'token.missing': 404,
  'webhook.missing': 404,
  'machine.missing': 404,
  'type.missing': 404,
  'picture.missing': 404,
  'job.missing': 404,
  'blob.missing': 404,
  'file.missing': 404,
  'file.large': 413,
  'group.missing': 404,
  'queue.missing': 404,
  'schedule.missing': 404,
  'workflow.missing': 404,
  'bulk.missing': 404,
  'worker.missing': 404,
  'job.conflict': 409,
  'job.refused': 409,
  'schedule.conflict': 409,
  'schedule.refused': 409,
  'bulk.refused': 409,
  'commit.conflict': 409,
  'precondition.failed': 412,
  'quota.full': 429,
  'wait.timedOut': 504,
  'store.full': 507,
};

const titles: Readonly<Record<number, string>> = {
  400: 'Not a request that can be read',
  401: 'Not known here',
  403: 'Not allowed',
  404: 'Not there',
  409: 'In conflict with what is there',
  405: 'Not in this way',
  412: 'Not as it was',
  413: 'Too large',
  422: 'Not what was expected',
  429: 'Too many',
  500: 'A mistake of ours',
  503: 'Not possible at the moment',
  504: 'Not in time',
  507: 'No room',
};

/** A field that is wrong. */
interface WrongField {
  path: string;
  message: string;
}

/** The status of a fault that says by itself whether trying again may help. */
export function statusOf({ code, retryable }: Pick<Fault, 'code' | 'retryable'>): number {
  return statuses[code] ?? (retryable ? 503 : 500);
}

/** What is said of whatever was thrown. */
export function problemOf(cause: unknown): Problem {
  if (cause instanceof Fault) return ofFault(cause);
  return problemWith(
    500,
    'internal',
    'Expected to answer, and failed in a way that nobody foresaw. The log of the master has it.',
  );
}

function ofFault(fault: Fault): Problem {
  const { code, message, facts } = fault;
  const status = statusOf(fault);
  const fields = facts['fields'];
  const { expected, met } = facts;
  const tags = code === 'precondition.failed' ? { expected: String(expected), met: String(met) } : {};
  return { ...problemWith(status, code, message), ...tags, ...(isWrongFields(fields) ? { errors: fields } : {}) };
}

function isWrongFields(value: unknown): value is WrongField[] {
  return Array.isArray(value) && value.length > 0;
}

/** A problem that is no fault. */
export function problemWith(status: number, code: string, detail: string): Problem {
  return { type: `urn:yardmaster:fault:${code}`, title: titles[status] ?? 'Refused', status, detail, code };
}
