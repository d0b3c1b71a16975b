/** Every operation of the API on a live cluster: asked for over HTTP, its effect read through another door. */

import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { Operation } from '../../doors/api/operation.ts';
import { operations } from '../../doors/api/operations.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { ApiClient } from './api-client.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';
import { Doors } from './operation-doors.ts';
import { examples } from './operation-examples.ts';
import { askOverNats } from './service-client.ts';

const payload = z.looseObject({});
const echo = defineJob({
  type: 'echo',
  payload,
  run: ({ payload: given, log }) => {
    log('echoing');
    return given;
  },
});
const writing = defineJob({
  type: 'writing',
  payload: z.object({ text: z.string() }),
  run: async ({ payload: { text }, files }) =>
    (await files.write('out.txt', new TextEncoder().encode(text), { type: 'text/plain' })).digest,
});
const failing = defineJob({
  type: 'failing',
  payload,
  defaults: { maxAttempts: 1 },
  run: () => Promise.reject(new Error('no luck')),
});

let cluster: TestCluster;
let yard: Yard;
let http: Listening;
let connection: NatsConnection;
let all: ReadonlyMap<string, Operation>;

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.service();
  await cluster.work([echo, failing, writing], { name: 'w', concurrency: 4 });
  await cluster.work([echo], { name: 'spare', concurrency: 1 });
  yard = await cluster.yard();
  connection = await cluster.broker.connect();
  http = await serveOpen(() => cluster.yard());
  all = new Map(operations(yard).map((operation) => [operation.id, operation]));
});

afterAll(async () => {
  await http.close();
  await cluster[Symbol.asyncDispose]();
});

const client = new ApiClient(() => http.url);

test('every operation has an example, and every example an operation', async () => {
  expect(Object.keys(examples).toSorted()).toEqual([...all.keys()].toSorted());
  // Sessions are of HTTP alone.
  const described = (await client.contract).ids.filter((id) => !id.endsWith('Session'));
  expect(described.toSorted()).toEqual([...all.keys()].toSorted());
});

test.each(Object.entries(examples))('%s does what it says, as another door sees it', async (id, example) => {
  const operation = all.get(id);
  if (operation === undefined) return expect.unreachable(`Expected an operation ${id}.`);
  const doors = new Doors({
    operation,
    client,
    yard,
    nats: (end, asked) => askOverNats(connection, end, asked),
    async publish(end, text) {
      connection.publish(`yard.${end}`, text);
      await connection.flush();
    },
  });
  await example(doors);
  expect(doors.isWhole, 'it was asked for over HTTP, and then another door was looked through').toBe(true);
});
