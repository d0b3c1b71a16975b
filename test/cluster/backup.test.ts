/** A cluster is saved while its jobs run, and another one, on another broker, goes on from there. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { jetstreamManager } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { writeBackup } from '../../cluster/backup-file.ts';
import { isSettled } from '../../machines/job.ts';
import { names } from '../../nats/names.ts';
import { connect, type JobRecord } from '../../sdk/index.ts';
import { plainJob } from '../actors/stage.ts';
import { scratch } from '../nats/broker.ts';
import { moved } from '../ports.contract.ts';
import { type Cluster, cluster } from './harness.ts';

const once = { 'Max-Attempts': '1' };
const endless = { ms: 600_000, laterMs: 0 };

const faceOf = ({ broker }: Cluster) => connect({ servers: broker.url });

async function recordsOf({ user }: Cluster): Promise<ReadonlyMap<string, JobRecord>> {
  return new Map((await user.records()).map((record) => [record.id, record]));
}

test('a cluster that was saved amid its work goes on elsewhere: nothing is missing, and what ran runs again', async () => {
  await using folder = await scratch();
  await using yard = await cluster({ masters: 1, workers: 2 });
  const { user } = yard;
  const ran = await user.pub('mark', endless, once);
  const failed = await user.pub('always_fail', {}, once);
  const held = await user.pub('noop', {}, { Hold: 'true' });
  const later = await user.pub('noop', {}, { Delay: '1h' });
  await user.waitUntil(failed, 'failed');
  await user.waitUntil(ran, 'processing');
  const burst = await Promise.all(Array.from({ length: 400 }, () => user.pub('noop')));
  await using face = await faceOf(yard);
  const saved = await face.backup(folder.path);
  const rest = await user.settled(burst);
  expect(saved.path).toMatch(/yard-\d{8}T\d{6}Z\.jsonl\.gz$/);

  await using other = await cluster({ masters: 0, workers: 0 });
  await using there = await faceOf(other);
  const { jobs, submissions, givenBack } = await there.restore(saved.path);
  expect(jobs + submissions).toBe(burst.length + 4);
  expect(givenBack).toBeGreaterThanOrEqual(1);
  const before = await recordsOf(yard);
  for (const record of (await recordsOf(other)).values())
    if (isSettled(record.state)) expect(record).toEqual(asElsewhere(before.get(record.id)));
  await other.start('master');
  await other.start('worker');
  expect(await other.user.settled(burst)).toHaveLength(rest.length);
  const again = await other.user.waitUntil(ran, 'completed');
  expect(again.attempts).toMatchObject([
    { attempt: 1, outcome: 'drained' },
    { attempt: 2, outcome: 'completed' },
  ]);
  expect((await other.user.record(held)).state).toBe('held');
  expect((await other.user.record(later)).context.dueAt).toBe(before.get(later)?.context.dueAt);
});

test('what was submitted and not taken in, and what was refused, is saved too; each becomes one job', async () => {
  await using folder = await scratch();
  await using yard = await cluster({ masters: 1, workers: 0 });
  const { user } = yard;
  await user.submit('noop', '{"no json');
  const taken = await user.submit('noop', '{}');
  for (const master of yard.running()) await yard.kill(master);
  await user.publishOn('yard.submit.noop', '{}', {});
  await user.publishOn('yard.submit.noop', '{}', { 'Job-Id': 'named' });
  await using face = await faceOf(yard);
  const saved = await face.backup(join(folder.path, 'a.gz'), { logs: true });
  expect(saved).toMatchObject({ jobs: 1, rejected: 1 });

  await using other = await cluster({ masters: 0, workers: 0 });
  await using there = await faceOf(other);
  expect(await there.restore(saved.path)).toMatchObject({ jobs: 1, submissions: 2, rejected: 1 });
  await other.start('master');
  await other.start('worker');
  const ids = await other.user.until(async () => {
    const found = await recordsOf(other);
    return found.size === 3 ? [...found.keys()] : undefined;
  }, 'three jobs');
  expect(ids).toContain('named');
  expect(ids).toContain('id' in taken ? taken.id : '');
  await other.user.settled(ids);
  expect(await other.user.rejections()).toHaveLength(1);
});

test('a settled job is kept for the rest of its time, and keys that go with jobs are there', async () => {
  await using folder = await scratch();
  await using yard = await cluster({ masters: 1, workers: 1, flags: { retention: '2h' } });
  const done = await yard.user.pub('noop');
  await yard.user.waitUntil(done, 'completed');
  await using face = await faceOf(yard);
  const rule = { uniqueKey: 'k', uniqueConflict: 'coalesce' } as const;
  const held = await face.submit('noop', {}, { hold: true, ...rule });
  expect(await face.submit('noop', {}, { id: 'second', ...rule })).toMatchObject({ id: held.id, coalesced: true });
  const saved = await face.backup(join(folder.path, 'a.gz'));

  await using other = await cluster({ masters: 0, workers: 0 });
  await using there = await faceOf(other);
  await there.restore(saved.path);
  const found = await Array.fromAsync(await otherKeys(other));
  const ttl = found.find(({ key }) => key === `default.${done}`)?.ttl ?? 0;
  expect(ttl).toBeGreaterThan(3_600);
  expect(ttl).toBeLessThanOrEqual(7_200);
  expect(found.find(({ key }) => key === '_idem.default.second')?.ttl).toBeGreaterThan(0);
  await expect(there.submit('noop', {}, { uniqueKey: 'k' })).rejects.toMatchObject({ facts: { id: held.id } });
  await expect(there.restore(saved.path)).rejects.toMatchObject({ code: 'cluster.occupied' });
  expect(await there.restore(saved.path, { merge: true })).toMatchObject({ jobs: 0, givenBack: 0 });
});

test('a job that moved while it was saved is as it was last, and one that was taken in meanwhile is there once', async () => {
  await using folder = await scratch();
  const path = join(folder.path, 'a.gz');
  const early = plainJob('a');
  const late = moved(early, { type: 'job.cancel', at: early.createdAt });
  const streamCreatedAt = 1_700_000_000_000;
  const taken = plainJob(`${(streamCreatedAt / 1_000).toString(36)}-7`);
  const submission = { tenant: 'default', type: 'noop', headers: {}, body: 'e30=', at: streamCreatedAt };
  await writeBackup(path, { prefix: 'yard', at: 0, version: '0' }, items());
  async function* items() {
    yield { kind: 'job', key: 'default.a', revision: 5, value: early } as const;
    yield { kind: 'job', key: `default.${taken.id}`, revision: 8, value: taken } as const;
    yield { kind: 'job', key: 'default.a', revision: 9, value: late } as const;
    yield { kind: 'submission', sequence: 7, streamCreatedAt, ...submission } as const;
    yield { kind: 'submission', sequence: 8, streamCreatedAt, ...submission } as const;
  }
  await using other = await cluster({ masters: 0, workers: 0 });
  await using there = await faceOf(other);
  expect(await there.restore(path)).toMatchObject({ jobs: 2, submissions: 1, skipped: 0 });
  expect((await other.user.record('a')).state).toBe('cancelled');
});

test('a file that is not whole is refused before anything is written', async () => {
  await using folder = await scratch();
  await using yard = await cluster({ masters: 1, workers: 1 });
  await yard.user.waitUntil(await yard.user.pub('noop'), 'completed');
  await using face = await faceOf(yard);
  const { path } = await face.backup(join(folder.path, 'a.gz'));
  const text = gunzipSync(await readFile(path)).toString();
  const lines = text.trimEnd().split('\n');
  const without = (line: number) => `${lines.toSpliced(line, 1).join('\n')}\n`;
  const damaged: readonly [string, Uint8Array, string][] = [
    ['short', (await readFile(path)).subarray(0, -20), 'unexpected end of file'],
    ['without its end', gzipSync(without(-1)), 'one that ends too early'],
    ['without a line', gzipSync(without(1)), 'one whose content was changed'],
    ['changed', gzipSync(text.replace('completed', 'cancelled')), 'one whose content was changed'],
    ['newer', gzipSync(text.replace('"format":1', '"format":2')), 'format 2'],
    ['no gzip', Buffer.from(text), 'incorrect header check'],
  ];
  await using other = await cluster({ masters: 0, workers: 0 });
  await using there = await faceOf(other);
  for (const [what, bytes, met] of damaged) {
    const file = join(folder.path, what);
    await writeFile(file, bytes);
    const refused = expect(there.restore(file), what).rejects;
    await refused.toMatchObject({ code: 'backup.unreadable', message: expect.stringContaining(met) });
  }
  expect(await there.census()).toMatchObject({ total: 0 });
});

async function* otherKeys(yard: Cluster): AsyncGenerator<{ key: string; ttl: number }> {
  const connection = await yard.broker.connect();
  const jsm = await jetstreamManager(connection);
  const { state } = await jsm.streams.info(names().streams.jobs);
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await jsm.streams.getMessage(names().streams.jobs, { seq }).catch(() => null);
    const key = message === null ? undefined : names().keyOfSubject(message.subject);
    if (key !== undefined) yield { key, ttl: Number.parseInt(message?.header?.get('Nats-TTL') ?? '', 10) };
  }
}

test('a schedule that was saved fires in the cluster that goes on, from where it stood', async () => {
  await using folder = await scratch();
  await using yard = await cluster({ masters: 0, workers: 0 });
  await using face = await faceOf(yard);
  const { schedule } = await face.schedules.add('tick', { every: '1s', misfire: 'all', type: 'noop' });
  const saved = await face.backup(folder.path);
  await using other = await cluster({ masters: 0, workers: 0 });
  await using there = await faceOf(other);
  await there.restore(saved.path);
  expect(await there.schedules.get('tick')).toEqual(schedule);
  await other.start('master');
  const fired = async () => ((await there.schedules.history('tick')).length > 1 ? true : undefined);
  await other.user.until(fired, 'two firings');
  const [first] = await there.schedules.history('tick');
  expect(first).toMatchObject({ n: 1, at: schedule.context.nextAt, outcome: 'fired' });
});

/** What a job went through in one cluster is no news in another. */
function asElsewhere(record: JobRecord | undefined): JobRecord | undefined {
  if (record === undefined) return undefined;
  return { ...record, transitions: record.transitions.map((each) => ({ ...each, revision: 0 })) };
}
