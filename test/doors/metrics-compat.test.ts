/** What other schedulers printed in two of their scenarios, replayed against a real broker: each line is exact. */

import { expect, test } from 'vitest';
import { z } from 'zod';
import { startMaster } from '../../cluster/master.ts';
import { readSettings } from '../../cluster/settings.ts';
import { startWorker } from '../../cluster/worker.ts';
import { serveMetrics } from '../../doors/metrics.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { connect, defineJob } from '../../sdk/index.ts';
import { testBroker } from '../nats/broker.ts';

const queues = ['live', 'default', 'batch'] as const;
const priorities = ['high', 'medium', 'low'] as const;

test('nine jobs and no worker, then forty jobs and one busy worker', { timeout: 60_000 }, async () => {
  await using broker = await testBroker();
  const settings = (role: 'master' | 'worker') =>
    readSettings(
      {
        flags: {
          nats: broker.url,
          metricsPort: 'free',
          metricsCompat: true,
          concurrency: 1,
          schedulerInterval: 200,
        },
        env: {},
        directory: '/',
      },
      role,
    );
  const telemetry = createTelemetry();
  const elected = next(telemetry, 'leader.elected');
  const options = settings('master');
  let master: Awaited<ReturnType<typeof startMaster>> | undefined;
  const serving = await serveMetrics(options, {
    role: 'master',
    telemetry,
    samples: () => master?.samples() ?? [],
  });
  master = await startMaster({ options, telemetry });
  await elected;
  const yard = await connect({ servers: broker.url });
  const lines = async () => (await (await fetch(`${serving?.url}/metrics`)).text()).split('\n');
  const printed = async (...expected: readonly string[]) =>
    await expect
      .poll(async () => (await lines()).filter((line) => expected.includes(line)), { timeout: 20_000 })
      .toEqual(expect.arrayContaining([...expected]));

  const nine = queues.flatMap((queue) => priorities.map((priority) => ({ queue, priority })));
  const submitted = await yard.submitMany(nine.map((lane) => ({ type: 'noop', payload: {}, options: lane })));
  await printed(
    'ffrtmp_jobs_total{state="queued"} 9',
    'ffrtmp_queue_length 9',
    'ffrtmp_queue_by_priority{priority="high"} 3',
    'ffrtmp_queue_by_priority{priority="medium"} 3',
    'ffrtmp_queue_by_priority{priority="low"} 3',
    'ffrtmp_queue_by_type{type="live"} 3',
    'ffrtmp_queue_by_type{type="default"} 3',
    'ffrtmp_queue_by_type{type="batch"} 3',
    'ffrtmp_nodes_by_status{status="available"} 0',
    'ffrtmp_nodes_by_status{status="busy"} 0',
    'jobs_pending_total{type="noop"} 9',
    'jobs_scheduled_total 9',
    'active_workers_total 0',
  );
  for (const { id } of submitted) await yard.cancel(id);
  await printed('ffrtmp_queue_length 0', 'ffrtmp_jobs_total{state="cancelled"} 9');

  const release = Promise.withResolvers<void>();
  const hold = defineJob({
    type: 'hold',
    payload: z.object({}),
    run: async () => await release.promise,
  });
  const worker = await startWorker({
    options: settings('worker'),
    telemetry: createTelemetry(),
    definitions: [hold],
  });
  await yard.submit('hold', {});
  await printed('ffrtmp_jobs_total{state="processing"} 1', 'ffrtmp_nodes_by_status{status="busy"} 1');
  const times = <const What>(count: number, what: What) => Array.from({ length: count }, () => what);
  const levels = [...times(18, 'high'), ...times(12, 'medium'), ...times(10, 'low')] as const;
  const lanes = [...times(18, 'live'), ...times(11, 'default'), ...times(11, 'batch')];
  await yard.submitMany(
    levels.map((priority, at) => ({ type: 'hold', payload: {}, options: { priority, queue: lanes[at] ?? '' } })),
  );
  await printed(
    'ffrtmp_jobs_total{state="queued"} 40',
    'ffrtmp_jobs_total{state="processing"} 1',
    'ffrtmp_queue_length 40',
    'ffrtmp_queue_by_priority{priority="high"} 18',
    'ffrtmp_queue_by_priority{priority="medium"} 12',
    'ffrtmp_queue_by_priority{priority="low"} 10',
    'ffrtmp_queue_by_type{type="live"} 18',
    'ffrtmp_queue_by_type{type="default"} 11',
    'ffrtmp_queue_by_type{type="batch"} 11',
    'ffrtmp_nodes_by_status{status="available"} 0',
    'ffrtmp_nodes_by_status{status="busy"} 1',
    'queue_depth{priority="high"} 18',
    'retry_set_depth{priority="low"} 0',
    'processing_inflight 1',
    'active_workers_total 1',
  );
  release.resolve();
  await printed('ffrtmp_jobs_total{state="completed"} 41', 'jobs_completed_total{status="success"} 41');
  const lost = (['high', 'high', 'medium'] as const).map((priority) => ({
    type: 'always_fail',
    payload: {},
    options: { priority, maxAttempts: 1 },
  }));
  for (const { id } of await yard.submitMany(lost)) await yard.settled(id);
  await printed(
    'dlq_depth{priority="critical"} 0',
    'dlq_depth{priority="high"} 2',
    'dlq_depth{priority="medium"} 1',
    'dlq_depth{priority="low"} 0',
    'jobs_failed_total 3',
    'tasks_failed_total{type="always_fail",priority="high"} 2',
  );
  await yard.close();
  await worker.drain();
  await serving?.close();
  await master.stop();
});
