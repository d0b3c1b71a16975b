/**
 * The settings of every stream and bucket, as values.
 *
 * Knows what each of ours must be and why; leaves creating and comparing to `topology.ts`. Of each stream some
 * settings are the promise (`must`) and are put right wherever they differ; others are a first guess (`initial`)
 * that belongs to the operator once the stream exists.
 */

import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import type { Names } from './names.ts';

/** Raised when a plan below changes; a stream of an older plan gets the new `initial` too. */
export const planVersion = 1;

/** The metadata field that holds the plan's version. */
export const planField = 'yardmaster.plan';

export interface StreamPlan {
  name: string;
  must: Partial<StreamConfig> & { subjects: string[]; storage: StorageType };
  initial: Partial<StreamConfig>;
  /** More of that kind, which a broker that lacks the room for it may leave out. */
  wish?: Partial<StreamConfig>;
}

const mebibyte = 1_048_576;
const millisecondNs = 1_000_000;
const secondNs = 1_000 * millisecondNs;
const dayNs = 86_400 * secondNs;

/** How long and how much of the logs is kept, where the operator says; the oldest lines go first. */
export interface LogLimits {
  ageMs?: number;
  bytes?: number;
}

/** What the plans leave open. */
export interface PlanSettings {
  /** How many brokers keep each stream. */
  replicas: number;
  logs?: LogLimits | undefined;
  /** How much the bucket of jobs may take, and what lies aside of jobs a quarter of it; as much as there is unless given. */
  jobsBytes?: number | undefined;
}

/** All of them. */
export function streamPlans(
  names: Names,
  { replicas, logs: limits = {}, jobsBytes }: PlanSettings,
): readonly StreamPlan[] {
  const initial = { num_replicas: replicas };
  return [
    { ...jobs(names), initial, ...(jobsBytes === undefined ? {} : { wish: { max_bytes: jobsBytes } }) },
    { ...control(names), initial },
    submit(names, initial),
    work(names, initial),
    logs(names, initial, limits),
    rejected(names, initial),
    audit(names, initial),
    { ...blobs(names, initial), ...(jobsBytes === undefined ? {} : { wish: { max_bytes: jobsBytes / 4 } }) },
  ];
}

const kept = { retention: RetentionPolicy.Limits, storage: StorageType.File, max_consumers: -1 } as const;

/** What any client takes for a key-value bucket with a history of one. */
function bucket(name: string, subject: string): Pick<StreamPlan, 'name' | 'must'> {
  return {
    name,
    must: {
      ...kept,
      subjects: [subject],
      max_msgs_per_subject: 1,
      max_msgs: -1,
      max_age: 0,
      // A full bucket refuses; it never forgets a key.
      discard: DiscardPolicy.New,
      deny_delete: true,
      allow_rollup_hdrs: true,
      allow_direct: true,
    },
  };
}

function jobs(names: Names): Pick<StreamPlan, 'name' | 'must'> {
  const { name, must } = bucket(names.streams.jobs, names.allJobs);
  return {
    name,
    must: {
      ...must,
      allow_msg_ttl: true,
      allow_atomic: true,
      // The feed: heads of what was written, for those who keep a picture of it.
      republish: { src: names.allJobs, dest: names.feed, headers_only: true },
    },
  };
}

/** Each write is told where it is stored: on the bucket's own subject, what the broker refuses is heard too. */
function control(names: Names): Pick<StreamPlan, 'name' | 'must'> {
  const { name, must } = bucket(names.streams.control, names.controlSubject('>'));
  return { name, must: { ...must, republish: { src: names.controlSubject('>'), dest: names.controlNews('>') } } };
}

/**
 * What was submitted stays for a day, so that a broker that lost its last seconds can be asked again. A longer
 * dedup window would swallow a corrected resubmission. When full, the oldest goes: it was taken in long ago.
 */
function submit(names: Names, initial: Partial<StreamConfig>): StreamPlan {
  return {
    name: names.streams.submit,
    must: {
      ...kept,
      subjects: [...names.allSubmissions],
      discard: DiscardPolicy.Old,
      duplicate_window: secondNs / 10,
      allow_direct: true,
    },
    initial: { ...initial, max_age: dayNs, max_bytes: 1_024 * mebibyte },
  };
}

/**
 * Mail is valid for seconds and made again when lost: memory will do. A single broker that restarts has no such
 * stream any more, nor its consumers; whoever reconnects sets them up again.
 */
function work(names: Names, initial: Partial<StreamConfig>): StreamPlan {
  return {
    name: names.streams.work,
    must: {
      ...kept,
      storage: StorageType.Memory,
      subjects: [names.allWork],
      discard: DiscardPolicy.Old,
      max_age: 60 * secondNs,
      duplicate_window: 60 * secondNs,
    },
    initial: { ...initial, max_bytes: 128 * mebibyte },
  };
}

function logs(names: Names, initial: Partial<StreamConfig>, { ageMs, bytes }: LogLimits): StreamPlan {
  return {
    name: names.streams.logs,
    must: {
      ...kept,
      subjects: [names.allLogs],
      discard: DiscardPolicy.Old,
      allow_direct: true,
      ...(ageMs === undefined ? {} : { max_age: ageMs * millisecondNs }),
      ...(bytes === undefined ? {} : { max_bytes: bytes }),
    },
    initial: { ...initial, max_age: 7 * dayNs, max_bytes: 1_024 * mebibyte, max_msgs_per_subject: 2_000 },
  };
}

function rejected(names: Names, initial: Partial<StreamConfig>): StreamPlan {
  return {
    name: names.streams.rejected,
    must: { ...kept, subjects: [names.rejected], discard: DiscardPolicy.Old, allow_direct: true },
    initial: { ...initial, max_age: 30 * dayNs, max_bytes: 256 * mebibyte },
  };
}

/** Nobody takes anything out of it, but age and size. */
function audit(names: Names, initial: Partial<StreamConfig>): StreamPlan {
  return {
    name: names.streams.audit,
    must: {
      ...kept,
      subjects: [names.allAuditEntries],
      discard: DiscardPolicy.Old,
      deny_delete: true,
      deny_purge: true,
      allow_direct: true,
    },
    initial: { ...initial, max_age: 365 * dayNs, max_bytes: 64 * mebibyte },
  };
}

/** What any client takes for an object store. */
function blobs(names: Names, initial: Partial<StreamConfig>): StreamPlan {
  return {
    name: names.streams.blobs,
    must: {
      ...kept,
      subjects: [...names.allBlobs],
      discard: DiscardPolicy.New,
      allow_rollup_hdrs: true,
      allow_direct: true,
    },
    initial,
  };
}
