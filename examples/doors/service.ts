/**
 * The NATS service: the operations of the HTTP API as requests, answered by any master.
 * It needs nothing of Yardmaster: `NATS_URL=nats://… node examples/doors/service.ts`.
 */

import { equal } from 'node:assert/strict';
import { connect, headers } from 'nats';

const nats = await connect({ servers: process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222' });
const wait = headers();
wait.set('Prefer', 'wait=20');
const body = { type: 'noop', payload: { executionTimeMs: 100 } };
const submitted = await nats.request('yard.api.jobs.submit', JSON.stringify({ body }), {
  headers: wait,
  timeout: 25_000,
});
const { id } = submitted.json<{ id: string }>();

const read = await nats.request('yard.api.jobs.get', JSON.stringify({ params: { id } }));
console.log(read.headers?.get('Status'), id);
equal(read.json<{ state: string }>().state, 'completed');
await nats.close();
