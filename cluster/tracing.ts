/**
 * Whether this process sends traces, and where that begins and ends. What sends them is loaded only where an endpoint is named
 * (`OTEL_EXPORTER_OTLP_ENDPOINT`), and then once.
 *
 * For the processes of `yard` alone: whoever uses the package has a tracer of their own, or none.
 */

import type { TracingOptions } from './tracing-sdk.ts';

export type { TracingOptions };

/** Sends what is told from now on, until it is disposed of; that waits until all is sent, and no longer than seconds. */
export async function startTracing(options: TracingOptions): Promise<AsyncDisposable> {
  if (!isAsked(options.env)) return { [Symbol.asyncDispose]: async () => {} };
  const { sendTraces } = await import('./tracing-sdk.ts');
  return sendTraces(options);
}

/** As OpenTelemetry says it. */
function isAsked(env: TracingOptions['env']): boolean {
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const exporter = env['OTEL_TRACES_EXPORTER'] || 'otlp';
  return Boolean(endpoint) && exporter !== 'none' && env['OTEL_SDK_DISABLED'] !== 'true';
}
