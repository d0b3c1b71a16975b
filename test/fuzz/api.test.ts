/**
 * The HTTP API under requests made from its own schema, half of them right and half wrong in one way, against a real broker.
 *
 * What is right is taken, and each job that was taken reaches its end; what is wrong is refused with a problem that names the
 * field; nothing is answered with 500, and nothing is left without an answer. `FUZZ_RUNS` says how much: a fortieth of it.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { Listening } from '../../doors/http/listen.ts';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { type Answered, ApiClient } from '../doors/api-client.ts';
import { serveOpen, type TestCluster, testCluster } from '../doors/cluster.ts';
import { type Broken, FromSchema, jsonSchema } from './from-schema.ts';
import { brokenSubmission, goodSubmission, said } from './submission.ts';

const given = Number(process.env['FUZZ_RUNS'] ?? 1_200);
const numRuns = Math.ceil(given / 40);
const atOnce = 4;
const endsWithinMs = 120_000;

const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: ({ payload }) => payload });

let cluster: TestCluster;
let yard: Yard;
let http: Listening;
const accepted = new Set<string>();
const client = new ApiClient(() => http.url);

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.work([echo], { name: 'w', concurrency: 8 });
  yard = await cluster.yard();
  http = await serveOpen(() => cluster.yard());
});

afterAll(async () => {
  await http.close();
  await cluster[Symbol.asyncDispose]();
});

/** Refused, and the field that is wrong is named. */
function expectRefused({ status, json, text }: Answered, path: string, sent: unknown): void {
  const named: string[] = (json?.errors ?? []).map((each: { path: string }) => each.path);
  const isNamed = named.some((each) => each === path || each.startsWith(`${path}/`) || path.startsWith(`${each}/`));
  expect({ status, isNamed, named, path, text }, JSON.stringify(sent)).toMatchObject({ status: 422, isNamed: true });
}

const many = <Value>(each: fc.Arbitrary<Value>) => fc.array(each, { minLength: 1, maxLength: atOnce });

test('everything that may be said of a job has words that mean something and words that do not', async () => {
  const { json } = await client.ask('/openapi.json');
  const names = Object.keys(json.components.schemas.Submission.properties);
  expect(Object.keys(said).toSorted()).toEqual(names.filter((name) => !['type', 'payload'].includes(name)).toSorted());
});

test('a submission that is right is taken, by itself and among others', async () => {
  await fc.assert(
    fc.asyncProperty(many(goodSubmission), fc.boolean(), async (bodies, isBatch) => {
      const answers = isBatch
        ? [await client.ask('/v1/jobs/batch', { body: { jobs: bodies } })]
        : await Promise.all(bodies.map((body) => client.ask('/v1/jobs', { body })));
      for (const [at, { status, json, text }] of answers.entries()) {
        expect([200, 201], `${text} of ${JSON.stringify(isBatch ? bodies : bodies[at])}`).toContain(status);
        for (const { id } of isBatch ? json.jobs : [json]) accepted.add(id);
      }
    }),
    { numRuns },
  );
});

test('a submission that is wrong in one way is refused, and the problem names the field', async () => {
  await fc.assert(
    fc.asyncProperty(many(brokenSubmission), async (all) => {
      await Promise.all(
        all.map(async ({ value, path }) => expectRefused(await client.ask('/v1/jobs', { body: value }), path, value)),
      );
    }),
    { numRuns },
  );
});

test('one that is wrong among others keeps all of them back, and is named by its place', async () => {
  await fc.assert(
    fc.asyncProperty(many(goodSubmission), brokenSubmission, fc.nat(), async (good, { value, path }, place) => {
      const at = place % (good.length + 1);
      const answer = await client.ask('/v1/jobs/batch', {
        body: { jobs: [...good.slice(0, at), value, ...good.slice(at)] },
      });
      expectRefused(answer, `/jobs/${at}${path}`, value);
      for (const body of good) if ('id' in body) expect(await yard.job(String(body.id))).toBeUndefined();
    }),
    { numRuns: Math.ceil(numRuns / 4) },
  );
});

test('whatever is sent as a body, at whatever place, is answered, and not with 500', async () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => new Uint8Array(bytes)),
    fc.json(),
    fc.constantFrom('null', '[]', '7', '"text"', '{', '{"type":"echo"', '{"__proto__":{"type":"echo"}}', '{"jobs":{}}'),
  );
  const posts = [
    '/v1/jobs',
    '/v1/jobs/batch',
    '/v1/jobs/actions',
    '/v1/bulk',
    '/v1/workflows',
    '/v1/schedules/preview',
  ];
  await fc.assert(
    fc.asyncProperty(body, fc.constantFrom(...posts, '/v1/tokens', '/v1/webhooks'), async (raw, path) => {
      const { status, json } = await client.ask(path, { method: 'POST', raw });
      if (status >= 400) expect(json).toMatchObject({ status, code: expect.any(String) });
      expect(status).toBeLessThan(500);
    }),
    { numRuns },
  );
});

/** Texts that a schema tells too little of. */
const words = {
  createdFrom: { good: ['1795000000000', '2026-11-26T12:00:00Z'], wrong: ['yesterday', 'x'] },
  createdTo: { good: ['1795000000000'], wrong: ['2026-13-01T00:00:00Z'] },
  updatedFrom: { good: ['0'], wrong: ['never'] },
  updatedTo: { good: ['4000000000000'], wrong: ['soon'] },
  cursor: { good: [], wrong: ['nonsense'] },
  q: { good: ['intro', 'intro*', '"in order"', 'ünï'], wrong: [] },
  limit: { good: [1, 50, 1_000], wrong: [0, -1, 'all', 1.5, 1_001] },
  before: { good: [1, 10_000], wrong: [0, 'x'] },
  targetMs: { good: [1, 60_000], wrong: [0, 'x'] },
  group: { good: ['00000000'], wrong: [] },
  mayEvict: { good: [[], ['low', 'b-1']], wrong: ['low', ['Low'], [7]] },
  queue: { good: ['fuzzed', 'live'], wrong: [] },
};

interface Asked {
  id: string;
  method: string;
  path: string;
  query: unknown;
  body: unknown;
}

/** Those whose every field says in the schema what it may be. */
async function asked(): Promise<{ from: FromSchema; all: readonly Asked[] }> {
  const { json } = await client.ask('/openapi.json');
  const from = new FromSchema(json.components.schemas, words);
  const all: Asked[] = [];
  for (const [path, methods] of Object.entries<object>(json.paths))
    for (const [method, described] of Object.entries<Record<string, never>>({ ...methods })) {
      const parameters: { in: string; name: string; schema: unknown; required?: boolean }[] =
        described['parameters'] ?? [];
      const query = parameters.filter((each) => each.in === 'query');
      all.push({
        id: String(described['operationId']),
        method: method.toUpperCase(),
        path,
        query: {
          type: 'object',
          properties: Object.fromEntries(query.map(({ name, schema }) => [name, schema])),
        },
        body: described['requestBody']?.['content']?.['application/json']?.['schema'],
      });
    }
  return { from, all };
}

function withQuery(path: string, query: Readonly<Record<string, unknown>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) for (const one of [value].flat()) search.append(name, String(one));
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}

const lists = [
  'listJobs',
  'listDead',
  'listDeadGroups',
  'listAuditLog',
  'listRejected',
  'scaleAdvice',
  'listWorkflows',
];

test('a list that is asked for rightly is told, and a filter that is wrong is named', async () => {
  const { from, all } = await asked();
  const wanted = all.filter(({ id }) => lists.includes(id));
  expect(wanted).toHaveLength(lists.length);
  const one = fc.constantFrom(...wanted).chain(({ path, query }) => {
    const schema = { ...jsonSchema.parse(query) };
    const properties = Object.fromEntries(
      Object.entries(schema.properties ?? {}).filter(([name]) => name !== 'cursor'),
    );
    const right = from
      .goodObject({ ...schema, properties })
      // Words are found in the order of their creation alone.
      .map(({ sort, ...value }) => ({
        path,
        value: 'q' in value || sort === undefined ? value : { ...value, sort },
        wrong: undefined,
      }));
    const wrong = from
      .brokenObject({ ...schema, properties, additionalProperties: false })
      .filter((each) => canBeAsked(each, from, properties))
      .map((each) => ({ path, value: z.record(z.string(), z.unknown()).parse(each.value), wrong: each.path }));
    return fc.oneof(right, wrong);
  });
  await fc.assert(
    fc.asyncProperty(one, async ({ path, value, wrong }) => {
      const answer = await client.ask(withQuery(path, value));
      if (wrong !== undefined) return expectRefused(answer, wrong, { path, value });
      expect([200, 404], answer.text).toContain(answer.status);
    }),
    { numRuns },
  );
});

/** A query has texts alone: what is no text cannot be asked, and any number is a text where one is asked for. */
function canBeAsked({ value, path }: Broken, from: FromSchema, properties: Readonly<Record<string, unknown>>): boolean {
  const name = path.slice(1);
  const { type, enum: values } = from.read(properties[name] ?? {});
  const isFree = type === 'string' && values === undefined && !(name in words);
  return !isFree && Object.values(z.record(z.string(), z.unknown()).parse(value)).every(isText);
}

function isText(value: unknown): boolean {
  return Array.isArray(value) ? value.every(isText) : ['string', 'number'].includes(typeof value);
}

const changes: Readonly<Record<string, string>> = {
  setQueue: '/v1/queues/fuzzed',
  setLimit: '/v1/limits/fuzz.limit',
  setTenant: '/v1/tenants/fuzzed',
};

test('a setting that is right is set, and one that is wrong is named', async () => {
  const { from, all } = await asked();
  const one = fc.constantFrom(...Object.entries(changes)).chain(([id, path]) => {
    const schema = from.read(all.find((each) => each.id === id)?.body);
    return fc.oneof(
      from.goodObject(schema).map((value) => ({ path, value: value as unknown, wrong: '' })),
      from.brokenObject(schema).map((each) => ({ path, value: each.value, wrong: each.path })),
    );
  });
  await fc.assert(
    fc.asyncProperty(one, async ({ path, value, wrong }) => {
      const answer = await client.ask(path, { method: 'PATCH', body: value });
      if (wrong !== '') return expectRefused(answer, wrong, value);
      expect(answer.status, answer.text).toBe(200);
    }),
    { numRuns },
  );
});

test('each job that was taken reaches its end', async () => {
  expect(accepted.size).toBeGreaterThanOrEqual(numRuns);
  const ends = await Promise.all([...accepted].map((id) => yard.settled(id, { timeoutMs: endsWithinMs })));
  const settled = ['completed', 'failed', 'cancelled'];
  expect(ends.filter(({ state }) => !settled.includes(state))).toEqual([]);
  expect(ends.filter(({ state }) => state === 'completed').length).toBeGreaterThan(0);
});
