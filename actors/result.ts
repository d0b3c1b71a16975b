/**
 * What a handler returned, or saved on its way, as the data that is kept: anything that fits into JSON, up to a bound. A
 * result that is too large for a record is put aside.
 */

import { asideAtMost, inlineAtMost } from '../runtime/aside.ts';
import { messageOf } from '../runtime/faults.ts';
import { JobError } from '../runtime/handler.ts';
import { isTooDeep, levelsAtMost } from './nesting.ts';

const largestCheckpointBytes = 16 * 1024;

/** What is kept of what a handler returned: `large` is the JSON of what its record has no room for. */
export interface Returned {
  result: unknown;
  large?: string;
}

/**
 * The result to keep; `null` where nothing was returned that JSON has a word for.
 *
 * @throws {JobError} where it does not fit: another attempt would return the same.
 */
export function resultOf(returned: unknown): Returned {
  const json = jsonOf(returned, 'result');
  if (json === undefined) return { result: null };
  const bytes = Buffer.byteLength(json);
  if (bytes <= inlineAtMost) return { result: returned };
  if (bytes <= asideAtMost) return { result: null, large: json };
  throw new JobError(
    `Expected a result of at most ${asideAtMost} bytes of JSON, got ${bytes}. Put it where it can be fetched, and return its address.`,
    { retryable: false },
  );
}

/**
 * What a handler saves, as it is now: what it changes later is not in it. `null` where JSON has no word for it.
 *
 * @throws {JobError} where it does not fit.
 */
export function checkpointOf(value: unknown): unknown {
  const json = jsonOf(value, 'checkpoint') ?? 'null';
  const bytes = Buffer.byteLength(json);
  if (bytes <= largestCheckpointBytes) return JSON.parse(json);
  throw new JobError(
    `Expected a checkpoint of at most ${largestCheckpointBytes} bytes of JSON, got ${bytes}. Put it where it can be fetched, and save its address.`,
    { retryable: false },
  );
}

function jsonOf(value: unknown, what: 'result' | 'checkpoint'): string | undefined {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    throw new JobError(
      `Expected a ${what} that fits into JSON, got one that does not: ${messageOf(cause)}. Return plain data.`,
      { retryable: false, cause },
    );
  }
  if (!isTooDeep(value)) return json;
  throw new JobError(
    `Expected a ${what} of at most ${levelsAtMost} levels, got one that is nested deeper. Return what is flatter.`,
    { retryable: false },
  );
}
