/**
 * NATS: a bare client publishes a job and hears that it was taken in, and each of its transitions.
 * It needs nothing of Yardmaster: `NATS_URL=nats://… node examples/doors/nats.ts`.
 */

import { equal } from 'node:assert/strict';
import { connect, headers } from 'nats';

const nats = await connect({ servers: process.env['NATS_URL'] ?? 'nats://127.0.0.1:4222' });
const id = `door-nats-${process.pid}`;
const acks = nats.subscribe(`yard.ack.${id}`, { max: 1 });
const events = nats.subscribe(`yard.event.default.noop.*.${id}`);

const said = headers();
said.set('Job-Id', id);
said.set('Ref', id);
nats.publish('yard.submit.noop', JSON.stringify({ executionTimeMs: 100 }), { headers: said });

for await (const ack of acks) equal(ack.json<{ id: string }>().id, id);
for await (const { subject } of events) {
  console.log(subject);
  if (subject.includes('.completed.')) break;
}
await nats.close();
