/**
 * What a handler returned, as the data that a record keeps: anything that fits into JSON, up to a bound.
 */

import { messageOf } from '../runtime/faults.ts';
import { JobError } from '../runtime/handler.ts';

const largestBytes = 256 * 1024;

/**
 * The result to keep; `null` where nothing was returned that JSON has a word for.
 *
 * @throws {JobError} where it does not fit: another attempt would return the same.
 */
export function resultOf(returned: unknown): unknown {
  const json = jsonOf(returned);
  if (json === undefined) return null;
  const bytes = Buffer.byteLength(json);
  if (bytes <= largestBytes) return returned;
  throw new JobError(
    `Expected a result of at most ${largestBytes} bytes of JSON, got ${bytes}. Put it where it can be fetched, and return its address.`,
    { retryable: false },
  );
}

function jsonOf(returned: unknown): string | undefined {
  try {
    return JSON.stringify(returned);
  } catch (cause) {
    throw new JobError(
      `Expected a result that fits into JSON, got one that does not: ${messageOf(cause)}. Return plain data.`,
      { retryable: false, cause },
    );
  }
}
