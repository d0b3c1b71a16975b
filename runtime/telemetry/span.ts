/**
 * Tells spans to whoever records them: the tracer that this process has registered with OpenTelemetry, or nobody.
 *
 * Knows the API alone. Without a registered SDK nothing is recorded, no attribute is made, and a job keeps the place in a trace
 * that it was given. Moments are broker time, so that spans of several machines fit together.
 */

import {
  type Attributes,
  context,
  createTraceState,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { partsOf, type TraceContext } from '../trace-context.ts';
import { type SpanName, type SpanSpec, spans } from './trace.ts';

/** What the spans of a job tell of it. */
export interface JobFacts {
  key: string;
  type: string;
  queue: string;
  priority: string;
  attempt?: number | undefined;
  worker?: string | undefined;
}

export interface SpanStart {
  /** What it is within; a trace of its own where absent. */
  within?: TraceContext | undefined;
  /** What it follows without being within. */
  after?: TraceContext | undefined;
  /** Broker time, epoch ms. */
  at: number;
  job: JobFacts;
}

export interface SpanEnd {
  at: number;
  attributes?: Attributes;
  /** What went wrong: its kind, and a sentence. */
  error?: { kind: string; message: string } | undefined;
}

export interface Span {
  /** Where it stands, for who goes on from here; `undefined` where it is in no trace. */
  readonly place: TraceContext | undefined;
  /** Whether somebody records it. */
  readonly isRecorded: boolean;
  /** Runs `what` within it. */
  within<Result>(what: () => Result): Result;
  end(end: SpanEnd): void;
}

const kinds = { producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER, internal: SpanKind.INTERNAL } as const;
const tracer = trace.getTracer('yardmaster');
const nobody = { isRecorded: false, within: <Result>(what: () => Result) => what(), end: () => undefined } as const;
const nowhere: Span = { ...nobody, place: undefined };

/** Begins a span. Where there is nothing that it could be within, only some begin a trace: who comes later would tell of a part. */
export function beginSpan(which: SpanName, { within, after, at, job }: SpanStart): Span {
  const spec: SpanSpec = spans[which];
  if (within === undefined && spec.begins !== true) return nowhere;
  const around = within === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, spanContextOf(within));
  const name = `${spec.operation} ${job.type}`;
  const span = tracer.startSpan(name, { kind: kinds[spec.kind], startTime: at, links: linksTo(after) }, around);
  if (!span.isRecording()) return within === undefined ? nowhere : { ...nobody, place: within };
  span.setAttributes(attributesOf(spec, job));
  return {
    place: placeOf(span.spanContext()),
    isRecorded: true,
    within: (what) => context.with(trace.setSpan(context.active(), span), what),
    end: ({ at: endedAt, attributes = {}, error }) => {
      span.setAttributes(attributes);
      if (error !== undefined) {
        span.setAttribute('error.type', error.kind);
        span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      }
      span.end(Math.max(at, endedAt));
    },
  };
}

/** Where the code that asks stands in a trace of its own process; `undefined` where it is in none. */
export function activePlace(): TraceContext | undefined {
  const active = trace.getSpanContext(context.active());
  return active === undefined ? undefined : placeOf(active);
}

function linksTo(place: TraceContext | undefined) {
  return place === undefined ? [] : [{ context: spanContextOf(place) }];
}

function spanContextOf({ parent, state }: TraceContext): SpanContext {
  const { traceId = '', spanId = '', isSampled = false } = partsOf(parent) ?? {};
  return {
    traceId,
    spanId,
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(state === undefined ? {} : { traceState: createTraceState(state) }),
  };
}

function placeOf({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext {
  const state = traceState?.serialize() ?? '';
  const parent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  return state === '' ? { parent } : { parent, state };
}

function attributesOf(spec: SpanSpec, { key, type, queue, priority, attempt, worker }: JobFacts): Attributes {
  return {
    'messaging.system': 'yardmaster',
    'messaging.operation.name': spec.operation,
    ...(spec.operationType === undefined ? {} : { 'messaging.operation.type': spec.operationType }),
    'messaging.destination.name': type,
    'messaging.message.id': key.slice(key.indexOf('.') + 1),
    'yard.job': key,
    'yard.queue': queue,
    'yard.priority': priority,
    ...(attempt === undefined ? {} : { 'yard.attempt': attempt }),
    ...(worker === undefined ? {} : { 'yard.worker': worker }),
  };
}
