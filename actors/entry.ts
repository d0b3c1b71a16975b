/**
 * An open job as it stands on the board: what its head says, and where it stands in line.
 */

import type { JobState } from '../machines/job.ts';
import type { Requirements } from '../machines/rules/capability.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import type { Head } from '../runtime/ports.ts';

/** A line in which entries stand. */
export interface Place extends Iterable<Entry> {
  add(entry: Entry): void;
  /** Takes `entry` out; only for one that was added. */
  remove(entry: Entry): void;
}

/** Of a head, what few jobs have. */
export type Rare = Pick<
  Head,
  'preemptAt' | 'preempted' | 'savedAt' | 'vramsMb' | 'devices' | 'after' | 'workflow' | 'stopsSince' | 'trace'
>;

/** An open job on the board. */
export interface Entry {
  readonly key: string;
  /** The revision at which it was first seen: breaks ties between jobs created in the same millisecond. */
  readonly birth: number;
  readonly createdAt: number;
  readonly type: string;
  readonly requirements: Requirements;
  /** What it is counted under beside its queue and its tenant. */
  readonly limitKeys: readonly string[] | undefined;
  revision: number;
  state: JobState;
  queue: string;
  priority: Priority;
  attempt: number;
  updatedAt: number;
  /** Since when it is ready, while it is: what it has waited counts from there. */
  readyAt: number;
  /** By how many priorities it has risen since then. */
  risen: number;
  worker: string | undefined;
  dueAt: number | undefined;
  expiresAt: number | undefined;
  timeoutMs: number | undefined;
  /** What few jobs have: one object, so that the others pay for one field. */
  rare: Rare | undefined;
  /** Only a newer version can read its record: it is left to one. */
  isOfNewer: boolean;
  /** The queue in which it stands, while it waits to be offered. */
  place: Place | undefined;
  /** The offer that is out for it, valid until `until` (broker time). */
  offer: { worker: string; until: number } | undefined;
}

/** Whether `a` is served before `b` in the same lane: first created, first served. */
export function isBefore(a: Entry, b: Entry): boolean {
  return a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.birth < b.birth);
}

/** Whether `a` became ready before `b`. */
export function ripensBefore(a: Entry, b: Entry): boolean {
  return a.readyAt < b.readyAt || (a.readyAt === b.readyAt && a.birth < b.birth);
}

/** What few jobs have, of a head; `undefined` where it has none of it. */
export function rareOf({
  preemptAt,
  preempted,
  savedAt,
  vramsMb,
  devices,
  after,
  workflow,
  stopsSince,
  trace,
}: Head): Rare | undefined {
  const rare: Rare = {};
  if (preemptAt !== undefined) rare.preemptAt = preemptAt;
  if (preempted !== undefined) rare.preempted = preempted;
  if (savedAt !== undefined) rare.savedAt = savedAt;
  if (vramsMb !== undefined) rare.vramsMb = vramsMb;
  if (devices !== undefined) rare.devices = devices;
  if (after !== undefined) rare.after = after;
  if (workflow !== undefined) rare.workflow = workflow;
  if (stopsSince !== undefined) rare.stopsSince = stopsSince;
  if (trace !== undefined) rare.trace = trace;
  return Object.keys(rare).length === 0 ? undefined : rare;
}
