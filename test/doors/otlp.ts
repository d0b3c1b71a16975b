/**
 * A small receiver of traces: OTLP over HTTP, as JSON. Keeps every span that it is sent, with the service that sent it.
 */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

const value = z.looseObject({
  stringValue: z.string().optional(),
  intValue: z.union([z.number(), z.string()]).optional(),
  boolValue: z.boolean().optional(),
});
const attributes = z.array(z.object({ key: z.string(), value })).default([]);
const sent = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.looseObject({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().optional(),
              name: z.string(),
              kind: z.number(),
              startTimeUnixNano: z.string(),
              endTimeUnixNano: z.string(),
              attributes,
              links: z.array(z.object({ traceId: z.string(), spanId: z.string() })).default([]),
              status: z.object({ code: z.number().default(0), message: z.string().optional() }),
            }),
          ),
        }),
      ),
    }),
  ),
});

export interface ReceivedSpan {
  service: string;
  /** The process that sent it. */
  instance: string;
  traceId: string;
  spanId: string;
  parent: string | undefined;
  name: string;
  kind: number;
  /** Epoch ms. */
  startedAt: number;
  endedAt: number;
  facts: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Span ids. */
  links: readonly string[];
  isError: boolean;
}

export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  /** All that it was sent, word for word. */
  text = '';
  readonly #server: Server;
  #heard = Promise.withResolvers<void>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<OtlpReceiver> {
    const receiver: OtlpReceiver = new OtlpReceiver(
      createServer((request, response) => {
        void json(request).then((body) => {
          receiver.#take(body);
          response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
        });
      }),
    );
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('Expected a port.');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Spans of a trace, the earliest first, as soon as there are so many. */
  async trace(traceId: string, count: number): Promise<readonly ReceivedSpan[]> {
    for (;;) {
      const { promise } = this.#heard;
      const found = this.spans.filter((span) => span.traceId === traceId);
      if (found.length >= count) return found.sort((a, b) => a.startedAt - b.startedAt);
      await promise;
    }
  }

  #take(body: unknown): void {
    this.text += JSON.stringify(body);
    for (const { resource, scopeSpans } of sent.parse(body).resourceSpans) {
      const about = factsOf(resource.attributes);
      for (const { spans } of scopeSpans)
        for (const span of spans)
          this.spans.push({
            service: String(about['service.name']),
            instance: String(about['service.instance.id']),
            traceId: span.traceId,
            spanId: span.spanId,
            parent: span.parentSpanId,
            name: span.name,
            kind: span.kind,
            startedAt: Number(span.startTimeUnixNano) / 1e6,
            endedAt: Number(span.endTimeUnixNano) / 1e6,
            facts: factsOf(span.attributes),
            links: span.links.map(({ spanId }) => spanId),
            isError: span.status.code === 2,
          });
    }
    this.#heard.resolve();
    this.#heard = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function factsOf(found: z.output<typeof attributes>): ReceivedSpan['facts'] {
  return Object.fromEntries(
    found.map(({ key, value: { stringValue, intValue, boolValue } }) => [
      key,
      stringValue ?? boolValue ?? (intValue === undefined ? undefined : Number(intValue)),
    ]),
  );
}
