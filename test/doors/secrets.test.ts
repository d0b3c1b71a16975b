/** What is secret in a payload, looked for in all that doors tell: marks are planted, and everything is read. */

import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { operations } from '../../doors/api/operations.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { serveHttp } from '../../doors/http/serve.ts';
import { defineJob, type TokenScope, type Yard } from '../../sdk/index.ts';
import { scratch } from '../nats/broker.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { Shell } from './command.ts';
import { type Read, readEverything } from './everything.ts';

const mark = 'quince7medlar';
const address = `https://ann:${mark}@host/a.mov?token=${mark}`;
const secrets = { password: mark, input: address, nested: [{ apiKey: `${mark}-key` }] };
const lines = { privateKey: `first${mark}\nlast${mark}` };

const payload = z.looseObject({ password: z.string().optional() });
const echo = defineJob({ type: 'echo', payload, run: ({ payload }) => payload });
const leaky = defineJob({
  type: 'leaky',
  payload,
  defaults: { maxAttempts: 1 },
  run({ payload: { password }, log, progress }) {
    log(`signing in with ${password}`);
    log(`last${mark}`, 'stderr');
    progress({ percent: 50, message: `with ${password}` });
    throw new Error(`The server refused ${address}, and ${encodeURIComponent(String(password))}.`);
  },
});

const told: string[] = [];
let wake = () => {};

/** Looks again whenever something was heard or told. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise<void>((resolve) => (wake = resolve));
}

const receiver = createServer((request, response) => {
  request.on('data', (part: Buffer) => told.push(part.toString()));
  request.on('end', () => {
    response.writeHead(204).end();
    wake();
  });
});

let cluster: TestCluster;
let yard: Yard;
let server: Listening;
let shell: Shell;
const ends: (() => PromiseLike<unknown> | unknown)[] = [];
const heard: string[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  ends.push(
    () => receiver.close(),
    () => receiver.closeAllConnections(),
  );
  cluster = await testCluster();
  ends.push(() => cluster[Symbol.asyncDispose]());
  await cluster.work([echo, leaky], { types: ['echo', 'leaky', 'webhook'], webhookPrivate: true, name: 'w' });
  yard = await cluster.yard();
  const onError = (cause: unknown) => expect.unreachable(String(cause));
  const options = { version: '0', auth: 'token', ratePerSecond: 0, port: 'free', isNamed: false, onError } as const;
  server = await serveHttp({ ...options, open: () => cluster.yard() });
  ends.push(() => server.close());
  const folder = await scratch();
  ends.push(() => folder[Symbol.asyncDispose]());
  shell = new Shell(folder.path, { NATS_URL: cluster.broker.url });
  ends.push(() => shell[Symbol.asyncDispose]());
  await plant();
}, 120_000);

afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

/** Marks wherever a payload can come in. */
async function plant(): Promise<void> {
  const wire = await cluster.broker.connect();
  for (const subject of ['yard.event.>', 'yard.log.>', 'yard.progress.>', 'yard.ack.>'])
    wire.subscribe(subject, {
      callback: (_, message) => {
        heard.push(message.string());
        wake();
      },
    });
  await wire.flush();
  const port = receiver.address();
  await yard.webhooks.add({ url: `http://127.0.0.1:${typeof port === 'object' ? port?.port : ''}/${mark}` });
  await yard.submit('echo', secrets, { id: 'echoed' });
  await yard.submit('leaky', { ...secrets, ...lines }, { id: 'leaked' });
  await yard.submit('leaky', { ...secrets, ...lines, filler: 'x'.repeat(70_000) }, { id: 'large' });
  await yard.submit('echo', { ...secrets, filler: 'x'.repeat(70_000) }, { id: 'aside' });
  await yard.submit('echo', secrets, { id: 'waits', hold: true });
  await yard.schedules.add('nightly', { every: '1h', type: 'echo', payload: secrets });
  await yard.workflows.submit({
    jobs: { first: { type: 'echo', payload: secrets }, next: { type: 'echo', after: ['first'] } },
  });
  for (const body of [JSON.stringify(secrets), `{"password":"${mark}`, `{"nested":{"credentials":{"a":"${mark}"`])
    wire.publish('yard.submit.nosuch', body);
  for (const id of ['echoed', 'leaked', 'large', 'aside']) await yard.settled(id, { timeoutMs: 60_000 });
  await until(
    () => heard.filter((text) => text.includes('"rejected"')).length >= 3 && told.join('').includes('leaked'),
  );
}

async function tokenFor(...scopes: TokenScope[]): Promise<string> {
  return (await yard.tokens.create({ label: 'reader', scopes })).secret;
}

async function everything(token: string): Promise<readonly Read[]> {
  const webhooks = (await yard.webhooks.list()).map(({ webhook }) => webhook);
  const dead = (await yard.deadGroups()).map(({ id }) => id);
  const deliveries = (await Array.fromAsync(yard.jobs({ type: 'webhook' }))).map(({ id }) => id);
  const settled = ['echoed', 'leaked', 'large', 'aside'];
  const named = { jobs: [...settled, 'waits', ...deliveries], schedules: ['nightly'], webhooks, dead };
  return await readEverything(operations(yard), { url: server.url, token, named, settled });
}

test('who reads, and who operates, meets it nowhere: in no list, job, result, log, error, schedule or refusal', async () => {
  for (const token of [await tokenFor('read'), await tokenFor('submit', 'operate')]) {
    const all = await everything(token);
    const shown = all.filter(({ status }) => status === 200);
    expect(shown.length).toBeGreaterThan(30);
    const leaks = shown.filter(({ text }) => text.includes(mark)).map(({ path }) => path);
    expect(leaks.filter((path) => !path.startsWith('/v1/webhooks/'))).toEqual([]);
    const job = shown.find(({ path }) => path === '/v1/jobs/echoed')?.text ?? '';
    expect(JSON.parse(job)).toMatchObject({
      payload: { password: '•••', input: 'https://ann:•••@host/a.mov?token=•••', nested: [{ apiKey: '•••' }] },
      context: { result: { password: '•••' } },
    });
    expect(shown.find(({ path }) => path === '/v1/jobs/leaked/logs')?.text).toContain('signing in with •••');
    expect(shown.find(({ path }) => path === '/v1/rejected')?.text).toContain('•••');
  }
});

test('an admin meets it where it is asked for, of which the audit log tells, and nowhere else', async () => {
  const all = await everything(await tokenFor('admin'));
  const where = all.filter(({ text }) => text.includes(mark)).map(({ path }) => path);
  const isMeant = (path: string) => path.endsWith('/secrets') || path.startsWith('/v1/webhooks/');
  expect(where.filter((path) => !isMeant(path))).toEqual([]);
  expect(where).toContain('/v1/jobs/aside/secrets');
  const [entry] = (await yard.auditLog({ limit: 200 })).filter(({ target }) => target === 'aside');
  expect(entry).toMatchObject({ what: 'job.reveal', door: 'http', who: expect.stringContaining('reader') });
  const closed = await fetch(`${server.url}/v1/jobs/aside/secrets`, {
    headers: { authorization: `Bearer ${await tokenFor('read', 'operate')}` },
  });
  expect(closed.status).toBe(403);
});

test('workers get it, and whoever reads the records at the broker', async () => {
  expect(await yard.result('echoed')).toMatchObject({ password: mark });
  expect(await yard.job('echoed')).toMatchObject({ payload: secrets });
});

test('it is in no event, progress, log line, ack or webhook on the wire', () => {
  for (const what of ['with •••', 'signing in with •••']) expect(heard.join('\n')).toContain(what);
  expect(heard.filter((text) => text.includes(mark))).toEqual([]);
  expect(told.filter((text) => text.includes(mark))).toEqual([]);
});

test('it is in no entry of the audit log, not as a part of the address of a webhook either', async () => {
  const entries = await yard.auditLog({ limit: 1_000 });
  expect(entries.find(({ what }) => what === 'webhook.add')).toMatchObject({
    target: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/•••$/),
  });
  expect(JSON.stringify(entries)).not.toContain(mark);
});

describe('the command', () => {
  test.each<readonly string[][]>([
    [['job', 'get', 'echoed']],
    [['job', 'get', 'leaked', '-o', 'json']],
    [['job', 'list', '-o', 'json']],
    [['job', 'logs', 'leaked']],
    [['job', 'why', 'waits']],
    [['schedule', 'get', 'nightly']],
    [['schedule', 'list', '-o', 'json']],
    [['rejected', 'list', '-o', 'json']],
    [['dead', 'list', '-o', 'json']],
    [['webhook', 'list']],
    [['audit', 'log', '-o', 'json']],
  ])(
    '%j shows it not',
    async (words) => {
      const { code, out, talk } = await shell.yard(...words);
      expect([code, talk]).toEqual([0, expect.not.stringContaining(mark)]);
      expect(out.length).toBeGreaterThan(10);
      expect(out).not.toContain(mark);
    },
    60_000,
  );

  test('shows it to who asks for it', async () => {
    expect((await shell.yard('job', 'get', 'echoed', '--secrets')).out).toContain(mark);
    expect((await yard.auditLog({ limit: 1 }))[0]).toMatchObject({ what: 'job.reveal', door: 'cli', target: 'echoed' });
  }, 60_000);
});

test('what is refused is refused without saying it', async () => {
  const token = await tokenFor('submit', 'read');
  const refused = [
    `{"password":"${mark}`,
    `{"type":"echo","payload":{"password":"${mark}"},}`,
    `{"type":"echo","payload":{"password":7,"pin":"${mark}"}}`,
  ];
  for (const body of refused) {
    const response = await fetch(`${server.url}/v1/jobs`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${token}` },
    });
    expect([response.status >= 200, await response.text()]).toEqual([true, expect.not.stringContaining(mark)]);
  }
});
