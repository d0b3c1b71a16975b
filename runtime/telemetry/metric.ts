/**
 * Every metric, as data: its name, unit and labels, and the event that feeds it. Nothing is measured that no event
 * tells, so that metrics, log and tests cannot disagree. Serving them is the affair of another file.
 *
 * Base units, the unit in the name. A label is never an id: its values are few and known, or names that people chose.
 */

import type { EventFacts, EventName } from './event.ts';

/**
 * How an event changes a metric. A counter grows by `add` (1 where absent) or by a fact; a gauge becomes `set` or a
 * fact; a histogram sees a fact. `eachOf` is a fact of counts: one series for each of its names, under `as`.
 */
export type Feeding = {
  [Name in EventName]: {
    readonly event: Name;
    readonly fact?: keyof EventFacts[Name] & string;
    readonly set?: number;
    readonly eachOf?: keyof EventFacts[Name] & string;
    readonly as?: string;
    /** The fact is in milliseconds, the metric in seconds. */
    readonly toSeconds?: true;
  };
}[EventName];

export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly unit: 'seconds' | 'entries' | 'none';
  /** Facts of the event, under their own names, or the name that `as` gives. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
  readonly help: string;
  readonly fedBy: readonly Feeding[];
}

/** From a millisecond to hours: waits and run times of jobs. */
const spans = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400];
const count = { type: 'counter', unit: 'none', labels: [] } as const;

export const metrics = {
  yard_leader: {
    type: 'gauge',
    unit: 'none',
    labels: [],
    help: '1 while this master leads, else 0.',
    fedBy: [
      { event: 'leader.elected', set: 1 },
      { event: 'leader.deposed', set: 0 },
      { event: 'leader.steppedDown', set: 0 },
    ],
  },
  yard_leader_elections_total: {
    ...count,
    help: 'Times this master was elected.',
    fedBy: [{ event: 'leader.elected' }],
  },
  yard_scheduler_passes_total: {
    ...count,
    help: 'Reconcile ticks of the scheduler.',
    fedBy: [{ event: 'scheduler.pass' }],
  },
  yard_jobs_offered_total: {
    ...count,
    help: 'Jobs offered to workers.',
    fedBy: [{ event: 'job.offered' }],
  },
  yard_jobs_queued_total: {
    ...count,
    help: 'Jobs found to have to wait for a worker.',
    fedBy: [{ event: 'job.queued' }],
  },
  yard_jobs_evicted_total: {
    ...count,
    labels: ['queue', 'byQueue'],
    help: 'Running jobs that were told to make room, by their queue and by that of the job that needed it.',
    fedBy: [{ event: 'job.evicted' }],
  },
  yard_jobs_reserved_total: {
    ...count,
    help: 'Jobs for which a worker was made to keep its next room.',
    fedBy: [{ event: 'job.reserved' }],
  },
  yard_jobs_waiting: {
    type: 'gauge',
    unit: 'none',
    labels: ['reason'],
    help: 'Ready jobs that the last pass could not offer, by reason.',
    fedBy: [{ event: 'scheduler.pass', eachOf: 'reasons', as: 'reason' }],
  },
  yard_workers: {
    type: 'gauge',
    unit: 'none',
    labels: ['status'],
    help: 'Workers by status, as the leader sees them.',
    fedBy: [{ event: 'scheduler.pass', eachOf: 'workersByStatus', as: 'status' }],
  },
  yard_workers_joined_total: { ...count, help: 'Workers that have joined.', fedBy: [{ event: 'worker.joined' }] },
  yard_workers_left_total: {
    ...count,
    help: 'Workers that have left in good order.',
    fedBy: [{ event: 'worker.left' }],
  },
  yard_workers_lost_total: { ...count, help: 'Workers that fell silent.', fedBy: [{ event: 'worker.lost' }] },
  yard_workers_deaf_total: {
    ...count,
    help: 'Workers that pulsed and left their mail unanswered.',
    fedBy: [{ event: 'worker.deaf' }],
  },
  yard_jobs_taken_back_total: {
    ...count,
    help: 'Jobs taken back from lost workers.',
    fedBy: [{ event: 'jobs.takenBack', fact: 'count' }],
  },
  yard_store_used_ratio: {
    type: 'gauge',
    unit: 'none',
    labels: [],
    help: 'How full the store of jobs is, by its bound or by what its disk allows; doors refuse new jobs at 0.9. Absent where nothing limits it.',
    fedBy: [{ event: 'store.measured', fact: 'share' }],
  },
  yard_brokers_stuck_total: {
    ...count,
    help: 'Times that a broker was seen which could not write to its disk.',
    fedBy: [{ event: 'broker.stuck' }],
  },
  yard_types_unserved: {
    type: 'gauge',
    unit: 'none',
    labels: [],
    help: 'Types of waiting jobs that no worker serves.',
    fedBy: [
      { event: 'types.unserved', fact: 'types' },
      { event: 'types.served', set: 0 },
    ],
  },
  yard_jobs_forgotten_total: {
    ...count,
    help: 'Settled jobs removed because too many were kept; those removed by age are not counted.',
    fedBy: [{ event: 'jobs.forgotten', fact: 'count' }],
  },
  yard_schedule_firings_total: {
    ...count,
    help: 'Moments of schedules that have made a job.',
    fedBy: [{ event: 'schedule.fired' }],
  },
  yard_schedule_skipped_total: {
    ...count,
    help: 'Moments of schedules that made no job, since that of an earlier firing was still open.',
    fedBy: [{ event: 'schedule.skipped', fact: 'count' }],
  },
  yard_schedule_missed_total: {
    ...count,
    help: 'Moments of schedules that nobody could fire in time, and that make no jobs.',
    fedBy: [{ event: 'schedule.missed', fact: 'count' }],
  },
  yard_schedule_refused_total: {
    ...count,
    help: 'Moments of schedules whose job could not be made.',
    fedBy: [{ event: 'schedule.refused', fact: 'count' }],
  },
  yard_schedule_lateness_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: [],
    buckets: spans,
    help: 'From the moment of a schedule to the write of its job.',
    fedBy: [{ event: 'schedule.fired', fact: 'lateMs', toSeconds: true }],
  },
  yard_submissions_accepted_total: {
    ...count,
    help: 'Submissions stored as jobs.',
    fedBy: [{ event: 'intake.accepted', fact: 'count' }],
  },
  yard_submissions_rejected_total: {
    ...count,
    help: 'Submissions refused for good.',
    fedBy: [{ event: 'intake.rejected' }],
  },
  yard_submissions_repeated_total: {
    ...count,
    help: 'Submissions taken in again, since the broker had forgotten what became of them.',
    fedBy: [{ event: 'intake.repeated', fact: 'count' }],
  },
  yard_attempts_claimed_total: { ...count, help: 'Claims stored.', fedBy: [{ event: 'attempt.claimed' }] },
  yard_attempts_ended_total: {
    ...count,
    labels: ['type', 'outcome'],
    help: 'Attempts whose end is stored, by how they ended.',
    fedBy: [{ event: 'attempt.ended' }],
  },
  yard_attempts_fenced_total: {
    ...count,
    help: 'Attempts that had lost their job; their results were dropped.',
    fedBy: [{ event: 'attempt.fenced' }],
  },
  yard_attempts_abandoned_total: {
    ...count,
    help: 'Handlers that did not stop within their grace.',
    fedBy: [{ event: 'attempt.abandoned' }],
  },
  yard_job_wait_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: ['queue', 'priority'],
    buckets: spans,
    help: 'From ready to the start of the handler.',
    fedBy: [{ event: 'attempt.started', fact: 'waitedMs', toSeconds: true }],
  },
  yard_attempt_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: ['type', 'outcome'],
    buckets: spans,
    help: 'From the start of the handler to its end.',
    fedBy: [{ event: 'attempt.ended', fact: 'ranMs', toSeconds: true }],
  },
  yard_commit_batches_total: {
    ...count,
    labels: ['outcome'],
    help: 'Batches of writes, by what they came to.',
    fedBy: [{ event: 'commit.batch' }],
  },
  yard_commit_batch_entries: {
    type: 'histogram',
    unit: 'entries',
    labels: [],
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
    help: 'Writes in a batch.',
    fedBy: [{ event: 'commit.batch', fact: 'entries' }],
  },
  yard_commit_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: ['outcome'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    help: 'From sending a batch to its answer.',
    fedBy: [{ event: 'commit.batch', fact: 'ms', toSeconds: true }],
  },
  yard_feed_gaps_total: { ...count, help: 'Gaps found on the feed.', fedBy: [{ event: 'feed.gap' }] },
  yard_feed_reloads_total: { ...count, help: 'Times the picture was made anew.', fedBy: [{ event: 'feed.reloaded' }] },
  yard_repairs_total: {
    ...count,
    labels: ['what'],
    help: 'Disagreements that the auditor put right.',
    fedBy: [{ event: 'auditor.repaired' }],
  },
  yard_unrepaired_total: {
    ...count,
    labels: ['what'],
    help: 'Disagreements that only a person can put right.',
    fedBy: [{ event: 'auditor.found' }],
  },
  yard_broker_connected: {
    type: 'gauge',
    unit: 'none',
    labels: [],
    help: '1 while a broker is connected, else 0.',
    fedBy: [
      { event: 'broker.connected', set: 1 },
      { event: 'broker.disconnected', set: 0 },
      { event: 'broker.reconnected', set: 1 },
    ],
  },
  yard_broker_reconnects_total: {
    ...count,
    help: 'Connections made anew.',
    fedBy: [{ event: 'broker.reconnected' }],
  },
  yard_process_failures_total: {
    ...count,
    help: 'Things that broke and should not have.',
    fedBy: [{ event: 'process.failed' }],
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
