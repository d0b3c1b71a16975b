/** Live logs of jobs, as they are written and read. */

import { jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { NatsLogs } from '../../nats/logs.ts';
import { names } from '../../nats/names.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import type { LogLine } from '../../runtime/ports.ts';
import { type TestBroker, testBroker } from './broker.ts';

const clock = new SystemClock();
const yard = names();
const key = 'default.a';

async function logsOf(broker: TestBroker): Promise<NatsLogs> {
  const connection = await broker.connect();
  await ensureTopology({ connection, names: yard, clock });
  return new NatsLogs({ connection, names: yard, clock });
}

function line(text: string, at = 1): LogLine {
  return { at, attempt: 1, stream: 'stderr', line: text };
}

/** The first `count` lines of a job's log, and then no more of it. */
async function take(logs: NatsLogs, count: number, job = key): Promise<readonly string[]> {
  const enough = new AbortController();
  const found: string[] = [];
  for await (const { line } of logs.read(job, { follow: true, signal: enough.signal })) {
    found.push(line);
    if (found.length === count) enough.abort();
  }
  return found;
}

async function all(logs: NatsLogs): Promise<readonly LogLine[]> {
  const found: LogLine[] = [];
  for await (const each of logs.read(key, { follow: false })) found.push(each);
  return found;
}

async function messages(broker: TestBroker): Promise<number> {
  const jsm = await jetstreamManager(await broker.connect());
  return (await jsm.streams.info(yard.streams.logs)).state.messages;
}

test('lines of a moment travel in one message, and each job has a log of its own', async () => {
  await using broker = await testBroker();
  const logs = await logsOf(broker);
  logs.append(key, [line('one'), line('two')]);
  logs.append('default.b', [line('other')]);
  logs.append(key, [line('three')]);
  expect(await take(logs, 3)).toEqual(['one', 'two', 'three']);
  expect(await take(logs, 1, 'default.b')).toEqual(['other']);
  expect(await messages(broker)).toBe(2);
});

test('whoever follows hears lines as they come, from another process too', async () => {
  await using broker = await testBroker();
  const [writer, reader] = [await logsOf(broker), await logsOf(broker)];
  const enough = new AbortController();
  const heard: string[] = [];
  const next = new Map([
    ['first', 'second'],
    ['second', 'third'],
  ]);
  writer.append(key, [line('first')]);
  for await (const each of reader.read(key, { follow: true, signal: enough.signal })) {
    heard.push(each.line);
    const text = next.get(each.line);
    if (text === undefined) enough.abort();
    else writer.append(key, [line(text)]);
  }
  expect(heard).toEqual(['first', 'second', 'third']);
});

test('reading without following ends with what is there', async () => {
  await using broker = await testBroker();
  const logs = await logsOf(broker);
  expect(await all(logs)).toEqual([]);
  logs.append(key, [line('one', 7)]);
  logs.flush();
  expect(await take(logs, 1)).toEqual(['one']);
  expect(await all(logs)).toEqual([line('one', 7)]);
});

test('a long log comes back whole and in order, over many messages', async () => {
  await using broker = await testBroker();
  const logs = await logsOf(broker);
  const texts = Array.from({ length: 600 }, (_, at) => `line ${at}`);
  for (const text of texts) {
    logs.append(key, [line(text)]);
    logs.flush();
  }
  expect(await take(logs, texts.length)).toEqual(texts);
  expect(await messages(broker)).toBe(600);
});

test('a flood is split into messages that a broker takes, and a line beyond all measure is cut', async () => {
  await using broker = await testBroker();
  const logs = await logsOf(broker);
  const wild = '\u001b'.repeat(100_000);
  logs.append(key, [line(wild), ...Array.from({ length: 50 }, () => line('x'.repeat(10_000)))]);
  const found = await take(logs, 51);
  expect(found[0]).toBe(`${'\u001b'.repeat(32_000)}…`);
  expect(found.slice(1)).toEqual(Array.from({ length: 50 }, () => 'x'.repeat(10_000)));
  expect(await messages(broker)).toBeGreaterThan(2);
});

test('whoever follows over a restart of the broker misses nothing that was written meanwhile', async () => {
  await using broker = await testBroker();
  const [writer, reader] = [await logsOf(broker), await logsOf(broker)];
  const enough = new AbortController();
  const heard: string[] = [];
  writer.append(key, [line('before')]);
  for await (const each of reader.read(key, { follow: true, signal: enough.signal })) {
    heard.push(each.line);
    if (each.line === 'after') enough.abort();
    if (each.line !== 'before') continue;
    await broker.kill();
    writer.append(key, [line('meanwhile')]);
    await broker.restart();
    writer.append(key, [line('after')]);
  }
  expect(heard).toEqual(['before', 'meanwhile', 'after']);
});

test('whoever stops reading in the middle leaves nothing behind', async () => {
  await using broker = await testBroker();
  const logs = await logsOf(broker);
  logs.append(key, [line('one'), line('two')]);
  for await (const each of logs.read(key, { follow: true })) {
    expect(each.line).toBe('one');
    break;
  }
  const jsm = await jetstreamManager(await broker.connect());
  expect((await jsm.streams.info(yard.streams.logs)).state.consumer_count).toBe(0);
});
