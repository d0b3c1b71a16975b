/** Payloads and results that are too large for a record: whatever door they come through, they come out whole. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../sdk/connect.ts';
import type { JobRecord } from '../../sdk/index.ts';
import type { Yard } from '../../sdk/yard.ts';
import { Shell } from '../doors/command.ts';
import { type Cluster, cluster } from './harness.ts';

const payload = { text: 'grüße '.repeat(30_000) };
const bytes = Buffer.byteLength(JSON.stringify(payload));

let yard: Cluster;
let face: Yard;
let shell: Shell;

beforeAll(async () => {
  yard = await cluster({ masters: 1, workers: 1, flags: { types: 'echo,gather,mark' } });
  face = await connect({ servers: yard.broker.url });
  shell = new Shell(yard.folder, { NATS_URL: yard.broker.url });
});
afterAll(async () => {
  await yard.expectSound();
  await shell[Symbol.asyncDispose]();
  await face.close();
  await yard[Symbol.asyncDispose]();
});

/** What lies in the bucket is small and says where the rest is. */
async function expectAside(id: string): Promise<JobRecord> {
  const record = await yard.user.waitUntil(id, 'completed');
  const aside = { blob: expect.stringContaining(`job/default.${id}/`), bytes, digest: expect.any(String) };
  expect(record).toMatchObject({ version: 2, payload: null, context: { result: null } });
  expect(record.aside).toEqual({ payload: aside, result: aside });
  return record;
}

describe('a payload of 200 KiB is what the handler gets, and its result is given back whole,', () => {
  test('by the SDK', async () => {
    const job = await face.submit('echo', payload, { idempotencyKey: 'large' });
    expect(await job.result()).toEqual(payload);
    expect(await job.job()).toMatchObject({ state: 'completed', payload, context: { result: payload } });
    const record = await expectAside(job.id);
    expect(await face.submit('echo', payload, { idempotencyKey: 'large' })).toMatchObject({
      id: job.id,
      created: false,
    });
    await expect(face.submit('echo', { ...payload, n: 1 }, { idempotencyKey: 'large' })).rejects.toMatchObject({
      code: 'job.conflict',
    });
    expect((await yard.user.record(job.id)).aside).toEqual(record.aside);
  });

  test('by a plain publish', async () => {
    const id = await yard.user.pub('echo', payload);
    await expectAside(id);
    expect(await face.result(id)).toEqual(payload);
  });

  test('by the command line, from a file', async () => {
    const file = join(yard.folder, 'large.json');
    await writeFile(file, JSON.stringify(payload));
    const { out, code } = await shell.yard('submit', 'echo', `@${file}`);
    expect(code).toBe(0);
    await expectAside(out.trim());
    const got = await shell.yard('job', 'get', out.trim(), '-o', 'json');
    expect(JSON.parse(got.out)).toMatchObject({ payload, context: { result: payload } });
    expect((await shell.yard('job', 'get', out.trim())).out).toContain(`${bytes} bytes that lie aside`);
  });

  test('to a job that waited for it', async () => {
    const first = await face.submit('echo', payload);
    const next = await face.submit('gather', {}, { after: [first.id] });
    expect(await next.result()).toMatchObject({ inputs: { [first.id]: payload } });
  });
});

test('one that is lost fails the job, which says so', async () => {
  const held = await face.submit('echo', payload, { hold: true, maxAttempts: 1 });
  const { streams } = await jetstreamManager(await yard.broker.connect());
  const stream = yard.user.names.streams.blobs;
  const { aside } = await yard.user.record(held.id);
  await streams.purge(stream, { filter: yard.user.names.blobInfo(aside?.payload?.blob ?? '') });
  await face.release(held.id);
  const failed = await yard.user.waitUntil(held.id, 'failed');
  expect(failed.context.error?.message).toMatch(
    /^Expected the payload of default\..*, \d+ bytes that were put aside as /,
  );
});
