/** The metrics of a master and a worker, against a real broker: what is served is what happened. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import { startWorker } from '../../cluster/worker.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { serveMetrics } from '../../doors/metrics.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { connect, defineJob, type Yard } from '../../sdk/index.ts';
import { type TestBroker, testBroker } from '../nats/broker.ts';
import { ApiClient } from './api-client.ts';
import { serveOpen } from './cluster.ts';

const fine = defineJob({ type: 'fine', payload: z.object({}), run: () => 'done' });
const failing = defineJob({
  type: 'failing',
  payload: z.object({}),
  defaults: { maxAttempts: 1 },
  run: () => Promise.reject(new Error('no luck')),
});

let broker: TestBroker;
let yard: Yard;
let master: Listening;
let worker: Listening;
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  broker = await testBroker();
  const settings = (role: 'master' | 'worker') =>
    readSettings(
      { flags: { nats: broker.url, metricsPort: 'free', name: `${role}-1`, concurrency: 3 }, env: {}, directory: '/' },
      role,
    );
  const telemetry = { master: createTelemetry(), worker: createTelemetry() };
  const elected = next(telemetry.master, 'leader.elected');
  let running: Awaited<ReturnType<typeof startMaster>> | undefined;
  master = await served(settings('master'), {
    role: 'master',
    telemetry: telemetry.master,
    samples: () => running?.samples() ?? [],
  });
  running = await startMaster({ options: settings('master'), telemetry: telemetry.master, metrics: master.url });
  ends.push(async () => await running?.stop());
  await elected;
  worker = await served(settings('worker'), { role: 'worker', telemetry: telemetry.worker, samples: () => [] });
  const works = await startWorker({
    options: settings('worker'),
    telemetry: telemetry.worker,
    definitions: [fine, failing],
    metrics: worker.url,
  });
  ends.push(() => works.drain());
  yard = await connect({ servers: broker.url });
  ends.push(() => yard.close());
});

afterAll(async () => {
  for (const end of ends.toReversed()) await end();
  await Promise.all([master.close(), worker.close()]);
  await broker[Symbol.asyncDispose]();
});

async function served(...given: Parameters<typeof serveMetrics>): Promise<Listening> {
  const serving = await serveMetrics(...given);
  if (serving === undefined) throw new Error('Expected metrics to be served.');
  return serving;
}

/** Values of what is served, by series. */
async function read({ url }: Listening): Promise<Map<string, number>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

test('what became of jobs is counted where it happened', async () => {
  const submitted = await yard.submitMany([
    ...Array.from({ length: 7 }, () => ({ type: 'fine', payload: {} })),
    ...Array.from({ length: 2 }, () => ({ type: 'failing', payload: {} })),
  ]);
  for (const { id } of submitted) await yard.settled(id, { timeoutMs: 30_000 });
  const [ofWorker, ofMaster] = [await read(worker), await read(master)];
  expect(ofWorker.get('yard_attempts_ended_total{type="fine",outcome="completed"}')).toBe(7);
  expect(ofWorker.get('yard_attempts_ended_total{type="failing",outcome="failed"}')).toBe(2);
  expect(ofWorker.get('yard_attempts_claimed_total')).toBe(9);
  expect(ofWorker.get('yard_job_wait_seconds_count{queue="default",priority="medium"}')).toBe(9);
  expect(ofMaster.get('yard_jobs_offered_total')).toBeGreaterThanOrEqual(9);
  expect(ofMaster.get('yard_leader')).toBe(1);
  const settled = (type: string, state: string) =>
    `yard_jobs_settled_total{type="${type}",queue="default",priority="medium",state="${state}"}`;
  expect(ofMaster.get(settled('fine', 'completed'))).toBe(7);
  expect(ofMaster.get(settled('failing', 'failed'))).toBe(2);
  expect(ofMaster.get('yard_jobs_opened_total{type="fine",queue="default",priority="medium"}')).toBe(7);
});

test('what waits and who is there is as it stands', async () => {
  await yard.queues.pause('batch');
  await yard.submitMany(Array.from({ length: 4 }, () => ({ type: 'fine', payload: {}, options: { queue: 'batch' } })));
  await yard.submit('fine', {}, { delay: '1h' });
  const greedy = await yard.submit('fine', {}, { gpu: 1, labels: { zone: 'eu' } });
  await expect.poll(async () => (await read(master)).get('yard_queue_waiting{queue="batch"}')).toBe(4);
  const now = await read(master);
  expect(now.get('yard_queue_paused{queue="batch"}')).toBe(1);
  expect(now.get('yard_jobs{state="scheduled"}')).toBe(1);
  expect(now.get('yard_scale_workers_needed{type="fine",needs="gpu 1, labels zone=eu"}')).toBe(1);
  expect(now.get('yard_scale_workers{type="fine",needs="gpu 1, labels zone=eu"}')).toBe(0);
  expect(now.get('yard_worker_slots{worker="worker-1"}')).toBe(3);
  expect(now.get('yard_worker_slots_used{worker="worker-1"}')).toBe(0);
  expect(now.get('yard_worker_silent_seconds{worker="worker-1"}')).toBeLessThan(30);
  expect(now.get('yard_term')).toBe((await yard.masters())[0]?.term);
  expect([...now.keys()].filter((series) => series.includes('worker_gpu'))).toEqual([]);
  expect(now.get('yard_lane_waiting{queue="batch",priority="medium"}')).toBe(4);
  expect(now.get('yard_lane_waiting{queue="batch",priority="high"}')).toBe(0);
  expect(now.get('yard_lane_oldest_seconds{queue="batch",priority="medium"}')).toBeGreaterThan(0);
  expect(now.get('yard_lane_oldest_seconds{queue="batch",priority="high"}')).toBe(0);
  await greedy.cancel();
  await yard.queues.resume('batch');
  await expect.poll(async () => (await read(master)).get('yard_queue_waiting{queue="batch"}')).toBe(0);
});

test('what the view beside the leader knows is told once somebody has asked it, and not before: its lag, and the dead letter', async () => {
  const lag = async () => (await read(master)).get('yard_view_lag_seconds');
  const dead = async () => (await read(master)).get('yard_dead_letter_jobs{queue="default",priority="medium"}');
  expect([await lag(), await dead()]).toEqual([undefined, undefined]);
  await yard.lanes();
  await expect.poll(lag, { timeout: 30_000 }).toBeLessThan(30);
  await expect.poll(dead).toBe(2);
});

test('Prometheus finds out whom to ask', async () => {
  const http = await serveOpen(() => connect({ servers: broker.url }));
  const { json } = await new ApiClient(() => http.url).ask('/v1/prometheus/targets');
  expect(json).toEqual([
    { targets: [new URL(master.url).host], labels: { role: 'master', process: 'master-1' } },
    { targets: [new URL(worker.url).host], labels: { role: 'worker', process: 'worker-1' } },
  ]);
  await http.close();
});
