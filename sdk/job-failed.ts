/**
 * The result of a settled job: what its handler returned, or an error that carries the whole record.
 */

import type { JobRecord } from '../runtime/record.ts';

/** A job came to rest without a result; `record` says all there is to know. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed';
  readonly record: JobRecord;

  constructor(record: JobRecord) {
    super(sentenceOf(record));
    this.record = record;
  }
}

/**
 * What the handler of a settled job returned.
 *
 * @throws {JobFailed} where it failed or was cancelled.
 */
export function resultOf(record: JobRecord): unknown {
  if (record.state === 'completed') return record.context.result;
  throw new JobFailed(record);
}

function sentenceOf({ id, state, context }: JobRecord): string {
  if (state !== 'failed') return `Job ${id} is ${state}.`;
  const attempts = `${context.attempt} ${context.attempt === 1 ? 'attempt' : 'attempts'}`;
  return `Job ${id} failed after ${attempts}: ${context.error?.message ?? 'no reason is known.'}`;
}
