/**
 * One operation of the API: what it is called, what it expects, what it answers, and the verb of the face that it is.
 *
 * Whoever describes the API, mounts it or tests all of it goes through the same list. What was given is checked by its
 * schemas before the verb runs, and every field that is wrong is named.
 */

import { type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Fault } from '../../sdk/index.ts';
import type { Lock } from './gate.ts';
import { problem } from './problem.ts';

/** What an operation is given, checked. */
export interface Given<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  header(name: string): string | undefined;
  /** Fires when who asked has gone. */
  signal: AbortSignal;
}

/** JSON; or bytes, of another type. */
export interface Answer {
  status?: 200 | 201 | 304 | 503;
  body?: unknown;
  stream?: { type: string; bytes: ReadableStream<Uint8Array> };
  headers?: Readonly<Record<string, string>>;
}

/** What it answers under a status: JSON by a schema, or text of these types. */
interface Reply {
  description: string;
  schema?: z.ZodType;
  types?: readonly string[];
}

interface Described extends Lock {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `{name}` for each parameter. */
  path: string;
  id: string;
  tag: string;
  summary: string;
  description?: string;
  /** Headers that mean something, with what. */
  headers?: Readonly<Record<string, string>>;
  replies: Readonly<Partial<Record<200 | 201 | 304 | 503, Reply>>>;
}

/** An operation as it is mounted and described. */
export interface Operation extends Described {
  params: z.ZodObject;
  query: z.ZodObject;
  /** Nothing is read where it is `nothing`. */
  body: z.ZodType;
  handle(given: Given<unknown, unknown, unknown>): Promise<Answer>;
}

interface Definition<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType> extends Described {
  params: Params;
  query: Query;
  body: Body;
  run(given: Given<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Answer>;
}

export const nothing = z.object({});

/** An operation whose verb gets what its schemas say. */
export function operation<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>({
  run,
  ...described
}: Definition<Params, Query, Body>): Operation {
  return {
    ...described,
    async handle(given) {
      const params = described.params.safeParse(given.params);
      const query = described.query.safeParse(given.query);
      const body = described.body.safeParse(given.body);
      if (params.success && query.success && body.success)
        return await run({ ...given, params: params.data, query: query.data, body: body.data });
      throw wrongFields([params, query, body].flatMap(({ error }) => error?.issues ?? []));
    },
  };
}

/** A question without any detail, answered by one call of the face. */
export function question(
  described: Omit<Described, 'method' | 'replies'> & { schema: z.ZodType },
  ask: () => Promise<unknown>,
): Operation {
  const { schema, ...rest } = described;
  return operation({
    ...rest,
    method: 'get',
    params: nothing,
    query: nothing,
    body: nothing,
    replies: { 200: { description: 'The answer.', schema } },
    run: async () => ({ body: await ask() }),
  });
}

function wrongFields(issues: readonly z.core.$ZodIssue[]): Fault {
  const fields = issues.map(({ path, message }) => ({ path: `/${path.join('/')}`, message }));
  const detail = fields.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return new Fault('input.invalid', `Expected what /openapi.json says, got other content: ${detail}.`, {
    facts: { fields },
  });
}

/** Serves an operation, and describes it. `admit` finds the same one on the face of whoever asks, or throws. */
export function mount(app: OpenAPIHono, operation: Operation, admit: (context: Context) => Promise<Operation>): void {
  const { method, path } = operation;
  app.openAPIRegistry.registerPath(describedAs(operation));
  app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), async (context) => {
    const { handle } = await admit(context);
    return answered(context, await handle(await givenIn(context, operation)));
  });
}

async function givenIn({ req }: Context, { body }: Operation): Promise<Given<unknown, unknown, unknown>> {
  return {
    params: req.param(),
    query: Object.fromEntries(Object.entries(req.queries()).map(([name, values]) => [name, one(values)])),
    body: body === nothing ? {} : await bodyOf(req),
    header: (name) => req.header(name),
    signal: req.raw.signal,
  };
}

function one(values: readonly string[]): string | readonly string[] | undefined {
  return values.length === 1 ? values[0] : values;
}

/** @throws {Fault} `input.invalid` where it is no JSON. */
async function bodyOf(req: Context['req']): Promise<unknown> {
  const text = await req.text();
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault('input.invalid', `Expected a body of JSON, got \`${text.slice(0, 60)}\`. Send a JSON object.`, {
      cause,
    });
  }
}

function answered(context: Context, { status = 200, body, stream, headers = {} }: Answer): Response {
  if (stream !== undefined) return context.body(stream.bytes, 200, { ...headers, 'content-type': stream.type });
  if (status === 304) return context.body(null, 304, headers);
  return context.body(JSON.stringify(body ?? null), status, { ...headers, 'content-type': 'application/json' });
}

type RouteConfig = Parameters<OpenAPIHono['openAPIRegistry']['registerPath']>[0];

function describedAs({
  method,
  path,
  id,
  tag,
  summary,
  description,
  params,
  query,
  headers,
  body,
  replies,
  needs,
}: Operation) {
  const named = Object.entries(headers ?? {}).map(([name, meaning]) => [
    name,
    z.string().optional().openapi({ description: meaning }),
  ]);
  const config: RouteConfig = {
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
      ...(body === nothing ? {} : { body: { content: { 'application/json': { schema: body } }, required: true } }),
    },
    responses: {
      ...Object.fromEntries(Object.entries(replies).map(([status, reply]) => [status, replyOf(reply)])),
      default: { description: 'What went wrong.', content: { 'application/problem+json': { schema: problem } } },
    },
  };
  return config;
}

function replyOf({ description, schema, types = [] }: Reply) {
  const json = schema === undefined ? [] : [['application/json', { schema }]];
  const texts = types.map((type) => [type, { schema: z.string() }]);
  return {
    description,
    ...(json.length + texts.length === 0 ? {} : { content: Object.fromEntries([...json, ...texts]) }),
  };
}
