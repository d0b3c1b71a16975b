/** A store that is full: doors refuse and say why, jobs that exist move on, and room that is made is used at once. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, expect, test } from 'vitest';
import { connect } from '../../sdk/index.ts';
import { Shell } from '../doors/command.ts';
import { type Cluster, cluster } from './harness.ts';

const mebibyte = 1_048_576;
const run = promisify(execFile);
const note = 'x'.repeat(50_000);

let yard: Cluster;
afterEach(async () => {
  await yard.expectSound();
  await yard[Symbol.asyncDispose]();
});

/** How much the bucket of jobs may take, as `nats stream edit --max-bytes` sets it. */
async function allow(bytes: number): Promise<void> {
  const jsm = await jetstreamManager(await yard.broker.connect());
  await jsm.streams.update(yard.user.names.streams.jobs, { max_bytes: bytes });
}

/** Submits jobs of 50 kB that wait, until one is refused; why it was. */
async function fill(): Promise<string> {
  for (let count = 0; count < 100; count++) {
    const ack = await yard.user.submit('mark', JSON.stringify({ note }), { Delay: '1h' });
    if ('rejected' in ack) return ack.rejected;
  }
  throw new Error('Expected a submission to be refused, none was.');
}

test('doors refuse at nine tenths and say what to do, jobs that exist move on, and all go on when there is room', async () => {
  yard = await cluster({ masters: 2, workers: 1 });
  await allow(2 * mebibyte);
  const { user } = yard;
  const running = await user.pub('mark', { ms: 2_000 });
  await user.waitUntil(running, 'processing');
  const retrying = await user.pub('flaky', { failAttempts: 3 }, { Backoff: 'fixed(500ms)', 'Max-Attempts': '5' });
  const delayed = await Promise.all(Array.from({ length: 20 }, () => user.pub('mark', {}, { Delay: '3s' })));
  for (const id of delayed) await user.waitUntil(id, 'scheduled');
  const why = /^Expected room for another job, got a store of jobs that is \d+ % full of its 2 MiB.*raise `max_bytes`/;
  expect(await fill()).toMatch(why);
  await using face = await connect({ servers: yard.broker.url });
  const submitted = face.submit('mark', { note });
  await expect(submitted).rejects.toMatchObject({ code: 'store.full', message: expect.stringMatching(why) });
  await using shell = new Shell(yard.folder, { NATS_URL: yard.broker.url });
  const { code, talk } = await shell.yard('submit', 'mark', JSON.stringify({ note }));
  expect([code, talk]).toEqual([1, expect.stringContaining('Expected room for another job')]);
  const { out: status } = await shell.yard('status');
  expect(status).toMatch(/^the store of jobs is \d+ % full of the 2 MiB of its bound; new jobs are refused at 90 %$/m);
  const records = await user.settled([running, retrying, ...delayed], 30_000);
  expect(new Set(records.map(({ state }) => state))).toEqual(new Set(['completed']));
  await allow(20 * mebibyte);
  const fresh = await user.until(async () => face.submit('mark', { note }).catch(() => undefined), 'room');
  await user.waitUntil(fresh.id, 'completed');
  await user.waitUntil(await user.pub('mark', { note }), 'completed');
  expect(yard.processes.filter(({ how }) => how !== undefined)).toEqual([]);
});

test('jobs that cannot be moved for want of room are moved when there is some, and nothing is lost', async () => {
  yard = await cluster({ masters: 2, workers: 1 });
  const { user } = yard;
  const running = await user.pub('mark', { ms: 1_000 });
  await user.waitUntil(running, 'processing');
  const waiting = await Promise.all(Array.from({ length: 10 }, () => user.pub('mark', { ms: 10 }, { Delay: '1s' })));
  for (const id of waiting) await user.waitUntil(id, 'scheduled');
  await allow(1_000);
  await yard.handlerEnds(running);
  await yard.lasts(3_000);
  expect(await user.record(running)).toMatchObject({ state: 'processing' });
  await allow(20 * mebibyte);
  const records = await user.settled([running, ...waiting], 30_000);
  expect(records.map(({ state, attempts }) => [state, attempts.length])).toEqual(records.map(() => ['completed', 1]));
});

/** From now on the broker's disk takes nothing more, as far as the broker can tell; or takes all again. */
async function diskTakes(bytes: '0' | 'unlimited'): Promise<void> {
  await run('prlimit', ['--pid', String(yard.broker.server.pid), `--fsize=${bytes}:unlimited`]);
}

test('a disk that takes nothing more costs nothing that was acknowledged: all go on when it does and the broker was restarted', async () => {
  yard = await cluster({ masters: 2, workers: 2 });
  const { user } = yard;
  const running = await user.pub('mark', { ms: 1_000 });
  await user.waitUntil(running, 'processing');
  const waiting = await Promise.all(Array.from({ length: 10 }, () => user.pub('mark', { ms: 10 }, { Delay: '1s' })));
  for (const id of waiting) await user.waitUntil(id, 'scheduled');
  await diskTakes('0');
  await yard.handlerEnds(running);
  await expect(user.pub('mark')).rejects.toThrow();
  await using shell = new Shell(yard.folder, { NATS_URL: yard.broker.url });
  const { code, talk } = await shell.yard('submit', 'mark', '{}');
  expect([code, talk]).toEqual([5, expect.stringContaining('Expected the broker to answer')]);
  await diskTakes('unlimited');
  await yard.restartBroker();
  const records = await user.settled([running, ...waiting], 60_000);
  expect(records.map(({ state, attempts }) => [state, attempts.length])).toEqual(records.map(() => ['completed', 1]));
  const fresh = await user.until(() => user.pub('mark').catch(() => undefined), 'a broker that takes submissions');
  await user.waitUntil(fresh, 'completed');
  expect(yard.processes.filter(({ how }) => how !== undefined)).toEqual([]);
});
