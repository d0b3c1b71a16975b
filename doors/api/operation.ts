/**
 * One operation of the API: what it is called, what it expects, what it answers, and the verb of the face that it is.
 *
 * Whoever describes the API, serves it at a door or tests all of it goes through the same list. What was given is checked by
 * its schemas before the verb runs, and every field that is wrong is named.
 */

import { z } from '@hono/zod-openapi';
import { jsonWithoutSecrets, redacted } from '../../cluster/redacted.ts';
import { Fault, type FaultCode, type TokenScope } from '../../sdk/index.ts';
import { wrongInput } from './wrong-input.ts';

/** What an operation asks of whoever wants it. */
export interface Lock {
  /** `nothing`: everyone may, with or without a token. */
  needs: TokenScope | 'nothing';
  /** Whether it is about jobs of one tenant only, so that a token of a tenant opens it. */
  forTenants?: true;
}

/** What an operation is given, checked. */
export interface Given<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  header(name: string): string | undefined;
  /** Of an operation that takes bytes: they, as they come. */
  bytes?: AsyncIterable<Uint8Array>;
  /** Fires when who asked has gone, or what they showed opens nothing any more. */
  signal: AbortSignal;
}

/** Statuses of answers that are no problems. */
type Status = 200 | 201 | 202 | 304 | 503;

/** JSON; or bytes, of another type. */
export interface Answer {
  status?: Status;
  body?: unknown;
  stream?: { type: string; bytes: ReadableStream<Uint8Array> };
  headers?: Readonly<Record<string, string>>;
}

/** What it answers under a status: JSON by a schema, or text of these types. */
export interface Reply {
  description: string;
  schema?: z.ZodType;
  types?: readonly string[];
  /** Headers that it always has, with what they mean. */
  headers?: Readonly<Record<string, string>>;
}

interface Described extends Lock {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** With `{name}` for each parameter. */
  path: string;
  id: string;
  tag: string;
  summary: string;
  description?: string;
  /** What it is given are bytes of any type, and no JSON; so large, it says itself. */
  takesBytes?: true;
  /** It is there to tell what all others hide. */
  tellsSecrets?: true;
  /** Headers that mean something, with what. */
  headers?: Readonly<Record<string, string>>;
  replies: Readonly<Partial<Record<Status, Reply>>>;
  /** What may come of it beside what every operation like it may meet (`refusal.ts`). */
  faults?: readonly FaultCode[];
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

/** What was met is told along. */
const told = { reportInput: true };

export const nothing = z.strictObject({});

/** An operation whose verb gets what its schemas say. */
export function operation<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>({
  run,
  ...described
}: Definition<Params, Query, Body>): Operation {
  return {
    ...described,
    async handle(given) {
      const params = described.params.safeParse(given.params, told);
      const query = described.query.safeParse(given.query, told);
      const body = described.body.safeParse(given.body, told);
      if (params.success && query.success && body.success)
        return shown(await run({ ...given, params: params.data, query: query.data, body: body.data }), described);
      throw wrongInput([params, query, body].flatMap(({ error }) => error?.issues ?? []));
    },
  };
}

/** What a schema makes of what was said. @throws {Fault} `input.invalid` with a path to each field that is wrong. */
export function checked<Schema extends z.ZodType>(schema: Schema, said: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(said);
  if (success) return data;
  throw wrongInput(error.issues);
}

/** Whatever is told, payloads in it are told without what is secret in them. */
function shown(answer: Answer, { tellsSecrets }: Described): Answer {
  return tellsSecrets === true || answer.body === undefined ? answer : { ...answer, body: redacted(answer.body) };
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

/** What JSON says; nothing is an empty object. @throws {Fault} `input.invalid` where it is none. */
export function readBody(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault(
      'input.invalid',
      `Expected a body of JSON, got \`${jsonWithoutSecrets(text).slice(0, 60)}\`. Send a JSON object.`,
      {
        cause,
      },
    );
  }
}
