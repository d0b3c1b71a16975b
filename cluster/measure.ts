/**
 * What stands in a process and no event tells, read for its metrics.
 */

import type { ClusterView, Outlook, WorkerView } from '../actors/desk.ts';
import type { QueueView } from '../actors/queue-view.ts';
import type { Demand } from '../actors/scale.ts';
import { Meter } from '../runtime/telemetry/meter.ts';
import type { Sample } from '../runtime/telemetry/sample.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { MasterView } from './masters.ts';
import { needsText } from './needs-text.ts';
import { version } from './version.ts';

/** A process that is measured. */
export interface Measured {
  role: 'master' | 'worker';
  telemetry: Telemetry;
  /** What stands there now, beside what every process has. */
  samples(): readonly Sample[];
}

/** Its meter, from now on. */
export function measured({ role, telemetry, samples }: Measured): Meter {
  return new Meter({ role, telemetry, read: () => [...processSamples(role), ...samples()] });
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

/** Of a master; only the leader knows of the cluster. */
export function masterSamples({
  view: { behindMs, clock, leads, term },
  outlook,
}: {
  view: MasterView;
  outlook: Outlook | undefined;
}): readonly Sample[] {
  return [
    { name: 'yard_feed_lag_seconds', value: behindMs / 1_000 },
    { name: 'yard_clock_skew_seconds', value: clock.skewMs / 1_000 },
    { name: 'yard_clock_uncertainty_seconds', value: clock.uncertaintyMs / 1_000 },
    ...(leads && term !== undefined ? [{ name: 'yard_term', value: term } as const] : []),
    ...(outlook === undefined ? [] : [...stateSamples(outlook.cluster), ...outlook.queues.flatMap(queueSamples)]),
    ...(outlook?.cluster.workers.flatMap(workerSamples) ?? []),
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

/** More series help nobody; those that lack the most workers come first. */
const setsAtMost = 100;

function demandSamples({ type, requirements, needed, workers }: Demand): readonly Sample[] {
  const labels = { type, needs: needsText(requirements) };
  return [
    { name: 'yard_scale_workers_needed', labels, value: needed },
    { name: 'yard_scale_workers', labels, value: workers },
  ];
}

/** A worker that is gone has no room and no load. */
function workerSamples({ name, status, slots, used, heardMsAgo, load }: WorkerView): readonly Sample[] {
  if (status === 'offline') return [];
  const labels = { worker: name };
  const { cpuPercent, memoryMb, gpuPercent } = load;
  return [
    { name: 'yard_worker_slots', labels, value: slots },
    { name: 'yard_worker_slots_used', labels, value: used },
    { name: 'yard_worker_silent_seconds', labels, value: heardMsAgo / 1_000 },
    { name: 'yard_worker_cpu_ratio', labels, value: cpuPercent / 100 },
    { name: 'yard_worker_memory_bytes', labels, value: memoryMb * 1_048_576 },
    ...(gpuPercent === undefined ? [] : [{ name: 'yard_worker_gpu_ratio', labels, value: gpuPercent / 100 } as const]),
  ];
}
