/**
 * The dead letter: jobs that have failed, grouped by what went wrong (`actors/dead-group.ts`).
 */

import { commonText, groupOf } from '../actors/dead-group.ts';
import type { FailureKind } from '../machines/job.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import { Fault } from '../runtime/faults.ts';
import type { JobRecord } from '../runtime/record.ts';
import type { Bulk, BulkOutcome } from './bulk.ts';

/** Failed jobs with the same thing wrong. Moments are epoch ms. */
export interface DeadGroup {
  /** Eight letters and digits, the same for as long as there are such jobs. */
  id: string;
  type: string;
  kind: FailureKind;
  /** What is common to their messages. */
  message: string;
  count: number;
  byPriority: Readonly<Record<string, number>>;
  byQueue: Readonly<Record<string, number>>;
  firstAt: number;
  lastAt: number;
  /** Ids of the newest of them, at most three. */
  sample: readonly string[];
}

const shown = 3;

type Growing = DeadGroup & { byPriority: Record<string, number>; byQueue: Record<string, number>; sample: string[] };

/** Groups the records of failed jobs, which come newest first; the largest group first. */
export async function groupDead(failed: AsyncIterable<JobRecord>): Promise<readonly DeadGroup[]> {
  const groups = new Map<string, Growing>();
  for await (const record of failed) {
    const id = groupOf(record);
    const group = groups.get(id) ?? emptyGroup(id, record);
    groups.set(id, group);
    count(group, record);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || b.lastAt - a.lastAt);
}

function emptyGroup(id: string, { type, context: { error } }: JobRecord): Growing {
  return {
    id,
    type,
    kind: error?.kind ?? 'error',
    message: commonText(error?.message ?? ''),
    count: 0,
    byPriority: {},
    byQueue: {},
    firstAt: Number.POSITIVE_INFINITY,
    lastAt: 0,
    sample: [],
  };
}

function count(group: Growing, { id, priority, queue, settledAt = 0 }: JobRecord): void {
  group.count++;
  group.byPriority[priority] = (group.byPriority[priority] ?? 0) + 1;
  group.byQueue[queue] = (group.byQueue[queue] ?? 0) + 1;
  group.firstAt = Math.min(group.firstAt, settledAt);
  group.lastAt = Math.max(group.lastAt, settledAt);
  if (group.sample.length < shown) group.sample.push(id);
}

/** Of the failed jobs, those of `group` where one is given. @throws {Fault} `group.missing` where there is none of it. */
export async function* deadOf(failed: AsyncIterable<JobRecord>, group: string | undefined): AsyncGenerator<JobRecord> {
  let found = 0;
  for await (const record of failed) {
    if (group !== undefined && groupOf(record) !== group) continue;
    found++;
    yield record;
  }
  if (found === 0 && group !== undefined)
    throw new Fault('group.missing', `Expected a group of failed jobs, got \`${group}\`. See \`yard dead groups\`.`);
}

/** Which failed jobs; what is not said is not asked for. */
export interface DeadFilter {
  priority?: Priority | undefined;
  queue?: string | undefined;
  type?: string | undefined;
  tag?: string | undefined;
}

/** Of which group, and how many of them. */
export interface DeadShown {
  group?: string | undefined;
  limit?: number | undefined;
}

/** Which failed jobs to redrive. */
export interface RedriveOptions extends DeadFilter {
  /** Only those of the group with this id. */
  group?: string | undefined;
  /** At most so many, the newest first: to see whether it helps. */
  sample?: number | undefined;
  /** At most so many a second. */
  perSecond?: number | undefined;
  /** Only counts. */
  dryRun?: boolean | undefined;
  /** Calls back whenever it has come further. */
  onProgress?: ((sofar: BulkOutcome) => void) | undefined;
  /** Aborts it; what is done is done. */
  signal?: AbortSignal | undefined;
}

/** The bulk operation that a redrive is. */
export function redriveBulk({ sample: limit, perSecond, dryRun, onProgress, signal, ...filter }: RedriveOptions): Bulk {
  return { verb: { verb: 'redrive' }, filter: { ...filter, limit }, perSecond, dryRun, onProgress, signal };
}
