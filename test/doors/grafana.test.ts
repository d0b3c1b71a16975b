/**
 * Every panel on a real Prometheus that watches a running cluster under a mixed load: each expression has data, and what
 * can be counted otherwise is that.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import { startWorker } from '../../cluster/worker.ts';
import { serveMetrics } from '../../doors/metrics.ts';
import { dashboards } from '../../grafana/dashboards.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { connect, defineJob, type Yard } from '../../sdk/index.ts';
import { testBroker } from '../nats/broker.ts';
import { serveOpen } from './cluster.ts';
import { found, Prometheus } from './prometheus.ts';

const program = found('prometheus');
const fine = defineJob({ type: 'fine', payload: z.object({}), run: () => 'done' });
const failing = defineJob({
  type: 'failing',
  payload: z.object({}),
  defaults: { maxAttempts: 2 },
  run: () => Promise.reject(new Error('no luck')),
});

describe.skipIf(program === undefined)('a running cluster', () => {
  const ends: (() => Promise<unknown>)[] = [];
  let yard: Yard;
  let prometheus: Prometheus;

  beforeAll(async () => {
    const broker = await testBroker();
    ends.push(() => broker[Symbol.asyncDispose]());
    const settings = (role: 'master' | 'worker') =>
      readSettings(
        {
          flags: { nats: broker.url, metricsPort: 'free', name: `${role}-1`, schedulerInterval: 500 },
          env: {},
          directory: '/',
        },
        role,
      );
    const telemetry = { master: createTelemetry(), worker: createTelemetry() };
    let running: Awaited<ReturnType<typeof startMaster>> | undefined;
    const ofMaster = await serveMetrics(settings('master'), {
      role: 'master',
      telemetry: telemetry.master,
      samples: () => running?.samples() ?? [],
    });
    const elected = next(telemetry.master, 'leader.elected');
    running = await startMaster({
      options: settings('master'),
      telemetry: telemetry.master,
      metrics: ofMaster?.url,
    });
    ends.push(async () => await running?.stop());
    await elected;
    const ofWorker = await serveMetrics(settings('worker'), {
      role: 'worker',
      telemetry: telemetry.worker,
      samples: () => [],
    });
    const worker = await startWorker({
      options: settings('worker'),
      telemetry: telemetry.worker,
      definitions: [fine, failing],
      metrics: ofWorker?.url,
    });
    ends.push(() => worker.drain());
    const http = await serveOpen(() => connect({ servers: broker.url }));
    ends.push(async () => await Promise.all([http.close(), ofMaster?.close(), ofWorker?.close()]));
    yard = await connect({ servers: broker.url });
    ends.push(() => yard.close());
    prometheus = await Prometheus.start(program ?? '', `${http.url}/v1/prometheus/targets`);
    ends.push(() => prometheus[Symbol.asyncDispose]());
  });

  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  const queries = dashboards.flatMap(({ uid, panels }) =>
    panels
      .filter(({ needs }) => needs === undefined || needs === 'trouble')
      .flatMap(({ title, queries: own }) => own.map(({ expr }) => ({ panel: `${uid}: ${title}`, expr }))),
  );

  test('gives every panel data', { timeout: 90_000 }, async () => {
    await expect.poll(() => prometheus.isUp()).toBe(true);
    await yard.queues.pause('batch');
    await yard.submitMany(
      Array.from({ length: 4 }, () => ({ type: 'fine', payload: {}, options: { queue: 'batch' } })),
    );
    await yard.submit('script', { command: 'true' });
    const empty = async () => {
      await yard.submitMany([
        ...Array.from({ length: 5 }, () => ({ type: 'fine', payload: {} })),
        { type: 'failing', payload: {} },
      ]);
      const without: string[] = [];
      for (const { panel, expr } of queries) {
        const read = await prometheus.query(expr.replaceAll('$__rate_interval', '15s'));
        if (!read.some(({ value }) => !Number.isNaN(value))) without.push(`${panel}: ${expr}`);
      }
      return without;
    };
    await expect.poll(empty, { timeout: 80_000, interval: 500 }).toEqual([]);
  });

  test('refuses an expression that is none, and has nothing for a metric that is none', async () => {
    await expect(prometheus.query('sum(rate(yard_jobs[5m])')).rejects.toThrow('Expected an expression');
    expect(await prometheus.query('sum(yard_jobs_lost_total)')).toEqual([]);
  });

  test('tells what the records say', { timeout: 60_000 }, async () => {
    const value = async (expr: string) => (await prometheus.query(expr))[0]?.value;
    const counted = async (state: 'completed' | 'failed') => (await yard.census()).byState[state] ?? 0;
    await expect.poll(async () => await value('sum(yard_jobs{state=~"pending|queued"})')).toBe(5);
    for (const state of ['completed', 'failed'] as const)
      await expect
        .poll(async () => {
          const told = await value(`sum(yard_jobs_settled_total{state="${state}"})`);
          return (told ?? Number.NaN) - (await counted(state));
        })
        .toBe(0);
    const outcome = await value('sum(yard_attempts_ended_total{type="fine",outcome="completed"})');
    expect(outcome).toBe(await counted('completed'));
    expect(await value('sum(yard_jobs_retried_total)')).toBe(await counted('failed'));
    expect(await value('sum(yard_queue_waiting{queue="batch"})')).toBe(4);
    expect(await value('sum(yard_lane_waiting{queue="batch",priority="medium"})')).toBe(4);
    await expect.poll(() => value('sum(yard_jobs_waiting)')).toBe(5);
    expect(await value('sum(yard_leader)')).toBe(1);
    expect(await value('sum(yard_workers{status="available"})')).toBe(1);
    expect(await value('sum(yard_types_unserved)')).toBe(1);
  });

  test('has a job as exemplar of a latency', async () => {
    expect(await prometheus.exemplars('yard_attempt_duration_seconds_bucket')).toMatch(/"job":"default\.[^"]+"/);
  });
});
