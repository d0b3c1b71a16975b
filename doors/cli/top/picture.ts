/**
 * What `yard top` shows, at one moment: asked by the verbs that other commands ask by, and cheap, so that looking on
 * costs a cluster nothing that it would notice. Counts of settled jobs come from the view, which may be away.
 */

import type { BrokersView, ClusterView, JobRecord, MasterView, QueueView, Yard } from '../../../sdk/index.ts';

/** How many jobs of the tenant have settled, by how. */
export interface Settled {
  completed: number;
  failed: number;
  cancelled: number;
}

export interface Picture {
  /** Broker time, epoch ms. */
  now: number;
  /** `undefined` where nobody leads. */
  cluster: ClusterView | undefined;
  masters: readonly MasterView[];
  brokers: BrokersView | undefined;
  queues: readonly QueueView[];
  /** By queue; absent where no view answers. */
  settled: ReadonlyMap<string, Settled> | undefined;
  /** The newest first. */
  failures: readonly JobRecord[];
}

const failuresAtMost = 10;

/** @throws {Fault} where the broker does not answer. */
export async function takePicture(yard: Yard): Promise<Picture> {
  const [cluster, masters, brokers, queues, settled, failures] = await Promise.all([
    yard.cluster(),
    yard.masters(),
    yard.brokers().catch(() => undefined),
    yard.queues.list(),
    settledIn(yard).catch(() => undefined),
    failed(yard).catch(() => []),
  ]);
  return { now: yard.now(), cluster, masters, brokers, queues, settled, failures };
}

async function settledIn(yard: Yard): Promise<ReadonlyMap<string, Settled>> {
  const { lanes } = await yard.lanes();
  const byQueue = new Map<string, Settled>();
  for (const { queue, state, count } of lanes) {
    const known = byQueue.get(queue) ?? { completed: 0, failed: 0, cancelled: 0 };
    if (state === 'completed' || state === 'failed' || state === 'cancelled') known[state] += count;
    byQueue.set(queue, known);
  }
  return byQueue;
}

async function failed(yard: Yard): Promise<readonly JobRecord[]> {
  return (await yard.jobPage({ state: 'failed', sort: '-updated', limit: failuresAtMost })).jobs;
}

/** What happened a second between two pictures; absent where it cannot be told. */
export interface Rates {
  byQueue: ReadonlyMap<string, Settled>;
  all: Settled;
}

/** Jobs that were forgotten meanwhile make no rate negative. */
export function ratesBetween(before: Picture | undefined, after: Picture): Rates | undefined {
  const seconds = (after.now - (before?.now ?? Number.NaN)) / 1_000;
  const { settled } = after;
  const earlier = before?.settled;
  if (settled === undefined || earlier === undefined || !(seconds > 0)) return undefined;
  const all: Settled = { completed: 0, failed: 0, cancelled: 0 };
  const byQueue = new Map<string, Settled>();
  for (const [queue, counts] of settled) {
    const was = earlier.get(queue) ?? { completed: 0, failed: 0, cancelled: 0 };
    const rate = (state: keyof Settled) => Math.max(0, counts[state] - was[state]) / seconds;
    const rates = { completed: rate('completed'), failed: rate('failed'), cancelled: rate('cancelled') };
    byQueue.set(queue, rates);
    for (const state of ['completed', 'failed', 'cancelled'] as const) all[state] += rates[state];
  }
  return { byQueue, all };
}
