/**
 * Every metric that events feed, as data: its name, unit and labels, and the event. What is not told by events but stands
 * somewhere, such as the length of a line, is in `sample.ts`. Keeping and serving them is the affair of `meter.ts`.
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
    /** Only where these facts are these. */
    readonly when?: Readonly<Record<string, string>>;
    /** Labels that this event always has. */
    readonly with?: Readonly<Record<string, string>>;
    /** The fact is in milliseconds, the metric in seconds. */
    readonly toSeconds?: true;
  };
}[EventName];

/** Who tells it. */
export type Teller = 'master' | 'worker' | 'both';

export interface MetricSpec {
  readonly teller: Teller;
  /** Known to the leader alone: any other process says nothing of it. */
  readonly ofLeader?: true;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly unit: 'seconds' | 'entries' | 'joules' | 'none';
  /** Facts of the event, under their own names, or the name that `as` gives. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
  /**
   * Series that stand at 0 before anything happened in them: for each label its values, or `met` where these come with events
   * (`met.ts`). All of its labels, or none.
   */
  readonly always?: Readonly<Record<string, readonly string[] | 'met'>>;
  readonly help: string;
  readonly fedBy: readonly Feeding[];
}

/** From a millisecond to hours: waits and run times of jobs. */
export const spans = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400,
];
const count = { type: 'counter', unit: 'none', labels: [] } as const;
export const counted = {
  master: { ...count, teller: 'master' },
  worker: { ...count, teller: 'worker' },
  both: { ...count, teller: 'both' },
} as const;

/** Of each type, in each lane that was met. */
const ofJobs = {
  labels: ['type', 'queue', 'priority'],
  always: { type: 'met', queue: 'met', priority: 'met' },
} as const;

const measuredTranscode = { teller: 'worker', type: 'histogram', unit: 'none', labels: ['encoder'] } as const;

export const metrics = {
  yard_leader: {
    teller: 'master',
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
    ...counted.master,
    help: 'Times this master was elected.',
    fedBy: [{ event: 'leader.elected' }],
  },
  yard_scheduler_passes_total: {
    ...counted.master,
    help: 'Reconcile ticks of the scheduler.',
    fedBy: [{ event: 'scheduler.pass' }],
  },
  yard_jobs_offered_total: {
    ...counted.master,
    help: 'Jobs offered to workers.',
    fedBy: [{ event: 'job.offered' }],
  },
  yard_jobs_queued_total: {
    ...counted.master,
    help: 'Jobs found to have to wait for a worker.',
    fedBy: [{ event: 'job.queued' }],
  },
  yard_scheduler_decisions_total: {
    ...counted.master,
    labels: ['result'],
    always: { result: ['offered', 'queued', 'reserved', 'evicted'] },
    help: 'What the scheduler decided for a job, by what it came to.',
    fedBy: [
      { event: 'job.offered', with: { result: 'offered' } },
      { event: 'job.queued', with: { result: 'queued' } },
      { event: 'job.reserved', with: { result: 'reserved' } },
      { event: 'job.evicted', with: { result: 'evicted' } },
    ],
  },
  yard_jobs_opened_total: {
    ...counted.master,
    ...ofJobs,
    help: 'New jobs, as the leader saw them.',
    fedBy: [{ event: 'job.opened' }],
  },
  yard_jobs_retried_total: {
    ...counted.master,
    ...ofJobs,
    help: 'Attempts that failed and that another one follows, as the leader saw them.',
    fedBy: [{ event: 'job.retried' }],
  },
  yard_jobs_settled_total: {
    ...counted.master,
    labels: [...ofJobs.labels, 'state'],
    always: { ...ofJobs.always, state: ['completed', 'failed', 'cancelled'] },
    help: 'Jobs that came to rest, as the leader saw them; those that `failed` are in the dead letter.',
    fedBy: [{ event: 'job.settled' }],
  },
  yard_jobs_evicted_total: {
    ...counted.master,
    labels: ['queue', 'byQueue'],
    help: 'Running jobs that were told to make room, by their queue and by that of the job that needed it.',
    fedBy: [{ event: 'job.evicted' }],
  },
  yard_jobs_reserved_total: {
    ...counted.master,
    help: 'Jobs for which a worker was made to keep its next room.',
    fedBy: [{ event: 'job.reserved' }],
  },
  yard_jobs_waiting: {
    teller: 'master',
    ofLeader: true,
    type: 'gauge',
    unit: 'none',
    labels: ['reason'],
    help: 'Ready jobs that the last pass could not offer, by reason.',
    fedBy: [{ event: 'scheduler.pass', eachOf: 'reasons', as: 'reason' }],
  },
  yard_workers: {
    teller: 'master',
    ofLeader: true,
    type: 'gauge',
    unit: 'none',
    labels: ['status'],
    help: 'Workers by status, as the leader sees them.',
    fedBy: [{ event: 'scheduler.pass', eachOf: 'workersByStatus', as: 'status' }],
  },
  yard_workers_joined_total: {
    ...counted.master,
    help: 'Workers that have joined. Each master hears all of them: do not add up those of several.',
    fedBy: [{ event: 'worker.joined' }],
  },
  yard_workers_left_total: {
    ...counted.master,
    help: 'Workers that have left in good order. Each master hears all of them: do not add up those of several.',
    fedBy: [{ event: 'worker.left' }],
  },
  yard_workers_lost_total: { ...counted.master, help: 'Workers that fell silent.', fedBy: [{ event: 'worker.lost' }] },
  yard_workers_deaf_total: {
    ...counted.master,
    help: 'Workers that pulsed and left their mail unanswered.',
    fedBy: [{ event: 'worker.deaf' }],
  },
  yard_jobs_taken_back_total: {
    ...counted.master,
    help: 'Jobs taken back from lost workers.',
    fedBy: [{ event: 'jobs.takenBack', fact: 'count' }],
  },
  yard_store_used_ratio: {
    teller: 'master',
    type: 'gauge',
    unit: 'none',
    labels: [],
    help: 'How full the store of jobs is, by its bound or by what its disk allows; doors refuse new jobs at 0.9. Absent where nothing limits it.',
    fedBy: [{ event: 'store.measured', fact: 'share' }],
  },
  yard_brokers_stuck_total: {
    ...counted.master,
    help: 'Times that a broker was seen which could not write to its disk.',
    fedBy: [{ event: 'broker.stuck' }],
  },
  yard_types_unserved: {
    teller: 'master',
    ofLeader: true,
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
    ...counted.master,
    help: 'Settled jobs removed because too many were kept; those removed by age are not counted.',
    fedBy: [{ event: 'jobs.forgotten', fact: 'count' }],
  },
  yard_blobs_swept_total: {
    ...counted.master,
    help: 'Payloads and results that lay aside, and were removed since no job has them any more.',
    fedBy: [{ event: 'blobs.swept', fact: 'count' }],
  },
  yard_schedule_firings_total: {
    ...counted.master,
    help: 'Moments of schedules that have made a job.',
    fedBy: [{ event: 'schedule.fired' }],
  },
  yard_schedule_skipped_total: {
    ...counted.master,
    help: 'Moments of schedules that made no job, since that of an earlier firing was still open.',
    fedBy: [{ event: 'schedule.skipped', fact: 'count' }],
  },
  yard_schedule_missed_total: {
    ...counted.master,
    help: 'Moments of schedules that nobody could fire in time, and that make no jobs.',
    fedBy: [{ event: 'schedule.missed', fact: 'count' }],
  },
  yard_schedule_refused_total: {
    ...counted.master,
    help: 'Moments of schedules whose job could not be made.',
    fedBy: [{ event: 'schedule.refused', fact: 'count' }],
  },
  yard_schedule_lateness_seconds: {
    teller: 'master',
    type: 'histogram',
    unit: 'seconds',
    labels: [],
    buckets: spans,
    help: 'From the moment of a schedule to the write of its job.',
    fedBy: [{ event: 'schedule.fired', fact: 'lateMs', toSeconds: true }],
  },
  yard_submissions_accepted_total: {
    ...counted.master,
    help: 'Submissions stored as jobs.',
    fedBy: [{ event: 'intake.accepted', fact: 'count' }],
  },
  yard_submissions_rejected_total: {
    ...counted.master,
    help: 'Submissions refused for good.',
    fedBy: [{ event: 'intake.rejected' }],
  },
  yard_submissions_repeated_total: {
    ...counted.master,
    help: 'Submissions taken in again, since the broker had forgotten what became of them.',
    fedBy: [{ event: 'intake.repeated', fact: 'count' }],
  },
  yard_attempts_claimed_total: { ...counted.worker, help: 'Claims stored.', fedBy: [{ event: 'attempt.claimed' }] },
  yard_attempts_ended_total: {
    ...counted.worker,
    labels: ['type', 'outcome'],
    always: {
      type: 'met',
      outcome: ['completed', 'failed', 'timed out', 'handed back', 'drained', 'preempted', 'cancelled'],
    },
    help: 'Attempts whose end is stored, by how they ended.',
    fedBy: [{ event: 'attempt.ended' }],
  },
  yard_attempts_fenced_total: {
    ...counted.worker,
    help: 'Attempts that had lost their job; their results were dropped.',
    fedBy: [{ event: 'attempt.fenced' }],
  },
  yard_attempts_abandoned_total: {
    ...counted.worker,
    help: 'Handlers that did not stop within their grace.',
    fedBy: [{ event: 'attempt.abandoned' }],
  },
  yard_job_wait_seconds: {
    teller: 'worker',
    type: 'histogram',
    unit: 'seconds',
    labels: ['queue', 'priority'],
    always: { queue: 'met', priority: 'met' },
    buckets: spans,
    help: 'From ready to the start of the handler.',
    fedBy: [{ event: 'attempt.started', fact: 'waitedMs', toSeconds: true }],
  },
  yard_attempt_duration_seconds: {
    teller: 'worker',
    type: 'histogram',
    unit: 'seconds',
    labels: ['type', 'outcome'],
    always: { type: 'met', outcome: ['completed', 'failed'] },
    buckets: spans,
    help: 'From the start of the handler to its end.',
    fedBy: [{ event: 'attempt.ended', fact: 'ranMs', toSeconds: true }],
  },
  yard_transcode_energy_joules: {
    teller: 'worker',
    type: 'histogram',
    unit: 'joules',
    labels: ['encoder', 'source'],
    buckets: [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000],
    help: 'Energy of a transcode, by what it was read from.',
    fedBy: [{ event: 'transcode.done', fact: 'joules' }],
  },
  yard_transcode_vmaf_score: {
    ...measuredTranscode,
    buckets: [20, 40, 60, 70, 80, 85, 90, 93, 95, 97, 99, 100],
    help: 'VMAF of a transcode, 0 to 100; none where the ffmpeg of the worker cannot measure it.',
    fedBy: [{ event: 'transcode.done', fact: 'vmaf' }],
  },
  yard_transcode_ssim_ratio: {
    ...measuredTranscode,
    buckets: [0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1],
    help: 'SSIM of a transcode, 0 to 1.',
    fedBy: [{ event: 'transcode.done', fact: 'ssim' }],
  },
  yard_transcode_frames_per_second: {
    ...measuredTranscode,
    buckets: [1, 5, 10, 24, 30, 60, 120, 240, 480, 960],
    help: 'Frames that a transcode encoded for each second of work.',
    fedBy: [{ event: 'transcode.done', fact: 'fps' }],
  },
  yard_transcode_speed_ratio: {
    ...measuredTranscode,
    buckets: [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8, 16, 32],
    help: 'Seconds of media for each second of work; below 1 it is slower than it plays.',
    fedBy: [{ event: 'transcode.done', fact: 'speed' }],
  },
  yard_transcode_pixels_per_joule: {
    ...measuredTranscode,
    buckets: [1e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 1e8],
    help: 'Pixels × (VMAF / 100) / joules; only where both were measured.',
    fedBy: [{ event: 'transcode.done', fact: 'efficiency' }],
  },
  yard_commit_batches_total: {
    ...counted.both,
    labels: ['outcome'],
    always: { outcome: ['accepted', 'refused', 'busy', 'full', 'forbidden', 'unknown'] },
    help: 'Batches of writes, by what they came to.',
    fedBy: [{ event: 'commit.batch' }],
  },
  yard_commit_batch_entries: {
    teller: 'both',
    type: 'histogram',
    unit: 'entries',
    labels: [],
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
    help: 'Writes in a batch.',
    fedBy: [{ event: 'commit.batch', fact: 'entries' }],
  },
  yard_commit_duration_seconds: {
    teller: 'both',
    type: 'histogram',
    unit: 'seconds',
    labels: ['outcome'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    help: 'From sending a batch to its answer.',
    fedBy: [{ event: 'commit.batch', fact: 'ms', toSeconds: true }],
  },
  yard_feed_gaps_total: { ...counted.master, help: 'Gaps found on the feed.', fedBy: [{ event: 'feed.gap' }] },
  yard_feed_reloads_total: {
    ...counted.master,
    help: 'Times the picture was made anew.',
    fedBy: [{ event: 'feed.reloaded' }],
  },
  yard_repairs_total: {
    ...counted.master,
    labels: ['what'],
    help: 'Disagreements that the auditor put right.',
    fedBy: [{ event: 'auditor.repaired' }],
  },
  yard_unrepaired_total: {
    ...counted.master,
    labels: ['what'],
    help: 'Disagreements that only a person can put right.',
    fedBy: [{ event: 'auditor.found' }],
  },
  yard_broker_connected: {
    teller: 'both',
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
    ...counted.both,
    help: 'Connections made anew.',
    fedBy: [{ event: 'broker.reconnected' }],
  },
  yard_process_failures_total: {
    ...counted.both,
    help: 'Things that broke and should not have.',
    fedBy: [{ event: 'process.failed' }],
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;
