/**
 * Operations on HTTP: where each is found, how it is described in OpenAPI, and how its answer travels.
 */

import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Fault } from '../../sdk/index.ts';
import type { Visitor } from '../api/doorkeeper.ts';
import { type Answer, type Given, nothing, type Operation, type Reply, readBody } from '../api/operation.ts';
import { problem } from '../api/problem.ts';
import { refusalsOf } from '../api/refusal.ts';
import { problemHeaders } from './problem.ts';

/** Who was let in: the operation on their face, and how to be told when what they showed opens nothing any more. */
export interface Admitted extends Pick<Visitor, 'onEnd'> {
  operation: Operation;
}

/** Serves an operation, and describes it. `admit` finds the same one on the face of whoever asks, or throws. */
export function mount(app: OpenAPIHono, operation: Operation, admit: (context: Context) => Promise<Admitted>): void {
  const { method, path } = operation;
  app.openAPIRegistry.registerPath(describedAs(operation));
  app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), async (context) => {
    const { operation: own, onEnd } = await admit(context);
    const ended = new AbortController();
    const signal = AbortSignal.any([context.req.raw.signal, ended.signal]);
    const answer = await own.handle(await givenIn(context, operation, signal));
    if (answer.stream === undefined) return answered(context, answer);
    // Only what goes on for a while can outlive a token.
    const stopWaiting = onEnd(() => ended.abort());
    const bytes = ReadableStream.from(toTheEnd(answer.stream.bytes, stopWaiting));
    return answered(context, { ...answer, stream: { ...answer.stream, bytes } });
  });
}

async function* toTheEnd(bytes: ReadableStream<Uint8Array>, then: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } finally {
    then();
  }
}

async function givenIn(
  { req }: Context,
  { body, takesBytes }: Operation,
  signal: AbortSignal,
): Promise<Given<unknown, unknown, unknown>> {
  return {
    params: req.param(),
    query: Object.fromEntries(Object.entries(req.queries()).map(([name, values]) => [name, one(values)])),
    body: body === nothing ? {} : readBody(await req.text()),
    header: (name) => req.header(name),
    ...(takesBytes === true ? { bytes: bytesOf(req.raw.body) } : {}),
    signal,
  };
}

/** @throws {Fault} `input.invalid` where whoever sends them leaves before the end. */
async function* bytesOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  try {
    if (body !== null) yield* body;
  } catch (cause) {
    throw new Fault('input.invalid', 'Expected all of the bytes, and met the end of the connection. Send them again.', {
      cause,
    });
  }
}

function one(values: readonly string[]): string | readonly string[] | undefined {
  return values.length === 1 ? values[0] : values;
}

function answered(context: Context, { status = 200, body, stream, headers = {} }: Answer): Response {
  if (stream !== undefined) return context.body(stream.bytes, 200, { ...headers, 'content-type': stream.type });
  if (status === 304) return context.body(null, 304, headers);
  return context.body(JSON.stringify(body ?? null), status, { ...headers, 'content-type': 'application/json' });
}

type RouteConfig = Parameters<OpenAPIHono['openAPIRegistry']['registerPath']>[0];
type Responses = RouteConfig['responses'];

function describedAs(operation: Operation): RouteConfig {
  const { method, path, id, tag, summary, description, params, query, headers, body, needs, takesBytes } = operation;
  const named = Object.entries(headers ?? {}).map(([name, meaning]) => [
    name,
    z.string().optional().openapi({ description: meaning }),
  ]);
  return {
    method,
    path,
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: needs === 'nothing' ? [] : [{ token: [needs] }],
    request: {
      params,
      query,
      ...(named.length === 0 ? {} : { headers: z.object(Object.fromEntries(named)) }),
      ...(body === nothing
        ? {}
        : { body: { content: { 'application/json': { schema: demanded(body) } }, required: true } }),
      ...(takesBytes === true ? { body: { content: { '*/*': { schema: z.string() } }, required: true } } : {}),
    },
    responses: { ...answersOf(operation), ...problemsOf(operation) },
  };
}

/** What has to be there of a body: the generator takes a field that may be absent, but not `undefined`, for one that may not. */
function demanded(body: z.ZodType): z.ZodType {
  if (!(body instanceof z.ZodObject)) return body;
  const fields = Object.entries<z.ZodType>(body.shape);
  return body.openapi({ required: fields.filter(([, { _zod }]) => _zod.optin === undefined).map(([name]) => name) });
}

function answersOf({ replies }: Operation): Responses {
  return Object.fromEntries(Object.entries(replies).map(([status, reply]) => [status, replyOf(reply)]));
}

function replyOf({ description, schema, types = [], headers = {} }: Reply) {
  const json = schema === undefined ? [] : [['application/json', { schema }]];
  const texts = types.map((type) => [type, { schema: z.string() }]);
  return {
    description,
    headers: headersOf(headers),
    ...(json.length + texts.length === 0 ? {} : { content: Object.fromEntries([...json, ...texts]) }),
  };
}

/** A status of both kinds, as 503 of `/ready`, is an answer. */
function problemsOf(operation: Operation): Responses {
  const own = [...refusalsOf(operation)].filter(([status]) => !(status in operation.replies));
  return {
    ...Object.fromEntries(
      own.map(([status, codes]) => {
        const schema = problem.extend({ code: z.enum(codes) });
        return [status, problemReply(codes.map((code) => `\`${code}\``).join(', '), schema, problemHeaders[status])];
      }),
    ),
    default: problemReply('What nobody foresaw.', problem),
  };
}

function problemReply(description: string, schema: z.ZodType, headers: Readonly<Record<string, string>> = {}) {
  return { description, headers: headersOf(headers), content: { 'application/problem+json': { schema } } };
}

function headersOf(headers: Readonly<Record<string, string>>) {
  const described = Object.entries(headers).map(([name, description]) => [
    name,
    { description, required: true, schema: { type: 'string' as const } },
  ]);
  return Object.fromEntries(described);
}
