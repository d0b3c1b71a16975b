/**
 * What a handler returned, or saved on its way, as the data that a record keeps: anything that fits into JSON, up to a
 * bound.
 */

import { messageOf } from '../runtime/faults.ts';
import { JobError } from '../runtime/handler.ts';

const largestBytes = 256 * 1024;
const largestCheckpointBytes = 16 * 1024;

/**
 * The result to keep; `null` where nothing was returned that JSON has a word for.
 *
 * @throws {JobError} where it does not fit: another attempt would return the same.
 */
export function resultOf(returned: unknown): unknown {
  const json = jsonOf(returned, 'result');
  if (json === undefined) return null;
  const bytes = Buffer.byteLength(json);
  if (bytes <= largestBytes) return returned;
  throw new JobError(
    `Expected a result of at most ${largestBytes} bytes of JSON, got ${bytes}. Put it where it can be fetched, and return its address.`,
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
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new JobError(
      `Expected a ${what} that fits into JSON, got one that does not: ${messageOf(cause)}. Return plain data.`,
      { retryable: false, cause },
    );
  }
}
