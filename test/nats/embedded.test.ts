/** The broker that comes along: where it is found, and that it dies when it should and only then. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';
import { expect, test, vi } from 'vitest';
import { findBroker, isAtLeast } from '../../nats/binary.ts';
import { freePorts } from '../../nats/broker-ports.ts';
import { startBroker } from '../../nats/embedded.ts';
import { serverFiles } from '../../nats/server-config.ts';
import { scratch, testBroker } from './broker.ts';

async function program(folder: string, version: string): Promise<string> {
  const path = join(folder, 'nats-server');
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(path, 0o755);
  return path;
}

test('a server on PATH is used when it is new enough, also behind an old one', async () => {
  await using old = await scratch();
  await using recent = await scratch();
  await program(old.path, '2.9.10');
  const path = await program(recent.path, '2.12.0');
  const found = await findBroker({ searchPath: `${old.path}:${recent.path}`, cacheDir: '/nowhere' });
  expect(found).toEqual({ path, version: '2.12.0' });
});

test('a server that was asked for by its path must be new enough', async () => {
  await using folder = await scratch();
  const path = await program(folder.path, '2.11.9');
  await expect(findBroker({ path })).rejects.toMatchObject({
    code: 'broker.absent',
    message: expect.stringContaining('got version 2.11.9'),
  });
});

test('versions are compared by their numbers', () => {
  expect(isAtLeast('2.12.0', '2.12.0')).toBe(true);
  expect(isAtLeast('2.14.10', '2.14.9')).toBe(true);
  expect(isAtLeast('3.0.0', '2.12.0')).toBe(true);
  expect(isAtLeast('2.9.99', '2.12.0')).toBe(false);
});

test('two processes that fetch a server at the same time both get it, once and for all', async () => {
  await using cache = await scratch();
  const said: string[] = [];
  const find = () => findBroker({ searchPath: '', cacheDir: cache.path, say: (line) => said.push(line) });
  const [one, other] = await Promise.all([find(), find()]);
  expect(one).toEqual(other);
  const lines = said.length;
  expect(await find()).toEqual(one);
  expect(said).toHaveLength(lines);
  expect(said[0]).toContain('Fetching nats-server 2.14.0');
});

test('where none is found and none can be fetched, the ways there are are named', async () => {
  await using cache = await scratch();
  vi.stubEnv('PATH', cache.path);
  await expect(findBroker({ cacheDir: cache.path })).rejects.toMatchObject({
    code: 'broker.absent',
    message: expect.stringMatching(/PATH.*--nats-server.*NATS_URL/),
  });
});

test('what was stored is there after a kill, at the same address', async () => {
  await using broker = await testBroker();
  const { url } = broker;
  const connection = await broker.connect();
  await (await jetstreamManager(connection)).streams.add({ name: 's', subjects: ['s'] });
  await jetstream(connection).publish('s', 'kept');
  const { pid } = broker.server;
  await broker.kill();
  expect(broker.server.pid).toBeUndefined();
  await broker.restart();
  expect(broker.url).toBe(url);
  expect(broker.server.pid).not.toBe(pid);
  const again = await broker.connect();
  const found = await (await jetstreamManager(again)).streams.getMessage('s', { seq: 1 });
  expect(found?.string()).toBe('kept');
});

test('MQTT is answered when it is asked for', async () => {
  await using broker = await testBroker({ ports: { ...freePorts, mqtt: 'free' } });
  const { mqttPort } = broker.server;
  expect(mqttPort).toBeGreaterThan(0);
  const socket = connectSocket({ host: '127.0.0.1', port: mqttPort ?? 0 });
  // CONNECT of MQTT 3.1.1, clean session, client `a`.
  socket.write(Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 1, 0x61]));
  const [answer]: Buffer[] = await once(socket, 'data');
  socket.destroy();
  expect(answer?.[0]).toBe(0x20);
});

test('only this machine can reach it, and its batches have room', async () => {
  await using broker = await testBroker();
  const settings = JSON.parse(await readFile(join(broker.server.dataDir, serverFiles.config), 'utf8'));
  expect(settings.host).toBe('127.0.0.1');
  const reply = await fetch(`${broker.server.monitoringUrl}/jsz?config=true`);
  expect(await reply.json()).toMatchObject({
    config: { sync_interval: 1_000_000_000 },
    limits: { max_batch_inflight_per_stream: 1_000, max_batch_timeout: 2_000_000_000 },
  });
});

test('a port that is taken is said in a sentence', async () => {
  await using broker = await testBroker();
  await using folder = await scratch();
  const ports = { ...freePorts, client: Number(new URL(broker.url).port) };
  await expect(startBroker({ dataDir: folder.path, ports })).rejects.toMatchObject({
    code: 'broker.refused',
    message: expect.stringContaining('address already in use'),
  });
});

test('a data directory has one living owner', async () => {
  await using broker = await testBroker();
  const second = startBroker({ dataDir: broker.server.dataDir, ports: freePorts });
  await expect(second).rejects.toMatchObject({
    code: 'broker.refused',
    message: expect.stringContaining(`living process ${process.pid}`),
  });
  expect((await broker.connect()).isClosed()).toBe(false);
});

test('a server that a dead owner left behind is stopped before a new one starts', async () => {
  await using folder = await scratch();
  const first = await startBroker({ dataDir: folder.path, ports: freePorts });
  await first.stop();
  await rm(join(folder.path, serverFiles.pid), { force: true });
  const leftover = spawn(first.binary.path, ['-c', join(folder.path, serverFiles.config)], { stdio: 'ignore' });
  const gone = once(leftover, 'exit');
  await written(folder.path, serverFiles.pid);
  await writeFile(join(folder.path, 'nats-server.owner'), '999999999 1');
  await using next = await startBroker({ dataDir: folder.path, ports: freePorts });
  await gone;
  expect(next.pid).not.toBe(leftover.pid);
});

test('a pid that another program has by now is left alone', async () => {
  await using folder = await scratch();
  const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(bystander, 'spawn');
  await writeFile(join(folder.path, serverFiles.pid), String(bystander.pid));
  await using broker = await startBroker({ dataDir: folder.path, ports: freePorts });
  expect(broker.pid).toBeGreaterThan(0);
  expect(bystander.signalCode).toBeNull();
  bystander.kill();
});

test.each(['SIGKILL', 'SIGTERM'] as const)('a server whose parent ends by %s ends with it', async (signal) => {
  await using folder = await scratch();
  const parent = startParent(folder.path);
  const connection = await connect({ servers: await firstLine(parent), reconnect: false });
  parent.kill(signal);
  await connection.closed();
  await using next = await startBroker({ dataDir: folder.path, ports: freePorts });
  expect(next.pid).toBeGreaterThan(0);
});

test('a server does not keep its parent alive', async () => {
  await using folder = await scratch();
  const parent = startParent(folder.path, 'await broker.stop(); await broker.restart();');
  const connection = await connect({ servers: await firstLine(parent), reconnect: false });
  parent.stdin?.end();
  const [code] = await once(parent, 'exit');
  await connection.closed();
  expect(code).toBe(0);
});

/** A process that starts a broker, tells its address and waits for the end of its input. */
function startParent(dataDir: string, more = ''): ChildProcess {
  const embedded = new URL('../../nats/embedded.ts', import.meta.url).href;
  const script = `
    import { startBroker } from ${JSON.stringify(embedded)};
    const broker = await startBroker({ dataDir: ${JSON.stringify(dataDir)}, ports: ${JSON.stringify(freePorts)} });
    ${more}
    console.log(broker.url);
    process.stdin.resume();
  `;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function firstLine(process: ChildProcess): Promise<string> {
  const [data]: Buffer[] = process.stdout === null ? [] : await once(process.stdout, 'data');
  return String(data).trim();
}

/** Resolves when `name` has something in it. */
async function written(folder: string, name: string): Promise<void> {
  const watcher = watch(folder);
  for (;;) {
    const change = once(watcher, 'change');
    if ((await readFile(join(folder, name), 'utf8').catch(() => '')) !== '') return watcher.close();
    await change;
  }
}
