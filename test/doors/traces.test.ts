/**
 * Traces: one job through three real processes, with what each of them sent to a receiver of OTLP; and the place in a trace that
 * somebody hands in at each door.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { connectAsync } from 'mqtt';
import { headers } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { freePorts } from '../../nats/broker-ports.ts';
import { defineJob, type JobRun, type Yard } from '../../sdk/index.ts';
import { type Scratch, scratch, type TestBroker, testBroker } from '../nats/broker.ts';
import { serveOpen, TestCluster } from './cluster.ts';
import { Shell } from './command.ts';
import { OtlpReceiver, type ReceivedSpan } from './otlp.ts';

const traceOf = (digit: string) => digit.repeat(32);
const parentOf = (digit: string, flags = '01') => `00-${traceOf(digit)}-${digit.repeat(16)}-${flags}`;

describe('a job that fails once', () => {
  let broker: TestBroker;
  let cluster: TestCluster;
  let directory: Scratch;
  let receiver: OtlpReceiver;
  let shell: Shell;
  let submitter: Shell;
  let yard: Yard;

  beforeAll(async () => {
    [broker, directory, receiver] = await Promise.all([testBroker(), scratch(), OtlpReceiver.open()]);
    cluster = new TestCluster(broker);
    const env = { NATS_URL: cluster.broker.url, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    shell = new Shell(directory.path, env);
    submitter = new Shell(directory.path, { ...env, TRACEPARENT: parentOf('a'), TRACESTATE: 'vendor=x' });
    const master = shell.start('master', '--name', 'chief', '--http-port', 'off', '--metrics-port', 'off');
    const worker = shell.start('worker', '--name', 'hand', '--types', 'flaky', '--metrics-port', 'off');
    await Promise.all([master.says('leader.elected'), worker.says('worker.started')]);
    yard = await cluster.yard();
  });

  afterAll(async () => {
    await shell?.[Symbol.asyncDispose]();
    await submitter?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
    await directory?.[Symbol.asyncDispose]();
  });

  test('is one trace: submitter, master and worker, with a link from the second attempt to the first', async () => {
    const payload = JSON.stringify({ failAttempts: 1, retryAfterMs: 20 });
    const { code, out } = await submitter.yard('submit', 'flaky', payload, '--id', 'twice', '--wait');
    expect({ code, out }).toEqual({ code: 0, out: 'twice\n' });
    const spans = await receiver.trace(traceOf('a'), 9);
    expect(spans.map(({ name }) => name).sort()).toEqual([
      'assign flaky',
      'assign flaky',
      'attempt flaky',
      'attempt flaky',
      'handler flaky',
      'handler flaky',
      'submit flaky',
      'wait flaky',
      'wait flaky',
    ]);
    const [submit] = named(spans, 'submit');
    expect(submit).toMatchObject({ service: 'yard-client', parent: 'a'.repeat(16), kind: 4 });
    for (const [at, attempt] of [1, 2].entries()) {
      const [wait, assign] = [of(spans, 'wait', attempt), of(spans, 'assign', attempt)];
      const [claimed, handler] = [of(spans, 'attempt', attempt), of(spans, 'handler', attempt)];
      expect(wait).toMatchObject({ service: 'yard-master', instance: 'chief', parent: submit?.spanId });
      expect(assign).toMatchObject({ service: 'yard-master', parent: submit?.spanId, kind: 4 });
      expect(claimed).toMatchObject({ service: 'yard-worker', instance: 'hand', parent: assign?.spanId, kind: 5 });
      expect(handler).toMatchObject({ service: 'yard-worker', parent: claimed?.spanId, isError: at === 0 });
      expect(claimed?.facts['yard.worker']).toBe(assign?.facts['yard.worker']);
      expect(handler?.startedAt).toBeGreaterThanOrEqual(claimed?.startedAt ?? Number.NaN);
      expect(handler?.endedAt).toBeLessThanOrEqual(claimed?.endedAt ?? Number.NaN);
      expect(wait?.endedAt).toBe(assign?.startedAt);
    }
    const [first, second] = [of(spans, 'attempt', 1), of(spans, 'attempt', 2)];
    expect(first).toMatchObject({
      links: [],
      isError: true,
      facts: { 'yard.outcome': 'failed', 'error.type': 'error' },
    });
    expect(second).toMatchObject({ links: [first?.spanId], isError: false, facts: { 'yard.outcome': 'completed' } });
    expect(second?.facts).toMatchObject({
      'messaging.system': 'yardmaster',
      'messaging.operation.name': 'attempt',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'flaky',
      'messaging.message.id': 'twice',
      'yard.job': 'default.twice',
      'yard.queue': 'default',
      'yard.priority': 'medium',
    });
    const record = await yard.job('twice');
    expect(record?.trace).toEqual({ parent: `00-${traceOf('a')}-${submit?.spanId}-01`, state: 'vendor=x' });
    expect(record?.attempts.map(({ trace }) => trace?.split('-')[2])).toEqual([first?.spanId, second?.spanId]);
  });

  test('of a trace that nobody records is told nowhere, and goes on where it was', async () => {
    const { id } = await yard.submit('flaky', { failAttempts: 0 }, { traceparent: parentOf('b', '00') });
    expect(await yard.settled(id)).toMatchObject({ state: 'completed', trace: { parent: parentOf('b', '00') } });
    const recorded = await yard.submit('flaky', { failAttempts: 0 }, { traceparent: parentOf('c') });
    await yard.settled(recorded.id);
    await receiver.trace(traceOf('c'), 4);
    expect(receiver.spans.filter(({ traceId }) => traceId === traceOf('b'))).toEqual([]);
  });

  test('begins its trace with the offer where its submitter sends none', async () => {
    const { id } = await yard.submit('flaky', { failAttempts: 0 });
    const { trace, attempts } = await yard.settled(id);
    const [, traceId = ''] = attempts[0]?.trace?.split('-') ?? [];
    expect(trace).toBeUndefined();
    const spans = await receiver.trace(traceId, 4);
    expect(spans.map(({ name }) => name).sort()).toEqual([
      'assign flaky',
      'attempt flaky',
      'handler flaky',
      'wait flaky',
    ]);
    expect(named(spans, 'wait')).toMatchObject([{ service: 'yard-master', parent: undefined }]);
  });

  test('has no secret of its payload in any span, whatever its handler says of it', async () => {
    const handlers = resolve(import.meta.dirname, 'leaky.ts');
    const worker = shell.start('worker', '--handlers', handlers, '--types', 'leaky', '--metrics-port', 'off');
    await worker.says('worker.started');
    const payload = { dbPassword: 'quincequince', url: 'https://ann:medlarmedlar@example.com/?token=loquatloquat' };
    const { id } = await yard.submit('leaky', payload, { traceparent: parentOf('f'), name: 'of quincequince' });
    expect(await yard.settled(id)).toMatchObject({ state: 'failed' });
    const spans = await receiver.trace(traceOf('f'), 4);
    expect(named(spans, 'handler')).toMatchObject([{ isError: true }]);
    for (const secret of ['quince', 'medlar', 'loquat']) expect(receiver.text).not.toContain(secret);
  });

  test('begins its trace at the door where nobody handed one in', async () => {
    const connection = await cluster.broker.connect();
    connection.publish('yard.submit.flaky', '{"failAttempts":0}', { headers: withHeaders({ 'Job-Id': 'alone' }) });
    await expect.poll(() => yard.job('alone')).toBeDefined();
    const [, traceId = ''] = (await yard.settled('alone')).trace?.parent.split('-') ?? [];
    const spans = await receiver.trace(traceId, 5);
    expect(spans.find(({ parent }) => parent === undefined)).toMatchObject({
      name: 'submit flaky',
      service: 'yard-master',
    });
  });
});

describe('what is loaded', () => {
  test.each([
    ['nothing but the interface where no endpoint is named', {}, ['@opentelemetry/api']],
    ['the SDK where one is', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }, ['@opentelemetry/sdk-trace']],
  ])('is %s', async (_, env, loaded) => {
    await using directory = await scratch();
    await using broker = await testBroker();
    const log = join(directory.path, 'loaded');
    await writeFile(log, '');
    const hook = resolve(import.meta.dirname, 'loaded.ts');
    const given = { NATS_URL: broker.url, NODE_OPTIONS: `--import=${hook}`, LOADED: log, ...env };
    await using shell = new Shell(directory.path, given);
    const master = shell.start('master', '--http-port', 'off', '--metrics-port', 'off');
    const worker = shell.start('worker', '--types', 'noop', '--metrics-port', 'off');
    await Promise.all([master.says('leader.elected'), worker.says('worker.started')]);
    expect(await shell.yard('submit', 'noop', '--wait')).toMatchObject({ code: 0 });
    const found = [...new Set((await readFile(log, 'utf8')).trim().split('\n'))];
    if (loaded.length === 1 && loaded[0] === '@opentelemetry/api') expect(found).toEqual(loaded);
    else expect(found).toEqual(expect.arrayContaining(loaded));
  });
});

describe('a place in a trace', () => {
  let cluster: TestCluster;
  let yard: Yard;
  const ran = new Map<string, JobRun<unknown>['trace']>();

  beforeAll(async () => {
    cluster = new TestCluster(await testBroker({ ports: { ...freePorts, mqtt: 'free' } }));
    await cluster.master();
    yard = await cluster.yard();
    const traced = defineJob({
      type: 'traced',
      payload: z.looseObject({}),
      run: ({ id, trace }) => {
        ran.set(id, trace);
      },
    });
    await cluster.work([traced]);
  });

  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  const handed = { traceparent: parentOf('d'), tracestate: 'vendor=y' };

  test.each([
    [
      'headers of NATS',
      async () => {
        const connection = await cluster.broker.connect();
        connection.publish('yard.submit.traced', '{}', { headers: withHeaders({ 'Job-Id': 'by-nats', ...handed }) });
        return 'by-nats';
      },
    ],
    [
      'an envelope by MQTT',
      async () => {
        const device = await connectAsync(`mqtt://127.0.0.1:${cluster.broker.server.mqttPort}`);
        const said = { payload: {}, options: { id: 'by-mqtt', ...handed } };
        await device.publishAsync('yard/submit/traced', JSON.stringify(said), { qos: 1 });
        await device.endAsync();
        return 'by-mqtt';
      },
    ],
    [
      'headers of HTTP',
      async () => {
        const http = await serveOpen(() => Promise.resolve(yard));
        const body = JSON.stringify({ type: 'traced', id: 'by-http' });
        await fetch(`${http.url}/v1/jobs`, { method: 'POST', headers: handed, body });
        return 'by-http';
      },
    ],
    [
      'code',
      async () => {
        await yard.submit('traced', {}, { id: 'by-code', ...handed });
        return 'by-code';
      },
    ],
  ])('that %s hand in is in the record, and is handed on to the handler', async (_, submit) => {
    const id = await submit();
    await expect.poll(() => yard.job(id)).toBeDefined();
    const record = await yard.settled(id);
    expect(record.trace).toEqual({ parent: handed.traceparent, state: handed.tracestate });
    expect(ran.get(id)).toEqual(handed);
  });

  test('that is none keeps no job out, and is no part of what makes two submissions the same', async () => {
    const options = { idempotencyKey: 'same', traceparent: 'nonsense' };
    const first = await yard.submit('traced', {}, options);
    const again = await yard.submit('traced', {}, { ...options, traceparent: parentOf('e') });
    expect({ id: again.id, created: again.created }).toEqual({ id: first.id, created: false });
    expect((await yard.settled(first.id)).trace).toBeUndefined();
  });
});

function withHeaders(given: Readonly<Record<string, string>>) {
  const made = headers();
  for (const [name, value] of Object.entries(given)) made.set(name, value);
  return made;
}

function named(spans: readonly ReceivedSpan[], operation: string): readonly ReceivedSpan[] {
  return spans.filter(({ name }) => name.startsWith(`${operation} `));
}

function of(spans: readonly ReceivedSpan[], operation: string, attempt: number): ReceivedSpan | undefined {
  return named(spans, operation).find(({ facts }) => facts['yard.attempt'] === attempt);
}
