/**
 * Every metric that is read when somebody asks, as data: what stands somewhere and no event tells, such as how many jobs are in a
 * state. Who knows it hands over a `Sample` of it; what nobody knows is absent, never 0.
 *
 * Base units, the unit in the name. A label is never an id: its values are few and known, or names that people chose.
 */

import type { Teller } from './metric.ts';

export interface SampleSpec {
  readonly teller: Teller;
  /** A counter only ever grows while the process lives. */
  readonly type: 'gauge' | 'counter';
  readonly labels: readonly string[];
  readonly help: string;
}

const gauge = { type: 'gauge', labels: [] } as const;
const ofNeeds = { teller: 'master', type: 'gauge', labels: ['type', 'needs'] } as const;
const ofWorker = { teller: 'master', type: 'gauge', labels: ['worker'] } as const;

export const samples = {
  yard_build_info: { ...gauge, teller: 'both', labels: ['version', 'role'], help: 'Always 1.' },
  yard_process_cpu_seconds_total: {
    teller: 'both',
    type: 'counter',
    labels: [],
    help: 'CPU time of this process.',
  },
  yard_process_resident_bytes: { ...gauge, teller: 'both', help: 'Memory of this process.' },
  yard_process_uptime_seconds: { ...gauge, teller: 'both', help: 'How long this process has lived.' },
  yard_term: { ...gauge, teller: 'master', help: 'The term in which this master leads; absent while it does not.' },
  yard_feed_lag_seconds: {
    ...gauge,
    teller: 'master',
    help: 'How far the picture of this master may lag behind the stream of jobs.',
  },
  yard_view_lag_seconds: {
    ...gauge,
    teller: 'master',
    help: 'How far the view of this master, which lists and searches are answered from, may lag behind the stream of jobs; absent while it has none or makes it.',
  },
  yard_clock_skew_seconds: {
    ...gauge,
    teller: 'master',
    help: "How far this machine's clock is ahead of the broker's. Nothing is decided by it.",
  },
  yard_clock_uncertainty_seconds: {
    ...gauge,
    teller: 'master',
    help: 'How far off broker time this master may be; it does not lead from 5 s on.',
  },
  yard_jobs: {
    ...gauge,
    teller: 'master',
    labels: ['state'],
    help: 'Jobs that are not settled, as the leader sees them.',
  },
  yard_queue_waiting: {
    ...gauge,
    teller: 'master',
    labels: ['queue'],
    help: 'Jobs of a queue that are ready and not offered.',
  },
  yard_queue_out: {
    ...gauge,
    teller: 'master',
    labels: ['queue'],
    help: 'Jobs of a queue that are offered, or held by a worker.',
  },
  yard_lane_waiting: {
    ...gauge,
    teller: 'master',
    labels: ['queue', 'priority'],
    help: 'Jobs of a lane that are ready and not offered.',
  },
  yard_lane_oldest_seconds: {
    ...gauge,
    teller: 'master',
    labels: ['queue', 'priority'],
    help: 'How long the job of a lane that waits longest has been ready; 0 where none waits.',
  },
  yard_queue_paused: { ...gauge, teller: 'master', labels: ['queue'], help: '1 while a queue is paused, else 0.' },
  yard_dead_letter_jobs: {
    ...gauge,
    teller: 'master',
    labels: ['queue', 'priority'],
    help: 'Jobs in the dead letter, as the view beside the leader counts them: there once somebody has listed jobs, or from the start with `--metrics-compat`.',
  },
  yard_scale_workers_needed: {
    ...ofNeeds,
    help: 'Workers that it takes so that what waits of a type and what it needs starts within a minute: `yard scale advise`.',
  },
  yard_scale_workers: { ...ofNeeds, help: 'Workers that could run such jobs.' },
  yard_worker_slots: { ...ofWorker, help: 'Jobs that a worker can hold at once.' },
  yard_worker_slots_used: { ...ofWorker, help: 'Slots that are taken.' },
  yard_worker_silent_seconds: { ...ofWorker, help: 'Since the last pulse of a worker was heard.' },
  yard_worker_cpu_ratio: { ...ofWorker, help: 'CPU of its machine that the process of a worker takes, 0 to 1.' },
  yard_worker_memory_bytes: { ...ofWorker, help: 'Memory that the process of a worker takes.' },
  yard_gpu_busy_ratio: { ...gauge, teller: 'worker', labels: ['gpu'], help: 'How busy a GPU is, 0 to 1.' },
  yard_gpu_memory_used_bytes: { ...gauge, teller: 'worker', labels: ['gpu'], help: 'Memory of a GPU that is taken.' },
  yard_gpu_temperature_celsius: { ...gauge, teller: 'worker', labels: ['gpu'], help: 'Temperature of a GPU.' },
  yard_gpu_power_watts: { ...gauge, teller: 'worker', labels: ['gpu'], help: 'Power that a GPU draws.' },
  yard_worker_gpu_ratio: { ...ofWorker, help: 'GPU of its machine that is busy, 0 to 1; absent where it has none.' },
} as const satisfies Readonly<Record<string, SampleSpec>>;

export type SampleName = keyof typeof samples;

/** What was read, in the unit of its name. */
export interface Sample {
  name: SampleName;
  labels?: Readonly<Record<string, string>>;
  value: number;
}
