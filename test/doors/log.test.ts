/**
 * The log of a process, as programs and as people read it: through a pipe, and on a terminal (`script` makes one).
 */

import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type Scratch, scratch } from '../nats/broker.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { Shell } from './command.ts';

let cluster: TestCluster;
let directory: Scratch;
let shell: Shell;

beforeAll(async () => {
  [cluster, directory] = await Promise.all([testCluster(), scratch()]);
  shell = new Shell(directory.path, { NATS_URL: cluster.broker.url });
});

afterAll(async () => {
  await shell?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await directory?.[Symbol.asyncDispose]();
});

const line = z.looseObject({ event: z.string(), worker: z.string() });

test('through a pipe it is JSON, and what is about a job says which one, its trace, the attempt and the worker', async () => {
  const worker = shell.start('worker', '--types', 'noop', '--metrics-port', 'off', '--log-level', 'debug');
  await worker.says('worker.started');
  const trace = 'a'.repeat(32);
  const yard = await cluster.yard();
  await yard.settled(
    (await yard.submit('noop', {}, { id: 'told', traceparent: `00-${trace}-${'b'.repeat(16)}-00` })).id,
  );
  worker.signal('SIGTERM');
  const { talk } = await worker.ended;
  const lines = talk.split('\n').flatMap((text) => (text.startsWith('{') ? [line.safeParse(JSON.parse(text))] : []));
  const told = lines.flatMap(({ data }) => (data?.event.startsWith('attempt.') === true ? [data] : []));
  expect(told.map(({ event }) => event)).toEqual(['attempt.claimed', 'attempt.started', 'attempt.ended']);
  for (const each of told)
    expect(each).toMatchObject({ job: 'default.told', trace, attempt: 1, worker: told[0]?.worker, role: 'worker' });
});

test('on a terminal it is for people, in colours unless they want none', async () => {
  const command = `${process.execPath} ${join(resolve(import.meta.dirname, '../..'), 'bin/yard.js')} worker --name hand --types none-such`;
  const seen = async (env: Record<string, string>) => {
    const words = `${command} --nats ${cluster.broker.url} --metrics-port off --log-level debug`;
    const options = { cwd: directory.path, env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env } };
    return (await promisify(execFile)('script', ['-qec', `${words} || true`, '/dev/null'], options)).stdout;
  };
  const plain = await seen({ NO_COLOR: '1' });
  expect(plain).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}info {3}worker hand {2}connected to .*\r?$/m);
  expect(plain).not.toContain('"event"');
  expect(await seen({})).toContain('\u001b[36minfo \u001b[39m');
});
