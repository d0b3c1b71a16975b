/**
 * All dashboards, as data. Only the leader tells what a whole cluster has, so sums and maxima over all masters are true.
 */

import { type DashboardSpec, lines, quantiles, stat } from './panel.ts';

const rate = (metric: string, by: string, matching = '') =>
  `sum by (${by}) (rate(${metric}${matching}[$__rate_interval]))`;
const total = (metric: string, matching = '') => `sum(rate(${metric}${matching}[$__rate_interval]))`;

const leaders = stat(
  { title: 'Leaders', unit: 'none', bad: { below: 1 }, help: 'One is right; none for more than seconds is an outage.' },
  'sum(yard_leader)',
);
const passes = lines(
  { title: 'Scheduler passes', unit: 'ops', help: 'The leader looks at all that waits; 0 means that it does not.' },
  { expr: total('yard_scheduler_passes_total'), legend: 'passes' },
);
const laneOldest = lines(
  { title: 'Oldest job per lane', unit: 's', bad: { above: 300 }, help: 'How long who waits longest has waited.' },
  { expr: 'max by (queue, priority) (yard_lane_oldest_seconds)', legend: '{{queue}} {{priority}}' },
);
const laneDepth = lines(
  { title: 'Queue depth per lane', unit: 'none', help: 'Jobs that are ready and not offered.' },
  { expr: 'sum by (queue, priority) (yard_lane_waiting)', legend: '{{queue}} {{priority}}' },
);
const byStatus = lines(
  { title: 'Workers by status', unit: 'none', help: 'As the leader sees them; `lost` ones fell silent.' },
  { expr: 'sum by (status) (yard_workers)', legend: '{{status}}' },
);
const silent = lines(
  { title: 'Heartbeat age', unit: 's', bad: { above: 5 }, help: 'Since the last pulse of each worker.' },
  { expr: 'max by (worker) (yard_worker_silent_seconds)', legend: '{{worker}}' },
);
const byState = lines(
  { title: 'Jobs by state', unit: 'none', help: 'Open jobs.' },
  { expr: 'sum by (state) (yard_jobs)', legend: '{{state}}' },
);
const active = stat(
  { title: 'Active jobs', unit: 'none', help: 'Jobs that are offered, or held by a worker.' },
  'sum(yard_queue_out)',
);
const waiting = stat(
  { title: 'Queue length', unit: 'none', bad: { above: 1_000 }, help: 'Jobs that are ready and not offered.' },
  'sum(yard_queue_waiting)',
);
const reasons = lines(
  {
    title: 'Why jobs wait',
    unit: 'none',
    needs: 'trouble',
    help: 'Jobs that the last pass could not offer, by reason.',
  },
  { expr: 'sum by (reason) (yard_jobs_waiting)', legend: '{{reason}}' },
);
const outcomes = lines(
  { title: 'Success and failure', unit: 'ops', help: 'Jobs that came to rest, by how.' },
  { expr: rate('yard_jobs_settled_total', 'state'), legend: '{{state}}' },
);
const failing = lines(
  { title: 'Failing types', unit: 'ops', help: 'Jobs that go to the dead letter, by type.' },
  { expr: rate('yard_jobs_settled_total', 'type', '{state="failed"}'), legend: '{{type}}' },
);
const retries = lines(
  { title: 'Retries', unit: 'ops', help: 'Attempts that failed and that another one follows.' },
  { expr: rate('yard_jobs_retried_total', 'type'), legend: '{{type}}' },
);
const retrying = lines(
  { title: 'Jobs that wait for a retry', unit: 'none', needs: 'trouble', help: 'They are in their backoff.' },
  { expr: 'sum(yard_jobs{state="retrying"})', legend: 'retrying' },
);
const failures = stat(
  {
    title: 'Failed in 15 minutes',
    unit: 'none',
    bad: { above: 1 },
    help: 'Jobs that failed for good.',
  },
  'sum(increase(yard_jobs_settled_total{state="failed"}[15m]))',
);
const dead = lines(
  {
    title: 'Dead letter',
    unit: 'none',
    needs: 'view',
    help: 'Jobs that failed for good and lie there; told once somebody has listed jobs, or with `--metrics-compat`.',
  },
  { expr: 'sum by (queue, priority) (yard_dead_letter_jobs)', legend: '{{queue}} {{priority}}' },
);
const slots = lines(
  { title: 'Slots', unit: 'none', help: 'What workers can hold, and what they hold.' },
  { expr: 'sum(yard_worker_slots)', legend: 'all' },
  { expr: 'sum(yard_worker_slots_used)', legend: 'used' },
);
const saturation = stat(
  { title: 'Slots in use', unit: 'percentunit', bad: { above: 0.9 }, help: 'Of all slots; near 1, jobs wait.' },
  'sum(yard_worker_slots_used) / sum(yard_worker_slots)',
);
const brokers = stat(
  { title: 'Broker', unit: 'none', bad: { below: 1 }, help: '1 where every process is connected to a broker.' },
  'min(yard_broker_connected)',
);
const wait = quantiles(
  { title: 'Wait', unit: 's', help: 'From ready to the start of the handler.' },
  'yard_job_wait_seconds',
);
const latency = quantiles(
  { title: 'Handler latency by type', unit: 's', help: 'From the start of a handler to its end.' },
  'yard_attempt_duration_seconds',
  ['type'],
);
const throughput = lines(
  { title: 'Throughput by type', unit: 'ops', help: 'Attempts that ended.' },
  { expr: rate('yard_attempts_ended_total', 'type'), legend: '{{type}}' },
);
const feedLag = lines(
  { title: 'Feed lag', unit: 's', bad: { above: 2 }, help: 'How far the picture of each master may lag behind.' },
  { expr: 'max by (process) (yard_feed_lag_seconds)', legend: '{{process}}' },
  { expr: 'max by (process) (yard_view_lag_seconds)', legend: '{{process}}: view' },
);

export const dashboards: readonly DashboardSpec[] = [
  {
    uid: 'yard-overview',
    title: 'Yardmaster / Overview',
    help: 'What is wrong, and where: one look at 3 a.m.',
    refresh: '10s',
    from: 'now-1h',
    panels: [
      leaders,
      brokers,
      active,
      waiting,
      saturation,
      failures,
      laneOldest,
      laneDepth,
      byStatus,
      silent,
      reasons,
      failing,
      outcomes,
      byState,
      throughput,
      latency,
      passes,
    ],
  },
  {
    uid: 'yard-queues',
    title: 'Yardmaster / Scheduler and queues',
    help: 'What waits, why, and what the scheduler does about it.',
    refresh: '10s',
    from: 'now-1h',
    panels: [
      waiting,
      active,
      lines(
        { title: 'Queue by priority', unit: 'none', help: 'Jobs that wait, by priority.' },
        { expr: 'sum by (priority) (yard_lane_waiting)', legend: '{{priority}}' },
      ),
      lines(
        { title: 'Queue by type', unit: 'none', help: 'Jobs that wait, by queue (`live`, `default`, `batch`).' },
        { expr: 'sum by (queue) (yard_queue_waiting)', legend: '{{queue}}' },
      ),
      laneDepth,
      laneOldest,
      byState,
      reasons,
      lines(
        { title: 'Decisions', unit: 'ops', help: 'What the scheduler decided for jobs, by what it came to.' },
        { expr: rate('yard_scheduler_decisions_total', 'result'), legend: '{{result}}' },
      ),
      passes,
      wait,
      lines(
        { title: 'Paused queues', unit: 'none', help: '1 while a queue is paused.' },
        { expr: 'max by (queue) (yard_queue_paused)', legend: '{{queue}}' },
      ),
    ],
  },
  {
    uid: 'yard-workers',
    title: 'Yardmaster / Workers and hardware',
    help: 'Who works, how busy they are, and on what.',
    refresh: '10s',
    from: 'now-1h',
    panels: [
      byStatus,
      silent,
      slots,
      lines(
        { title: 'Worker throughput', unit: 'ops', help: 'Attempts that each worker ended.' },
        { expr: rate('yard_attempts_ended_total', 'process'), legend: '{{process}}' },
      ),
      lines(
        { title: 'CPU', unit: 'percentunit', bad: { above: 0.95 }, help: 'Of its machine, by each worker.' },
        { expr: 'max by (worker) (yard_worker_cpu_ratio)', legend: '{{worker}}' },
      ),
      lines(
        { title: 'Memory', unit: 'bytes', help: 'That each worker takes.' },
        { expr: 'max by (worker) (yard_worker_memory_bytes)', legend: '{{worker}}' },
      ),
      lines(
        { title: 'GPU', unit: 'percentunit', needs: 'gpu', help: 'How busy each GPU is.' },
        { expr: 'max by (process, gpu) (yard_gpu_busy_ratio)', legend: '{{process}} {{gpu}}' },
      ),
      lines(
        { title: 'GPU temperature', unit: 'celsius', needs: 'gpu', bad: { above: 85 }, help: 'Of each GPU.' },
        { expr: 'max by (process, gpu) (yard_gpu_temperature_celsius)', legend: '{{process}} {{gpu}}' },
      ),
      lines(
        { title: 'GPU power', unit: 'watt', needs: 'gpu', help: 'That each GPU draws.' },
        { expr: 'max by (process, gpu) (yard_gpu_power_watts)', legend: '{{process}} {{gpu}}' },
      ),
    ],
  },
  {
    uid: 'yard-transcodes',
    title: 'Yardmaster / Transcoding quality and energy',
    help: 'How good transcodes are, how fast, and what they cost.',
    refresh: '30s',
    from: 'now-6h',
    panels: [
      quantiles(
        { title: 'VMAF', unit: 'none', needs: 'vmaf', help: 'None where ffmpeg cannot measure it.' },
        'yard_transcode_vmaf_score',
        ['encoder'],
      ),
      quantiles(
        { title: 'SSIM', unit: 'none', needs: 'transcodes', help: '1 is the original.' },
        'yard_transcode_ssim_ratio',
        ['encoder'],
      ),
      lines(
        { title: 'Power', unit: 'watt', needs: 'transcodes', help: 'Joules of transcodes, each second.' },
        { expr: rate('yard_transcode_energy_joules_sum', 'encoder, source'), legend: '{{encoder}} {{source}}' },
      ),
      quantiles(
        { title: 'Energy of a transcode', unit: 'joule', needs: 'transcodes', help: 'By what it was read from.' },
        'yard_transcode_energy_joules',
        ['source'],
      ),
      quantiles(
        { title: 'Frames a second', unit: 'none', needs: 'transcodes', help: 'Encoded, for each second of work.' },
        'yard_transcode_frames_per_second',
        ['encoder'],
      ),
      quantiles(
        { title: 'Speed', unit: 'none', needs: 'transcodes', help: 'Below 1 it is slower than it plays.' },
        'yard_transcode_speed_ratio',
        ['encoder'],
      ),
      quantiles(
        { title: 'QoE efficiency', unit: 'none', needs: 'vmaf', help: 'Pixels × (VMAF / 100) / joules.' },
        'yard_transcode_pixels_per_joule',
        ['encoder'],
      ),
      { ...latency, title: 'Job duration' },
    ],
  },
  {
    uid: 'yard-failures',
    title: 'Yardmaster / Failures and dead letter',
    help: 'What fails, what is tried again, and what goes to the dead letter.',
    refresh: '10s',
    from: 'now-6h',
    panels: [
      outcomes,
      failing,
      retries,
      retrying,
      dead,
      lines(
        { title: 'Dead letter growth', unit: 'none', help: 'Jobs that failed for good in an hour.' },
        { expr: 'sum by (queue) (increase(yard_jobs_settled_total{state="failed"}[1h]))', legend: '{{queue}}' },
      ),
      lines(
        { title: 'Attempts by outcome', unit: 'ops', help: 'How attempts ended.' },
        { expr: rate('yard_attempts_ended_total', 'outcome'), legend: '{{outcome}}' },
      ),
      lines(
        { title: 'Rejected submissions', unit: 'ops', help: 'Refused for good; see `yard rejected list`.' },
        { expr: total('yard_submissions_rejected_total'), legend: 'rejected' },
      ),
      lines(
        {
          title: 'Taken back and fenced',
          unit: 'ops',
          help: 'Jobs of lost workers, and attempts that had lost theirs.',
        },
        { expr: total('yard_jobs_taken_back_total'), legend: 'taken back' },
        { expr: total('yard_attempts_fenced_total'), legend: 'fenced' },
      ),
    ],
  },
  {
    uid: 'yard-cluster',
    title: 'Yardmaster / Cluster and broker',
    help: 'Who leads, how well masters see, and how the broker answers.',
    refresh: '10s',
    from: 'now-1h',
    panels: [
      leaders,
      brokers,
      lines(
        { title: 'Elections', unit: 'none', help: 'In ten minutes; many mean that leaders do not last.' },
        { expr: 'sum by (process) (increase(yard_leader_elections_total[10m]))', legend: '{{process}}' },
      ),
      feedLag,
      quantiles(
        { title: 'Commit latency', unit: 's', help: 'From sending a batch of writes to its answer.' },
        'yard_commit_duration_seconds',
      ),
      quantiles({ title: 'Writes in a batch', unit: 'none', help: 'Larger under load.' }, 'yard_commit_batch_entries'),
      lines(
        { title: 'Batches by outcome', unit: 'ops', help: 'Other than `accepted` is rare.' },
        { expr: rate('yard_commit_batches_total', 'outcome'), legend: '{{outcome}}' },
      ),
      lines(
        { title: 'Reconnects', unit: 'none', help: 'Of each process, in ten minutes.' },
        { expr: 'sum by (process) (increase(yard_broker_reconnects_total[10m]))', legend: '{{process}}' },
      ),
      lines(
        {
          title: 'Feed gaps and reloads',
          unit: 'none',
          help: 'In ten minutes; a gap is read again, and costs nothing.',
        },
        { expr: 'sum(increase(yard_feed_gaps_total[10m]))', legend: 'gaps' },
        { expr: 'sum(increase(yard_feed_reloads_total[10m]))', legend: 'reloads' },
      ),
      lines(
        { title: 'Clock uncertainty', unit: 's', bad: { above: 1 }, help: 'A master does not lead from 5 s on.' },
        { expr: 'max by (process) (yard_clock_uncertainty_seconds)', legend: '{{process}}' },
      ),
      lines(
        { title: 'Memory of processes', unit: 'bytes', help: 'Masters and workers.' },
        { expr: 'max by (process) (yard_process_resident_bytes)', legend: '{{process}}' },
      ),
      lines(
        { title: 'CPU of processes', unit: 'none', help: 'Cores that each takes.' },
        { expr: rate('yard_process_cpu_seconds_total', 'process'), legend: '{{process}}' },
      ),
    ],
  },
  {
    uid: 'yard-capacity',
    title: 'Yardmaster / Capacity and autoscaling',
    help: 'Whether there are enough workers, and what a scaler goes by.',
    refresh: '30s',
    from: 'now-24h',
    panels: [
      saturation,
      slots,
      lines(
        { title: 'Coming and going', unit: 'ops', help: 'Where more come than go, lanes fill.' },
        { expr: total('yard_jobs_opened_total'), legend: 'come' },
        { expr: total('yard_jobs_settled_total'), legend: 'go' },
      ),
      laneOldest,
      wait,
      stat(
        {
          title: 'Unserved types',
          unit: 'none',
          needs: 'trouble',
          bad: { above: 1 },
          help: 'Types that no worker serves.',
        },
        'sum(yard_types_unserved)',
      ),
    ],
  },
  {
    uid: 'yard-realtime',
    title: 'Yardmaster / Realtime',
    help: 'The last five minutes in short windows, for a scrape each second.',
    refresh: '1s',
    from: 'now-5m',
    panels: [
      waiting,
      active,
      lines(
        { title: 'Jobs a second', unit: 'ops', help: 'Over ten seconds.' },
        { expr: 'sum(rate(yard_jobs_opened_total[10s]))', legend: 'come' },
        { expr: 'sum(rate(yard_jobs_settled_total[10s]))', legend: 'go' },
      ),
      lines(
        { title: 'Handler latency', unit: 's', help: '95 of 100, over ten seconds.' },
        {
          expr: 'histogram_quantile(0.95, sum by (le) (rate(yard_attempt_duration_seconds_bucket[10s])))',
          legend: 'p95',
        },
      ),
      laneDepth,
      lines(
        { title: 'In flight', unit: 'none', help: 'Jobs that are offered, or held by a worker, by queue.' },
        { expr: 'sum by (queue) (yard_queue_out)', legend: '{{queue}}' },
      ),
    ],
  },
];
