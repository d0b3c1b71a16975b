/**
 * Where something stands in a trace, in the words of W3C Trace Context: `00-<trace>-<span>-<flags>`.
 *
 * Knows how such words are read, and nothing of spans. What is malformed counts as not said, as W3C has it: it must not keep a job
 * from being taken in.
 */

/** `parent` is a `traceparent`; `state` what tracing systems added to it (`tracestate`). */
export interface TraceContext {
  parent: string;
  state?: string;
}

const traceParent = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;
const longestState = 512;

/** The context that header texts mean; `undefined` where `parent` is none. */
export function traceContext(parent: string | undefined, state?: string): TraceContext | undefined {
  const given = parent?.trim().toLowerCase();
  if (given === undefined || !traceParent.test(given)) return undefined;
  return isState(state) ? { parent: given, state } : { parent: given };
}

function isState(state: string | undefined): state is string {
  return state !== undefined && state !== '' && state.length <= longestState && /^[\x20-\x7e]*$/.test(state);
}

/** The ids and flags of a `traceparent`. */
export function partsOf(parent: string): { traceId: string; spanId: string; isSampled: boolean } | undefined {
  const [, traceId, spanId, flags] = traceParent.exec(parent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** Whether somebody records the trace. */
export function isSampled({ parent }: TraceContext): boolean {
  return partsOf(parent)?.isSampled === true;
}

/** The id of the trace, which log lines carry. */
export function traceIdOf(trace: TraceContext | undefined): string | undefined {
  return trace === undefined ? undefined : partsOf(trace.parent)?.traceId;
}

/** As HTTP, NATS and the environment of a program carry it. */
export function traceHeaders({ parent, state }: TraceContext): { traceparent: string; tracestate?: string } {
  return { traceparent: parent, ...(state === undefined ? {} : { tracestate: state }) };
}
