/** `yard doctor` and what ails a cluster: each trouble is made real, seen by its check, cured as it says, and gone. */

import { createServer } from 'node:http';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Result } from '../../doors/cli/doctor/check.ts';
import { connect, type Yard } from '../../sdk/index.ts';
import { type Scratch, scratch, type TestBroker, testBroker, testBrokers } from '../nats/broker.ts';
import { type Running, Shell } from './command.ts';
import { examined } from './examined.ts';

const anyResult = z.object({
  area: z.string(),
  name: z.string(),
  status: z.enum(['ok', 'warn', 'fail', 'skip']),
  expected: z.string(),
  met: z.string(),
  cure: z.string().optional(),
});

/** The one among brokers of whom all others ask what streams there are. */
async function overseer<Server extends { name: string; monitoringUrl: string }>(
  servers: readonly Server[],
): Promise<Server | undefined> {
  const [first] = servers;
  const reply = await fetch(`${first?.monitoringUrl}/jsz`);
  const { meta_cluster: group } = z
    .object({ meta_cluster: z.object({ leader: z.string() }) })
    .parse(await reply.json());
  return servers.find(({ name }) => name === group.leader);
}

let directory: Scratch;

beforeAll(async () => {
  directory = await scratch();
});

afterAll(() => directory[Symbol.asyncDispose]());

describe('a broker', () => {
  test('that is not there fails one check, with a cure; what needs one is skipped, and the command ends with 1', async () => {
    await using shell = new Shell(directory.path, { NATS_URL: 'nats://127.0.0.1:1' });
    const { code, out } = await shell.yard('doctor', '-o', 'json');
    expect(code).toBe(1);
    const results = z.array(anyResult).parse(JSON.parse(out));
    expect(results.filter(({ status }) => status === 'fail')).toMatchObject([
      { name: 'broker', met: expect.stringContaining('127.0.0.1:1'), cure: expect.stringContaining('yard up') },
    ]);
    const beyond = results.filter(({ area }) => area !== 'machine' && area !== 'broker');
    expect(beyond.every(({ status, met }) => status === 'skip' && met === 'no broker to ask')).toBe(true);
    expect(beyond.length).toBeGreaterThan(20);
    const { out: named } = await shell.yard('doctor', 'broker', '-o', 'name');
    expect(named).toBe('broker\n');
    expect(await shell.yard('doctor', 'brokr')).toMatchObject({ code: 2, talk: expect.stringContaining('`brokr`') });
  });

  test('without JetStream is told so', async () => {
    await using broker = await testBroker({ settings: { jetstream: undefined } });
    const found = await examined({ nats: broker.url, directory: directory.path });
    expect(found.get('broker')).toMatchObject({ status: 'ok' });
    expect(found.get('jetstream')).toMatchObject({ status: 'fail', cure: expect.stringContaining('jetstream {}') });
    expect(found.get('streams')).toMatchObject({ status: 'skip' });
  });

  test("with nats-server's own limits is told which of them are too narrow; ours has none of these", async () => {
    const store = { store_dir: `${directory.path}/narrow` };
    await using narrow = await testBroker({ settings: { max_payload: 65_536, jetstream: store } });
    await using wide = await testBroker();
    const [ill, well] = await Promise.all(
      [narrow, wide].map(({ url, server }) =>
        examined({ nats: url, directory: directory.path, env: { YARD_NATS_MONITORING: server.monitoringUrl } }),
      ),
    );
    expect(ill?.get('max-payload')).toMatchObject({ status: 'fail', met: expect.stringContaining('64 KiB') });
    expect(ill?.get('sync-interval')).toMatchObject({ status: 'warn', met: expect.stringContaining('120 s') });
    expect(ill?.get('open-batches')).toMatchObject({ met: expect.stringContaining('50 may be open') });
    for (const name of ['max-payload', 'sync-interval', 'open-batches', 'jetstream', 'broker-version', 'stuck-broker'])
      expect(well?.get(name)).toMatchObject({ status: 'ok' });
    expect(well?.get('open-batches')).toMatchObject({ met: expect.stringContaining('1000 may be open') });
  });

  test('that turns us away, or hides our streams, says which of the two', async () => {
    const users = [
      { user: 'all', password: 'a' },
      { user: 'blind', password: 'b', permissions: { publish: { deny: ['$JS.API.>'] } } },
    ];
    await using broker = await testBroker({ settings: { authorization: { users } } });
    const asked = (user: string, password: string) =>
      examined({ nats: broker.url, directory: directory.path, env: { YARD_USER: user, YARD_PASSWORD: password } });
    const stranger = await asked('all', 'wrong');
    expect(stranger.get('broker')).toMatchObject({ status: 'ok' });
    expect(stranger.get('sign-in')).toMatchObject({ status: 'fail', cure: expect.stringContaining('--creds') });
    const blind = await asked('blind', 'b');
    expect(blind.get('sign-in')).toMatchObject({ status: 'ok' });
    expect(blind.get('permissions')).toMatchObject({ status: 'fail', cure: expect.stringContaining('yard auth nats') });
    const all = await asked('all', 'a');
    expect(all.get('permissions')).toMatchObject({ status: 'ok' });
  });

  test('where no cluster ever was is told so, and nothing is made there', async () => {
    await using broker = await testBroker();
    const found = await examined({ nats: broker.url, directory: directory.path });
    expect(found.get('streams')).toMatchObject({
      status: 'fail',
      met: expect.stringContaining('none'),
      cure: 'yard master',
    });
    expect(found.get('leader')).toMatchObject({ status: 'skip' });
    const jsm = await jetstreamManager(await broker.connect());
    expect(await jsm.streams.list().next()).toEqual([]);
  });

  test('of three that is away is named while the others elect anew, and no more once it is back', async () => {
    await using brokers = await testBrokers();
    await using yard = await connect({ servers: brokers.url });
    await expect.poll(async () => (await yard.brokers()).current).toBe(3);
    const third = await overseer(brokers.servers);
    await third?.kill();
    await expect.poll(async () => (await yard.brokers()).current).toBe(2);
    const ill = await examined({ nats: brokers.url, directory: directory.path });
    expect(ill.get('brokers')).toMatchObject({ status: 'warn', met: expect.stringContaining(third?.name ?? '?') });
    expect(ill.get('broker-version')).toMatchObject({ status: 'warn' });
    await third?.restart();
    await expect.poll(async () => (await yard.brokers()).current).toBe(3);
    const well = await examined({ nats: brokers.url, directory: directory.path });
    expect(well.get('brokers')).toMatchObject({ status: 'ok' });
  });
});

describe('a cluster', () => {
  let broker: TestBroker;
  let shell: Shell;
  let yard: Yard;
  let master: Running;

  const check = async (name: string, env: Readonly<Record<string, string>> = {}): Promise<Result | undefined> =>
    (await examined({ nats: broker.url, directory: directory.path, env })).get(name);

  /** Carries out the cure that a check names, as it stands there. */
  const cure = async (name: string) => {
    const { cure: command = '' } = (await check(name)) ?? {};
    expect(command).toMatch(/^yard /);
    const ran = await shell.yard(...command.split(' ').slice(1));
    expect(ran).toMatchObject({ code: 0 });
  };

  const startMaster = async () => {
    const started = shell.start('master', '--name', 'chief', '--scheduler-interval', '200ms', '--http-port', 'free');
    await started.says('leader.elected');
    return started;
  };

  const startWorker = async (name: string, types: string, ...flags: string[]) => {
    const started = shell.start('worker', '--name', name, '--types', types, '--metrics-port', 'off', ...flags);
    await started.says('worker.started');
    await expect.poll(async () => (await yard.workers()).find((each) => each.name === name)?.status).toBe('available');
    return started;
  };

  let hands: Promise<Running> | undefined;
  let sleepers: Promise<Running> | undefined;
  /** Those that the tests share, each started by the first one that needs it. */
  const hand = () => (hands ??= startWorker('hand', 'noop,always_fail,webhook', '--webhook-private', 'yes'));
  const sleepy = () => (sleepers ??= startWorker('sleepy', 'sleeper'));

  beforeAll(async () => {
    broker = await testBroker();
    shell = new Shell(directory.path, { NATS_URL: broker.url });
    master = await startMaster();
    yard = await connect({ servers: broker.url });
  });

  afterAll(async () => {
    await yard.close();
    await shell[Symbol.asyncDispose]();
    await broker[Symbol.asyncDispose]();
  });

  test('without a master has no leader; `yard master` is the cure', async () => {
    expect(await check('leader')).toMatchObject({ status: 'ok', met: expect.stringContaining('chief leads') });
    expect(await check('standby')).toMatchObject({ status: 'warn' });
    expect(await check('http')).toMatchObject({ status: 'ok' });
    master.signal('SIGTERM');
    await master.ended;
    expect(await check('leader')).toMatchObject({ status: 'fail', met: 'no master answers', cure: 'yard master' });
    master = await startMaster();
    expect(await check('leader')).toMatchObject({ status: 'ok' });
  });

  test('a stream that somebody removed is missed, until a master is restarted', async () => {
    const jsm = await jetstreamManager(await broker.connect());
    await jsm.streams.delete('yard_rejected');
    expect(await check('streams')).toMatchObject({ status: 'fail', met: 'missing: yard_rejected' });
    master.signal('SIGTERM');
    await master.ended;
    master = await startMaster();
    expect(await check('streams')).toMatchObject({ status: 'ok' });
  });

  test('without workers has jobs that wait: first nobody works, then nobody serves the type, then it runs', async () => {
    const job = await yard.submit('sleeper', { executionTimeMs: 1 });
    await expect.poll(async () => (await yard.cluster())?.unserved).toEqual({ sleeper: 1 });
    expect(await check('workers')).toMatchObject({ status: 'fail', met: 'none, and 1 job waits', cure: 'yard worker' });
    await hand();
    expect(await check('workers')).toMatchObject({ status: 'ok' });
    const unserved = await check('unserved-types');
    expect(unserved).toMatchObject({ status: 'fail', met: 'nobody serves sleeper (1 job)' });
    expect(unserved?.cure).toContain('yard worker --types sleeper');
    await sleepy();
    await job.result();
    expect(await check('unserved-types')).toMatchObject({ status: 'ok' });
  });

  test('a drained worker is undrained by the cure', async () => {
    await hand();
    await shell.yard('worker', 'drain', 'hand');
    expect(await check('drained-workers')).toMatchObject({ status: 'warn', cure: 'yard worker undrain hand' });
    await cure('drained-workers');
    expect(await check('drained-workers')).toMatchObject({ status: 'ok' });
  });

  test('a worker that was killed is lost, and is named', async () => {
    const doomed = await startWorker('doomed', 'noop');
    expect(await check('lost-workers')).toMatchObject({ status: 'ok' });
    doomed.signal('SIGKILL');
    await expect.poll(async () => (await yard.workers()).find(({ name }) => name === 'doomed')?.status).toBe('lost');
    expect(await check('lost-workers')).toMatchObject({ status: 'warn', met: expect.stringContaining('doomed') });
  });

  test('a paused queue with jobs in it is resumed by the cure', async () => {
    await hand();
    await yard.queues.pause('shut');
    const job = await yard.submit('noop', {}, { queue: 'shut' });
    await expect.poll(async () => (await yard.cluster())?.paused?.['shut']).toBe(1);
    expect(await check('paused-queues')).toMatchObject({ status: 'warn', met: 'paused: shut (1 job waits)' });
    await cure('paused-queues');
    expect(await check('paused-queues')).toMatchObject({ status: 'ok' });
    await job.result();
  });

  test('what no worker has is told by what the jobs ask for', async () => {
    await hand();
    const { id } = await yard.submit('noop', {}, { gpu: 2 });
    await expect.poll(() => yard.why(id)).toMatchObject({ code: 'no worker has it' });
    expect(await check('requirements')).toMatchObject({ status: 'fail', met: '1 job of type noop asks for gpu 2' });
    await yard.cancel(id);
    await expect.poll(async () => (await check('requirements'))?.status).toBe('ok');
  });

  test('a full limit with jobs behind it is told, and so is a job that gives no sign of life', async () => {
    await sleepy();
    await yard.queues.set('narrow', { maxActive: 1 });
    const sleeps = { executionTimeMs: 600_000 };
    const [runs, waits] = await yard.submitMany([
      { type: 'sleeper', payload: sleeps, options: { queue: 'narrow' } },
      { type: 'sleeper', payload: sleeps, options: { queue: 'narrow' } },
    ]);
    await expect.poll(async () => await yard.queues.get('narrow')).toMatchObject({ out: 1, waiting: 1 });
    expect(await check('limits')).toMatchObject({
      status: 'warn',
      cure: expect.stringContaining('yard queue set narrow'),
    });
    const isSilent = async () => (await check('stuck-jobs', { YARD_STALE_AFTER: '1s' }))?.status;
    await expect.poll(isSilent).toBe('fail');
    expect(await check('stuck-jobs')).toMatchObject({ status: 'ok' });
    await yard.queues.set('narrow', { maxActive: null });
    await expect.poll(async () => (await check('limits'))?.status).toBe('ok');
    for (const each of [runs, waits]) await yard.cancel(each?.id ?? '');
    await expect.poll(isSilent).toBe('ok');
  });

  test('what failed and what was refused within the hour is counted, with the last reason', async () => {
    await hand();
    expect(await check('dead-letter')).toMatchObject({ status: 'ok' });
    expect(await check('rejected')).toMatchObject({ status: 'ok' });
    const { id } = await yard.submit('always_fail', { retryable: false });
    await yard.settled(id);
    (await broker.connect()).publish('yard.submit.nonsense', '{}');
    await expect.poll(async () => (await yard.rejected()).length).toBe(1);
    await expect.poll(() => check('dead-letter')).toMatchObject({ status: 'warn', met: '1 job of always_fail' });
    expect(await check('rejected')).toMatchObject({
      status: 'warn',
      met: expect.stringContaining('`nonsense`'),
    });
  });

  test('a receiver that wants no more is named; removed, it is no trouble', async () => {
    await hand();
    await using receiver = await receiverWith(410);
    const { webhook } = await yard.webhooks.add({ url: receiver.url, states: ['completed'], types: ['noop'] });
    expect(await check('webhooks')).toMatchObject({ status: 'ok' });
    await (await yard.submit('noop', {})).result();
    await expect.poll(async () => (await yard.webhooks.get(webhook.webhook)).endedAt).toBeDefined();
    expect(await check('webhooks')).toMatchObject({ status: 'warn', met: expect.stringContaining('410') });
    await yard.webhooks.remove(webhook.webhook);
    expect(await check('webhooks')).toMatchObject({ status: expect.stringMatching(/ok|warn/) });
  });

  test('without a token nobody comes in by HTTP, and one that expires soon is named', async () => {
    expect(await check('tokens')).toMatchObject({ status: 'warn', met: expect.stringContaining('no token opens') });
    const { token } = await yard.tokens.create({ label: 'brief', scopes: ['read'], expiresIn: '1d' });
    expect(await check('tokens')).toMatchObject({ status: 'warn', met: expect.stringContaining('brief') });
    await yard.tokens.revoke(token.token);
    await yard.tokens.create({ label: 'lasting', scopes: ['read'] });
    expect(await check('tokens')).toMatchObject({ status: 'ok', met: '1 open' });
  });

  test('a store of jobs that is nearly full is told before doors refuse', async () => {
    const jsm = await jetstreamManager(await broker.connect());
    expect(await check('store')).toMatchObject({ status: 'warn', met: expect.stringContaining('nothing bounds it') });
    const { config, state } = await jsm.streams.info('KV_yard_jobs');
    await jsm.streams.update('KV_yard_jobs', { ...config, max_bytes: Math.ceil(state.bytes * 1.05) });
    expect(await check('store')).toMatchObject({
      status: 'fail',
      met: expect.stringContaining('new jobs are refused'),
    });
    await jsm.streams.update('KV_yard_jobs', { ...config, max_bytes: 1_073_741_824 });
    expect(await check('store')).toMatchObject({ status: 'ok' });
  });

  test('for people it is a page: what is well in a line, what is not with what was expected and the cure', async () => {
    await yard.queues.pause('empty');
    const { out, code } = await shell.yard('doctor', 'leader', 'paused-queues');
    await yard.queues.resume('empty');
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual([
      'masters',
      expect.stringMatching(/^ {2}✓ leader {9}chief leads, term \d+$/),
      '',
      'jobs',
      '  ! paused-queues  paused: empty (0 jobs wait)',
      '                   expected no jobs that wait in a paused queue',
      '                   → yard queue resume empty',
      '',
      '2 checks: 1 well, 1 warning',
      '',
    ]);
  });
});

async function receiverWith(status: number) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
