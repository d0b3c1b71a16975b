/**
 * All alerts, as data: when each fires, what it means, what to do, and series for which it fires and for which it does not.
 * Prometheus' own `promtool` runs those.
 */

export interface AlertSpec {
  name: string;
  expr: string;
  /** How long it must hold. */
  for: string;
  severity: 'page' | 'ticket';
  summary: string;
  /** What to do, in a sentence. */
  action: string;
  /** The chapter of `docs/observability.md` that says more is named after the alert. */
  proof: { at: string; fires: Readonly<Record<string, string>>; quiet: Readonly<Record<string, string>> };
}

/** Growing by so much each minute, for two hours. */
const grows = (each: number) => `0+${each}x120`;
const stands = (value: number) => `${value}x120`;

export const alerts: readonly AlertSpec[] = [
  {
    name: 'YardNoLeader',
    expr: 'absent(yard_leader) == 1 or sum(yard_leader) < 1',
    for: '1m',
    severity: 'page',
    summary: 'Nobody leads: jobs are taken in and none is offered.',
    action: 'Look at `yard master list`; start a master, or see why those that run may not lead (`master.unfit`).',
    proof: {
      at: '10m',
      fires: { 'yard_leader{process="m1"}': stands(0) },
      quiet: { 'yard_leader{process="m1"}': stands(1) },
    },
  },
  {
    name: 'YardNothingScheduled',
    expr: 'sum(yard_queue_waiting unless on (queue) yard_queue_paused == 1) > 0 and sum(yard_worker_slots) > sum(yard_worker_slots_used) and sum(rate(yard_jobs_offered_total[5m])) == 0',
    for: '5m',
    severity: 'page',
    summary: 'Jobs wait, slots are free, and nothing is offered.',
    action: 'Ask `yard job why ID` of a job that waits; a need that no worker has, or a limit, is the usual reason.',
    proof: {
      at: '30m',
      fires: {
        'yard_queue_waiting{queue="live"}': stands(5),
        'yard_queue_paused{queue="live"}': stands(0),
        yard_worker_slots: stands(8),
        yard_worker_slots_used: stands(0),
        yard_jobs_offered_total: stands(7),
      },
      quiet: {
        'yard_queue_waiting{queue="live"}': stands(5),
        'yard_queue_paused{queue="live"}': stands(1),
        yard_worker_slots: stands(8),
        yard_worker_slots_used: stands(0),
        yard_jobs_offered_total: stands(7),
      },
    },
  },
  {
    name: 'YardQueueSaturated',
    expr: 'sum by (queue) (yard_queue_waiting) > 1000',
    for: '5m',
    severity: 'ticket',
    summary: 'More than 1,000 jobs wait in queue {{ $labels.queue }}.',
    action: 'Start workers (`yard scale` says how many), or slow down who submits.',
    proof: {
      at: '30m',
      fires: { 'yard_queue_waiting{queue="live"}': stands(1_500) },
      quiet: { 'yard_queue_waiting{queue="live"}': stands(900) },
    },
  },
  {
    name: 'YardOldestJobTooOld',
    expr: 'max by (queue, priority) (yard_lane_oldest_seconds) > 900',
    for: '5m',
    severity: 'page',
    summary: 'A job of lane {{ $labels.queue }} {{ $labels.priority }} has waited for more than 15 minutes.',
    action: 'See which reason stands in "Why jobs wait"; lanes are served in order, so a lower one may starve.',
    proof: {
      at: '30m',
      fires: { 'yard_lane_oldest_seconds{queue="live",priority="high"}': grows(60) },
      quiet: { 'yard_lane_oldest_seconds{queue="live",priority="high"}': stands(30) },
    },
  },
  {
    name: 'YardFailureRateBurns',
    expr: '(sum(rate(yard_jobs_settled_total{state="failed"}[1h])) / sum(rate(yard_jobs_settled_total[1h])) > 0.1) and (sum(rate(yard_jobs_settled_total{state="failed"}[5m])) / sum(rate(yard_jobs_settled_total[5m])) > 0.1)',
    for: '2m',
    severity: 'page',
    summary: 'More than a tenth of all jobs fail, over an hour and over five minutes.',
    action: 'Look at `yard dead groups` for what is new; pause the queue if all of a type fail.',
    proof: {
      at: '90m',
      fires: {
        'yard_jobs_settled_total{state="failed"}': grows(20),
        'yard_jobs_settled_total{state="completed"}': grows(80),
      },
      // It failed for an hour, and is over.
      quiet: {
        'yard_jobs_settled_total{state="failed"}': '0+20x70 1400x50',
        'yard_jobs_settled_total{state="completed"}': grows(80),
      },
    },
  },
  {
    name: 'YardHandlersSlow',
    expr: 'histogram_quantile(0.95, sum by (le, type) (rate(yard_attempt_duration_seconds_bucket{type!="transcode"}[5m]))) > 60',
    for: '10m',
    severity: 'ticket',
    summary: '5 of 100 attempts of type {{ $labels.type }} run for more than a minute.',
    action: 'See whether what the handler calls is slow, or workers have too many slots for their CPU.',
    proof: {
      at: '60m',
      fires: {
        'yard_attempt_duration_seconds_bucket{type="report",le="60"}': stands(0),
        'yard_attempt_duration_seconds_bucket{type="report",le="300"}': grows(60),
        'yard_attempt_duration_seconds_bucket{type="report",le="+Inf"}': grows(60),
      },
      quiet: {
        'yard_attempt_duration_seconds_bucket{type="report",le="60"}': grows(60),
        'yard_attempt_duration_seconds_bucket{type="report",le="300"}': grows(60),
        'yard_attempt_duration_seconds_bucket{type="report",le="+Inf"}': grows(60),
      },
    },
  },
  {
    name: 'YardRetryBurst',
    expr: 'sum by (type) (increase(yard_jobs_retried_total[5m])) > 500',
    for: '0m',
    severity: 'ticket',
    summary: 'More than 500 attempts of type {{ $labels.type }} failed in five minutes and are tried again.',
    action: 'Something that they share is down; each will fail for good when its attempts are spent.',
    proof: {
      at: '30m',
      fires: { 'yard_jobs_retried_total{type="mail"}': grows(200) },
      quiet: { 'yard_jobs_retried_total{type="mail"}': grows(20) },
    },
  },
  {
    name: 'YardWorkersLost',
    expr: 'sum(increase(yard_workers_lost_total[10m])) > 0',
    for: '0m',
    severity: 'ticket',
    summary: 'A worker fell silent in the last ten minutes; its jobs are taken back.',
    action: 'Look at `yard worker list` and at the machine; many at once are rather the network.',
    proof: {
      at: '30m',
      fires: { yard_workers_lost_total: '0x25 1x95' },
      quiet: { yard_workers_lost_total: stands(3) },
    },
  },
  {
    name: 'YardDeadLetterGrows',
    expr: 'sum by (queue) (increase(yard_jobs_settled_total{state="failed"}[1h])) > 100',
    for: '5m',
    severity: 'ticket',
    summary: 'More than 100 jobs of queue {{ $labels.queue }} failed for good within an hour.',
    action: 'Group them (`yard dead groups`), mend the cause, redrive a few, then all.',
    proof: {
      at: '90m',
      fires: { 'yard_jobs_settled_total{queue="live",state="failed"}': grows(5) },
      quiet: { 'yard_jobs_settled_total{queue="live",state="failed"}': grows(1) },
    },
  },
  {
    name: 'YardRejectsInput',
    expr: 'sum(increase(yard_submissions_rejected_total[10m])) > 10',
    for: '0m',
    severity: 'ticket',
    summary: 'More than 10 submissions were refused for good in ten minutes.',
    action: 'See what was wrong with them: `yard rejected list`.',
    proof: {
      at: '30m',
      fires: { yard_submissions_rejected_total: grows(5) },
      quiet: { yard_submissions_rejected_total: stands(5) },
    },
  },
  {
    name: 'YardFeedLags',
    expr: 'max by (process) (yard_feed_lag_seconds) > 5',
    for: '1m',
    severity: 'ticket',
    summary: 'The picture of master {{ $labels.process }} may be more than 5 s behind.',
    action: 'It does not lead like that; see whether it reaches the broker, and whether its machine is overloaded.',
    proof: {
      at: '10m',
      fires: { 'yard_feed_lag_seconds{process="m1"}': stands(9) },
      quiet: { 'yard_feed_lag_seconds{process="m1"}': stands(0.2) },
    },
  },
  {
    name: 'YardBrokerUnhealthy',
    expr: 'min by (process) (yard_broker_connected) == 0 or sum by (process) (increase(yard_brokers_stuck_total[10m])) > 0',
    for: '1m',
    severity: 'page',
    summary: 'Process {{ $labels.process }} has no broker, or sees one that cannot write to its disk.',
    action: 'Look at `yard status`; docs/operations.md says what each loss of brokers means.',
    proof: {
      at: '10m',
      fires: { 'yard_broker_connected{process="m1"}': stands(0) },
      quiet: { 'yard_broker_connected{process="m1"}': stands(1) },
    },
  },
  {
    name: 'YardDiskFills',
    expr: 'max(yard_store_used_ratio) > 0.8',
    for: '5m',
    severity: 'page',
    summary: 'The store of jobs is more than four fifths full; at 0.9 no new job is taken.',
    action: 'Make room on the disk, or lower `--retention` and `--retention-count`.',
    proof: { at: '30m', fires: { yard_store_used_ratio: stands(0.85) }, quiet: { yard_store_used_ratio: stands(0.4) } },
  },
  {
    name: 'YardFencingSpikes',
    expr: 'sum(increase(yard_attempts_fenced_total[10m])) > 10',
    for: '0m',
    severity: 'ticket',
    summary: 'More than 10 attempts in ten minutes had lost their job while they ran; their work is done twice.',
    action: 'Workers are taken for lost that are not: see their heartbeat age, their CPU, and `--lost-after`.',
    proof: {
      at: '30m',
      fires: { yard_attempts_fenced_total: grows(5) },
      quiet: { yard_attempts_fenced_total: stands(5) },
    },
  },
];

const text = (value: string) => JSON.stringify(value);

/** The file of rules for Prometheus. */
export function rulesFile(): string {
  const rules = alerts.map(
    ({ name, expr, for: held, severity, summary, action }) => `      - alert: ${name}
        expr: ${text(expr)}
        for: ${held}
        labels:
          severity: ${severity}
        annotations:
          summary: ${text(summary)}
          description: ${text(action)}
          runbook_url: docs/observability.md#${name.toLowerCase()}
`,
  );
  return `# Made from grafana/alerts.ts; do not edit it by hand.\ngroups:\n  - name: yardmaster\n    rules:\n${rules.join('')}`;
}

/** What `promtool test rules` runs: each rule fires where it should, and does not where it should not. */
export function rulesTestFile(): string {
  const tests = alerts.flatMap(({ name, proof: { at, fires, quiet } }) => [
    proofOf({ name, at, series: fires, count: 'count' }),
    proofOf({ name, at, series: quiet, count: 'none' }),
  ]);
  return `# Made from grafana/alerts.ts; do not edit it by hand.\nrule_files:\n  - yardmaster.yml\nevaluation_interval: 1m\ntests:\n${tests.join('')}`;
}

interface Proof {
  name: string;
  at: string;
  series: Readonly<Record<string, string>>;
  count: 'count' | 'none';
}

function proofOf({ name, at, series, count }: Proof): string {
  const given = Object.entries(series).map(
    ([one, values]) => `      - series: ${text(one)}\n        values: ${text(values)}\n`,
  );
  const expr = `count(ALERTS{alertname="${name}", alertstate="firing"})`;
  const samples = count === 'none' ? '[]' : `[{ value: 1 }]`;
  return `  - interval: 1m
    input_series:
${given.join('')}    promql_expr_test:
      - expr: ${text(expr)}
        eval_time: ${at}
        exp_samples: ${samples}
`;
}
