/** The API over NATS, against a real broker and masters, with the client of NATS alone; each operation is compared with HTTP. */

import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { nothing, type Operation } from '../../doors/api/operation.ts';
import { operations } from '../../doors/api/operations.ts';
import { subjectOf } from '../../doors/api/subject.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { defineJob, type TokenScope, type Yard } from '../../sdk/index.ts';
import { ApiClient } from './api-client.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';
import { Shell } from './command.ts';
import { type AskedOverNats, askOverNats } from './service-client.ts';

const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: ({ payload }) => payload });

let cluster: TestCluster;
let yard: Yard;
let http: Listening;
let connection: NatsConnection;
beforeAll(async () => {
  cluster = await testCluster();
  await cluster.work([echo], { name: 'w' });
  yard = await cluster.yard();
  connection = await cluster.broker.connect();
  // Two that share one queue of requests; and one whose requests need a token, on subjects of its own.
  await cluster.service();
  await cluster.service();
  await cluster.service({ prefix: 'locked', auth: 'token' });
  http = await serveOpen(() => cluster.yard());
});

afterAll(async () => {
  await http.close();
  await cluster[Symbol.asyncDispose]();
});

const ask = (end: string, asked?: AskedOverNats) => askOverNats(connection, end, asked);

test('a job is submitted, waited for, found again by its key, and read', async () => {
  const body = { type: 'echo', payload: { a: 1 } };
  const said = { 'Idempotency-Key': 'order-1' };
  const first = await ask('jobs.submit', { body, said });
  const again = await ask('jobs.submit', { body, said });
  expect([first.status, again.status]).toEqual([201, 200]);
  const done = await ask('jobs.submit', { body: { ...body, id: 'waited' }, said: { Prefer: 'wait=30' } });
  expect(done.json).toMatchObject({ id: 'waited', state: 'completed' });
  expect((await ask('jobs.result', { params: { id: 'waited' } })).json).toEqual({ a: 1 });
  const other = await ask('jobs.submit', { body: { type: 'echo', payload: { a: 2 } }, said });
  expect(other).toMatchObject({ status: 409, type: 'application/problem+json', json: { code: 'job.conflict' } });
  expect(other.headers?.get('Nats-Service-Error-Code')).toBe('409');
  const wrong = await ask('jobs.submit', { body: { type: 'echo', prioritty: 'high' } });
  expect(wrong.json).toMatchObject({ status: 422, errors: [{ path: '/prioritty' }] });
  expect((await ask('jobs.get', { said: {}, params: { id: 'none' } })).status).toBe(404);
  expect(await connection.request('yard.api.jobs.get', '{').then((reply) => reply.json())).toMatchObject({
    code: 'input.invalid',
  });
});

describe('every operation', () => {
  test('answers over NATS as it does over HTTP', async () => {
    const all = operations(yard).filter(({ id }) => !changing.has(id));
    expect(all.length).toBeGreaterThan(40);
    for (const operation of all) {
      // A job for each door: a verb that was done leaves nothing to be done by the next.
      const [here, there] = [`${operation.id}-1`, `${operation.id}-2`];
      await yard.submitMany([here, there].map((id) => ({ type: 'echo', payload: {}, options: { id, delay: '1h' } })));
      const one = await overHttp(operation, here);
      const other = await ask(subjectOf(operation), given(operation, there));
      expect([operation.id, other.status]).toEqual([operation.id, one.status]);
      expect([operation.id, shapeOf(other.json)]).toEqual([operation.id, shapeOf(one.json)]);
    }
  });
});

/** Those that must not be done twice, or end what serves. */
const changing = new Set(['stepDown']);

/** Something for each place of it; what changes nothing wherever it can. */
function given({ path, body }: Operation, job: string): Pick<AskedOverNats, 'params' | 'body'> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const params = Object.fromEntries(names.map((name) => [name, name === 'id' ? job : 'nothing']));
  return { params, ...(body === nothing ? {} : { body: { what: 'is wrong' } }) };
}

const client = new ApiClient(() => http.url);

async function overHttp(operation: Operation, job: string) {
  const { params = {}, body } = given(operation, job);
  const path = Object.entries(params).reduce((left, [name, value]) => left.replace(`{${name}}`, value), operation.path);
  const { status, text } = await client.ask(path, { method: operation.method.toUpperCase(), body });
  return { status, json: /^[{[]/.test(text) ? JSON.parse(text) : text };
}

/** The names in it, and what went wrong: values such as moments differ from one answer to the next. */
function shapeOf(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return typeof json;
  return 'code' in json ? json.code : Object.keys(json);
}

test('tools for services find it, each master once, and see what was asked', async () => {
  const found = async (verb: string) => {
    const replies: Record<string, unknown>[] = [];
    for await (const reply of await connection.requestMany(`$SRV.${verb}.yardmaster`, '', {
      strategy: 'stall',
      maxWait: 5_000,
    }))
      replies.push(reply.json());
    return replies;
  };
  const pings = await found('PING');
  expect(pings).toHaveLength(2);
  expect(pings[0]).toMatchObject({ type: 'io.nats.micro.v1.ping_response', name: 'yardmaster', version: '1.2.3' });
  const [info] = await found('INFO');
  expect(info?.['endpoints']).toContainEqual({
    name: 'jobs-submit',
    subject: 'yard.api.jobs.submit',
    queue_group: 'q',
    metadata: {},
  });
  const before = requests(await found('STATS'));
  await Promise.all(Array.from({ length: 20 }, () => ask('stats.get')));
  expect(requests(await found('STATS')) - before).toBe(20);
});

function requests(stats: readonly Record<string, unknown>[]): number {
  const counts = z.array(
    z.looseObject({ endpoints: z.array(z.looseObject({ name: z.string(), num_requests: z.number() })) }),
  );
  const endpoints = counts.parse(stats).flatMap((each) => each.endpoints);
  return endpoints.filter(({ name }) => name === 'stats-get').reduce((sum, each) => sum + each.num_requests, 0);
}

test('a master of the command serves it, and asks for tokens unless it is told otherwise', async () => {
  await using shell = new Shell(cluster.broker.server.dataDir, { NATS_URL: cluster.broker.url });
  for (const [prefix, status, ...flags] of [
    ['own', 401],
    ['free', 200, '--nats-api', 'open'],
  ] as const) {
    const master = shell.start('master', '--prefix', prefix, '--http-port', 'off', '--metrics-port', 'off', ...flags);
    const asked = () => ask('queues.list', { at: `${prefix}.api` }).then((answer) => answer.status);
    await expect.poll(() => asked().catch(() => 0), { timeout: 30_000 }).toBe(status);
    master.signal('SIGINT');
    expect((await master.ended).code).toBe(0);
  }
});

describe('a tenant', () => {
  test('sees its own jobs at its own subject, and nothing of the cluster', async () => {
    const at = 'yard.tenant.acme.api';
    await ask('jobs.submit', { at, body: { type: 'echo', id: 'of-acme' } });
    expect(await yard.job('of-acme')).toBeUndefined();
    expect((await ask('jobs.get', { at, params: { id: 'of-acme' } })).json).toMatchObject({ tenant: 'acme' });
    expect((await ask('jobs.get', { params: { id: 'of-acme' } })).status).toBe(404);
    expect((await ask('jobs.list', { at: 'yard.tenant.other.api' })).json).toMatchObject({ jobs: [] });
    expect((await ask('workers.list', { at })).json).toMatchObject({ status: 403, code: 'scope.missing' });
    const body = { verb: { verb: 'hold' }, filter: { queue: 'of-acme' } };
    const { json } = await ask('bulk.start', { at, body });
    const params = { id: z.object({ id: z.string() }).parse(json).id };
    expect((await ask('bulk.get', { at, params })).json).toMatchObject({ tenant: 'acme', filter: body.filter });
    expect((await ask('bulk.get', { params })).status).toBe(404);
    expect((await ask('bulk.abort', { at: 'yard.tenant.other.api', params })).status).toBe(404);
    expect((await ask('bulk.list', { at: 'yard.tenant.other.api' })).json).toEqual({ operations: [] });
  });
});

describe('where tokens are asked for', () => {
  const token = async (scope: TokenScope, tenant?: string) => {
    const { secret } = await yard.tokens.create({ label: 'over nats', scopes: [scope], tenant });
    return { Authorization: `Bearer ${secret}` };
  };

  test('one without a token, or without the scope, is refused', async () => {
    const at = 'locked.api';
    expect(await ask('jobs.list', { at })).toMatchObject({ status: 401, json: { code: 'token.refused' } });
    expect((await ask('jobs.list', { at, said: { Authorization: 'Bearer yard_000000000000_x' } })).status).toBe(401);
    expect((await ask('health', { at })).status).toBe(200);
    const said = await token('read');
    expect((await ask('jobs.list', { at, said })).status).toBe(200);
    expect(await ask('jobs.cancel', { at, said, params: { id: 'x' } })).toMatchObject({ status: 403 });
  });

  test('a token of a tenant opens that tenant, at every subject, and no other', async () => {
    const said = await token('read', 'acme');
    for (const at of ['locked.api', 'locked.tenant.acme.api'])
      expect((await ask('jobs.get', { at, said, params: { id: 'of-acme' } })).json).toMatchObject({ tenant: 'acme' });
    expect((await ask('jobs.list', { at: 'locked.tenant.other.api', said })).status).toBe(403);
    expect((await ask('workers.list', { at: 'locked.api', said })).status).toBe(403);
  });
});
