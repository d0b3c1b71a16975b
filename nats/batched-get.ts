/**
 * Batched direct gets: many messages of a stream for one question, from any replica, which may be behind.
 *
 * Knows the client (3.4.0): without a callback it keeps the subscription on which an answer came for five seconds, here and at the
 * broker, so that who asks often has hundreds; and an answer that has not ended after five seconds, as where the broker dies amid
 * it, it ends with a timeout. And the broker refuses a question for the last messages of subjects with wildcards where there are
 * more than 1,024, so what may be many is asked for page by page.
 */

import type {
  CompletionResult,
  DirectBatchOptions,
  DirectLastFor,
  DirectStreamAPI,
  StoredMsg,
} from '@nats-io/jetstream';
import { faultOf } from './errors.ts';

/**
 * The whole answer, in the order of the stream; none where there is none.
 *
 * @throws {Fault} `broker.unavailable` where it breaks off, and what the broker refuses with.
 */
export async function batchedGet(
  { direct }: { direct: DirectStreamAPI },
  stream: string,
  query: DirectBatchOptions | DirectLastFor,
): Promise<readonly StoredMsg[]> {
  const found: StoredMsg[] = [];
  const ended = Promise.withResolvers<void>();
  const callback = (done: CompletionResult | null, message: StoredMsg) => {
    if (done === null) found.push(message);
    else if (done.err === undefined) ended.resolve();
    else ended.reject(done.err);
  };
  try {
    if ('multi_last' in query) await direct.getLastMessagesFor(stream, { ...query, callback });
    else await direct.getBatch(stream, { ...query, callback });
    await ended.promise;
    return found;
  } catch (cause) {
    const fault = faultOf(cause);
    if (fault.code === 'job.missing') return [];
    throw fault;
  }
}

/** Whether more may lie behind a page for which so many were asked: a broker may hand out fewer, for their size. */
export function hasMore(page: readonly StoredMsg[], asked: number): boolean {
  return page.length === asked || (page.at(-1)?.pending ?? 0) > 0;
}
