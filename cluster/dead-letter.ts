/**
 * The dead letter: jobs that have failed, grouped by what went wrong, and sent on their way again.
 *
 * Two failures are of one group where type, kind and message are the same once what differs from job to job is left
 * out: numbers, ids, paths, quoted texts. A group is named by a hash of these, so that its name stays the same for as
 * long as there are such jobs.
 */

import { createHash } from 'node:crypto';
import type { FailureKind } from '../machines/job.ts';
import { Fault } from '../runtime/faults.ts';
import type { JobRecord } from '../runtime/record.ts';
import { rest } from './pace.ts';
import { isRefusal } from './verb.ts';

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

/** Which failed jobs to redrive; what is not said is not asked for. */
export interface RedriveOptions {
  /** Only those of the group with this id. */
  group?: string | undefined;
  /** At most so many, the newest first: to see whether it helps. */
  sample?: number | undefined;
  /** At most so many a second. */
  perSecond?: number | undefined;
  /** Only counts. */
  dryRun?: boolean | undefined;
  /** Calls back after each. */
  onProgress?: ((sofar: Redriven) => void) | undefined;
  /** Stops it in between; what is done is done. */
  signal?: AbortSignal | undefined;
}

/** What became of a redrive: `refused` are jobs that were not failed any more. */
export interface Redriven {
  matched: number;
  done: number;
  refused: number;
}

const shown = 3;
const longest = 200;

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

/** The name of the group to which a failed job belongs. */
export function groupOf({ type, context: { error } }: JobRecord): string {
  const same = JSON.stringify([type, error?.kind, commonText(error?.message ?? '')]);
  return createHash('sha256').update(same).digest('hex').slice(0, 8);
}

/** A message without what differs from job to job. */
export function commonText(message: string): string {
  return message
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>')
    .replaceAll(/\bhttps?:\/\/[^\s'"`]+/g, '<url>')
    .replaceAll(/(["'`])(?:(?!\1).){1,200}\1/g, '<text>')
    .replaceAll(/(?<![\w<])\.{0,2}\/[^\s:,;)]+/g, '<path>')
    .replaceAll(/\b(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{8,}\b/gi, '<id>')
    .replaceAll(/\d+(?:[.,]\d+)*/g, '<n>')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, longest);
}

export interface DeadLetter {
  /** Failed jobs, the newest first. */
  failed(): AsyncIterable<JobRecord>;
  /** @throws {Fault} `job.refused`, `job.missing` where it is not failed any more. */
  redrive(id: string): Promise<unknown>;
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

/** @throws {Fault} `group.missing` where no failed job is of the group; whatever is no refusal of a single job. */
export async function redriveDead(dead: DeadLetter, options: RedriveOptions): Promise<Redriven> {
  const { perSecond, dryRun = false, onProgress, signal } = options;
  const ids = await pick(dead, options);
  const sofar = { matched: ids.length, done: 0, refused: 0 };
  if (dryRun) return sofar;
  for (const id of ids) {
    signal?.throwIfAborted();
    if (perSecond !== undefined && sofar.done > 0)
      await rest(1_000 / perSecond, signal ?? new AbortController().signal);
    if (await redriven(dead, id)) sofar.done++;
    else sofar.refused++;
    onProgress?.({ ...sofar });
  }
  return sofar;
}

async function pick(dead: DeadLetter, { group, sample }: RedriveOptions): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { id } of deadOf(dead.failed(), group)) {
    ids.push(id);
    if (ids.length === sample) break;
  }
  return ids;
}

async function redriven(dead: DeadLetter, id: string): Promise<boolean> {
  try {
    await dead.redrive(id);
    return true;
  } catch (cause) {
    if (isRefusal(cause)) return false;
    throw cause;
  }
}
