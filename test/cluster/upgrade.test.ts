/**
 * Processes of two versions side by side. The newer one is played by what it would leave in the bucket: records, each
 * with its head, of a version or a state that the real processes here do not know.
 */

import { join } from 'node:path';
import { Kvm } from '@nats-io/kv';
import { headers as newHeaders } from 'nats';
import { describe, expect, test } from 'vitest';
import { jobMachineVersion } from '../../machines/job.ts';
import { decodeJson } from '../../nats/codec.ts';
import { NatsMail } from '../../nats/mail.ts';
import { names } from '../../nats/names.ts';
import { natsNotices } from '../../nats/notices.ts';
import { headBody } from '../../runtime/head.ts';
import { type JobRecord, jobKey, recordVersion } from '../../runtime/record.ts';
import { connect } from '../../sdk/index.ts';
import { plainJob } from '../actors/stage.ts';
import { Shell } from '../doors/command.ts';
import { moved } from '../ports.contract.ts';
import { type Cluster, cluster } from './harness.ts';
import { newerBuild, newerVersion, readEither } from './newer-build.ts';
import type { YardProcess } from './process.ts';

/** Writes a record as a newer version would; `more` is what is new about its body and its head. */
async function writeAsNewer(yard: Cluster, record: JobRecord, more: Record<string, unknown>): Promise<number> {
  const connection = await yard.broker.connect();
  const headers = newHeaders();
  headers.set('Yard-Head', JSON.stringify({ ...headBody(record), ...more }));
  const body = JSON.stringify({ ...record, ...more });
  const { data } = await connection.request(names().jobSubject(jobKey(record)), body, { headers, timeout: 5_000 });
  return decodeJson<{ seq: number }>(data).seq;
}

const newer = { version: recordVersion + 1 };

/** Whether it lies there as the newer version left it. */
async function isUntouched(yard: Cluster, id: string, revision: number): Promise<boolean> {
  const connection = await yard.broker.connect();
  const bucket = await new Kvm(connection).open(names().buckets.jobs);
  return (await bucket.get(`default.${id}`))?.revision === revision;
}

/** The version in which a record lies in the bucket. */
async function versionOf(yard: Cluster, id: string): Promise<unknown> {
  const bucket = await new Kvm(await yard.broker.connect()).open(names().buckets.jobs);
  return (await bucket.get(`default.${id}`))?.json<{ version: unknown }>().version;
}

function incarnationOf({ told }: YardProcess): string {
  return String(told.find(({ event }) => event === 'worker.started')?.['incarnation']);
}

test('a master that lacks a state that jobs are in does not stand, says which, and the others go on', async () => {
  await using yard = await cluster({ masters: 1, workers: 1 });
  await writeAsNewer(yard, plainJob('a'), { state: 'parked' });
  await writeAsNewer(yard, plainJob('b'), { state: 'parked' });
  await yard.start('master').catch(() => undefined);
  const second = yard.processes.at(-1);
  await yard.user.until(async () => second?.how, 'the second master to end');
  expect(second?.how).toBe('exit code 1');
  expect(second?.lastLines).toContain('found 2 in `parked`');
  await yard.user.waitUntil(await yard.user.pub('noop'), 'completed');
});

describe('beside jobs that only a newer version can read', () => {
  test('an older cluster goes on with all others, touches none of them, and says so', async () => {
    await using yard = await cluster({ masters: 2, workers: 1, flags: { lostAfter: '1s' } });
    const { user } = yard;
    const now = yard.clock.now();
    const claimed = moved(plainJob('active'), { type: 'attempt.claimed', at: now, worker: 'of-newer' });
    const left = {
      waiting: await writeAsNewer(yard, plainJob('waiting'), newer),
      charted: await writeAsNewer(yard, plainJob('charted'), { machine: jobMachineVersion + 1 }),
      expired: await writeAsNewer(yard, plainJob('expired', { expiresAt: 1 }), newer),
      active: await writeAsNewer(yard, claimed, newer),
    };
    await user.until(
      async () => (yard.processes.filter((each) => each.tells('records.newer')).length === 2 ? true : undefined),
      'both masters to say so',
    );
    const [lost] = yard.processes.filter(({ role }) => role === 'worker');
    const job = await user.pub('mark', { ms: 600_000, laterMs: 0 });
    await user.waitUntil(job, 'processing');
    if (lost !== undefined) await yard.kill(lost);
    await yard.start('worker');
    await user.waitUntil(job, 'completed');
    const burst = await Promise.all(Array.from({ length: 50 }, () => user.pub('noop')));
    await user.settled(burst);
    for (const [id, revision] of Object.entries(left)) expect(await isUntouched(yard, id, revision), id).toBe(true);
    const view = await user.until(async () => user.view(), 'a leader');
    expect(view).toMatchObject({ leftToNewer: 3, open: 4 });
    expect(await user.why('waiting')).toMatchObject({ code: 'newer version' });
    await using face = await connect({ servers: yard.broker.url });
    expect(await Array.fromAsync(face.jobs())).toHaveLength(burst.length + 1);
  });

  test('an older leader lets others lead once, and leads on where nobody does', async () => {
    await using yard = await cluster({ masters: 1, workers: 1 });
    const [master] = yard.processes;
    const elections = () => master?.told.filter(({ event }) => event === 'leader.elected').length;
    await writeAsNewer(yard, plainJob('a'), newer);
    await yard.user.until(async () => (elections() === 2 ? true : undefined), 'a second election');
    expect(master?.tells('leader.steppedDown')).toBe(true);
    await writeAsNewer(yard, plainJob('b'), newer);
    await yard.user.waitUntil(await yard.user.pub('noop'), 'completed');
    expect(elections()).toBe(2);
  });

  test('an older worker takes no offer of one, says so, and gives up one that it holds', async () => {
    await using yard = await cluster({ masters: 1, workers: 1 });
    const { user, clock } = yard;
    const worker = await yard.workerOf(await user.pub('mark', { ms: 600_000 }, { 'Job-Id': 'held' }));
    const connection = await yard.broker.connect();
    const record = plainJob('offered');
    const revision = await writeAsNewer(yard, record, newer);
    const mail = new NatsMail({ connection, names: names(), clock });
    const offered = { key: 'default.offered', revision, expiresAt: clock.now() + 60_000 };
    mail.send(incarnationOf(worker), [{ ...offered, record: { ...record, ...newer } }]);
    await user.until(async () => worker.tells('records.newer') || undefined, 'the worker to say so');
    expect(await isUntouched(yard, 'offered', revision)).toBe(true);
    await writeAsNewer(yard, await user.record('held'), newer);
    natsNotices({ connection, names: names(), clock }).send(incarnationOf(worker), {
      verb: 'look',
      key: 'default.held',
    });
    await user.until(async () => worker.tells('attempt.fenced') || undefined, 'the worker to give it up');
    await user.waitUntil(await user.pub('noop'), 'completed');
  });

  test('a submission that became one of them is known when it comes again', async () => {
    await using yard = await cluster({ masters: 1, workers: 1 });
    const { user } = yard;
    const headers = { 'Job-Id': 'a', Hold: 'true' };
    await user.submit('noop', '{}', headers);
    const revision = await writeAsNewer(yard, await user.record('a'), newer);
    expect(await user.submit('noop', '{}', headers)).toMatchObject({ id: 'a' });
    expect(await isUntouched(yard, 'a', revision)).toBe(true);
    expect(await user.rejections()).toEqual([]);
  });
});

test('a rolling upgrade to other records, workers first and under load, loses no job and runs no attempt twice', async () => {
  await using yard = await cluster({ masters: 2, workers: 1, flags: { concurrency: 4 }, read: readEither });
  const { user } = yard;
  const [oldWorker, ...oldMasters] = [...yard.processes].sort((a, b) => b.role.localeCompare(a.role));
  const program = await newerBuild(join(yard.folder, 'newer'));
  const isNewer = async (id: string) => (await versionOf(yard, id)) === newerVersion;
  const ids = [await user.pub('mark', { ms: 1_500 }), await user.pub('mark', {}, { Delay: '6s' })];
  await user.waitUntil(ids[0] ?? '', 'processing');
  await yard.start('worker', {}, {}, program);
  if (oldWorker !== undefined) await yard.stop(oldWorker);
  for (let count = 0; count < 20; count++) ids.push(await user.pub('mark', { ms: 20 }));
  await user.settled(ids.slice(2));
  expect(await isNewer(ids.at(-1) ?? '')).toBe(true);
  const again = await user.pub('flaky', { failAttempts: 1 }, { Backoff: 'fixed(10ms)' });
  await user.waitUntil(again, 'retrying');
  await user.until(async () => ((await user.view())?.leftToNewer === 1 ? true : undefined), 'the job to be left alone');
  for (const old of oldMasters) {
    await yard.start('master', {}, {}, program);
    ids.push(await user.pub('mark', { ms: 20 }));
    await yard.stop(old);
  }
  ids.push(again, await user.pub('mark'));
  const records = await user.settled(ids);
  expect(records.filter(({ state }) => state !== 'completed')).toEqual([]);
  for (const id of [again, ...ids.slice(1)]) expect(await isNewer(id), id).toBe(true);
  expect(records.flatMap(({ attempts }) => attempts).filter(({ outcome }) => outcome === 'lost')).toEqual([]);
  await yard.expectSound();
});

test('jobs of a type whose last worker has left are told of, and shown', async () => {
  await using yard = await cluster({ masters: 1, workers: 1, flags: { schedulerInterval: '200ms' } });
  const { user, processes } = yard;
  const [master, worker] = processes;
  await yard.start('worker', { types: 'noop' });
  if (worker !== undefined) await yard.stop(worker);
  const id = await user.pub('mark');
  await user.until(async () => master?.tells('types.unserved') || undefined, 'the leader to say so');
  expect(await user.view()).toMatchObject({ unserved: { mark: 1 } });
  expect((await user.why(id))?.sentence).toBe('No worker serves type mark. Start one that does, or cancel the job.');
  const directory = yard.folder;
  await using shell = new Shell(directory, { NATS_URL: yard.broker.url });
  expect((await shell.yard('status')).out).toContain('1 job of type mark waits, and no worker serves it');
  await yard.start('worker');
  await user.waitUntil(id, 'completed');
  await user.until(async () => master?.tells('types.served') || undefined, 'the leader to say that it is served');
});
