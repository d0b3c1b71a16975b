/**
 * MQTT as a device speaks it, by mqtt.js: submits, hears what became of each submission, and hears events.
 */

import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { freePorts } from '../../nats/broker-ports.ts';
import { defineJob } from '../../sdk/index.ts';
import { testBroker } from '../nats/broker.ts';
import { TestCluster } from './cluster.ts';

let cluster: TestCluster;
let device: MqttClient;
const heard: { topic: string; said: unknown }[] = [];

beforeAll(async () => {
  cluster = new TestCluster(await testBroker({ ports: { ...freePorts, mqtt: 'free' } }));
  await cluster.master();
  await cluster.work([defineJob({ type: 'frame', payload: z.object({ frame: z.number() }), run: () => 'done' })]);
  device = await connectAsync(`mqtt://127.0.0.1:${cluster.broker.server.mqttPort}`, { clientId: 'camera-7' });
  device.on('message', (topic, body) => heard.push({ topic, said: JSON.parse(body.toString()) }));
  const granted = await device.subscribeAsync(['yard/ack/camera-7/+', 'yard/event/default/frame/#'], { qos: 1 });
  expect(granted.every(({ qos }) => qos < 128)).toBe(true);
});

afterAll(async () => {
  await device?.endAsync();
  await cluster?.[Symbol.asyncDispose]();
});

test('a submission is acknowledged to its client and reference, and its events are heard by type, state and id', async () => {
  await submit({ payload: { frame: 1 }, options: { id: 'by-device', ref: 'camera-7/r1' } });
  expect(await saidOn('yard/ack/camera-7/r1')).toMatchObject({ ref: 'camera-7/r1', id: 'by-device', state: 'pending' });
  expect(await saidOn('yard/event/default/frame/completed/by-device')).toMatchObject({
    transition: { to: 'completed' },
  });
});

test('a submission that is refused is told why', async () => {
  await submit({ payload: { frame: 1 }, options: { priority: 'hihg', ref: 'camera-7/r2' } });
  expect(await saidOn('yard/ack/camera-7/r2')).toMatchObject({ rejected: expect.stringContaining('hihg') });
});

test('the same submission again, as a device that saw no answer sends it, is the same job', async () => {
  const said = { payload: { frame: 4 }, options: { idempotencyKey: 'frame-4', ref: 'camera-7/r3' } };
  await submit(said);
  const first = await saidOn('yard/ack/camera-7/r3');
  await submit({ ...said, options: { ...said.options, ref: 'camera-7/r4' } });
  const again = await saidOn('yard/ack/camera-7/r4');
  expect(first).toMatchObject({ id: expect.stringMatching(/^idem-/) });
  expect(again).toMatchObject({ id: Object(first).id });
});

async function submit(envelope: object): Promise<void> {
  await device.publishAsync('yard/submit/frame', JSON.stringify(envelope), { qos: 1 });
}

async function saidOn(topic: string): Promise<unknown> {
  const said = () => heard.find((each) => each.topic === topic)?.said;
  await expect.poll(said).toBeDefined();
  return said();
}
