/**
 * The metrics of other schedulers under their own names (`--metrics-compat`), so that their dashboards and alerts go on.
 *
 * They say what ours say, once more: what is new goes into `metric.ts` and `sample.ts`. Some break the rules for names, which
 * is why they stand apart. Every value of a label that can be known is there from the start, at 0.
 */

import { jobStates } from '../../machines/job.ts';
import { priorities } from '../../machines/rules/lanes.ts';
import { workerStatuses } from '../ports.ts';
import { counted, type MetricSpec, spans } from './metric.ts';
import type { SampleSpec } from './sample.ts';

const byPriority = { labels: ['priority'], always: { priority: priorities } } as const;
const seconds = { teller: 'worker', type: 'histogram', unit: 'seconds', labels: [], buckets: spans } as const;

/** Fed by events. */
export const compatMetrics = {
  jobs_scheduled_total: { ...counted.master, help: 'Jobs created.', fedBy: [{ event: 'job.opened' }] },
  jobs_completed_total: {
    ...counted.master,
    labels: ['status'],
    always: { status: ['success', 'failed'] },
    help: 'Jobs that have finished.',
    fedBy: [
      { event: 'job.settled', when: { state: 'completed' }, with: { status: 'success' } },
      { event: 'job.settled', when: { state: 'failed' }, with: { status: 'failed' } },
    ],
  },
  jobs_failed_total: {
    ...counted.master,
    help: 'Jobs that failed for good.',
    fedBy: [{ event: 'job.settled', when: { state: 'failed' } }],
  },
  job_retries_total: { ...counted.master, help: 'Retries.', fedBy: [{ event: 'job.retried' }] },
  job_duration_seconds: {
    ...seconds,
    help: 'How long a job runs.',
    fedBy: [{ event: 'attempt.ended', fact: 'ranMs', toSeconds: true }],
  },
  job_queue_wait_seconds: {
    ...seconds,
    help: 'How long a job waits.',
    fedBy: [{ event: 'attempt.started', fact: 'waitedMs', toSeconds: true }],
  },
  tasks_enqueued_total: { ...counted.master, help: 'Jobs created.', fedBy: [{ event: 'job.opened' }] },
  tasks_dequeued_total: {
    ...counted.worker,
    ...byPriority,
    help: 'Attempts that have started.',
    fedBy: [{ event: 'attempt.started' }],
  },
  tasks_succeeded_total: {
    ...counted.master,
    labels: ['type', 'priority'],
    always: { type: 'met', priority: priorities },
    help: 'Jobs that have completed.',
    fedBy: [{ event: 'job.settled', when: { state: 'completed' } }],
  },
  tasks_failed_total: {
    ...counted.master,
    labels: ['type', 'priority'],
    always: { type: 'met', priority: priorities },
    help: 'Jobs that failed for good.',
    fedBy: [{ event: 'job.settled', when: { state: 'failed' } }],
  },
  tasks_retried_total: { ...counted.master, help: 'Retries.', fedBy: [{ event: 'job.retried' }] },
  tasks_reaped_total: {
    ...counted.master,
    help: 'Jobs taken back from lost workers.',
    fedBy: [{ event: 'jobs.takenBack', fact: 'count' }],
  },
  acks_total: {
    ...counted.worker,
    help: 'Attempts that completed, and whose end is stored.',
    fedBy: [{ event: 'attempt.ended', when: { outcome: 'completed' } }],
  },
  task_run_seconds: {
    ...seconds,
    labels: ['type'],
    help: 'How long an attempt runs.',
    fedBy: [{ event: 'attempt.ended', fact: 'ranMs', toSeconds: true }],
  },
  enqueue_to_start_seconds: {
    ...seconds,
    ...byPriority,
    help: 'From ready to the start of the handler.',
    fedBy: [{ event: 'attempt.started', fact: 'waitedMs', toSeconds: true }],
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

const gauge = { teller: 'master', type: 'gauge', labels: [] } as const;

/** Read when somebody asks; the leader alone serves them. */
export const compatSamples = {
  ffrtmp_jobs_total: {
    ...gauge,
    labels: ['state'],
    help: 'Jobs by state: open ones as they stand, settled ones since this master started.',
  },
  ffrtmp_queue_length: { ...gauge, help: 'Jobs that wait for a worker.' },
  ffrtmp_queue_by_priority: { ...gauge, labels: ['priority'], help: 'Jobs that wait for a worker, by priority.' },
  ffrtmp_queue_by_type: { ...gauge, labels: ['type'], help: 'Jobs that wait for a worker, by queue.' },
  ffrtmp_nodes_by_status: { ...gauge, labels: ['status'], help: 'Workers by status.' },
  jobs_pending_total: { ...gauge, labels: ['type'], help: 'Jobs that wait for a worker, by type.' },
  active_workers_total: { ...gauge, help: 'Workers that are there and healthy.' },
  queue_depth: { ...gauge, labels: ['priority'], help: 'Jobs that wait for a worker, by priority.' },
  retry_set_depth: { ...gauge, labels: ['priority'], help: 'Jobs that wait for another attempt, by priority.' },
  dlq_depth: { ...gauge, labels: ['priority'], help: 'Jobs in the dead letter, by priority.' },
  processing_inflight: { ...gauge, help: 'Jobs that a worker holds.' },
} as const satisfies Readonly<Record<string, SampleSpec>>;

type CompatName = keyof typeof compatSamples;

/** As `Sample`, under another scheduler's name. */
export interface CompatSample {
  name: CompatName;
  labels?: Readonly<Record<string, string>>;
  value: number;
}

/** What a leader knows, for these. */
export interface CompatSource {
  counts: Iterable<{ state: (typeof jobStates)[number]; priority: string; queue: string; count: number }>;
  /** Jobs that wait, by type. */
  waitingByType: ReadonlyMap<string, number>;
  queues: Iterable<string>;
  workers: Iterable<{ status: string }>;
  /** Jobs that have settled since this master started, by state. */
  settled: ReadonlyMap<string, number>;
  /** What lies in the dead letter; `undefined` as long as nobody knows. */
  dead: readonly { priority: string; count: number }[] | undefined;
}

const waiting: readonly string[] = ['pending', 'queued'];
const active: readonly string[] = ['assigned', 'processing', 'cancelling'];

/** All of them, with every value of their labels. */
export function compatOf({
  counts,
  waitingByType,
  queues,
  workers,
  settled,
  dead,
}: CompatSource): readonly CompatSample[] {
  const all = [...counts];
  const nodes = [...workers];
  const count = (of: Partial<Record<'priority' | 'queue', string>>, states: readonly string[]) =>
    all
      .filter(({ state, ...one }) => states.includes(state) && (of.priority ?? one.priority) === one.priority)
      .filter((one) => (of.queue ?? one.queue) === one.queue)
      .reduce((sum, one) => sum + one.count, 0);
  const perPriority = (name: CompatName, states: readonly string[]) =>
    priorities.map((priority) => ({ name, labels: { priority }, value: count({ priority }, states) }));
  const alive = nodes.filter(({ status }) => status === 'available' || status === 'busy').length;
  return [
    ...jobStates.map((state) => ({
      name: 'ffrtmp_jobs_total' as const,
      labels: { state },
      value: count({}, [state]) + (settled.get(state) ?? 0),
    })),
    { name: 'ffrtmp_queue_length', value: count({}, waiting) },
    ...perPriority('ffrtmp_queue_by_priority', waiting),
    ...[...queues].map((queue) => ({
      name: 'ffrtmp_queue_by_type' as const,
      labels: { type: queue },
      value: count({ queue }, waiting),
    })),
    ...workerStatuses.map((status) => ({
      name: 'ffrtmp_nodes_by_status' as const,
      labels: { status },
      value: nodes.filter((node) => node.status === status).length,
    })),
    ...[...waitingByType].map(([type, value]) => ({ name: 'jobs_pending_total' as const, labels: { type }, value })),
    { name: 'active_workers_total', value: alive },
    ...perPriority('queue_depth', waiting),
    ...perPriority('retry_set_depth', ['retrying']),
    ...(dead === undefined ? [] : priorities.map((priority) => deadOf(dead, priority))),
    { name: 'processing_inflight', value: count({}, active) },
  ];
}

function deadOf(dead: NonNullable<CompatSource['dead']>, priority: string): CompatSample {
  const value = dead.filter((one) => one.priority === priority).reduce((sum, { count }) => sum + count, 0);
  return { name: 'dlq_depth', labels: { priority }, value };
}
