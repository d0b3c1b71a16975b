/**
 * What stands in a process and no event tells, read for its metrics.
 */

import type { ClusterView, Outlook, WorkerView } from '../actors/desk.ts';
import type { QueueView } from '../actors/queue-view.ts';
import type { Demand } from '../actors/scale.ts';
import { type CompatSample, compatOf } from '../runtime/telemetry/compat.ts';
import { Meter } from '../runtime/telemetry/meter.ts';
import type { Sample, SampleName } from '../runtime/telemetry/sample.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { DeadLane } from './dead-count.ts';
import type { MasterView } from './masters.ts';
import { needsText } from './needs-text.ts';
import { version } from './version.ts';

/** A process that is measured. */
export interface Measured {
  role: 'master' | 'worker';
  telemetry: Telemetry;
  /** What stands there now, beside what every process has. */
  samples(): readonly (Sample | CompatSample)[];
}

/** Its meter, from now on. */
export function measured({ role, telemetry, samples }: Measured, compat = false): Meter {
  return new Meter({ role, telemetry, compat, read: () => [...processSamples(role), ...samples()] });
}

/** Of any process. */
function processSamples(role: 'master' | 'worker'): readonly Sample[] {
  const { user, system } = process.cpuUsage();
  return [
    { name: 'yard_build_info', labels: { version, role }, value: 1 },
    { name: 'yard_process_cpu_seconds_total', value: (user + system) / 1e6 },
    { name: 'yard_process_resident_bytes', value: process.memoryUsage.rss() },
    { name: 'yard_process_uptime_seconds', value: process.uptime() },
  ];
}

/** Counts what settles, for the names of other schedulers. */
export function countSettled(telemetry: Telemetry): ReadonlyMap<string, number> {
  const settled = new Map<string, number>();
  telemetry.on('job.settled', ({ state }) => settled.set(state, (settled.get(state) ?? 0) + 1));
  return settled;
}

/** What a leader knows under the names of other schedulers. */
export function otherNames(
  outlook: Outlook,
  { settled, dead }: { settled: ReadonlyMap<string, number>; dead: readonly DeadLane[] | undefined },
): readonly CompatSample[] {
  const { cluster, counts, queues, waitingByType } = outlook;
  const names = queues.map(({ queue }) => queue);
  return compatOf({ counts, waitingByType, queues: names, workers: cluster.workers, settled, dead });
}

/** Of a master; only the leader knows of the cluster. */
export function masterSamples({
  view: { behindMs, clock, leads, term },
  viewLagMs,
  outlook,
  dead,
}: {
  view: MasterView;
  viewLagMs: number | undefined;
  outlook: Outlook | undefined;
  dead: readonly DeadLane[] | undefined;
}): readonly Sample[] {
  return [
    { name: 'yard_feed_lag_seconds', value: behindMs / 1_000 },
    ...(viewLagMs === undefined ? [] : [{ name: 'yard_view_lag_seconds', value: viewLagMs / 1_000 } as const]),
    { name: 'yard_clock_skew_seconds', value: clock.skewMs / 1_000 },
    { name: 'yard_clock_uncertainty_seconds', value: clock.uncertaintyMs / 1_000 },
    ...(leads && term !== undefined ? [{ name: 'yard_term', value: term } as const] : []),
    ...(outlook === undefined
      ? []
      : [...stateSamples(outlook.cluster), ...outlook.queues.flatMap(queueSamples), ...laneSamples(outlook)]),
    ...(outlook === undefined || dead === undefined ? [] : dead.map(deadSample)),
    ...[...byName(outlook?.cluster.workers ?? [])].flatMap(([name, all]) => workerSamples(name, all)),
    ...(outlook?.demands.slice(0, setsAtMost).flatMap(demandSamples) ?? []),
  ];
}

function stateSamples({ byState }: ClusterView): readonly Sample[] {
  return Object.entries(byState).map(([state, value]) => ({ name: 'yard_jobs', labels: { state }, value }));
}

function queueSamples({ queue, waiting = 0, out = 0, paused }: QueueView): readonly Sample[] {
  const labels = { queue };
  return [
    { name: 'yard_queue_waiting', labels, value: waiting },
    { name: 'yard_queue_out', labels, value: out },
    { name: 'yard_queue_paused', labels, value: paused ? 1 : 0 },
  ];
}

function deadSample({ queue, priority, count }: DeadLane): Sample {
  return { name: 'yard_dead_letter_jobs', labels: { queue, priority }, value: count };
}

/** More series help nobody; those that lack the most workers come first. */
const setsAtMost = 100;

function demandSamples({ type, requirements, needed, workers }: Demand): readonly Sample[] {
  const labels = { type, needs: needsText(requirements) };
  return [
    { name: 'yard_scale_workers_needed', labels, value: needed },
    { name: 'yard_scale_workers', labels, value: workers },
  ];
}

function laneSamples({ lanes, cluster }: Outlook): readonly Sample[] {
  return lanes.flatMap(({ queue, priority, waiting, readyAt = cluster.at }) => [
    { name: 'yard_lane_waiting', labels: { queue, priority }, value: waiting },
    {
      name: 'yard_lane_oldest_seconds',
      labels: { queue, priority },
      value: Math.max(0, cluster.at - readyAt) / 1_000,
    },
  ]);
}

function byName(workers: readonly WorkerView[]): ReadonlyMap<string, readonly WorkerView[]> {
  return Map.groupBy(workers, ({ name }) => name);
}

/**
 * A worker that is gone has no room and no load, and neither has one that is lost; of that one it counts for how long, until another
 * one has come under its name. Where several bear one name, room and memory are what they have together.
 */
function workerSamples(name: string, all: readonly WorkerView[]): readonly Sample[] {
  const labels = { worker: name };
  const sample = (of: SampleName, values: readonly number[], one: (values: readonly number[]) => number) =>
    values.length === 0 ? [] : [{ name: of, labels, value: one(values) }];
  const here = all.filter(({ status }) => status !== 'offline' && status !== 'lost');
  const heard = here.length > 0 ? here : all.filter(({ status }) => status === 'lost');
  const loads = here.map(({ load }) => load);
  return [
    ...sample(
      'yard_worker_slots',
      here.map(({ slots }) => slots),
      sum,
    ),
    ...sample(
      'yard_worker_slots_used',
      here.map(({ used }) => used),
      sum,
    ),
    ...sample(
      'yard_worker_silent_seconds',
      heard.map(({ heardMsAgo }) => heardMsAgo / 1_000),
      here.length > 0 ? max : min,
    ),
    ...sample(
      'yard_worker_cpu_ratio',
      loads.map(({ cpuPercent }) => cpuPercent / 100),
      max,
    ),
    ...sample(
      'yard_worker_memory_bytes',
      loads.map(({ memoryMb }) => memoryMb * 1_048_576),
      sum,
    ),
    ...sample(
      'yard_worker_gpu_ratio',
      loads.flatMap(({ gpuPercent = [] }) => gpuPercent).map((each) => each / 100),
      max,
    ),
  ];
}

const sum = (values: readonly number[]) => values.reduce((all, each) => all + each, 0);
const max = (values: readonly number[]) => Math.max(...values);
const min = (values: readonly number[]) => Math.min(...values);
