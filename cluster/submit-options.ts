/**
 * What a submitter says beside the payload, on this side of the wire: typed for code, text for a command line.
 *
 * Both are read by the one table in `actors/request.ts`, which also reads headers and envelopes; so a name, a
 * duration or a wrong priority means the same at every door.
 */

import type { JobOptions } from '../actors/admission.ts';
import { fields, readOptions } from '../actors/request.ts';
import type { After } from '../machines/rules/after.ts';
import type { Backoff } from '../machines/rules/backoff.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import type { UniqueBy, UniqueConflict, UniqueWhile } from '../machines/rules/unique.ts';
import type { Flag } from '../runtime/options/page.ts';

/** A span of time: milliseconds, or a text such as `'500ms'`, `'10s'`, `'1h30m'`. */
export type Duration = number | string;

/** A moment: a `Date`, epoch milliseconds, or a text in ISO 8601. */
export type Moment = Date | number | string;

/** Which jobs to wait for, by ids; all of them to complete, unless said otherwise. */
export type AfterGiven = readonly string[] | (Pick<After, 'jobs'> & Partial<After>);

/** Everything that may be said about a job beside its payload; what is not said is its type's default. */
export interface SubmitOptions {
  /** Makes the submission idempotent: the same id with the same content is the same job. */
  id?: string | undefined;
  /** As `id`, where the name of the job does not matter. */
  idempotencyKey?: string | undefined;
  /** What must not be there twice: a second job of the same type, or of the same type and payload, is a conflict. */
  unique?: UniqueBy | undefined;
  /** As `unique`, by a text of your own, whatever the type. */
  uniqueKey?: string | undefined;
  /** How long a job holds its key: until it is claimed for the first time, is settled (`open`), or is forgotten. */
  uniqueWhile?: UniqueWhile | undefined;
  /** It holds the key for so long in any case. */
  uniquePeriod?: Duration | undefined;
  /** Where the key is held: refused (`reject`), in its place (`replace`), or one with it (`coalesce`). */
  uniqueConflict?: UniqueConflict | undefined;
  /** For people. */
  name?: string | undefined;
  queue?: string | undefined;
  priority?: Priority | undefined;
  tags?: readonly string[] | undefined;
  /** What it is counted under beside its queue, such as `['api.acme']`: `yard.limits` says how many may run. */
  limitKeys?: readonly string[] | undefined;
  delay?: Duration | undefined;
  runAt?: Moment | undefined;
  /** After so long it must not start any more. */
  expiresIn?: Duration | undefined;
  expiresAt?: Moment | undefined;
  maxAttempts?: number | undefined;
  /** A policy, or its text such as `'exponential(1s, x2, max 30s)'`. */
  backoff?: Backoff | string | undefined;
  /** How long one attempt may run; `'none'` is for ever. */
  timeout?: Duration | undefined;
  /** How long an attempt may be without a sign of life. */
  staleAfter?: Duration | undefined;
  /** Waits until a person releases it. */
  hold?: boolean | undefined;
  /** Waits for other jobs: `['probe-1']`, or `{ jobs: ['a', 'b'], need: 'any', when: 'failure' }`. */
  after?: AfterGiven | undefined;
  gpu?: number | undefined;
  /** GPU memory, MiB. */
  vram?: number | undefined;
  gpuVendor?: string | undefined;
  /** An encoder that must work there, such as `'h264_nvenc'`. */
  encoder?: string | undefined;
  /** Slots of the worker that it takes. */
  slots?: number | undefined;
  /** MiB. */
  memory?: number | undefined;
  /** Room on the disk that the worker writes to, MiB. */
  disk?: number | undefined;
  /** What the version of the handler must be, such as `'>=2.1&<3'`. */
  version?: string | undefined;
  /** The place in a trace that it goes on from, as W3C Trace Context writes it; where you are in one of OpenTelemetry unless given. */
  traceparent?: string | undefined;
  tracestate?: string | undefined;
  /** Conditions on labels of the worker: `{ zone: 'eu|us', cores: '>=8', disk: '!=hdd' }`. */
  labels?: Readonly<Record<string, string>> | undefined;
}

/** Options that were text and have been read. */
export class ReadOptions {
  readonly options: JobOptions;

  constructor(options: JobOptions) {
    this.options = options;
  }
}

/**
 * What options mean.
 *
 * @throws {Fault} `input.invalid`
 */
export function jobOptions(given: SubmitOptions | ReadOptions): JobOptions {
  if (given instanceof ReadOptions) return given.options;
  const { backoff, after, ...rest } = given;
  const said = { ...texts(rest), ...(after === undefined ? {} : afterTexts(after)) };
  if (typeof backoff === 'object') return { ...readOptions(said), backoff };
  return readOptions({ ...said, ...texts({ backoff }) });
}

/** What is said of other jobs, by the field names of the envelope. */
export function afterTexts(given: AfterGiven): Readonly<Record<string, unknown>> {
  const { jobs, need, when } = 'jobs' in given ? given : { jobs: given, need: undefined, when: undefined };
  return {
    after: jobs,
    ...(need === undefined ? {} : { afterNeed: need }),
    ...(when === undefined ? {} : { afterWhen: when }),
  };
}

/** What is said at all; moments as text. */
function texts(given: SubmitOptions): Readonly<Record<string, unknown>> {
  const said = Object.entries(given).filter(([, value]) => value !== undefined && !isEmpty(value));
  return Object.fromEntries(said.map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]));
}

/** No tags, no labels. */
function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && Object.keys(value).length === 0;
}

/** A flag of `yard submit`: `name` is the field that it means, `flag` what the command line calls it. */
type SubmitFlag = Omit<Flag, 'name'> & { name: string; flag: string };

/** The flags of `yard submit`, one for each thing that a submitter may say. */
export function submitFlags(): readonly SubmitFlag[] {
  return fields
    .filter(({ field }) => field !== 'ref')
    .map(({ field, flag = field, expects, example }) => ({
      name: field,
      flag,
      usage: isYesOrNo(expects) ? flagOf(flag) : `${flagOf(flag)} <${wordOf(flag)}>`,
      help: isYesOrNo(expects) ? 'Waits until a person releases it.' : `Expects ${expects}; such as \`${example}\`.`,
    }));
}

/**
 * What the flags of `yard submit` mean; flags of other kinds are passed over.
 *
 * @throws {Fault} `input.invalid`
 */
export function readSubmitFlags(flags: Readonly<Record<string, unknown>>): ReadOptions {
  return new ReadOptions(readOptions(submitTexts(flags)));
}

/** What flags say, by the fields that they mean. */
export function submitTexts(flags: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    submitFlags().flatMap(({ name, flag }) => (flags[flag] === undefined ? [] : [[name, flags[flag]]])),
  );
}

function isYesOrNo(expects: string): boolean {
  return expects === 'true or false';
}

function flagOf(field: string): string {
  return `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The last word of the field's name, lower case: `--max-attempts <attempts>`. */
function wordOf(field: string): string {
  return (
    field
      .split(/(?=[A-Z])/)
      .at(-1)
      ?.toLowerCase() ?? field
  );
}
