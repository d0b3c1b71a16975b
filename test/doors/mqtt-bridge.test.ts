/**
 * The bridge to an outside MQTT broker, as a process, with a real broker on the other side; both are killed amid it.
 */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { matches } from '../../doors/mqtt/bridge.ts';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { type Scratch, scratch, type TestBroker, testBroker } from '../nats/broker.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { type Running, Shell } from './command.ts';

let cluster: TestCluster;
let outside: TestBroker;
let port: number;
let directory: Scratch;
let shell: Shell;
let yard: Yard;
let device: MqttClient;
/** The transitions that were told, in their order, as often as they were. */
const events: string[] = [];
const heard = new Map<string, unknown[]>();

beforeAll(async () => {
  port = await freePort();
  // nats-server sends again what a session had not acknowledged after half a minute, unless told otherwise.
  const settings = { mqtt: { host: '127.0.0.1', port, ack_wait: '2s' } };
  [cluster, outside, directory] = await Promise.all([testCluster(), testBroker({ settings }), scratch()]);
  shell = new Shell(directory.path, { NATS_URL: cluster.broker.url });
  yard = await cluster.yard();
  const payload = z.strictObject({ n: z.number() });
  await cluster.work([defineJob({ type: 'frame', payload, run: () => 'done' })]);
  const clientId = 'device';
  device = await connectAsync(url(), { clientId, clean: false, reconnectPeriod: 200 });
  device.on('message', (topic, body, { dup }) => {
    const said = topic.startsWith('out/event/default/frame/') ? nameOf(JSON.parse(body.toString())) : undefined;
    // The broker outside, which was killed, says again by itself what it does not know to be acknowledged.
    if (said !== undefined && !(dup && events.includes(said))) events.push(said);
    heard.set(topic, [...(heard.get(topic) ?? []), JSON.parse(body.toString())]);
  });
  device.on('error', () => undefined);
  await device.subscribeAsync('out/#', { qos: 1 });
});

afterAll(async () => {
  await device?.endAsync(true);
  await shell?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await outside?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
});

test('every message becomes exactly one job, though the bridge and the outside broker are killed amid it', async () => {
  const all = Array.from({ length: 60 }, (_, n) => n);
  let bridge = await start();
  await Promise.all(all.slice(0, 20).map(send));
  await some(1);
  bridge.signal('SIGKILL');
  await bridge.ended;
  await Promise.all(all.slice(20, 40).map(send));
  bridge = await start();
  await some(21);
  await outside.kill();
  const sent = all.slice(40).map(send);
  await outside.restart();
  await Promise.all(sent);
  await some(60);
  // Whatever a device says again is the same job; the ack says so.
  await device.publishAsync('cameras/1/frame', JSON.stringify({ id: 1, n: 1 }), { qos: 1 });
  await expect.poll(() => acksOn('cameras/1/frame').at(-1)).toMatchObject({ ref: '1', created: false });
  expect((await numbers()).sort((a, b) => a - b)).toEqual(all);
  await expect.poll(() => [...new Set(events)].sort()).toEqual(await everyTransition());
  bridge.signal('SIGTERM');
  expect(await bridge.ended).toMatchObject({ code: 0 });
});

test('what happened while no bridge was there is told by the next one, and nothing again that one had told', async () => {
  const before = events.length;
  const { id } = await yard.submit('frame', { n: 70 }, { tags: ['bridged'] });
  const { transitions } = await yard.settled(id, { timeoutMs: 30_000 });
  expect(events).toHaveLength(before);
  const bridge = await start();
  await expect.poll(() => events.at(-1)).toBe(`${id} ${transitions.length}`);
  // They are told in one order: whatever was told again would have come before. What jobs of other tests went through meanwhile is told too.
  const told = events.slice(before);
  expect(told.filter((event) => event.startsWith(`${id} `))).toEqual(transitions.map(({ n }) => `${id} ${n}`));
  expect(told.filter((event) => events.slice(0, before).includes(event))).toEqual([]);
  expect([...heard.keys()]).not.toContain('out/event/default/gap');
  bridge.signal('SIGTERM');
  expect(await bridge.ended).toMatchObject({ code: 0 });
});

test('a message that can be no job is told why, and does not stand in the way', async () => {
  const bridge = await start();
  await device.publishAsync('cameras/bad/frame', 'not json', { qos: 1 });
  await device.publishAsync('cameras/nameless/frame', '{}', { qos: 1 });
  await device.publishAsync('cameras/100/frame', '{"id":100,"n":100}', { qos: 1 });
  await expect.poll(() => acksOn('cameras/100/frame')[0]).toMatchObject({ ref: '100', created: true });
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  await device.publishAsync('cameras/101/frame', JSON.stringify({ id: 101, n: 101, traceparent }), { qos: 1 });
  await expect.poll(() => acksOn('cameras/101/frame')[0]).toMatchObject({ ref: '101', created: true });
  const { id } = z.object({ id: z.string() }).parse(acksOn('cameras/101/frame')[0]);
  expect(await yard.job(id)).toMatchObject({ payload: { n: 101 }, trace: { parent: traceparent } });
  expect(acksOn('cameras/bad/frame')).toEqual([{ rejected: 'Expected a JSON object.' }]);
  expect(acksOn('cameras/nameless/frame')).toMatchObject([{ rejected: expect.stringContaining('`id`') }]);
  bridge.signal('SIGTERM');
  expect(await bridge.ended).toMatchObject({ code: 0 });
});

test('a message that cannot be a job yet is not acknowledged: a bridge that is killed meanwhile hears it again', async () => {
  const bridge = await start();
  const held = await yard.submit('frame', { n: 200 }, { hold: true, tags: ['bridged'] });
  await yard.tenants.set('default', { maxOpen: 1 });
  await send(201);
  await bridge.says('A job waits to be submitted');
  bridge.signal('SIGKILL');
  await bridge.ended;
  expect(await numbers()).not.toContain(201);
  await yard.cancel(held.id);
  const next = await start();
  await expect.poll(() => acksOn('cameras/201/frame')[0]).toMatchObject({ ref: '201', created: true });
  expect((await numbers()).filter((n) => n === 201)).toEqual([201]);
  next.signal('SIGTERM');
  expect(await next.ended).toMatchObject({ code: 0 });
});

test.each([
  ['cameras/+/frame', 'cameras/7/frame', true],
  ['cameras/+/frame', 'cameras/7/8/frame', false],
  ['cameras/+', 'cameras', false],
  ['cameras/#', 'cameras', true],
  ['cameras/#', 'cameras/7/frame', true],
  ['cameras/#', 'camerasx/7', false],
  ['cameras', 'cameras/7', false],
])('the filter %s and the topic %s: %s', (filter, topic, expected) => {
  expect(matches(filter, topic)).toBe(expected);
});

async function start(): Promise<Running> {
  const flags = ['--url', url(), '--topic', 'cameras/+/frame=frame', '--id-field', 'id', '--topic-prefix', 'out'];
  const bridge = shell.start('bridge', 'mqtt', ...flags, '--tags', 'bridged');
  await bridge.says('Listening to cameras/+/frame');
  return bridge;
}

function send(n: number): Promise<unknown> {
  return device.publishAsync(`cameras/${n}/frame`, JSON.stringify({ id: n, n }), { qos: 1 });
}

function url(): string {
  return `mqtt://127.0.0.1:${port}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('Expected a port, got none.');
  return address.port;
}

function acksOn(topic: string): unknown[] {
  return heard.get(`out/ack/${topic}`) ?? [];
}

function nameOf(said: unknown): string {
  const { id, transition } = z.object({ id: z.string(), transition: z.object({ n: z.number() }) }).parse(said);
  return `${id} ${transition.n}`;
}

/** Every transition that there ever was. */
async function everyTransition(): Promise<string[]> {
  const records = await Array.fromAsync(yard.jobs({ type: 'frame' }));
  return records.flatMap(({ id, transitions }) => transitions.map(({ n }) => `${id} ${n}`)).sort();
}

/** Resolves when there are so many jobs. */
async function some(count: number): Promise<void> {
  await expect.poll(async () => (await numbers()).length).toBeGreaterThanOrEqual(count);
}

/** The numbers of the messages that became jobs, one a job. */
async function numbers(): Promise<number[]> {
  const found: number[] = [];
  for await (const { payload, tags } of yard.jobs({ type: 'frame' })) {
    expect(tags).toEqual(['bridged']);
    found.push(z.object({ n: z.number() }).parse(payload).n);
  }
  return found;
}
