/**
 * What `/openapi.json` of a server promises, held against what it answers: status, headers, type and shape.
 *
 * The document itself is checked first (OpenAPI 3.1). An answer that it does not describe fails the test, and so does a request
 * that it forbids and the server took. Pages for people and streams of events are no operations, and are let through by name.
 */

import { validate } from '@readme/openapi-parser';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect } from 'vitest';
import { z } from 'zod';

const content = z.record(z.string(), z.looseObject({ schema: z.unknown() }));
const reply = z.looseObject({ headers: z.record(z.string(), z.unknown()).default({}), content: content.default({}) });
const operation = z.looseObject({
  operationId: z.string(),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string() })).default([]),
  requestBody: z.looseObject({ content }).optional(),
  responses: z.record(z.string(), reply),
});
const openapi = z.looseObject({
  openapi: z.literal('3.1.1'),
  paths: z.record(z.string(), z.record(z.string(), operation)),
});

type Described = z.infer<typeof operation>;

/** One request and what came of it. */
export interface Exchange {
  method: string;
  /** With its query. */
  path: string;
  /** What was sent as JSON, if anything. */
  sent?: unknown;
  status: number;
  headers: Headers;
  text: string;
}

const noOperation = /^\/(?:$|docs|console|openapi\.json$|v1\/session|v1\/events|v1\/jobs\/[^/]+\/events)/;

export class ApiContract {
  readonly #operations: readonly { method: string; pattern: RegExp; path: string; described: Described }[];
  readonly #ajv: Ajv2020;
  readonly #compiled = new Map<string, ValidateFunction>();
  /** Operations that were asked for, by id. */
  readonly seen = new Set<string>();

  static async of(url: string): Promise<ApiContract> {
    const text = await (await fetch(`${url}/openapi.json`)).text();
    // It writes into what it checks.
    const checked = await validate(JSON.parse(text));
    expect(checked, 'openapi.json is an OpenAPI 3.1 document').toMatchObject({ valid: true, warnings: [] });
    return new ApiContract(JSON.parse(text));
  }

  private constructor(document: unknown) {
    this.#ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true });
    formats.default(this.#ajv);
    this.#ajv.addSchema({ $id: 'api', ...openapi.parse(document) });
    this.#operations = Object.entries(openapi.parse(document).paths)
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, described]) => ({ method, path, pattern: patternOf(path), described })),
      )
      // `/v1/jobs/batch` before `/v1/jobs/{id}`.
      .toSorted((one, other) => places(one.path) - places(other.path));
  }

  /** Every operation of the document, by id. */
  get ids(): readonly string[] {
    return this.#operations.map(({ described }) => described.operationId);
  }

  /** Fails the test where the document does not describe this. */
  expect(exchange: Exchange): void {
    const { method, path, status } = exchange;
    const [at = ''] = path.split('?');
    if (noOperation.test(at)) return;
    const found = this.#operations.find((each) => each.method === method.toLowerCase() && each.pattern.test(at));
    if (found === undefined) return expectNoRoute(exchange);
    this.seen.add(found.described.operationId);
    const what = `${method} ${path} → ${status}`;
    const said = found.described.responses[String(status)];
    if (said === undefined) return expectUndescribed(exchange, what);
    for (const name of Object.keys(said.headers))
      expect(exchange.headers.get(name), `${what}: the header ${name}, which openapi.json promises`).not.toBeNull();
    const place = ['paths', found.path, found.method];
    this.#expectContent(exchange, what, { said, place: [...place, 'responses', String(status)] });
    if (status < 300) this.#expectAllowed(exchange, what, { described: found.described, place });
  }

  #expectContent(
    { headers, text }: Exchange,
    what: string,
    { said, place }: { said: z.infer<typeof reply>; place: readonly string[] },
  ): void {
    const [type = ''] = (headers.get('content-type') ?? '').split(';');
    const types = Object.keys(said.content);
    if (types.includes('*/*')) return;
    if (types.length === 0) return expect(text, `${what}: nothing in it`).toBe('');
    expect(types, `${what}: its type`).toContain(type);
    if (!/^application\/(problem\+)?json$/.test(type)) return;
    this.#expectShape(JSON.parse(text), what, [...place, 'content', type, 'schema']);
  }

  /** What was taken must be what the document lets one send. */
  #expectAllowed(
    { path, sent }: Exchange,
    what: string,
    { described, place }: { described: Described; place: readonly string[] },
  ): void {
    const known = described.parameters.filter((each) => each.in === 'query').map(({ name }) => name);
    const [, query = ''] = path.split('?');
    for (const name of new URLSearchParams(query).keys()) expect(known, `${what}: its query`).toContain(name);
    if (described.requestBody === undefined || sent === undefined) return;
    this.#expectShape(sent, `${what}: what was sent`, [
      ...place,
      ...['requestBody', 'content', 'application/json', 'schema'],
    ]);
  }

  #expectShape(value: unknown, what: string, place: readonly string[]): void {
    const pointer = `api#/${place.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
    const check = this.#compiled.get(pointer) ?? this.#ajv.compile({ $ref: pointer });
    this.#compiled.set(pointer, check);
    const isRight = check(value);
    const wrong = check.errors?.map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
    expect(isRight, `${what}: ${wrong?.slice(0, 5).join('; ')}`).toBe(true);
  }
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

function places(path: string): number {
  return path.split('{').length;
}

/** What is no operation is answered as such, whatever it is. */
function expectNoRoute({ method, path, status, headers }: Exchange): void {
  expect([`${method} ${path}`, status >= 400 && status < 500]).toEqual([`${method} ${path}`, true]);
  expect(headers.get('content-type')).toBe('application/problem+json');
}

function expectUndescribed({ text }: Exchange, what: string): void {
  expect.unreachable(`${what}: openapi.json does not describe this status. The answer was ${text.slice(0, 300)}`);
}
