/**
 * `yard auth nats` against a real nats-server: each role can do what it is for, and nothing else.
 *
 * What a user may not do the broker says to who tried it; for each refusal a test has seen that very answer.
 */

import { createServer } from 'node:http';
import { jetstream } from '@nats-io/jetstream';
import { createInbox, headers, type NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readUser } from '../../cluster/broker-users.ts';
import { operations } from '../../doors/api/operations.ts';
import { subjectOf, subjects } from '../../doors/api/subject.ts';
import { portsToListen } from '../../nats/broker-ports.ts';
import { connect, defineJob, work, type Yard } from '../../sdk/index.ts';
import { MqttDevice } from '../nats/mqtt.ts';
import { type LockedCluster, lockedCluster } from './locked.ts';

const echo = defineJob({
  type: 'echo',
  payload: z.looseObject({ times: z.number().default(1) }),
  run: ({ payload: { times }, log }) => {
    log('echoing');
    return 'x'.repeat(times);
  },
});

let locked: LockedCluster;
let yard: Yard;

beforeAll(async () => {
  locked = await lockedCluster(
    ['webhook-worker', 'submitter=ci', 'submitter=rival', 'viewer', 'mqtt=camera', 'tenant=acme', 'tenant=other'],
    [echo],
  );
  ({ yard } = locked);
});

afterAll(() => locked[Symbol.asyncDispose]());

/** A connection of a user, and what the broker refuses it. */
async function visit(name: string) {
  const connection = await locked.broker.connect(locked.as(name));
  const refusals: string[] = [];
  let hear = () => {};
  void (async () => {
    for await (const status of connection.status())
      if (status.type === 'error') {
        refusals.push(status.error.message);
        hear();
      }
  })();
  const refused = async (kind: string, said: string): Promise<void> => {
    const words = `Permissions Violation for ${kind} to "${said}"`;
    while (!refusals.some((each) => each.includes(words))) await new Promise<void>((resolve) => (hear = resolve));
    expect(refusals.join(' ')).toContain(words);
  };
  return {
    connection,
    /** The broker refuses what is published there. */
    mayNotSay: async (...subjects: readonly string[]) => {
      for (const subject of subjects) {
        connection.publish(subject, '{}');
        await refused('Publish', subject);
      }
    },
    mayNotHear: async (...subjects: readonly string[]) => {
      for (const subject of subjects) {
        connection.subscribe(subject, { callback: () => {} });
        await refused('Subscription', subject);
      }
    },
  };
}

async function heard(connection: NatsConnection, subject: string): Promise<() => Promise<Record<string, unknown>>> {
  const subscription = connection.subscribe(subject);
  await connection.flush();
  return async () => {
    for await (const message of subscription) return message.json();
    throw new Error('Expected to hear something.');
  };
}

const others = ['yard.>', 'yard.control.>', '>', '_INBOX_operator.>', '_INBOX.>', '$KV.>', '$JS.>', '$SYS.>'];
const records = ['$KV.yard_jobs.default.x', '$KV.yard_jobs._leader', '$KV.yard_control.token.x', '$O.yard_blobs.C.x'];
const powers = ['yard.api.desk.step-down', '$JS.API.STREAM.DELETE.KV_yard_jobs', '$JS.API.STREAM.PURGE.KV_yard_jobs'];

const readings = (key: string) => [`$JS.API.DIRECT.GET.KV_yard_control.$KV.yard_control.${key}`];
const wholeControl = [
  '$JS.API.DIRECT.GET.KV_yard_control',
  '$JS.API.STREAM.MSG.GET.KV_yard_control',
  '$JS.API.CONSUMER.CREATE.KV_yard_control',
  '$JS.API.CONSUMER.CREATE.KV_yard_control.x.$KV.yard_control.token.*',
];

describe('a submitter', () => {
  test('submits, has it stored, and hears what became of it', async () => {
    const { connection } = await visit('ci');
    const ack = await heard(connection, 'yard.ack.ci.*');
    const written = headers();
    written.set('Ref', 'ci/r1');
    written.set('Job-Id', 'of-ci');
    const stored = await jetstream(connection).publish('yard.submit.echo', '{}', { headers: written });
    expect(stored).toMatchObject({ stream: 'yard_submit' });
    expect(await ack()).toMatchObject({ ref: 'ci/r1', id: 'of-ci', tenant: 'default' });
    expect((await yard.settled('of-ci', { timeoutMs: 30_000 })).state).toBe('completed');
  });

  test('writes no record, reads none, and hears nobody else', async () => {
    const { mayNotSay, mayNotHear } = await visit('ci');
    await mayNotSay(...records, ...powers, 'yard.tenant.acme.submit.echo', 'yard.event.default.echo.completed.x');
    await mayNotSay(
      '$JS.API.DIRECT.GET.KV_yard_jobs.$KV.yard_jobs.default.of-ci',
      '$JS.API.STREAM.MSG.GET.KV_yard_jobs',
    );
    await mayNotSay('_INBOX_rival.x', 'yard.ack.rival.x', 'yard.api.jobs.list', 'yard.api.jobs.cancel');
    await mayNotHear(...others, 'yard.ack.*', 'yard.ack.rival.>', 'yard.event.>', 'yard.submit.>', '_INBOX_rival.>');
  });
});

describe('a worker', () => {
  test('runs jobs, with what is too large for a record, and is drained', async () => {
    const small = await yard.submit('echo', {});
    const large = await yard.submit('echo', { times: 200_000, text: 'y'.repeat(100_000) });
    expect(await small.result({ timeoutMs: 30_000 })).toBe('x');
    expect(await large.result({ timeoutMs: 30_000 })).toHaveLength(200_000);
    expect((await Array.fromAsync(yard.logs(small.id, { follow: true }))).map(({ line }) => line)).toEqual(['echoing']);
    expect((await yard.workers()).map(({ name }) => name)).toEqual(['w']);
    expect((await yard.drainWorker('w')).status).toBe('draining');
    await yard.undrainWorker('w');
  });

  test('submits nothing, leads nothing, and touches nothing but jobs', async () => {
    const { mayNotSay, mayNotHear } = await visit('worker');
    await mayNotSay('$KV.yard_jobs._leader', '$KV.yard_jobs._unique.default.x', '$KV.yard_jobs._schedule.default.x');
    await mayNotSay(
      '$KV.yard_control.token.x',
      '$KV.yard_control.queue.live',
      'yard.submit.echo',
      'yard.work.x',
      ...powers,
    );
    await mayNotHear(...others, 'yard.submit.>', 'yard.work.>', 'yard.feed.>', 'yard.event.>');
  });

  test('reads no token, no webhook and nothing else that is set, and takes no deliveries', async () => {
    const { mayNotSay, mayNotHear } = await visit('worker');
    await mayNotSay(...readings('token.x'), ...readings('webhook.x'), ...readings('type.echo'), ...wholeControl);
    await mayNotSay('$KV.yard_control.webhook.x');
    await mayNotHear('$KV.yard_control.>', '$KV.yard_control.webhook.*');
    const [worker] = await yard.workers();
    expect(worker?.types).toContain('echo');
    expect(worker?.types).not.toContain('webhook');
    const asked = work([], { types: ['webhook'], servers: locked.broker.url, ...locked.as('worker') });
    await expect(asked).rejects.toMatchObject({ code: 'broker.unauthorized' });
  });
});

describe('a worker for webhooks', () => {
  test('delivers what is signed, ends a webhook whose receiver is gone, and reads nothing but webhooks', async () => {
    const heard: string[] = [];
    const server = createServer((request, response) => {
      heard.push(String(request.headers['webhook-signature']));
      response.writeHead(heard.length === 1 ? 204 : 410).end();
    });
    const [port = 0] = await portsToListen(1);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const to = { servers: locked.broker.url, drainDeadline: 0, ...locked.as('webhook-worker') };
    const courier = await work([], { types: ['webhook'], webhookPrivate: true, ...to });
    const { webhook } = await yard.webhooks.add({ url: `http://127.0.0.1:${port}`, types: ['echo'] });
    await (await yard.submit('echo', {})).result({ timeoutMs: 30_000 });
    await expect.poll(() => heard).toMatchObject([expect.stringMatching(/^v1,/)]);
    await (await yard.submit('echo', {})).result({ timeoutMs: 30_000 });
    await expect.poll(async () => (await yard.webhooks.get(webhook.webhook)).endedAt).toBeGreaterThan(0);
    const { mayNotSay, mayNotHear } = await visit('webhook-worker');
    await mayNotSay(...readings('token.x'), ...readings('queue.live'), ...wholeControl, '$KV.yard_control.token.x');
    await mayNotHear('$KV.yard_control.>', '$KV.yard_control.webhook.*', 'yard.control.webhook.*');
    await courier.drain();
    server.closeAllConnections();
    server.close();
  });
});

describe('a viewer', () => {
  test('sees jobs, logs, results, the cluster and news, also by the command', async () => {
    const seen = await yard.submit('echo', {}, { id: 'seen' });
    await seen.result({ timeoutMs: 30_000 });
    const { connection } = await visit('viewer');
    const news = await heard(connection, 'yard.event.>');
    await yard.submit('echo', {}, { id: 'news', delay: '1h' });
    expect(await news()).toMatchObject({ key: 'default.news' });
    await using eyes = await connect({ servers: locked.broker.url, ...locked.as('viewer') });
    expect(await eyes.job('seen')).toMatchObject({ state: 'completed' });
    expect((await eyes.why('news'))?.code).toBe('not due');
    expect((await eyes.cluster())?.workers.map(({ name }) => name)).toContain('w');
    expect(await Array.fromAsync(eyes.logs('seen', { follow: true }))).toHaveLength(1);
    const listed = await connection.request('yard.api.jobs.list', '{"query":{"state":"completed"}}', {
      timeout: 20_000,
    });
    expect(listed.string()).toContain('"seen"');
    const { user, password, inboxPrefix } = locked.as('viewer');
    const told = await locked.shell.yard(
      'job',
      'get',
      'seen',
      '--user',
      user,
      '--password',
      password,
      '--inbox-prefix',
      inboxPrefix,
    );
    expect([told.code, told.talk]).toEqual([0, '']);
    expect(told.out).toContain('completed');
  });

  test('changes nothing', async () => {
    const { mayNotSay, mayNotHear } = await visit('viewer');
    await mayNotSay(
      ...records,
      ...powers,
      'yard.submit.echo',
      'yard.worker.x.drain',
      'yard.api.jobs.cancel',
      'yard.api.jobs.submit',
    );
    await mayNotSay('$JS.API.CONSUMER.CREATE.KV_yard_jobs', '$JS.API.CONSUMER.CREATE.yard_logs.x.yard.log.>');
    await mayNotHear(...others, 'yard.submit.>', 'yard.ack.>', 'yard.work.>', '_INBOX_ci.>');
    expect((await yard.job('news'))?.state).toBe('scheduled');
  });
});

describe('a tenant', () => {
  test('submits as itself, hears its acks and events, and reads its own records', async () => {
    const { connection } = await visit('acme');
    const [ack, event] = [
      await heard(connection, 'yard.tenant.acme.ack.>'),
      await heard(connection, 'yard.event.acme.>'),
    ];
    const written = headers();
    written.set('Ref', 'r1');
    written.set('Job-Id', 'mine');
    await jetstream(connection).publish('yard.tenant.acme.submit.echo', '{}', { headers: written });
    expect(await ack()).toMatchObject({ id: 'mine', tenant: 'acme' });
    expect(await event()).toMatchObject({ key: 'acme.mine' });
    expect((await yard.ofTenant('acme').settled('mine', { timeoutMs: 30_000 })).state).toBe('completed');
    const record = await connection.request('$JS.API.DIRECT.GET.KV_yard_jobs.$KV.yard_jobs.acme.mine');
    expect(record.json()).toMatchObject({ id: 'mine', tenant: 'acme', state: 'completed' });
    const listed = await connection.request('yard.tenant.acme.api.jobs.list', '', { timeout: 20_000 });
    expect(listed.json<{ jobs: { id: string }[] }>().jobs.map(({ id }) => id)).toEqual(['mine']);
  });

  test('sees nothing of others, whichever way it tries', async () => {
    const { mayNotSay, mayNotHear } = await visit('other');
    await mayNotSay(
      'yard.tenant.acme.submit.echo',
      'yard.submit.echo',
      'yard.tenant.acme.api.jobs.list',
      'yard.api.jobs.list',
    );
    await mayNotSay('$JS.API.DIRECT.GET.KV_yard_jobs.$KV.yard_jobs.acme.mine', '$JS.API.DIRECT.GET.KV_yard_jobs');
    await mayNotSay(
      '$JS.API.STREAM.MSG.GET.KV_yard_jobs',
      '$JS.API.STREAM.INFO.KV_yard_jobs',
      '$JS.API.CONSUMER.CREATE.KV_yard_jobs',
    );
    await mayNotSay('$JS.API.DIRECT.GET.yard_logs.yard.log.acme.mine', 'yard.api.desk.why', ...records, ...powers);
    await mayNotHear(
      ...others,
      '_INBOX_acme.>',
      'yard.event.>',
      'yard.event.acme.>',
      'yard.feed.acme.*',
      'yard.log.*.*',
    );
    await mayNotHear(
      'yard.tenant.acme.ack.>',
      'yard.tenant.*.ack.>',
      'yard.ack.>',
      'yard.progress.>',
      '$KV.yard_jobs.acme.*',
    );
  });
});

describe('an operator', () => {
  test('does by the command what people do, and does not lead', async () => {
    const { user, password, inboxPrefix } = locked.as('operator');
    const flags = ['--user', user, '--password', password, '--inbox-prefix', inboxPrefix];
    expect((await locked.shell.yard('submit', 'echo', '--id', 'by-hand', '--wait', ...flags)).code).toBe(0);
    for (const words of [
      ['job', 'list'],
      ['job', 'get', 'by-hand'],
      ['queue', 'list'],
      ['audit'],
      ['schedule', 'list'],
      ['dead', 'list'],
      ['master', 'list'],
    ]) {
      const { code, talk } = await locked.shell.yard(...words, ...flags);
      expect([words, code, talk.includes('Permissions')]).toEqual([words, 0, false]);
    }
    const { mayNotSay, mayNotHear } = await visit('operator');
    await mayNotSay(
      '$KV.yard_jobs._leader',
      '$KV.yard_jobs._picture',
      '$JS.API.STREAM.DELETE.KV_yard_jobs',
      'yard.work.x',
    );
    await mayNotHear('>', 'yard.>', '_INBOX_acme.>', '$KV.yard_jobs.>');
  });
});

describe('an MQTT client', () => {
  test('submits and hears its acks and the news, and neither all nor by another protocol', async () => {
    const { user, password } = locked.as('camera');
    await using device = await MqttDevice.connect(locked.broker.server.mqttPort ?? 0, { user, password });
    for (const topic of [
      '#',
      'yard/#',
      'yard/ack/+',
      'yard/ack/ci/#',
      'yard/event/#',
      '$KV/yard_jobs/#',
      'yard/submit/#',
    ])
      expect([topic, await device.subscribe(topic)]).toEqual([topic, 'refused']);
    expect(await device.subscribe('yard/ack/camera/#')).toBe('granted');
    expect(await device.subscribe('yard/event/default/+/completed/#')).toBe('granted');
    const options = { ref: 'camera/1', id: 'by-mqtt' };
    await device.publish('yard/submit/echo', JSON.stringify({ payload: {}, options }));
    expect(JSON.parse(await device.heard('yard/ack/camera/1'))).toMatchObject({ id: 'by-mqtt', state: 'pending' });
    expect(await device.heard('yard/event/default/echo/completed/by-mqtt')).toContain('"completed"');
    await device.publish('$KV/yard_jobs/default/by-mqtt', '{}');
    await device.publish('yard/event/default/echo/completed/never', '{}');
    expect(await yard.job('by-mqtt')).toMatchObject({ state: 'completed' });
    await expect(locked.broker.connect(locked.as('camera'))).rejects.toMatchObject({
      code: 'broker.unauthorized',
    });
  });
});

test('each operation has a subject of its own, and the permissions know what it needs', () => {
  const asked = operations(yard).map((each) => [subjectOf(each), each.needs]);
  expect(Object.fromEntries(asked)).toEqual(subjects);
  expect(Object.keys(subjects)).toHaveLength(asked.length);
});

test('a word that is no role, two of one name and a tenant without one are refused', async () => {
  expect(() => readUser('manager')).toThrow('Expected a role out of master, worker, webhook-worker,');
  expect(() => readUser('tenant')).toThrow('Expected a tenant, such as `tenant=acme`');
  const { code, talk } = await locked.shell.yard('auth', 'nats', 'worker', 'viewer=worker');
  expect([code, talk]).toMatchObject([expect.any(Number), expect.stringContaining('got two of worker')]);
  expect(code).not.toBe(0);
  const snippet = await locked.shell.yard('auth', 'nats');
  expect(snippet.out).toContain('authorization: {');
  expect(snippet.out).toContain('# worker: --user worker --inbox-prefix _INBOX_worker');
  expect(createInbox('_INBOX_worker')).toMatch(/^_INBOX_worker\./);
});
