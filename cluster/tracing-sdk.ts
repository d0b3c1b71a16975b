/**
 * Sends traces over OTLP/HTTP, with the SDK of OpenTelemetry: loaded by `tracing.ts`, and by nobody else.
 *
 * A process begins only so many traces a second, so that a burst costs it nothing and fills no store; whoever hands in a trace that
 * is recorded has it recorded here too. `OTEL_TRACES_SAMPLER` says otherwise. Endpoint and headers are read from the
 * environment by the exporter, and the resource by its detector.
 */

import { context, DiagLogLevel, diag, INVALID_SPAN_CONTEXT, type Tracer, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { type Clock, SystemClock } from '../runtime/clock.ts';
import { rest } from './pace.ts';
import { version } from './version.ts';

export interface TracingOptions {
  env: Readonly<Record<string, string | undefined>>;
  role: 'master' | 'worker' | 'client';
  /** What people call this process. */
  name: string;
  /** Traces that it begins a second, at most. */
  perSecond: number;
  /** Is told, once each, of what keeps traces from being sent. */
  onTrouble(sentence: string): void;
}

const sentWithinMs = 3_000;
/** Spans that wait to be sent; more are dropped rather than kept in memory. */
const keptAtMost = 20_000;

/** Registers what sends them. */
export function sendTraces({ env, role, name, perSecond, onTrouble }: TracingOptions): AsyncDisposable {
  const clock = new SystemClock();
  diag.setLogger(once(onTrouble), DiagLogLevel.ERROR);
  const own = { 'service.name': `yard-${role}`, 'service.version': version, 'service.instance.id': name };
  const rate = new RateSampler(perSecond, clock);
  const sampler = samplerOf(env, rate);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes(own))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        maxQueueSize: keptAtMost,
        maxExportBatchSize: 512,
        scheduledDelayMillis: 1_000,
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  if (env['OTEL_TRACES_SAMPLER'] === undefined) spare(provider.getTracer('yardmaster'), rate);
  trace.setGlobalTracerProvider(provider);
  return {
    [Symbol.asyncDispose]: async () => {
      const sent = new AbortController();
      const isSent = provider.shutdown().then(
        () => sent.abort(),
        () => sent.abort(),
      );
      await Promise.race([isSent, rest(sentWithinMs, sent.signal)]);
    },
  };
}

/** At most so many a second, of those that ask. */
class RateSampler implements Sampler {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #left: number;
  #at: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#left = perSecond;
    this.#at = clock.mono();
  }

  /** Whether another one would not be recorded now. */
  get isSpent(): boolean {
    const now = this.#clock.mono();
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) * this.#perSecond) / 1_000);
    this.#at = now;
    return this.#left < 1;
  }

  shouldSample() {
    if (this.isSpent) return { decision: SamplingDecision.NOT_RECORD };
    this.#left--;
    return { decision: SamplingDecision.RECORD_AND_SAMPLED };
  }

  toString(): string {
    return `RateSampler{${this.#perSecond}}`;
  }
}

/** To be told by the SDK that nothing is recorded takes microseconds, which is much for each job of a burst: it is not asked then. */
function spare(tracer: Tracer, rate: RateSampler): void {
  const start = tracer.startSpan.bind(tracer);
  const unrecorded = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  tracer.startSpan = (name, options, around = context.active()) =>
    trace.getSpanContext(around) === undefined && rate.isSpent ? unrecorded : start(name, options, around);
}

/** What `OTEL_TRACES_SAMPLER` says; who begins a trace decides for all of it unless that says otherwise. */
function samplerOf(
  { OTEL_TRACES_SAMPLER: said = '', OTEL_TRACES_SAMPLER_ARG: share }: TracingOptions['env'],
  rate: Sampler,
) {
  const roots: Readonly<Record<string, () => Sampler>> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(Number(share ?? 1)),
  };
  const root = roots[said.replace(/^parentbased_/, '')]?.() ?? rate;
  return said in roots ? root : new ParentBasedSampler({ root });
}

/** Hears of the same trouble once: it comes again with each batch. */
function once(onTrouble: (sentence: string) => void) {
  const told = new Set<string>();
  const hear = (...said: unknown[]) => {
    const sentence = said.map(String).join(' ').slice(0, 300);
    if (told.has(sentence) || told.size > 20) return;
    told.add(sentence);
    onTrouble(sentence);
  };
  return { error: hear, warn: hear, info: hear, debug: hear, verbose: hear };
}
