/**
 * The protocol as `docs/protocol.md` tells it, spoken in raw bytes: a submitter, a worker and a viewer without any
 * package of NATS or of ours. What the page says of a step is compared with the step itself.
 */

import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { freePorts } from '../../nats/broker-ports.ts';
import { type JobRecord, upcast } from '../../runtime/record.ts';
import { testBroker } from '../nats/broker.ts';
import { publishByMqtt } from '../nats/mqtt.ts';
import { TestCluster } from './cluster.ts';
import { heard, RawClient, type RawMessage } from './raw-client.ts';
import { claimed, ended, failed, headersOf, started } from './raw-step.ts';

const worker = 'raw0worker01';
const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

let cluster: TestCluster;
let client: RawClient;

beforeEach(async () => {
  cluster = new TestCluster(await testBroker({ ports: { ...freePorts, mqtt: 'free' } }));
  await cluster.master();
  client = await RawClient.to(cluster.broker.url);
  const echo = { type: 'echo', defaults: { backoff: { kind: 'fixed', delayMs: 10, jitterMs: 0 } } };
  const stored = await client.request('$KV.yard_control.type.echo', JSON.stringify(echo));
  expect(json(stored)).toMatchObject({ stream: 'KV_yard_control' });
});

afterEach(async () => {
  client[Symbol.dispose]();
  await cluster[Symbol.asyncDispose]();
});

describe('a submitter in raw bytes', () => {
  test('says just what the page shows, and hears the id of its job', async () => {
    const [, example = ''] = /```\n(CONNECT [\s\S]+?)```/.exec(page) ?? [];
    using speaker = await RawClient.to(cluster.broker.url, '');
    const acks = speaker.listen('1');
    speaker.say(example.replaceAll('\n', '\r\n'));
    const made = { id: 'first-1', tenant: 'default', state: 'pending', durability: 'fast' };
    expect(json(await heard(acks))).toEqual({ ref: 'r1', ...made });
  });

  test('without headers, in an envelope', async () => {
    const acks = client.subscribe('yard.ack.r2');
    const options = { ref: 'r2', id: 'second', priority: 'high', delay: '1h', labels: { zone: 'eu' } };
    client.publish('yard.submit.echo', JSON.stringify({ payload: { n: 1 }, options }));
    expect(json(await heard(acks))).toMatchObject({ id: 'second', state: 'scheduled' });
    expect(await recordOf('second')).toMatchObject({ payload: { n: 1 }, priority: 'high' });
  });

  test('by a request that only the broker answers, and a second time under the same id', async () => {
    const acks = client.subscribe('yard.ack.*');
    const headers = { 'Job-Id': 'third', Ref: 'r3' };
    expect(json(await client.request('yard.submit.echo', '{}', headers))).toEqual({ stream: 'yard_submit', seq: 1 });
    client.publish('yard.submit.echo', '{}', { headers });
    client.publish('yard.submit.echo', '{"other":true}', { headers });
    expect(json(await heard(acks))).toMatchObject({ ref: 'r3', id: 'third' });
    expect(json(await heard(acks))).toMatchObject({ ref: 'r3', id: 'third' });
    expect(json(await heard(acks))).toMatchObject({ ref: 'r3', rejected: expect.stringContaining('(409)') });
  });

  test('is told what was wrong with it, and finds it put aside', async () => {
    const acks = client.subscribe('yard.ack.r4');
    client.publish('yard.submit.echo', 'not json', { headers: { Ref: 'r4' } });
    expect(json(await heard(acks))).toMatchObject({
      rejected: expect.stringMatching(/^Expected JSON, got `not json`/),
    });
    const last = await client.request('$JS.API.DIRECT.GET.yard_rejected', '{"last_by_subj":"yard.rejected"}');
    expect(json(last)).toMatchObject({
      sequence: 1,
      subject: 'default/echo',
      body: 'not json',
      headers: { ref: 'r4' },
    });
  });

  test('by MQTT, on the topic of the type', async () => {
    const acks = client.subscribe('yard.ack.m1');
    const envelope = JSON.stringify({ payload: {}, options: { ref: 'm1', queue: 'live' } });
    await publishByMqtt(cluster.broker.server.mqttPort ?? 0, 'yard/submit/echo', envelope);
    expect(json(await heard(acks))).toMatchObject({ ref: 'm1', state: 'pending' });
  });
});

describe('a worker in raw bytes', () => {
  test('claims what it is offered, runs it, and writes what came of it', async () => {
    const offers = offersTo(worker);
    const feed = client.subscribe('yard.feed.default.*');
    pulse();
    submit('job-1');
    const offered = await offerIn(offers);
    const claim = claimed(offered.record, { worker, at: offered.record.createdAt + 5 });
    const revision = await written(claim, offered.revision);
    expect(json(await write(claim, offered.revision))).toMatchObject({ error: { err_code: 10071 } });
    const done = ended(started(claim, claim.updatedAt + 5), claim.updatedAt + 9, { ok: true });
    await written(done, revision);

    expect(await recordOf('job-1')).toEqual(done);
    expect([await stateIn(feed), await stateIn(feed), await stateIn(feed)]).toEqual([
      'pending',
      'assigned',
      'completed',
    ]);
    const answer = await client.request('yard.api.desk.cluster', 'null');
    expect(json(answer)).toMatchObject({ answer: { open: 0, workers: [{ incarnation: worker, jobs: [] }] } });
  });

  test('that reports a failure is offered the job again, as another attempt', async () => {
    const offers = offersTo(worker);
    pulse();
    submit('job-2');
    const first = await offerIn(offers);
    const claim = claimed(first.record, { worker, at: first.record.createdAt + 5 });
    const revision = await written(claim, first.revision);
    const failure = failed(started(claim, claim.updatedAt), claim.updatedAt + 9, 'No such luck.');
    await written(failure, revision);
    const second = await offerIn(offers);
    const again = claimed(second.record, { worker, at: second.record.updatedAt });
    await written(again, second.revision);
    expect(again.context).toMatchObject({ attempt: 2, spent: 2, worker });
    expect(again.attempts).toMatchObject([{ attempt: 1, outcome: 'failed' }, { attempt: 2 }]);
  });

  test('many claims in one batch land together or not at all', async () => {
    const offers = offersTo(worker);
    pulse();
    submit('job-3');
    submit('job-4');
    const one = await offerIn(offers);
    const two = await offerIn(offers);
    const claims = [one, two].map(({ record }) => claimed(record, { worker, at: record.createdAt + 5 }));
    expect(json(await batch(claims, [one.revision, 1]))).toMatchObject({ error: { err_code: 10071 } });
    expect((await recordOf('job-3')).state).toBe('pending');
    expect(json(await batch(claims, [one.revision, two.revision]))).toMatchObject({ count: 2 });
    expect((await recordOf('job-3')).state).toBe('assigned');
  });

  test('that falls silent is told that it is lost, and its job runs elsewhere', async () => {
    const offers = offersTo(worker);
    const notices = client.subscribe(`yard.worker.${worker}.lost`);
    pulse();
    submit('job-5');
    const { record, revision } = await offerIn(offers);
    await written(claimed(record, { worker, at: record.createdAt + 5 }), revision);
    expect(json(await heard(notices))).toEqual({ verb: 'lost' });
    pulse('raw0worker02');
    const elsewhere = await offerIn(offersTo('raw0worker02'));
    expect(elsewhere.record.attempts).toMatchObject([{ attempt: 1, worker, outcome: 'lost' }]);
  });
});

function write(record: JobRecord, expected: number): Promise<RawMessage> {
  return client.request(`$KV.yard_jobs.default.${record.id}`, JSON.stringify(record), headersOf(record, expected));
}

async function written(record: JobRecord, expected: number): Promise<number> {
  return z.object({ seq: z.number().positive() }).parse(json(await write(record, expected))).seq;
}

async function batch(records: readonly JobRecord[], expected: readonly number[]): Promise<RawMessage> {
  const id = expected.join('-');
  const messages = records.map((record, at) => ({
    subject: `$KV.yard_jobs.default.${record.id}`,
    body: JSON.stringify(record),
    headers: { ...headersOf(record, expected[at] ?? 0), 'Nats-Batch-Id': id, 'Nats-Batch-Sequence': at + 1 },
  }));
  for (const { subject, body, headers } of messages.slice(0, -1)) client.publish(subject, body, { headers });
  const { subject = '', body = '', headers = {} } = messages.at(-1) ?? {};
  return client.request(subject, body, { ...headers, 'Nats-Batch-Commit': 1 });
}

function submit(id: string): void {
  client.publish('yard.submit.echo', '{}', { headers: { 'Job-Id': id } });
}

function pulse(incarnation = worker): void {
  const capacity = { slots: 4, types: ['echo'], gpu: 0, vramMb: 0, encoders: [], memoryMb: 64, labels: {} };
  const who = { incarnation, name: incarnation, host: 'raw', pid: 1, version: '0', declared: [], startedAt: 0 };
  const now = {
    status: 'available',
    loopLagMs: 0,
    claims: { count: 0, hash: 0 },
    load: { cpuPercent: 0, memoryMb: 1 },
  };
  client.publish(`yard.pulse.${incarnation}`, JSON.stringify({ ...who, capacity, ...now }));
}

const letter = z.object({
  offers: z.array(z.object({ revision: z.number(), key: z.string(), record: z.unknown().optional() })),
});

interface Offer {
  revision: number;
  record: JobRecord;
}

/** The offers to a worker from now on, one after the other; a record that did not travel along is read. */
function offersTo(incarnation: string): AsyncGenerator<Offer> {
  return offersIn(client.subscribe(`yard.work.${incarnation}`));
}

async function* offersIn(mails: AsyncIterable<RawMessage>): AsyncGenerator<Offer> {
  for await (const mail of mails)
    for (const { revision, key, record } of letter.parse(json(mail)).offers)
      yield { revision, record: record === undefined ? await recordOf(key.replace('default.', '')) : upcast(record) };
}

async function offerIn(offers: AsyncGenerator<Offer>): Promise<Offer> {
  const { done, value } = await offers.next();
  if (done === true) throw new Error('Expected another offer, the subscription ended.');
  return value;
}

async function recordOf(id: string): Promise<JobRecord> {
  return upcast(json(await client.request(`$JS.API.DIRECT.GET.KV_yard_jobs.$KV.yard_jobs.default.${id}`)));
}

async function stateIn(feed: AsyncIterator<RawMessage>): Promise<unknown> {
  const { headers } = await heard(feed);
  return z.object({ state: z.string() }).parse(JSON.parse(headers.get('Yard-Head') ?? '{}')).state;
}

function json({ body }: RawMessage): unknown {
  return JSON.parse(body);
}
