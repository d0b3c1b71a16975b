/**
 * What a submitter said in fields of JSON, read by the table that reads headers; all that is wrong is told at once.
 */

import { fields, readOptions } from '../actors/request.ts';
import { Fault, isFault } from '../runtime/faults.ts';
import { ReadOptions } from './submit-options.ts';

/** One thing that may be said, for whoever describes it. */
export interface SaidField {
  name: string;
  expects: string;
  example: string;
}

/** Everything that a submission may say beside type and payload. */
export const saidFields: readonly SaidField[] = fields
  .filter(({ field }) => field !== 'ref')
  .map(({ field, expects, example }) => ({ name: field, expects, example }));

/**
 * What the fields mean.
 *
 * @throws {Fault} `input.invalid`; its fact `fields` has a path and a sentence for each field that is wrong.
 */
export function readSaid(given: Readonly<Record<string, unknown>>): ReadOptions {
  const wrong = Object.entries(given).flatMap(([name, value]) => wrongIn(name, value));
  const [first] = wrong;
  if (first === undefined) return new ReadOptions(readOptions(given));
  const more = wrong.length === 1 ? '' : ` And ${wrong.length - 1} more.`;
  throw new Fault('input.invalid', `${first.message}${more}`, { facts: { fields: wrong } });
}

function wrongIn(name: string, value: unknown): readonly { path: string; message: string }[] {
  try {
    readOptions({ [name]: value });
    return [];
  } catch (cause) {
    if (isFault(cause, 'input.invalid')) return [{ path: `/${name}`, message: cause.message }];
    throw cause;
  }
}
