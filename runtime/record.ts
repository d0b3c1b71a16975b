/**
 * The record of a job: the readable JSON that lies in KV under `<tenant>.<id>` and is a job's only truth.
 *
 * Knows its shape, its version and its bounds. How it changes is in `step.ts`; how it travels is in `nats/codec.ts`.
 */

import {
  type Aside,
  type Failure,
  isActive,
  isSettled,
  type JobContext,
  type JobState,
  jobMachineVersion,
  jobStates,
} from '../machines/job.ts';
import type { After } from '../machines/rules/after.ts';
import type { Requirements } from '../machines/rules/capability.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import type { UniqueRule } from '../machines/rules/unique.ts';
import { Fault } from './faults.ts';
import type { TraceContext } from './trace-context.ts';

/** The newest that is read. Raised when the shape below changes; an older one is brought up by `upcast`. */
export const recordVersion = 2;

/** What a record is written in of which nothing is put aside, so that processes that know no more can go on with it. */
export const plainVersion = 1;

/** And where something is: who does not know of that would run its handler with nothing. */
export const asideVersion = 2;

/** How many attempts and transitions a record keeps; older ones are dropped, their numbers are not. */
export const keptAttempts = 20;
export const keptTransitions = 40;

/** One attempt. Times are epoch ms; `outcome` is absent while it runs. */
export interface AttemptEntry {
  attempt: number;
  worker: string;
  claimedAt: number;
  /** The place of its span in a trace, where it is recorded: the `traceparent` of what follows from it. */
  trace?: string;
  startedAt?: number;
  /** The memory of each GPU that it has, MiB, on a worker whose GPUs differ. */
  vramsMb?: readonly number[];
  /** The names of its GPUs, on a worker whose GPUs differ in maker or encoders. */
  devices?: readonly string[];
  endedAt?: number;
  outcome?: 'completed' | 'failed' | 'timed out' | 'lost' | 'handed back' | 'drained' | 'preempted' | 'cancelled';
  error?: Failure;
}

/** One edge that a job took. `n` counts up from 1 and names the event everywhere: (job, n). */
export interface Transition {
  n: number;
  at: number;
  event: string;
  from: JobState | 'submitted';
  to: JobState;
  attempt: number;
  reason?: string;
  /** The bulk operation by which a person did it. */
  by?: string;
  /** By which write it was stored. Absent where that is the one that the record was read from, as no write knows its own; 0: in another cluster. */
  revision?: number;
}

/** The last sign of life of the running attempt: `percent` is 0 to 100, `etaMs` the rest of the way. */
export interface Progress {
  at: number;
  percent?: number;
  etaMs?: number;
  message?: string;
  values?: Readonly<Record<string, number>>;
}

/** The place of a job in a workflow. Its id is made of the workflow's, the node's and, where the node has several, its number. */
export interface WorkflowPart {
  id: string;
  /** What people call the workflow. */
  name?: string;
  node: string;
  /** Which of the node's jobs it is, from 1; absent where the node has one. */
  index?: number;
  /** Every node of the workflow, with how many jobs it has; 0 stands for one that is no list. */
  nodes: Readonly<Record<string, number>>;
  /** It stops when another job of the workflow fails. */
  stops?: true;
}

/** What a handler has saved of its work, for the next attempt; `attempt` is the one that saved it. */
export interface Checkpoint {
  at: number;
  attempt: number;
  value: unknown;
}

/** What of a job is put aside; in its place the record has `null`. */
export interface Asides {
  payload?: Aside;
  /** Of what its handler returned (`context.result`). */
  result?: Aside;
}

/** What a submitter says about a job, complete with defaults. After birth only a person changes its queue and priority. */
export interface JobSpec {
  id: string;
  tenant: string;
  type: string;
  name?: string;
  queue: string;
  priority: Priority;
  requirements: Requirements;
  tags?: readonly string[];
  /** What it is counted under beside its queue and its tenant. */
  limitKeys?: readonly string[];
  /** `null` where it is put aside. */
  payload: unknown;
  /** What of it lies in the object store, being too large for the record. */
  aside?: Asides;
  /** Milliseconds that one attempt may run; absent: no limit. */
  timeoutMs?: number;
  /** Milliseconds without a sign of life after which an attempt is given up. */
  staleAfterMs: number;
  /** The moment after which it must not start any more. */
  expiresAt?: number;
  /** What it was told to wait for; `context.blockedBy` says which of these it still waits for. */
  after?: After;
  /** The workflow that it belongs to. */
  workflow?: WorkflowPart;
  /** Its place in the trace that its attempts belong to; absent where nobody asked for a trace. */
  trace?: TraceContext;
  /** Where it came from, such as `yard_submit:17`: a repeat from the same place is the same submission. */
  source: string;
  /** What was submitted, hashed, where the submitter named an id or a key under which it may be repeated. */
  contentHash?: string;
  /** Its unique rule, and the key in the bucket of jobs that it took at its birth. */
  unique?: Unique;
  createdAt: number;
}

export interface Unique extends UniqueRule {
  key: string;
  /** What makes the key, for people: ``type `sync` ``. */
  by: string;
}

/** A job as it lies in KV. */
export interface JobRecord extends JobSpec {
  version: number;
  machine: number;
  state: JobState;
  context: JobContext;
  attempts: readonly AttemptEntry[];
  transitions: readonly Transition[];
  progress?: Progress;
  /** What its handler saved last; gone when it has completed or was cancelled, and with a redrive. */
  checkpoint?: Checkpoint;
  /** When its present state began. */
  updatedAt: number;
  /** When the first handler of the job started. */
  startedAt?: number;
  settledAt?: number;
}

/** A record together with the revision under which it was read or written. */
export interface Stored {
  record: JobRecord;
  revision: number;
}

/**
 * A record as it lies under `revision`. What does not say yet by which write it was stored came with this one, so whoever
 * writes next says so: then each transition tells for ever where it stands among all others, of all jobs.
 */
export function storedAs(record: JobRecord, revision: number): Stored {
  if (record.transitions.at(-1)?.revision !== undefined) return { record, revision };
  const transitions = record.transitions.map((each) => (each.revision === undefined ? { ...each, revision } : each));
  return { record: { ...record, transitions }, revision };
}

/** The key of a job in the bucket of jobs. */
export function jobKey(job: { tenant: string; id: string }): string {
  return `${job.tenant}.${job.id}`;
}

/** Whether the job will not move again by itself: then its record may expire. */
export function isAtRest({ state }: Pick<JobRecord, 'state'>): boolean {
  return isSettled(state);
}

/** The number of the last transition, 0 where there is none. */
export function lastTransition(record: JobRecord): number {
  return record.transitions.at(-1)?.n ?? 0;
}

/** Whether the worker of this incarnation holds the job under this attempt. */
export function holdsClaim(record: JobRecord, worker: string, attempt: number): boolean {
  return isActive(record.state) && record.context.worker === worker && record.context.attempt === attempt;
}

/** What a record is written in: its shape and its chart. Absent: the first. */
export interface Versions {
  version?: number;
  machine?: number;
}

/** Whether only a newer process can read it. */
export function isOfNewer({ version = 1, machine = 1 }: Versions): boolean {
  return version > recordVersion || machine > jobMachineVersion;
}

type Loose = Record<string, unknown>;
/** From 1 to 2 nothing changes: of an older record nothing is put aside, and it stays one that older processes read. */
const upcasts: Readonly<Record<number, (older: Loose) => Loose>> = { 1: (older) => older };

/**
 * The record that `json` holds, brought up to the present version.
 *
 * @throws {Fault} `record.unreadable` where it is no record, or was written by a newer version.
 */
export function upcast(json: unknown): JobRecord {
  if (!isLoose(json) || typeof json['version'] !== 'number')
    throw new Fault('record.unreadable', 'Expected a job record with a version, got something else.');
  let record = json;
  for (let version = json['version']; version < recordVersion; version++) {
    const bring = upcasts[version];
    if (bring === undefined)
      throw new Fault(
        'record.unreadable',
        `Expected a way from record version ${version} to ${version + 1}, found none.`,
      );
    record = bring(record);
  }
  if (isOfNewer({ version: json['version'], machine: Number(json['machine']) }))
    throw new Fault(
      'record.unreadable',
      `Expected a record of version ${recordVersion} and machine ${jobMachineVersion} at most, got ${String(json['version'])} and ${String(json['machine'])}. Upgrade this process.`,
      { facts: { source: json['source'], contentHash: json['contentHash'] } },
    );
  if (!isRecord(record))
    throw new Fault('record.unreadable', 'Expected a job record with id, state and context, got something else.');
  return record;
}

function isLoose(json: unknown): json is Loose {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function isRecord(json: Loose): json is Loose & JobRecord {
  return (
    typeof json['id'] === 'string' &&
    typeof json['tenant'] === 'string' &&
    typeof json['type'] === 'string' &&
    typeof json['machine'] === 'number' &&
    jobStates.some((state) => state === json['state']) &&
    isLoose(json['context']) &&
    Array.isArray(json['attempts']) &&
    Array.isArray(json['transitions'])
  );
}

/** What a record waits for, of whatever version it is. */
export function afterOf({ after, context }: Pick<JobRecord, 'after' | 'context'>): After {
  const { need = 'all', when = 'success' } = after ?? {};
  return { jobs: context.blockedBy ?? [], need, when };
}
