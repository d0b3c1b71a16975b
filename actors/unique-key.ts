/**
 * Taking a unique key: what a job must write beside its own record, so that of two jobs only one can be there.
 *
 * The idea: `_unique.<tenant>.<hash>` lies in the bucket of jobs and points to the job that took it last. Whoever makes
 * a job rewrites it in the batch of its birth, expecting the revision that was read. Whether the job behind it is still
 * in the way is derived from that job's own record (`machines/rules/unique.ts`), so nobody has to give a key back.
 *
 *     two births at once        both read the key at revision 7, both expect 7: the broker takes one batch and refuses
 *                               the other, whole. Its maker reads again and meets the winner.
 *     a birth, and the holder   the birth read "completed", which no edge leaves, or "failed": see redrive. Where it
 *     settles                   read "open" just before, it is refused by a moment: as if it had come that much sooner.
 *     a birth, and a redrive    both read the key at 7 behind a failed job. A redrive rewrites the key too, in the batch
 *     of the holder             of the record, so one is refused: a job that comes back to life must take its key again.
 *     replace, and a claim      the batch holds the cancelled record of the one that waits, expecting the revision that
 *     by a worker               was read: a worker that claims it first refuses the whole batch, and then it runs.
 *     an answer is lost         the batch is repeated until it is accepted or refused; refused, the record of the new
 *                               job tells whether the first one had landed (`committer.ts`, `birth.ts`).
 *     a sweep, and a birth      the sweep forgets a key only at the revision at which nothing held it (`key-keeper.ts`);
 *                               a birth that expects this revision is refused then, reads, and finds no key.
 *     the stream lost its end   key and jobs lie in one stream, and a batch is there whole or not at all.
 *
 * Each rule is judged by who comes: all who use one key should give it the same rule.
 */

import { isActive, isSettled } from '../machines/job.ts';
import { formatDuration } from '../machines/rules/duration.ts';
import { holdsKey, isInPeriod } from '../machines/rules/unique.ts';
import { Fault } from '../runtime/faults.ts';
import type { Entry, JobStore, Pointer } from '../runtime/ports.ts';
import { type JobRecord, jobKey, type Stored, type Unique } from '../runtime/record.ts';
import { step } from '../runtime/step.ts';
import { whereUnreadable } from './unreadable.ts';

/** What is to be done about the key of a job. */
export type KeyClaim =
  /** It may be taken: by these writes, in the batch of the job. `replaced` is cancelled by them. */
  | { kind: 'free'; entries: readonly Entry[]; replaced?: JobRecord }
  /** Another job is in the way: its id, and what it is where that can be read. */
  | { kind: 'held'; id: string; holder: JobRecord | undefined; why: string };

export interface KeyReader {
  store: Pick<JobStore, 'readPointer' | 'read'>;
  /** Broker time, epoch ms. */
  now: number;
}

/** What the birth of `record`, whose rule is `unique`, has to write about its key. */
export async function claimAtBirth(record: JobRecord, unique: Unique, { store, now }: KeyReader): Promise<KeyClaim> {
  const { revision: expected, pointer } = await store.readPointer(unique.key);
  const taken: Entry = { key: unique.key, expected, pointer: pointerTo(record, unique, record.createdAt) };
  if (pointer === null || pointer.job === record.id) return { kind: 'free', entries: [taken] };
  const holder = await readHolder(store, record, pointer);
  const isHeld = isInPeriod(unique, pointer.at, now) || isHeldBy(holder, unique);
  if (!isHeld) return { kind: 'free', entries: [taken] };
  const cancelled = unique.onConflict === 'replace' ? replaced(holder, record.id, now) : undefined;
  if (cancelled === undefined || holder === undefined || holder === 'unreadable')
    return heldBy(pointer, holder, { unique, now });
  const cancel: Entry = { key: jobKey(cancelled), expected: holder.revision, record: cancelled };
  return { kind: 'free', entries: [cancel, taken], replaced: cancelled };
}

/**
 * What `record` has to write about its key at its birth, where it has one.
 *
 * @throws {Fault} `job.conflict` where another job holds it.
 */
export async function claimsOf(record: JobRecord, reader: KeyReader): Promise<readonly Entry[]> {
  if (record.unique === undefined) return [];
  const claim = await claimAtBirth(record, record.unique, reader);
  if (claim.kind === 'held') throw heldFault(claim);
  return claim.entries;
}

export function heldFault({ id, why }: Extract<KeyClaim, { kind: 'held' }>): Fault {
  return new Fault('job.conflict', `Expected no other job like it, got one: ${why}`, { facts: { id } });
}

/**
 * What a redrive of `record`, as it is after that step, has to write about its key.
 *
 * @throws {Fault} `job.refused` where another job holds it.
 */
export async function claimAtRedrive(record: JobRecord, { store, now }: KeyReader): Promise<readonly Entry[]> {
  const { unique, context, state } = record;
  if (unique === undefined || !holdsKey(unique, { state, attempt: context.attempt })) return [];
  const { revision: expected, pointer } = await store.readPointer(unique.key);
  const holder = pointer === null || pointer.job === record.id ? undefined : await readHolder(store, record, pointer);
  if (pointer !== null && isHeldBy(holder, unique)) {
    const { why } = heldBy(pointer, holder, { unique, now });
    throw new Fault('job.refused', `Expected no other job in the place of ${record.id}, got one: ${why}`, {
      facts: { id: record.id, other: pointer.job },
    });
  }
  const at = Math.max(record.createdAt, pointer?.at ?? 0);
  return [{ key: unique.key, expected, pointer: pointerTo(record, unique, at) }];
}

function pointerTo({ id: job }: JobRecord, { periodMs }: Unique, at: number): Pointer {
  return { job, at, ...(periodMs === undefined ? {} : { until: at + periodMs }) };
}

/** Nobody here can say of what only a newer version reads that it is settled. */
type Read = Stored | 'unreadable' | undefined;

async function readHolder(store: KeyReader['store'], { tenant }: JobRecord, { job: id }: Pointer): Promise<Read> {
  return await whereUnreadable(store.read(jobKey({ tenant, id })), 'unreadable' as const);
}

function isHeldBy(holder: Read, unique: Unique): boolean {
  if (holder === undefined || holder === 'unreadable') return holder === 'unreadable';
  const { state, context } = holder.record;
  return holdsKey(unique, { state, attempt: context.attempt });
}

/** The job that waits, cancelled; `undefined` for one that does not wait. */
function replaced(holder: Read, by: string, at: number): JobRecord | undefined {
  if (holder === undefined || holder === 'unreadable') return undefined;
  const { state } = holder.record;
  if (isActive(state) || isSettled(state)) return undefined;
  const stepped = step(holder.record, { type: 'job.cancel', at, reason: `replaced by ${by}` });
  return stepped.moved ? stepped.record : undefined;
}

function heldBy({ job: id, at }: Pointer, holder: Read, { unique, now }: { unique: Unique; now: number }) {
  const record = holder === undefined || holder === 'unreadable' ? undefined : holder.record;
  const since = unique.periodMs === undefined ? 0 : at + unique.periodMs - now;
  const until = since > 0 ? ` The key is held for another ${formatDuration(since)}.` : '';
  const advice =
    unique.onConflict === 'replace' ? 'Only a job that waits can be replaced.' : `See \`yard job get ${id}\`.`;
  const why = `job ${id}, which is ${record?.state ?? 'not to be read'}, holds the unique key of ${unique.by} (409).${until} ${advice}`;
  return { kind: 'held' as const, id, holder: record, why };
}
