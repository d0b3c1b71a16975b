/**
 * The head of a record: what a follower needs to keep a picture, without the body.
 *
 * One function makes it for everybody: the codec writes it into the header of a message, and an actor that has
 * just stored a record applies the very same to its own board.
 */

import { isActive, isReady, isSettled } from '../machines/job.ts';
import type { Head } from './ports.ts';
import { type AttemptEntry, afterOf, type JobRecord } from './record.ts';
import { isSampled } from './trace-context.ts';

/** A head without its place in the stream. */
export type HeadBody = Omit<Head, 'key' | 'revision'>;

/** What of `record` its followers need. */
export function headBody(record: JobRecord): HeadBody {
  const { context } = record;
  const head: HeadBody = {
    state: record.state,
    type: record.type,
    queue: record.queue,
    priority: record.priority,
    requirements: record.requirements,
    createdAt: record.createdAt,
    updatedAt: record.updatedAt,
    attempt: context.attempt,
  };
  const readyAt = readyAtOf(record);
  if (readyAt < record.updatedAt) head.readyAt = readyAt;
  if (context.worker !== undefined) head.worker = context.worker;
  if (context.dueAt !== undefined) head.dueAt = context.dueAt;
  if (record.expiresAt !== undefined && !isSettled(record.state)) head.expiresAt = record.expiresAt;
  if (record.limitKeys !== undefined && !isSettled(record.state)) head.limitKeys = record.limitKeys;
  if (record.timeoutMs !== undefined) head.timeoutMs = record.timeoutMs;
  const ranMs = isActive(record.state) ? undefined : ranFor(record.attempts.at(-1));
  if (ranMs !== undefined) head.ranMs = ranMs;
  if (record.version > 1) head.version = record.version;
  if (record.machine > 1) head.machine = record.machine;
  addRare(head, record);
  return head;
}

/** What few jobs have. */
function addRare(head: HeadBody, record: JobRecord): void {
  const { state, context, checkpoint, attempts, workflow, trace } = record;
  if (context.preemptAt !== undefined) head.preemptAt = context.preemptAt;
  if (context.preempted !== undefined) head.preempted = context.preempted;
  if (checkpoint !== undefined && isActive(state)) head.savedAt = checkpoint.at;
  const { vramsMb, devices } = (isActive(state) ? attempts.at(-1) : undefined) ?? {};
  if (vramsMb !== undefined) head.vramsMb = vramsMb;
  if (devices !== undefined) head.devices = devices;
  if (state === 'blocked') head.after = afterOf(record);
  if (workflow !== undefined) head.workflow = workflow.id;
  if (isReady(state) && trace !== undefined && isSampled(trace)) head.trace = trace.parent;
  if (workflow?.stops === true) head.stopsSince = stopsSince(record);
}

/** From when on a failure in its workflow stops it. Its own failure before a redrive does not, whatever the clocks of both said. */
function stopsSince({ context: { redrivenAt }, createdAt, transitions }: JobRecord): number {
  if (redrivenAt === undefined) return createdAt;
  const failedAt = transitions.findLast(({ to }) => to === 'failed')?.at;
  return failedAt === undefined ? redrivenAt : Math.max(redrivenAt, failedAt + 1);
}

/** When a ready job became so: what happened to it since then did not let it go. */
function readyAtOf({ state, transitions, updatedAt }: JobRecord): number {
  if (!isReady(state)) return updatedAt;
  let readyAt = updatedAt;
  for (const { at, from, to } of transitions.toReversed()) {
    if (to === 'pending' || to === 'queued') readyAt = at;
    if (from !== 'pending' && from !== 'queued') break;
  }
  return readyAt;
}

function ranFor(last: AttemptEntry | undefined): number | undefined {
  return last?.startedAt === undefined || last.endedAt === undefined ? undefined : last.endedAt - last.startedAt;
}

/** The head of a record that lies under `key` at `revision`. */
export function headOf(key: string, revision: number, record: JobRecord): Head {
  return { key, revision, ...headBody(record) };
}

/** JSON in which everything beyond ASCII is escaped: headers are bytes that not every client reads as UTF-8. */
export function asciiJson(value: unknown): string {
  const json = JSON.stringify(value);
  return /^[\x20-\x7e]*$/.test(json)
    ? json
    : json.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
