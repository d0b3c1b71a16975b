/**
 * MQTT: a device publishes a job with quality 1, hears on its own topic that it was taken in, and then each transition.
 * It needs nothing of Yardmaster: `MQTT_URL=mqtt://… node examples/doors/mqtt.ts`.
 */

import { equal } from 'node:assert/strict';
import { connectAsync } from 'mqtt';

const mqtt = await connectAsync(process.env['MQTT_URL'] ?? 'mqtt://127.0.0.1:1883');
const id = `door-mqtt-${process.pid}`;
const ackTopic = `yard/ack/door/${id}`;
const told = new Map<string, string>();
const ended = new Promise<void>((resolve) => {
  mqtt.on('message', (topic, body) => {
    console.log(topic);
    told.set(topic, body.toString());
    if (told.has(ackTopic) && told.has(`yard/event/default/noop/completed/${id}`)) resolve();
  });
});

await mqtt.subscribeAsync([ackTopic, `yard/event/default/noop/+/${id}`], { qos: 1 });
const job = { payload: { executionTimeMs: 100 }, options: { id, ref: `door/${id}`, idempotencyKey: id } };
await mqtt.publishAsync('yard/submit/noop', JSON.stringify(job), { qos: 1 });
await ended;
equal(JSON.parse(told.get(ackTopic) ?? '{}').id, id);
await mqtt.endAsync();
