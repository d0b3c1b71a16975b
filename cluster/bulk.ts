/**
 * A verb on many jobs: all that pass a filter, some hundred at a time.
 *
 * Each job is done to or refused by itself, as one alone would be; there is no transaction over many. So it can be
 * stopped in between, and what is done is done; done once more, it finds what was left.
 */

import type { JobRecord } from '../runtime/record.ts';
import type { JobFilter } from './listing.ts';
import { isRefusal, statesFor, type Verb } from './verb.ts';

/** What to do, and to which jobs; where no state is asked for, to those in a state in which it can be done. */
export interface Bulk {
  verb: Verb;
  filter: JobFilter;
  /** Only counts. */
  dryRun?: boolean | undefined;
  /** Calls back after each portion. */
  onProgress?: ((sofar: BulkOutcome) => void) | undefined;
  /** Stops it in between; what is done is done. */
  signal?: AbortSignal | undefined;
}

/** What became of it. `matched` jobs passed the filter; in a dry run none is done or refused. */
export interface BulkOutcome {
  matched: number;
  done: number;
  /** How many were refused, by the sentence with which they were, without their ids. */
  refused: Readonly<Record<string, number>>;
}

export interface BulkWorld {
  find(filter: JobFilter): AsyncIterable<JobRecord>;
  act(id: string, verb: Verb): Promise<unknown>;
}

const atOnce = 200;

/** @throws whatever is no refusal of a single job, such as `broker.unavailable`; the reason of `signal`. */
export async function actOnAll({ find, act }: BulkWorld, bulk: Bulk): Promise<BulkOutcome> {
  const { verb, filter, dryRun = false, onProgress, signal } = bulk;
  const ids: string[] = [];
  for await (const { id } of find({ ...filter, state: filter.state ?? statesFor(verb) })) ids.push(id);
  let done = 0;
  const refused: Record<string, number> = {};
  const outcome = (): BulkOutcome => ({ matched: ids.length, done, refused: { ...refused } });
  for (let from = 0; !dryRun && from < ids.length; from += atOnce) {
    signal?.throwIfAborted();
    const reasons = await Promise.all(ids.slice(from, from + atOnce).map((id) => attempted(id)));
    for (const reason of reasons)
      if (reason === undefined) done++;
      else refused[reason] = (refused[reason] ?? 0) + 1;
    onProgress?.(outcome());
  }
  return outcome();

  /** Why it was refused, if it was. */
  async function attempted(id: string): Promise<string | undefined> {
    try {
      await act(id, verb);
      return undefined;
    } catch (cause) {
      if (isRefusal(cause)) return cause.message.replaceAll(id, 'one');
      throw cause;
    }
  }
}
