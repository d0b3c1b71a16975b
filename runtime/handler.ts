/**
 * What a job type is: its name, the payload it takes, its defaults, and the handler that runs one attempt.
 *
 * Handlers know this file and nothing else of the house. A handler gets one `JobRun` per attempt and returns a
 * result that fits into JSON, or throws; what it throws decides whether the job is tried again.
 */

import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Backoff } from '../machines/rules/backoff.ts';
import type { Requirements } from '../machines/rules/capability.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import type { UniqueOptions } from '../machines/rules/unique.ts';

/** What a handler may report while it runs; every report is a sign of life. */
export interface ProgressReport {
  /** 0 to 100. */
  percent?: number;
  /** Milliseconds that are left, as far as the handler can tell. */
  etaMs?: number;
  message?: string;
  /** Numbers worth showing, such as `{ fps: 48, speed: 1.6 }`. */
  values?: Readonly<Record<string, number>>;
}

/** A job that was waited for, as it stood when the attempt started. */
export interface Precursor {
  readonly id: string;
  /** Its node in the workflow, where both are of one. */
  readonly node?: string;
  /** Which of the node's jobs it is, from 1, where it has several. */
  readonly index?: number;
  /** `completed`, `failed` or `cancelled`; another state where the handler runs without having waited for its end. */
  readonly state: string;
  /** What its handler returned, where it has completed. */
  readonly result?: unknown;
  /** What went wrong, where it has failed. */
  readonly error?: { readonly kind: string; readonly message: string };
}

/** Bytes, at once or in pieces, such as those of a stream. */
export type FileBytes = Uint8Array | AsyncIterable<Uint8Array>;

/** What is known of a file of a job. */
export interface FileView {
  readonly name: string;
  readonly size: number;
  /** Its media type. */
  readonly type: string;
  /** Of its bytes, by SHA-256: equal ones have equal digests. */
  readonly digest: string;
  /** When it was put, epoch ms. */
  readonly at: number;
}

/** A file to be read, once. Reading fails at its end where the bytes are not those that were put. */
export interface OpenFile extends FileView {
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** The files of a job, as its handler has them: what is too large for payload and result. */
export interface JobFiles {
  /**
   * An input of this job, or with `of` an output of another job of the tenant, such as one that it waited for.
   *
   * @throws {Fault} `file.missing`
   * @example for await (const piece of (await run.files.read('clip.mp4')).bytes) sink.write(piece);
   */
  read(name: string, options?: { of?: string }): Promise<OpenFile>;
  /**
   * Writes an output of this attempt, whole or not at all; it is there for others at once, and as long as its job. Those of an earlier
   * attempt are gone from sight.
   *
   * @throws {Fault} `file.large` above 1 GiB, `store.full`
   * @example await run.files.write('small.mp4', createReadStream(path), { type: 'video/mp4' });
   */
  write(name: string, bytes: FileBytes, options?: { type?: string }): Promise<FileView>;
}

/** One attempt at one job, as its handler sees it. */
export interface JobRun<Payload> {
  readonly id: string;
  readonly tenant: string;
  readonly type: string;
  readonly payload: Payload;
  /** (job, attempt): hand it to whatever must refuse a stale worker. */
  readonly fence: { readonly job: string; readonly attempt: number };
  /** Fires when the attempt is cancelled, timed out, drained, preempted or fenced; its `reason` is an Error that says which. */
  readonly signal: AbortSignal;
  /**
   * GPUs that are this attempt's own, as the driver numbers them; empty for a job that asks for none. Absent on a worker
   * without GPUs. Programs that ship set `CUDA_VISIBLE_DEVICES` from it; a handler of your own does so for its children.
   */
  readonly devices?: readonly string[];
  /**
   * The results of the completed jobs that it waited for, by id; within a workflow, by node, and a list of results where the
   * node is one. Empty where it waited for none.
   */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Those jobs themselves, in the order in which they were named; one whose record is forgotten is left out. */
  readonly waitedFor: readonly Precursor[];
  /**
   * Its place in a trace, as W3C Trace Context writes it: hand it on as headers of what you call, or as the environment of
   * a program. Absent where it is in none. Spans of your own are within it by themselves.
   */
  readonly trace?: { readonly traceparent: string; readonly tracestate?: string };
  readonly files: JobFiles;
  /** What an earlier attempt has saved by `checkpoint`; absent where none has. */
  readonly saved?: unknown;
  /**
   * Saves how far the work has come, so that the next attempt may go on from there: after it has made room for another
   * job, was drained, lost with its worker or has failed. Of several the last one counts. It is stored within two
   * seconds, and at once with the end of the attempt; a worker that dies before has saved what was stored before.
   * A sign of life.
   *
   * @param value anything that fits into JSON, up to 16 KiB; `null` takes back what was saved.
   * @throws {JobError} where it does not fit.
   *
   * @example for (let page = Number(run.saved ?? 0); page < 100; page++) { await print(page); run.checkpoint(page + 1); }
   */
  checkpoint(value: unknown): void;
  /** Reports progress; sent at most a few times a second. */
  progress(report: ProgressReport): void;
  /** Adds a line to the live log of the job. */
  log(line: string, stream?: 'stdout' | 'stderr'): void;
  /** Whether this attempt still holds the job, read from the record: ask before making output visible. */
  holdsFence(): Promise<boolean>;
}

/** What a job of a type gets when its submitter says nothing else. Durations are milliseconds. */
export interface JobDefaults {
  queue?: string;
  priority?: Priority;
  maxAttempts?: number;
  backoff?: Backoff;
  /** How long one attempt may run; `null` is for ever. */
  timeoutMs?: number | null;
  staleAfterMs?: number;
  /** What keeps a second one of the same kind out, unless its submitter says otherwise. */
  unique?: UniqueOptions;
}

/** A job type. Made by `defineJob`. */
export interface JobDefinition<Payload = unknown, Result = unknown> {
  readonly type: string;
  /** Its handler's version, such as `2.1.0`, for jobs that ask for some. */
  readonly version?: string;
  /** One line for people. */
  readonly description?: string;
  /** Checks and completes the payload: any Standard Schema validator (zod, valibot, arktype, …). */
  readonly payload: StandardSchemaV1<unknown, Payload>;
  readonly defaults?: JobDefaults;
  /** What such a job needs besides what its submitter asks for. */
  requirements?(payload: Payload): Requirements;
  run(job: JobRun<Payload>): Promise<Result> | Result;
}

/** Names of job types: a lower-case letter, then letters, digits, `-` and `_`. */
export const typePattern = /^[a-z][a-z0-9_-]{0,63}$/;

/** Thrown by a handler to say more than "it failed". */
export class JobError extends Error {
  override readonly name: string = 'JobError';
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly exitCode: number | undefined;
  readonly stderr: string | undefined;

  constructor(
    message: string,
    options: { retryable?: boolean; retryAfterMs?: number; exitCode?: number; stderr?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable ?? true;
    this.retryAfterMs = options.retryAfterMs;
    this.exitCode = options.exitCode;
    this.stderr = options.stderr;
  }
}
