/**
 * What a submitter said in fields of JSON, read by the table that reads headers; all that is wrong is told at once.
 */

import { fields, readOptions } from '../actors/request.ts';
import { Fault, isFault, pointerPart, type WrongField } from '../runtime/faults.ts';
import { ReadOptions } from './submit-options.ts';

/** One thing that may be said, for whoever describes it. */
export interface SaidField {
  name: string;
  expects: string;
  example: string;
}

/** The word under which somebody who publishes waits for the decision; whoever is answered needs none. */
const ref = 'ref';

/** Everything that a submission may say beside type and payload. */
export const saidFields: readonly SaidField[] = fields
  .filter(({ field }) => field !== ref)
  .map(({ field, expects, example }) => ({ name: field, expects, example }));

/** Each field that is wrong, with a sentence. */
export function wrongSaid(given: Readonly<Record<string, unknown>>): readonly WrongField[] {
  return Object.entries(given).flatMap(([name, value]) => wrongIn(name, value));
}

/**
 * What the fields mean.
 *
 * @throws {Fault} `input.invalid`; its fact `fields` has a path and a sentence for each field that is wrong.
 */
export function readSaid(given: Readonly<Record<string, unknown>>): ReadOptions {
  const wrong = wrongSaid(given);
  const [first] = wrong;
  if (first === undefined) return new ReadOptions(readOptions(given));
  const more = wrong.length === 1 ? '' : ` And ${wrong.length - 1} more.`;
  throw new Fault('input.invalid', `${first.message}${more}`, { facts: { fields: wrong } });
}

function wrongIn(name: string, value: unknown): readonly WrongField[] {
  if (name === ref)
    return [{ path: `/${ref}`, message: 'Expected `ref` where nobody answers, got it here. Leave it out.' }];
  try {
    readOptions({ [name]: value });
    return [];
  } catch (cause) {
    if (isFault(cause, 'input.invalid')) return [{ path: `/${pointerPart(name)}`, message: cause.message }];
    throw cause;
  }
}
