/**
 * What the leader tells of a job when it offers it, for whoever records its trace: how long it waited, and to whom it went.
 *
 * Knows an entry of the board. The attempt goes on from the place that is returned, which travels with the offer.
 */

import { beginSpan, type SpanStart } from '../runtime/telemetry/span.ts';
import { traceContext, traceIdOf } from '../runtime/trace-context.ts';
import type { Entry } from './entry.ts';

/** The `traceparent` of the offer; `undefined` where this leader records nothing. */
export function tellOffer(entry: Entry, { worker, at }: { worker: string; at: number }): string | undefined {
  const { key, type, queue, priority, readyAt } = entry;
  const attempt = entry.attempt + 1;
  const within = traceContext(entry.rare?.trace);
  const start: SpanStart = { within, at: readyAt, job: { key, type, queue, priority, attempt } };
  const wait = beginSpan('job.wait', start);
  if (!wait.isRecorded) return undefined;
  wait.end({ at });
  const job = { ...start.job, worker };
  const assign = beginSpan('job.assign', { within: within ?? wait.place, at, job });
  assign.end({ at });
  return assign.place?.parent;
}

/** The id of the trace of a job, where somebody records it. */
export function traceIdIn({ rare }: Entry): string | undefined {
  return rare?.trace === undefined ? undefined : traceIdOf({ parent: rare.trace });
}
