/**
 * A job type of your own: its name, the schema of its payload, its defaults, its handler.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { Fault } from '../runtime/faults.ts';
import { type JobDefinition, typePattern } from '../runtime/handler.ts';

/** A job type whose schema is known: `submit` takes what the schema takes, `run` gets what the schema makes of it. */
export interface DefinedJob<Input, Payload, Result> extends JobDefinition<Payload, Result> {
  readonly payload: StandardSchemaV1<Input, Payload>;
}

/**
 * A job type, checked: hand it to `work`, export it from the file that `yard worker --handlers` names, submit by it.
 *
 * The handler is called once per attempt. What it returns is the job's result; what it throws fails the attempt, and
 * a `JobError` says whether and when it is tried again.
 *
 * @throws {Fault} `input.invalid` where the name is none, or the payload has no schema.
 * @example
 * export const greet = defineJob({
 *   type: 'greet',
 *   payload: z.object({ name: z.string() }),
 *   run: ({ payload }) => `Hello ${payload.name}`,
 * });
 */
export function defineJob<Input, Payload, Result>(
  definition: DefinedJob<Input, Payload, Result>,
): DefinedJob<Input, Payload, Result> {
  const { type, payload } = definition;
  if (!typePattern.test(type))
    throw new Fault(
      'input.invalid',
      `Expected \`type\` to be a lower-case letter and up to 63 of \`a-z 0-9 _ -\`, got \`${type}\`. Choose another name.`,
    );
  if (typeof payload?.['~standard']?.validate !== 'function')
    throw new Fault(
      'input.invalid',
      `Expected \`payload\` of ${type} to be a Standard Schema, such as \`z.object({…})\`, got something else. Give a schema of zod, valibot or arktype.`,
    );
  return definition;
}
