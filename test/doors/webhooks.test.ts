/** A real receiver is told of jobs that have settled, over a real broker, a master and a worker. */

import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';
import { Shell } from './command.ts';

interface Heard {
  id: string;
  timestamp: string;
  signature: string;
  body: string;
}

const heard: Heard[] = [];
const statuses = [503];
let onHeard = () => {};

const receiver = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const said = (name: string) => String(request.headers[name]);
    const [id, timestamp, signature] = [said('webhook-id'), said('webhook-timestamp'), said('webhook-signature')];
    heard.push({ id, timestamp, signature, body: Buffer.concat(parts).toString() });
    response.writeHead(statuses.shift() ?? 204).end();
    onHeard();
  });
});

async function hears(count: number): Promise<void> {
  while (heard.length < count) await new Promise<void>((resolve) => (onHeard = resolve));
}

const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: ({ payload }) => payload });

let cluster: TestCluster;
let yard: Yard;
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const address = receiver.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/jobs`;
  cluster = await testCluster();
  yard = await cluster.yard();
});

afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await cluster[Symbol.asyncDispose]();
});

test('where it may not reach a private address, nothing is told and the delivery fails at once', async () => {
  const strict = await cluster.work([echo], { types: ['echo', 'webhook'], name: 'strict' });
  const { webhook } = await yard.webhooks.add({ url, states: ['completed'] });
  const job = await yard.submit('echo', {});
  await job.result({ timeoutMs: 30_000 });
  const delivery = await settledDelivery();
  expect(delivery).toMatchObject({ state: 'failed', queue: 'webhooks', context: { attempt: 1 } });
  expect(delivery?.context.error?.message).toContain('127.0.0.1');
  expect(heard).toEqual([]);
  await yard.webhooks.remove(webhook.webhook);
  await strict.drain();
}, 60_000);

test('a receiver that fails first is told again, signed, under the same id; another tenant is not told of', async () => {
  await cluster.work([echo], { types: ['echo', 'webhook'], webhookPrivate: true, name: 'open' });
  const { webhook, secret } = await yard.webhooks.add({ url, types: ['echo'] });
  const foreign = await yard.ofTenant('acme').submit('echo', {}, { id: 'foreign' });
  await foreign.result({ timeoutMs: 30_000 });
  const job = await yard.submit('echo', { secret: 'payload' }, { id: 'told' });
  await job.result({ timeoutMs: 30_000 });
  await hears(2);
  const [first, again] = heard;
  expect(again?.id).toBe(first?.id);
  expect(again?.body).toBe(first?.body);
  expect(JSON.parse(again?.body ?? '')).toMatchObject({
    type: 'job.completed',
    data: { id: 'told', type: 'echo', state: 'completed', tenant: 'default', attempts: 1 },
  });
  expect(again?.body).not.toContain('payload');
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signed = `${again?.id}.${again?.timestamp}.${again?.body}`;
  expect(again?.signature).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  expect(heard).toHaveLength(2);
  expect(JSON.stringify(await yard.job(first?.id ?? ''))).not.toContain(secret);
  expect(await yard.webhooks.list()).toMatchObject([{ webhook: webhook.webhook, url }]);
  await expect(yard.ofTenant('acme').webhooks.get(webhook.webhook)).rejects.toMatchObject({ code: 'webhook.missing' });
}, 60_000);

test('nobody may submit a delivery', async () => {
  await expect(yard.submit('webhook', { webhook: 'x', event: {} })).rejects.toMatchObject({ code: 'input.invalid' });
});

test('a test is told at once, signed, to the one that is tested; what its receiver answered is what the job comes to', async () => {
  const [open] = await yard.webhooks.list();
  const id = open?.webhook ?? '';
  const before = heard.length;
  const http = await serveOpen(() => cluster.yard());
  const asked = await fetch(`${http.url}/v1/webhooks/${id}/test`, { method: 'POST', headers: { prefer: 'wait=20' } });
  const told = [asked.status, await asked.json()];
  await http.close();
  expect(told).toMatchObject([200, { type: 'webhook', state: 'completed' }]);
  expect(heard).toHaveLength(before + 1);
  const { body = '', signature = '' } = heard.at(-1) ?? {};
  expect(JSON.parse(body)).toMatchObject({ type: 'webhook.test', data: { webhook: id } });
  expect(signature).toMatch(/^v1,/);
  statuses.push(500);
  await using shell = new Shell(cluster.broker.server.dataDir, { NATS_URL: cluster.broker.url });
  const [refused, missing] = [await shell.yard('webhook', 'test', id), await shell.yard('webhook', 'test', 'nobody')];
  expect(refused).toMatchObject({ code: 1, out: expect.stringContaining('it answered 500') });
  expect(missing).toMatchObject({ code: 3, talk: expect.stringContaining('yard webhook list') });
  expect(await shell.yard('webhook', 'test', id)).toMatchObject({ code: 0, out: `${url} took it.\n` });
  await expect(yard.ofTenant('acme').webhooks.test(id)).rejects.toMatchObject({ code: 'webhook.missing' });
  const [entry] = await yard.auditLog({ limit: 1 });
  expect(entry).toMatchObject({ what: 'webhook.test', refused: 'webhook.missing' });
});

test('a receiver that is gone (410) is told of nothing more', async () => {
  const [open] = await yard.webhooks.list();
  statuses.push(410);
  const before = heard.length;
  await yard.submit('echo', {}, { id: 'gone' });
  await hears(before + 1);
  const id = open?.webhook ?? '';
  await expect.poll(async () => (await yard.webhooks.get(id)).endedAt, { timeout: 20_000 }).toBeGreaterThan(0);
}, 60_000);

/** The first delivery that has settled. */
async function settledDelivery() {
  for (;;) for await (const { id } of yard.jobs({ type: 'webhook' })) return await yard.settled(id);
}
