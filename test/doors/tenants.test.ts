/**
 * Two tenants of one cluster. One has a mark in everything that it can have, from ids to dead letters; the other one reads, searches,
 * listens and asks wherever it can, and where it may not, and nothing that comes back has the mark in it.
 */

import { createServer, type Server } from 'node:http';
import { connectAsync } from 'mqtt';
import { headers } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { operations } from '../../doors/api/operations.ts';
import { subjects } from '../../doors/api/subject.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { serveHttp } from '../../doors/http/serve.ts';
import { connect, defineJob, type Yard } from '../../sdk/index.ts';
import { readEverything } from './everything.ts';
import { type LockedCluster, lockedCluster } from './locked.ts';

const mark = 'quince7medlar';
const payload = z.looseObject({});
const echo = defineJob({
  type: 'echo',
  payload,
  run({ payload, log, progress }) {
    log(JSON.stringify(payload));
    progress({ percent: 50, message: JSON.stringify(payload) });
    return payload;
  },
});
const failing = defineJob({
  type: 'failing',
  payload,
  defaults: { maxAttempts: 1 },
  run: ({ payload }) => {
    throw new Error(`refused ${JSON.stringify(payload)}`);
  },
});
const staying = defineJob({
  type: 'staying',
  payload,
  run: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(null))),
});

let cluster: LockedCluster;
let acme: Yard;
let rival: Yard;
let server: Listening;
let token: string;
const ends: (() => PromiseLike<unknown> | unknown)[] = [];
/** What the rival hears from before anything is planted on: on the wire, by MQTT, as news over HTTP, at its webhook. */
const heard = { wire: [] as string[], mqtt: [] as string[], news: '', hook: [] as string[], acmeHook: [] as string[] };
let wake = () => {};

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise<void>((resolve) => (wake = resolve));
}

async function receiver(said: string[]): Promise<string> {
  const server: Server = createServer((request, response) => {
    request.on('data', (part: Buffer) => said.push(part.toString()));
    request.on('end', () => {
      response.writeHead(204).end();
      wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

beforeAll(async () => {
  const types = ['echo', 'failing', 'staying', 'webhook'];
  cluster = await lockedCluster(['tenant=acme', 'tenant=rival'], [echo, failing, staying], {
    types,
    webhookPrivate: true,
  });
  ends.push(() => cluster[Symbol.asyncDispose]());
  [acme, rival] = [cluster.yard.ofTenant('acme'), cluster.yard.ofTenant('rival')];
  const onError = (cause: unknown) => expect.unreachable(String(cause));
  const options = { version: '0', auth: 'token', ratePerSecond: 0, port: 'free', isNamed: false, onError } as const;
  server = await serveHttp({
    ...options,
    open: () => connect({ servers: cluster.broker.url, ...cluster.as('operator') }),
  });
  ends.push(() => server.close());
  token = (await cluster.yard.tokens.create({ label: 'rival', scopes: ['submit', 'operate'], tenant: 'rival' })).secret;
  await listen();
  await plant();
}, 180_000);

afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

const wide = [
  '>',
  'yard.>',
  'yard.event.>',
  'yard.*.acme.>',
  'yard.log.>',
  'yard.tenant.>',
  '$KV.>',
  '$O.>',
  '$JS.>',
  '_INBOX.>',
];
const own = ['event', 'progress', 'log', 'feed'].map((kind) => `yard.${kind}.rival.>`);

async function listen(): Promise<void> {
  const wire = await cluster.broker.connect(cluster.as('rival'));
  for (const subject of [...wide, ...own, 'yard.tenant.rival.ack.>'])
    wire.subscribe(subject, {
      callback: (refused, message) => {
        if (refused === null) heard.wire.push(`${message.subject} ${message.string()}`);
      },
    });
  await wire.flush();
  const { user: username, password } = cluster.as('rival');
  const device = await connectAsync(`mqtt://127.0.0.1:${cluster.broker.server.mqttPort}`, { username, password });
  ends.push(() => device.endAsync(true));
  device.on('message', (topic, body) => void heard.mqtt.push(`${topic} ${body.toString()}`));
  for (const topic of ['#', 'yard/#', 'yard/event/#', 'yard/event/acme/#', 'yard/log/#', '$KV/#', 'yard/event/rival/#'])
    await device.subscribeAsync(topic, { qos: 1 }).catch(() => undefined);
  const news = await fetch(`${server.url}/v1/events`, { headers: { authorization: `Bearer ${token}` } });
  const reader = news.body?.pipeThrough(new TextDecoderStream()).getReader();
  ends.push(async () => await reader?.cancel());
  void (async () => {
    for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
      heard.news += part.value;
      wake();
    }
  })();
  await rival.webhooks.add({ url: await receiver(heard.hook) });
  await acme.webhooks.add({ url: `${await receiver(heard.acmeHook)}/${mark}` });
}

/** The mark wherever one tenant can have one, and then the same work of the other one without it. */
async function plant(): Promise<void> {
  const said = { secret: 'none', text: mark };
  await acme.submit('staying', said, { id: `${mark}-holds`, limitKeys: ['shared'] });
  await cluster.yard.limits.set('shared', { maxActive: 1 });
  await acme.submit('echo', said, { id: `${mark}-done`, name: mark, tags: [mark], limitKeys: [`${mark}.key`] });
  await acme.submit('echo', { ...said, filler: 'x'.repeat(70_000) }, { id: `${mark}-large` });
  await acme.submit('failing', said, { id: `${mark}-failed`, queue: 'batch' });
  await acme.submit('echo', said, { id: `${mark}-held`, hold: true, idempotencyKey: undefined });
  await acme.schedules.add(`${mark}-nightly`, { every: '1h', type: 'echo', payload: said });
  await acme.workflows.submit({ name: mark, jobs: { [mark]: { type: 'echo', payload: said } } });
  for (const id of ['done', 'large', 'failed']) await acme.settled(`${mark}-${id}`, { timeoutMs: 60_000 });
  await acme.redriveDead({});
  await acme.settled(`${mark}-failed`, { timeoutMs: 60_000 });
  const wire = await cluster.broker.connect(cluster.as('acme'));
  const refused = headers();
  refused.set('Ref', mark);
  const ack = wire.subscribe('yard.tenant.acme.ack.>', { max: 1 });
  wire.publish('yard.tenant.acme.submit.nosuch', JSON.stringify(said), { headers: refused });
  for await (const message of ack) expect(message.string()).toContain('nosuch');
  await until(() => heard.acmeHook.join('').includes(`${mark}-failed`));
  await rival.submit('echo', {}, { id: 'seen' });
  await rival.submit('echo', {}, { id: 'waits', limitKeys: ['shared'] });
  await rival.submit('failing', {}, { id: 'broken' });
  for (const id of ['seen', 'broken']) await rival.settled(id, { timeoutMs: 60_000 });
  await rival.schedules.add('beat', { every: '1h', type: 'echo' });
  await until(() =>
    ['seen', 'broken'].every((id) => heard.hook.join('').includes(`"${id}"`) && heard.news.includes(`"${id}"`)),
  );
}

async function ask(path: string, { method = 'GET', body }: { method?: string; body?: unknown } = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

describe('over HTTP', () => {
  test('no question has an answer with anything of the other one in it', async () => {
    const dead = (await rival.deadGroups()).map(({ id }) => id);
    const webhooks = (await rival.webhooks.list()).map(({ webhook }) => webhook);
    const named = { jobs: ['seen', 'waits', 'broken'], schedules: ['beat'], dead, webhooks };
    const words = [
      `q=${mark}`,
      `q=${mark.slice(0, 6)}*`,
      `tag=${mark}`,
      `worker=w&limit=1000`,
      'state=failed',
      'queue=batch',
      'type=echo',
    ];
    const queries = { '/v1/jobs': [...words, 'sort=created', 'sort=-updated', 'type=webhook'] };
    const all = await readEverything(operations(rival), {
      url: server.url,
      token,
      named,
      queries,
      settled: ['seen', 'broken'],
    });
    expect(all.filter(({ status }) => status === 200).length).toBeGreaterThan(20);
    expect(all.filter(({ text }) => text.includes(mark)).map(({ path }) => path)).toEqual([]);
    expect(all.filter(({ status, text }) => status === 200 && text.includes('acme')).map(({ path }) => path)).toEqual(
      [],
    );
    expect(all.find(({ path }) => path === '/v1/jobs')?.text).toContain('"seen"');
    expect(all.find(({ path }) => path === '/v1/jobs/waits/why')?.text).toContain('1 job of others');
    expect(all.find(({ path }) => path === '/v1/stats/lanes')?.text).not.toContain('"batch"');
  });

  test('what is of the other one is as what has never been: read, changed, searched or paged', async () => {
    const theirs = {
      jobs: `${mark}-done`,
      schedules: `${mark}-nightly`,
      webhooks: (await acme.webhooks.list())[0]?.webhook ?? '',
      dead: (await acme.deadGroups())[0]?.id ?? '',
    };
    const never = { jobs: 'never-there', schedules: 'never-there', webhooks: 'zzzzzzzzzzzz', dead: '00000000' };
    const asked = operations(rival).filter(
      ({ path, forTenants, method }) => path.includes('{') && forTenants && method !== 'put',
    );
    expect(asked.length).toBeGreaterThan(15);
    for (const { path, method, id } of asked) {
      const noun = /^\/v1\/(jobs|schedules|webhooks|dead)/.exec(path)?.[1] as keyof typeof theirs;
      const answers = [theirs[noun], never[noun]].map(async (name) => {
        const body = ['get', 'delete'].includes(method) ? undefined : (bodies[id] ?? {});
        const { status, text } = await ask(path.replace(/\{\w+\}/, name).replace(/\{\w+\}/, 'some.bin'), {
          method: method.toUpperCase(),
          body,
        });
        return { id, status, text: text.replaceAll(name, 'NAME') };
      });
      const [real, none] = await Promise.all(answers);
      expect(real).toEqual(none);
      expect(real?.status).toBe(404);
    }
  });
});

/** What these cannot do without. */
const bodies: Readonly<Record<string, unknown>> = {
  moveJob: { queue: 'batch' },
  prioritiseJob: { priority: 'low' },
  rescheduleJob: { dueAt: 4_000_000_000_000 },
};

describe('heard', () => {
  test('as news over HTTP is what is its own', () => {
    expect(heard.news).toContain('"seen"');
    expect(heard.news).not.toContain(mark);
  });

  test('at its webhook is what is its own', () => {
    expect(heard.hook.join('')).toContain('"seen"');
    expect(heard.hook.join('')).not.toContain(mark);
    expect(heard.acmeHook.join('')).not.toContain('"seen"');
  });

  test('on the wire and by MQTT is what is its own, whatever it subscribed to', () => {
    expect(heard.wire.filter((text) => text.startsWith('yard.event.rival.')).length).toBeGreaterThan(3);
    expect(heard.wire.filter((text) => text.startsWith('yard.log.rival.')).length).toBeGreaterThan(0);
    expect(heard.mqtt.length).toBeGreaterThan(3);
    expect([...heard.wire, ...heard.mqtt].filter((text) => text.includes(mark) || text.includes('acme'))).toEqual([]);
  });
});

describe('over NATS', () => {
  test('its own service tells of its own jobs alone', async () => {
    const wire = await cluster.broker.connect(cluster.as('rival'));
    const answers: string[] = [];
    for (const [subject, needs] of Object.entries(subjects)) {
      if (needs !== 'read') continue;
      const params = { id: 'seen', name: 'beat', group: '00000000', queue: 'default' };
      const query = subject === 'jobs.list' ? { q: `${mark.slice(0, 6)}*` } : {};
      const asked = JSON.stringify({ params, query });
      answers.push((await wire.request(`yard.tenant.rival.api.${subject}`, asked, { timeout: 30_000 })).string());
    }
    expect(answers.length).toBeGreaterThan(15);
    expect(answers.filter((text) => text.includes('"seen"')).length).toBeGreaterThan(0);
    expect(answers.filter((text) => text.includes(mark) || text.includes('acme'))).toEqual([]);
  });

  test('what lies in the streams is read of its own alone', async () => {
    const wire = await cluster.broker.connect(cluster.as('rival'));
    const refused: string[] = [];
    const seen: string[] = [];
    void (async () => {
      for await (const status of wire.status())
        if (status.type === 'error') {
          refused.push(status.error.message);
          wake();
        }
    })();
    wire.subscribe('_INBOX_rival.all', {
      callback: (refused, message) => {
        if (refused === null) seen.push(message.string());
      },
    });
    const jobs = '$KV.yard_jobs';
    const reads: readonly [string, string][] = [
      [`$JS.API.DIRECT.GET.KV_yard_jobs.${jobs}.acme.${mark}-done`, ''],
      ['$JS.API.DIRECT.GET.KV_yard_jobs', JSON.stringify({ multi_last: [`${jobs}.>`] })],
      ['$JS.API.DIRECT.GET.KV_yard_jobs', JSON.stringify({ last_by_subj: `${jobs}.acme.${mark}-done` })],
      ['$JS.API.STREAM.MSG.GET.KV_yard_jobs', JSON.stringify({ seq: 1 })],
      ['$JS.API.STREAM.INFO.KV_yard_jobs', JSON.stringify({ subjects_filter: '>' })],
      ['$JS.API.STREAM.NAMES', ''],
      [
        '$JS.API.CONSUMER.CREATE.KV_yard_jobs',
        JSON.stringify({ stream_name: 'KV_yard_jobs', config: { deliver_subject: '_INBOX_rival.all' } }),
      ],
      [`$JS.API.DIRECT.GET.yard_logs.yard.log.acme.${mark}-done`, ''],
      ['$JS.API.DIRECT.GET.yard_audit', JSON.stringify({ seq: 1 })],
      ['$JS.API.DIRECT.GET.KV_yard_control', JSON.stringify({ multi_last: ['$KV.yard_control.>'] })],
      ['$JS.API.DIRECT.GET.OBJ_yard_blobs', JSON.stringify({ seq: 1 })],
      ['yard.tenant.acme.api.jobs.list', ''],
      ['yard.api.jobs.list', ''],
      ['yard.api.desk.why', JSON.stringify(`acme.${mark}-held`)],
    ];
    for (const [subject, body] of reads) wire.publish(subject, body, { reply: '_INBOX_rival.all' });
    // Its own, in which only the name of a header could lead elsewhere.
    wire.publish(`$JS.API.DIRECT.GET.KV_yard_jobs.${jobs}.rival.seen`, '', { reply: '_INBOX_rival.all' });
    while (seen.length === 0) await wire.flush();
    await until(() => reads.every(([subject]) => refused.some((words) => words.includes(`Publish to "${subject}"`))));
    expect(seen).toHaveLength(1);
    expect(seen[0]).toContain('"seen"');
  });
});

test('the one whose mark it is meets it everywhere', async () => {
  const secret = (await cluster.yard.tokens.create({ label: 'acme', scopes: ['submit', 'operate'], tenant: 'acme' }))
    .secret;
  const jobs = ['done', 'failed'].map((id) => `${mark}-${id}`);
  const dead = (await acme.deadGroups()).map(({ id }) => id);
  const named = { jobs, schedules: [`${mark}-nightly`], dead };
  const all = await readEverything(operations(acme), { url: server.url, token: secret, named, settled: jobs });
  const where = new Set(all.filter(({ text }) => text.includes(mark)).map(({ path }) => path));
  for (const path of [
    '/v1/jobs',
    `/v1/jobs/${mark}-done/result`,
    `/v1/jobs/${mark}-done/logs`,
    '/v1/schedules',
    '/v1/dead/groups',
  ])
    expect([...where]).toContain(path);
});

/** At the end: from here on it has jobs with the mark in their ids. */
test('who names the other one is not heard as that', async () => {
  for (const body of [
    { type: 'echo', tenant: 'acme' },
    { type: 'echo', id: `${mark}-done` },
  ]) {
    const { text } = await ask('/v1/jobs', { method: 'POST', body });
    expect(text).not.toContain('conflict');
  }
  expect((await acme.job(`${mark}-done`))?.payload).toEqual({ secret: 'none', text: mark });
  const all = { verb: 'cancel', filter: { state: 'held' } };
  await ask('/v1/jobs/actions', { method: 'POST', body: all });
  expect((await acme.job(`${mark}-held`))?.state).toBe('held');
  const after = await ask('/v1/jobs', {
    method: 'POST',
    body: { type: 'echo', id: 'follows', after: [`${mark}-failed`] },
  });
  expect(after.status).toBe(201);
  expect((await ask('/v1/jobs/follows/why')).text).toContain('not submitted yet');
});
