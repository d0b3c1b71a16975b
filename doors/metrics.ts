/**
 * The metrics of this process at `/metrics`, for Prometheus to fetch. They name workers, queues and types, and no jobs.
 */

import type { RequestListener } from 'node:http';
import { type Measured, measured } from '../cluster/measure.ts';
import type { Options } from '../cluster/settings.ts';
import { type Listening, listenOn } from './http/listen.ts';

/** Ports that nobody has to name. */
const usualPorts = { master: 2_112, worker: 2_113 } as const;

/** Serves what is metered unless that is off. @throws {Fault} `option.invalid` where the port is taken. */
export async function serveMetrics(
  { metricsPort, metricsHost: host, metricsCompat, origins }: Options,
  what: Measured,
  meter: ReturnType<typeof measured> = measured(what, metricsCompat),
): Promise<Listening | undefined> {
  if (metricsPort === 'off') return undefined;
  const listener: RequestListener = (request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('Expected /metrics.\n');
      return;
    }
    const format = request.headers.accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'text';
    meter.text(format).then(
      ({ type, text }) => response.writeHead(200, { 'content-type': type }).end(text),
      () => response.writeHead(500).end(),
    );
  };
  const isNamed = origins.metricsPort !== 'default';
  return await listenOn(listener, {
    host,
    port: metricsPort ?? usualPorts[what.role],
    isNamed,
    flag: '--metrics-port',
  });
}
