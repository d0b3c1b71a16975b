/** Which worker gets which job, what becomes of a job that none can take, and who may join. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, cluster } from './harness.ts';
import type { YardProcess } from './process.ts';

let yard: Cluster;
let plain: string;
const gpuHeaders = { Gpu: '1', Vram: '6000', Encoder: 'h264_nvenc' };
const advertise = 'gpu=1,vram=8000,encoder=h264_nvenc';
const types = 'mark,transcode';

beforeAll(async () => {
  yard = await cluster({ flags: { schedulerInterval: '500ms', concurrency: 2, lookAhead: 0, types } });
  plain = yard.processes.find(({ role }) => role === 'worker')?.name ?? '';
});
afterEach(() => yard.expectSound());
afterAll(() => yard[Symbol.asyncDispose]());

/** The processes that ran these jobs, by name. */
async function ranOn(ids: readonly string[]): Promise<string[]> {
  await yard.user.settled(ids);
  const pids = (await yard.effects.all()).filter(({ job, what }) => ids.includes(job) && what === 'begins');
  const names = pids.map(({ pid }) => yard.processes.find((each) => each.pid === pid)?.name ?? String(pid));
  return [...new Set(names)].sort();
}

function repeat(count: number, what: () => Promise<string>): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, what));
}

describe('with a worker that has no GPU', () => {
  test('a job that needs one is queued within one pass, and the leader says why', async () => {
    const id = await yard.user.pub('mark', {}, { ...gpuHeaders, 'Job-Id': 'needs-gpu' });
    const record = await yard.user.waitUntil(id, 'queued', 10_000);
    const [born, queued] = record.transitions;
    expect(queued).toMatchObject({ event: 'job.queued', reason: 'no worker has it' });
    expect((queued?.at ?? 0) - (born?.at ?? 0)).toBeLessThan(5_000);
    expect(await yard.user.why(id)).toEqual({
      code: 'no worker has it',
      sentence: 'No worker has 1 GPU. Start one that has, or change what the job asks for.',
      ahead: 0,
    });
  });

  test('a transcode job that asks for hardware is one that needs a GPU', async () => {
    const payload = { input: 'a.mp4', output: 'b.mp4', hardware: 'nvenc' };
    const id = await yard.user.pub('transcode', payload, { 'Job-Id': 'needs-nvenc', 'Max-Attempts': '1' });
    const record = await yard.user.waitUntil(id, 'queued', 10_000);
    expect(record.requirements).toEqual({ gpu: 1, encoder: 'h264_nvenc' });
  });

  test('a job that finds all slots taken is queued too, and runs once one is free', async () => {
    const holders = await repeat(2, () => yard.user.pub('mark', { ms: 1_500 }));
    for (const holder of holders) await yard.user.waitUntil(holder, 'processing');
    const id = await yard.user.pub('mark');
    const { transitions } = await yard.user.waitUntil(id, 'queued', 10_000);
    expect(transitions.at(-1)?.reason).toBe('all busy');
    expect(await yard.user.why(id)).toMatchObject({ code: 'all busy', ahead: expect.any(Number) });
    expect((await yard.user.waitUntil(id, 'completed')).transitions.map(({ from, to }) => [from, to])).toContainEqual([
      'queued',
      'assigned',
    ]);
    await yard.user.settled(holders);
  });
});

describe('once a worker with a GPU has joined, of which no master was told', () => {
  let gpu: YardProcess;
  beforeAll(async () => {
    gpu = await yard.start('worker', { advertise, labels: 'zone=eu,cores=32' });
  });

  test('it gets what waited for it', async () => {
    expect(await ranOn(['needs-gpu'])).toEqual([gpu.name]);
    const view = await yard.user.view();
    const shown = view?.workers.find(({ pid }) => pid === gpu.pid);
    expect(shown).toMatchObject({ gpu: 1, vramMb: 8_000, declared: ['gpu', 'vram', 'encoder'] });
    const { attempts } = await yard.user.waitUntil('needs-nvenc', 'failed');
    expect(attempts.map(({ worker }) => worker)).toEqual([shown?.incarnation]);
  });

  test('jobs that need a GPU run there and nowhere else, one at a time', async () => {
    const ids = await repeat(6, () => yard.user.pub('mark', { ms: 50 }, gpuHeaders));
    expect(await ranOn(ids)).toEqual([gpu.name]);
    const effects = (await yard.effects.all()).filter(({ job }) => ids.includes(job)).map(({ what }) => what);
    expect(effects).toEqual(Array.from({ length: 6 }, () => ['begins', 'ends']).flat());
  });

  test('jobs that need no GPU go there only when no other worker has room', async () => {
    const few = await repeat(2, () => yard.user.pub('mark', { ms: 100 }));
    expect(await ranOn(few)).toEqual([plain]);
    const many = await repeat(4, () => yard.user.pub('mark', { ms: 300 }));
    expect(await ranOn(many)).toEqual([plain, gpu.name]);
  });

  test('jobs go where the labels are that they ask for', async () => {
    const ids = await repeat(4, () => yard.user.pub('mark', {}, { Labels: 'zone=eu' }));
    expect(await ranOn(ids)).toEqual([gpu.name]);
    const elsewhere = await yard.user.pub('mark', {}, { Labels: 'zone=mars' });
    await yard.user.waitUntil(elsewhere, 'queued', 10_000);
    expect((await yard.user.why(elsewhere))?.sentence).toMatch(/^No worker has .*zone=mars/);
    await yard.user.cancel(elsewhere);
  });

  test('and where a number stands that is large enough, and not where one stands that they avoid', async () => {
    const ids = await repeat(2, () => yard.user.pub('mark', {}, { Labels: 'zone=mars|eu,cores>=16,!spot' }));
    expect(await ranOn(ids)).toEqual([gpu.name]);
    const avoids = await repeat(2, () => yard.user.pub('mark', {}, { Labels: 'zone!=eu' }));
    expect(await ranOn(avoids)).toEqual([plain]);
  });

  test('a job of two slots waits until both are free on one worker', async () => {
    const holder = await yard.user.pub('mark', { ms: 600 }, { Labels: 'zone=eu' });
    await yard.user.waitUntil(holder, 'processing');
    const wide = await yard.user.pub('mark', {}, { Labels: 'zone=eu', Slots: '2' });
    await yard.user.settled([holder, wide]);
    const order = (await yard.effects.all()).filter(({ job }) => [holder, wide].includes(job)).map(({ job }) => job);
    expect(order).toEqual([holder, holder, wide, wide]);
  });
});

describe('on a worker whose GPUs differ', () => {
  const wants = (vram: number, gpus = 1) => ({ Gpu: String(gpus), Vram: String(vram), Labels: 'gpus=mixed' });

  test('each job has one with the memory that it asks for, the large one stays free as long as that goes, and none is had twice', async () => {
    const mixed = 'gpu=3,vram=24000,vram=8000,vram=8000,slots=3';
    const { pid } = await yard.start('worker', { advertise: mixed, labels: 'gpus=mixed', concurrency: 3 });
    const view = (await yard.user.view())?.workers.find((worker) => worker.pid === pid);
    expect(view).toMatchObject({ gpu: 3, vramMb: 8_000, vramsMb: [24_000, 8_000, 8_000] });
    const small = await yard.user.pub('mark', { ms: 60_000 }, wants(0));
    const both = await yard.user.waitUntil(small, 'processing');
    expect(both.attempts).toMatchObject([{ vramsMb: [8_000] }]);
    const large = await yard.user.pub('mark', { ms: 60_000 }, wants(20_000));
    expect((await yard.user.waitUntil(large, 'processing')).attempts).toMatchObject([{ vramsMb: [24_000] }]);
    const second = await yard.user.pub('mark', {}, wants(20_000));
    const last = await yard.user.pub('mark', {}, wants(1_000));
    expect((await yard.user.waitUntil(last, 'completed')).attempts).toMatchObject([{ vramsMb: [8_000] }]);
    expect(await yard.user.why(second)).toMatchObject({ code: 'all busy' });
    const never = await yard.user.pub('mark', {}, wants(20_000, 2));
    await yard.user.waitUntil(never, 'queued', 10_000);
    expect(await yard.user.why(never)).toMatchObject({ code: 'no worker has it' });
    await yard.user.cancel(large);
    expect((await yard.user.waitUntil(second, 'completed')).attempts).toMatchObject([{ vramsMb: [24_000] }]);
    for (const id of [small, never]) await yard.user.cancel(id);
    await yard.user.settled([small, never]);
  });
});

test('of GPUs that differ in maker and encoders each job has one that is as it asks', async () => {
  const kinds = 'gpu=3,vram=8000,vendor=nvidia,vendor=nvidia,vendor=amd,encoder=1:av1_nvenc';
  const { pid } = await yard.start('worker', { advertise: kinds, labels: 'gpus=kinds', concurrency: 3 });
  const view = (await yard.user.view())?.workers.find((worker) => worker.pid === pid);
  expect(view).toMatchObject({ gpu: 3, gpus: [{ vendor: 'nvidia' }, { encoders: ['av1_nvenc'] }, { vendor: 'amd' }] });
  expect(view).not.toHaveProperty('vendor');
  const wants = (more: Record<string, string>) => ({ Gpu: '1', Labels: 'gpus=kinds', ...more });
  const long = { ms: 60_000 };
  const amd = await yard.user.pub('mark', long, wants({ 'Gpu-Vendor': 'amd' }));
  const av1 = await yard.user.pub('mark', long, wants({ Encoder: 'av1_nvenc' }));
  expect((await yard.user.waitUntil(amd, 'processing')).attempts).toMatchObject([{ devices: ['2'] }]);
  expect((await yard.user.waitUntil(av1, 'processing')).attempts).toMatchObject([{ devices: ['1'] }]);
  const next = await yard.user.pub('mark', {}, wants({ Encoder: 'av1_nvenc' }));
  const any = await yard.user.pub('mark', {}, wants({ 'Gpu-Vendor': 'nvidia' }));
  expect((await yard.user.waitUntil(any, 'completed')).attempts).toMatchObject([{ devices: ['0'] }]);
  expect(await yard.user.why(next)).toMatchObject({ code: 'all busy' });
  await yard.user.cancel(av1);
  expect((await yard.user.waitUntil(next, 'completed')).attempts).toMatchObject([{ devices: ['1'] }]);
  await yard.user.cancel(amd);
  await yard.user.settled([amd]);
});

test('a job type becomes known with the first worker that has its handler', async () => {
  expect(await yard.user.submit('stubborn', '{}')).toHaveProperty('rejected');
  await yard.start('worker', { types: 'stubborn' });
  const id = await yard.user.pub('stubborn');
  expect(await yard.user.waitUntil(id, 'completed')).toMatchObject({ type: 'stubborn' });
});
