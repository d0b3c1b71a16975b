/**
 * What each expression of a panel must be, worked out from what was seen and not from metrics.
 *
 * A rate is compared as what it is the rate of: the whole count since the start, which has one right value. Series are named as the
 * panel's legend names them; one that is not named here must be 0.
 */

import { metrics } from '../../runtime/telemetry/metric.ts';
import { type Film, isWaiting, type Seen, type SeenHead } from './observed.ts';

/** A value, or the range in which it must be. */
export type Expected = number | readonly [least: number, most: number];
export type Truth = Readonly<Record<string, Expected>>;

const settled = ['completed', 'failed', 'cancelled'];
const active = ['assigned', 'processing', 'cancelling'];
const near = (value: number, by: number) => [value - by, value + by] as const;

/** What holds of an expression without its rates; `undefined` for one that nobody has worked out. */
export function truthOf(expr: string, seen: Seen): Truth | undefined {
  return [byHeads, byPlaces, byEvents, byProcesses, byMachine, byFilm]
    .map((table) => table(seen)[expr])
    .find((truth) => truth !== undefined);
}

/** An expression without its rates. */
export function unrated(expr: string): string {
  return expr.replaceAll(/\b(?:rate|increase)\(([^[]+)\[[^\]]+\]\)/g, '$1');
}

type Table = (seen: Seen) => Readonly<Record<string, Truth>>;

/** How jobs moved. */
const byHeads: Table = ({ heads }) => {
  const moves = [...heads.values()].flatMap((of) => of.map((to, at) => ({ from: of[at - 1], to })));
  const changed = moves.filter(({ from, to }) => from?.state !== to.state);
  const rest = changed.filter(({ to }) => settled.includes(to.state)).map(({ to }) => to);
  const failed = rest.filter(({ state }) => state === 'failed');
  const retried = changed.filter(({ to }) => to.state === 'retrying').map(({ to }) => to);
  const last = [...heads.values()].flatMap((of) => of.slice(-1));
  const come = { come: heads.size, go: rest.length };
  return {
    'sum by (state) (yard_jobs_settled_total)': counts(rest, ({ state }) => state),
    'sum(yard_jobs_settled_total{state="failed"})': { '': failed.length },
    'sum by (type) (yard_jobs_settled_total{state="failed"})': counts(failed, ({ type }) => type),
    'sum by (queue) (yard_jobs_settled_total{state="failed"})': counts(failed, ({ queue }) => queue),
    'sum by (queue, priority) (yard_dead_letter_jobs)': counts(
      last.filter(({ state }) => state === 'failed'),
      laneOf,
    ),
    'sum by (type) (yard_jobs_retried_total)': counts(retried, ({ type }) => type),
    'sum(yard_jobs{state="retrying"})': { retrying: last.filter(({ state }) => state === 'retrying').length },
    'sum(yard_jobs_opened_total)': { come: come.come },
    'sum(yard_jobs_settled_total)': { go: come.go },
  };
};

/** Where they stand. */
const byPlaces: Table = ({ heads, reasons, at, slots, events }) => {
  const last = [...heads.values()].flatMap((of) => of.slice(-1));
  const open = last.filter(({ state }) => !settled.includes(state));
  const waiting = open.filter(isWaiting);
  const out = open.filter(({ state }) => active.includes(state));
  const served = events
    .filter(({ name }) => name === 'worker.started')
    .flatMap(({ facts }) => String(facts['types']).split(','));
  const unserved = new Set(waiting.map(({ type }) => type).filter((type) => !served.includes(type)));
  const ages = Object.entries(Object.groupBy(waiting, laneOf)).map(([lane, jobs = []]) => {
    const oldest = Math.min(...jobs.map(({ readyAt, updatedAt }) => readyAt ?? updatedAt));
    return [lane, [(at - oldest) / 1_000 - 1, (at - oldest) / 1_000 + 60]] as const;
  });
  return {
    'sum by (state) (yard_jobs)': counts(open, ({ state }) => state),
    'sum(yard_queue_out)': { '': out.length },
    'sum by (queue) (yard_queue_out)': counts(out, ({ queue }) => queue),
    'sum(yard_queue_waiting)': { '': waiting.length },
    'sum by (queue) (yard_queue_waiting)': counts(waiting, ({ queue }) => queue),
    'sum by (priority) (yard_lane_waiting)': counts(waiting, ({ priority }) => priority),
    'sum by (queue, priority) (yard_lane_waiting)': counts(waiting, laneOf),
    'max by (queue, priority) (yard_lane_oldest_seconds)': Object.fromEntries(ages),
    'sum by (reason) (yard_jobs_waiting)': counts(reasons, (reason) => reason),
    'max by (queue) (yard_queue_paused)': { batch: 1 },
    'sum(yard_worker_slots)': { all: slots },
    'sum(yard_worker_slots_used)': { used: out.length },
    'sum(yard_worker_slots_used) / sum(yard_worker_slots)': { '': near(out.length / slots, 1e-9) },
    'sum(yard_types_unserved)': { '': unserved.size },
  };
};

/** What the processes told, beside their metrics. */
const byEvents: Table = ({ events, terms, rejected }) => {
  const of = (...names: string[]) => events.filter(({ name }) => names.includes(name));
  const sum = (name: string) => of(name).reduce((all, { facts }) => all + Number(facts['count']), 0);
  const batches = of('commit.batch');
  const ended = of('attempt.ended');
  const decided = of('job.offered', 'job.queued', 'job.reserved', 'job.evicted');
  const numbers = (told: typeof events, fact: string, by = 1) => told.map(({ facts }) => Number(facts[fact]) / by);
  const runs = Object.entries(Object.groupBy(ended, ({ facts }) => String(facts['type'])));
  return {
    'sum(yard_leader)': { '': 1 },
    'min(yard_broker_connected)': { '': 1 },
    'sum by (process) (yard_leader_elections_total)': { 'master-1': terms.size },
    'sum(yard_scheduler_passes_total)': growing({ passes: of('scheduler.pass').length }),
    'sum by (result) (yard_scheduler_decisions_total)': counts(decided, ({ name }) => name.slice('job.'.length)),
    'sum by (status) (yard_workers)': { available: 1, lost: 1 },
    'sum(yard_submissions_rejected_total)': { rejected },
    'sum(yard_jobs_taken_back_total)': { 'taken back': sum('jobs.takenBack') },
    'sum(yard_attempts_fenced_total)': { fenced: of('attempt.fenced').length },
    'sum by (process) (yard_broker_reconnects_total)': counts(of('broker.reconnected'), ({ process }) => process),
    'sum(yard_feed_gaps_total)': { gaps: of('feed.gap').length },
    'sum(yard_feed_reloads_total)': { reloads: of('feed.reloaded').length },
    'sum by (type) (yard_attempts_ended_total)': counts(ended, ({ facts }) => String(facts['type'])),
    'sum by (outcome) (yard_attempts_ended_total)': counts(ended, ({ facts }) => String(facts['outcome'])),
    'sum by (process) (yard_attempts_ended_total)': counts(ended, ({ process }) => process),
    'sum by (outcome) (yard_commit_batches_total)': growing(counts(batches, ({ facts }) => String(facts['outcome']))),
    ...quantile('yard_job_wait_seconds', { '': numbers(of('attempt.started'), 'waitedMs', 1_000) }),
    ...quantile('yard_commit_duration_seconds', { '': numbers(batches, 'ms', 1_000) }, { grows: true }),
    ...quantile('yard_commit_batch_entries', { '': numbers(batches, 'entries') }, { grows: true }),
    ...quantile('yard_attempt_duration_seconds', { '': numbers(ended, 'ranMs', 1_000) }, { p95: true }),
    ...quantile(
      'yard_attempt_duration_seconds',
      Object.fromEntries(runs.map(([type, of = []]) => [type, numbers(of, 'ranMs', 1_000)])),
      { by: 'type' },
    ),
  };
};

/** All of it is one process here: each must say what that one is. */
const byProcesses: Table = () => {
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const [memory, cpu] = [near(rss, rss / 2), [((user + system) / 1e6) * 0.5, (user + system) / 1e6] as const];
  const both = <Value>(value: Value) => ({ 'master-1': value, 'worker-1': value });
  return {
    'max by (process) (yard_process_resident_bytes)': both(memory),
    'sum by (process) (yard_process_cpu_seconds_total)': both(cpu),
    'max by (worker) (yard_worker_memory_bytes)': { 'worker-1': memory },
    'max by (worker) (yard_worker_cpu_ratio)': { 'worker-1': [0, 1] },
    'max by (worker) (yard_worker_silent_seconds)': { 'worker-1': [0, 60], doomed: [1, 600] },
    'max by (process) (yard_feed_lag_seconds)': { 'master-1': [0, 10] },
    'max by (process) (yard_view_lag_seconds)': { 'master-1: view': [0, 60] },
    'max by (process) (yard_clock_uncertainty_seconds)': { 'master-1': [0, 5] },
  };
};

/** What the driver was made to say. */
const byMachine: Table = () => ({
  'max by (process, gpu) (yard_gpu_busy_ratio)': { 'worker-1 0': 0.93, 'worker-1 1': 0 },
  'max by (process, gpu) (yard_gpu_temperature_celsius)': { 'worker-1 0': 64, 'worker-1 1': 33 },
  'max by (process, gpu) (yard_gpu_power_watts)': { 'worker-1 0': 142.07, 'worker-1 1': 9.81 },
});

/** What stands in the results of the transcodes. */
const byFilm: Table = ({ films }) => {
  const of = (metric: MetricName, value: (film: Film) => number | undefined, by: 'encoder' | 'source' = 'encoder') => {
    const groups = Object.entries(Object.groupBy(films, (film) => film[by]));
    const values = groups.map(([name, all = []]) => [name, all.flatMap((film) => value(film) ?? [])]);
    return quantile(metric, Object.fromEntries(values), { by });
  };
  const joules = Object.entries(Object.groupBy(films, ({ encoder, source }) => `${encoder} ${source}`)).map(
    ([name, all = []]) => [
      name,
      near(
        all.reduce((sum, { joules = 0 }) => sum + joules, 0),
        1e-6,
      ),
    ],
  );
  return {
    ...of('yard_transcode_vmaf_score', ({ vmaf }) => vmaf),
    ...of('yard_transcode_ssim_ratio', ({ ssim }) => ssim),
    ...of('yard_transcode_frames_per_second', ({ fps }) => fps),
    ...of('yard_transcode_speed_ratio', ({ speed }) => speed),
    ...of('yard_transcode_pixels_per_joule', ({ efficiency }) => efficiency),
    ...of('yard_transcode_energy_joules', ({ joules }) => joules, 'source'),
    'sum by (encoder, source) (yard_transcode_energy_joules_sum)': Object.fromEntries(joules),
  };
};

type MetricName = keyof typeof metrics;

/** Between the bounds of the bucket in which the value is that stands at this part of all of them. */
function quantile(
  metric: MetricName,
  values: Readonly<Record<string, readonly number[]>>,
  { by, p95, grows }: { by?: string; p95?: true; grows?: true } = {},
) {
  const spec = metrics[metric];
  const bounds = 'buckets' in spec ? [0, ...spec.buckets] : [];
  const parts = by === undefined && p95 === undefined ? [0.5, 0.95, 0.99] : [0.95];
  const groups = by === undefined ? 'le' : `le, ${by}`;
  return Object.fromEntries(
    parts.map((part) => [
      `histogram_quantile(${part}, sum by (${groups}) (${metric}_bucket))`,
      Object.fromEntries(
        Object.entries(values)
          .filter(([, all]) => all.length > 0)
          .map(([name, all]) => [
            `p${part * 100}${name === '' ? '' : ` ${name}`}`,
            around(all, part, { bounds, by: grows === true ? 0.03 : 0 }),
          ]),
      ),
    ]),
  );
}

/** Of what goes on, a little more or less of all may be in it. */
function around(
  values: readonly number[],
  part: number,
  { bounds, by }: { bounds: readonly number[]; by: number },
): Expected {
  return [bucketOf(values, part - by, bounds)[0], bucketOf(values, Math.min(1, part + by), bounds)[1]];
}

function bucketOf(values: readonly number[], part: number, bounds: readonly number[]): readonly [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
  const upper = bounds.findIndex((bound) => value <= bound);
  const most = upper === -1 ? bounds.length - 1 : Math.max(1, upper);
  return [bounds[most - 1] ?? 0, bounds[most] ?? Number.POSITIVE_INFINITY];
}

/** It goes on: passes are made and leases are renewed between what was seen and what was scraped, and until somebody asks. */
function growing(truth: Truth): Truth {
  return Object.fromEntries(
    Object.entries(truth).map(([name, value]) => [name, near(Number(value), 30 + Number(value) * 0.3)]),
  );
}

function counts<Item>(items: readonly Item[], by: (item: Item) => string): Truth {
  const found: Record<string, number> = {};
  for (const item of items) found[by(item)] = (found[by(item)] ?? 0) + 1;
  return found;
}

function laneOf({ queue, priority }: Pick<SeenHead, 'queue' | 'priority'>): string {
  return `${queue} ${priority}`;
}
