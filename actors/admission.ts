/**
 * What somebody asked for, as a job: headers or an envelope, a payload, the defaults of its type.
 *
 * Pure. Whatever door a submission comes through, it passes here, and is either a complete new job or refused with
 * a sentence that says what was expected, what was met and what to do. Unknown fields and headers are refused:
 * a misspelt `Priorty` must not become a job of medium priority.
 */

import type { JobContext } from '../machines/job.ts';
import type { After, Need, When } from '../machines/rules/after.ts';
import { type Backoff, defaultBackoff } from '../machines/rules/backoff.ts';
import type { Requirements } from '../machines/rules/capability.ts';
import { formatDuration } from '../machines/rules/duration.ts';
import { defaultQueues, type Priority } from '../machines/rules/lanes.ts';
import { secretsIn, textWithout } from '../machines/rules/secret.ts';
import { wrongInTenantName } from '../machines/rules/tenant.ts';
import type { UniqueOptions } from '../machines/rules/unique.ts';
import { webhookSource, webhookType } from '../machines/rules/webhook.ts';
import { inlineAtMost } from '../runtime/aside.ts';
import { Fault, isFault, type WrongField } from '../runtime/faults.ts';
import type { JobDefaults, JobDefinition } from '../runtime/handler.ts';
import { asciiJson, headBody } from '../runtime/head.ts';
import { nearest } from '../runtime/options/nearest.ts';
import { type JobRecord, type JobSpec, jobKey, type WorkflowPart } from '../runtime/record.ts';
import { born } from '../runtime/step.ts';
import { traceContext } from '../runtime/trace-context.ts';
import { isTooDeep, levelsAtMost } from './nesting.ts';
import { checkPayload } from './payload.ts';
import { hashOfText, inOneOrder, uniqueOf } from './uniqueness.ts';

/** Everything a submitter may say about a job beside its payload. Durations are ms, moments epoch ms. */
export interface JobOptions {
  id?: string;
  idempotencyKey?: string;
  name?: string;
  queue?: string;
  priority?: Priority;
  tags?: readonly string[];
  limitKeys?: readonly string[];
  delayMs?: number;
  runAt?: number;
  expiresInMs?: number;
  expiresAt?: number;
  maxAttempts?: number;
  backoff?: Backoff;
  timeoutMs?: number | null;
  staleAfterMs?: number;
  hold?: boolean;
  /** Ids of the jobs that it waits for. */
  after?: readonly string[];
  afterNeed?: Need;
  afterWhen?: When;
  requirements?: Requirements;
  unique?: UniqueOptions;
  /** What its submitter was at, as W3C Trace Context says it; no part of what makes two submissions the same. */
  traceparent?: string;
  tracestate?: string;
}

/** A submission, whatever door it came through. */
export interface Request {
  tenant: string;
  type: string;
  payload: unknown;
  options: JobOptions;
  /** Where it came from, such as `yard_submit:17`. */
  source: string;
  /** The id that it gets where it names none. */
  fallbackId: string;
  /** Broker time, epoch ms. */
  at: number;
  /** Where it is one of a workflow. */
  workflow?: WorkflowPart;
}

/** What the cluster knows of a job type; the definition is there for the types that ship. */
export interface KnownType {
  type: string;
  defaults: JobDefaults;
  definition?: JobDefinition;
}

export const idPattern = /^[A-Za-z0-9-][A-Za-z0-9_-]{0,63}$/;
/** As many jobs as one may wait for, and as a workflow may have. */
export const jobsAtMost = 500;
/** Bytes of JSON of a new record without its payload: 500 jobs to wait for, and as much again. */
const restAtMost = 98_304;
/** The same of its head, which grows by a worker and its GPUs. */
const headAtMost = 57_344;
const staleAfterMs = 30 * 60_000;
const timeoutAfterMs = 30 * 60_000;

/**
 * The record of the job that was asked for, with all of its payload, which may have `payloadAtMost` bytes: as many as fit
 * into a record, or more, where what comes after puts them aside (`birth.ts`).
 *
 * @throws {Fault} `input.invalid` with the sentence for the submitter.
 */
export async function admit(request: Request, types: Types, limits: Limits = {}): Promise<JobRecord> {
  try {
    return await admitted(request, types, limits);
  } catch (cause) {
    if (!isFault(cause, 'input.invalid')) throw cause;
    throw allWrong(cause, await wrongFields(request, types, limits));
  }
}

type Types = ReadonlyMap<string, KnownType>;

interface Limits {
  payloadAtMost?: number;
}

/** Every field of the submission that is wrong by itself, as the first of them was found. */
async function wrongFields(
  request: Request,
  types: Types,
  { payloadAtMost = inlineAtMost }: Limits,
): Promise<readonly WrongField[]> {
  const { type, payload = {}, options } = request;
  const checks: Readonly<Record<string, () => unknown>> = {
    '/type': () => expectType(request, types),
    '/payload': () => refuseLarge(payload, payloadAtMost),
    '/id': () => idOf(request),
    '/queue': () => queueOf(options.queue ?? 'default'),
    '/after': () => afterIn(options.id ?? '', options),
    '/unique': () => uniqueOf({ tenant: request.tenant, type, payload }, options.unique, undefined),
  };
  const found = Object.entries(checks).flatMap(([path, check]) => wrongIn(path, check));
  const definition = types.get(type)?.definition;
  if (definition === undefined || found.some(({ path }) => path === '/payload')) return found;
  const checked = await checkPayload(definition, payload);
  return 'wrong' in checked ? [...found, ...checked.fields] : found;
}

function wrongIn(path: string, check: () => unknown): readonly WrongField[] {
  try {
    check();
    return [];
  } catch (cause) {
    if (isFault(cause, 'input.invalid')) return [{ path, message: cause.message }];
    throw cause;
  }
}

function allWrong(first: Fault, fields: readonly WrongField[]): Fault {
  if (fields.length === 0) return first;
  return new Fault('input.invalid', first.message, { cause: first, facts: { ...first.facts, fields } });
}

async function admitted(request: Request, types: Types, { payloadAtMost = inlineAtMost }: Limits): Promise<JobRecord> {
  const known = expectType(request, types);
  const payload = request.payload ?? {};
  refuseLarge(payload, payloadAtMost);
  const needs = await needsOf(known, payload);
  const spec = specOf(request, known.defaults, payload, needs);
  const record = born(spec, contextOf(request, known.defaults));
  refuseBulky(record);
  return record;
}

function expectType({ type, source }: Request, types: Types): KnownType {
  if (type === webhookType && !source.startsWith(webhookSource))
    throw new Fault(
      'input.invalid',
      'Expected another type than `webhook`: such jobs are made for `yard webhook add`.',
    );
  const known = types.get(type);
  if (known === undefined) throw unknownType(type, [...types.keys()]);
  return known;
}

function unknownType(type: string, known: readonly string[]): Fault {
  const close = nearest(type, known);
  const hint = close === undefined ? `This cluster knows ${[...known].sort().join(', ')}.` : `Did you mean ${close}?`;
  return new Fault('input.invalid', `Expected a job type that this cluster knows, got \`${type}\`. ${hint}`);
}

/** Every move of a job writes all of this again, and the head into a header, of which the broker takes 64 KiB. */
function refuseBulky(record: JobRecord): void {
  const { payload: _, ...rest } = record;
  expectBytes(Buffer.byteLength(JSON.stringify(rest)), restAtMost, 'its name, tags, labels, jobs that it waits for');
  expectBytes(asciiJson(headBody(record)).length, headAtMost, 'its labels, limit keys, jobs that it waits for');
}

function expectBytes(bytes: number, most: number, what: string): void {
  if (bytes <= most) return;
  throw new Fault(
    'input.invalid',
    `Expected at most ${most} bytes of what is said of a job beside its payload (${what}), got ${bytes}. Put what the handler needs into the payload.`,
  );
}

function refuseLarge(payload: unknown, atMost: number): void {
  const bytes = sizeOf(payload);
  if (bytes > atMost)
    throw new Fault(
      'input.invalid',
      `Expected a payload of at most ${atMost} bytes of JSON, got ${bytes}. Put the data where the worker can fetch it, and its address into the payload.`,
    );
}

/** Bytes of JSON; what was read from JSON may still be too deep to be written again. */
function sizeOf(payload: unknown): number {
  try {
    const bytes = Buffer.byteLength(JSON.stringify(payload));
    if (!isTooDeep(payload)) return bytes;
  } catch {
    // It is too deep for that, too.
  }
  throw new Fault(
    'input.invalid',
    `Expected a payload that can be written as JSON, of at most ${levelsAtMost} levels, got one that is nested deeper. Make it flatter.`,
  );
}

/** What the type itself needs for this payload; checks the payload on the way, where the type's definition is known. */
async function needsOf({ definition }: KnownType, payload: unknown): Promise<Requirements> {
  if (definition === undefined) return {};
  const checked = await checkPayload(definition, payload);
  if ('wrong' in checked)
    throw new Fault('input.invalid', `${textWithout(secretsIn(payload), checked.wrong)} Correct it.`);
  return definition.requirements?.(checked.value) ?? {};
}

function specOf(request: Request, defaults: JobDefaults, payload: unknown, needs: Requirements): JobSpec {
  const { options, at } = request;
  const timeoutMs = firstGiven(options.timeoutMs, defaults.timeoutMs, timeoutAfterMs);
  const expiresAt = options.expiresAt ?? (options.expiresInMs === undefined ? undefined : at + options.expiresInMs);
  const spec: JobSpec = {
    id: idOf(request),
    tenant: tenantOf(request.tenant),
    type: request.type,
    queue: queueOf(options.queue ?? defaults.queue ?? defaultQueues[1] ?? 'default'),
    priority: options.priority ?? defaults.priority ?? 'medium',
    requirements: withGpu({ ...options.requirements, ...needs, ...mergedLabels(options.requirements, needs) }),
    payload,
    staleAfterMs: options.staleAfterMs ?? defaults.staleAfterMs ?? staleAfterMs,
    source: request.source,
    createdAt: at,
  };
  if (options.name !== undefined) spec.name = options.name;
  if (options.tags !== undefined && options.tags.length > 0) spec.tags = options.tags;
  if (options.limitKeys !== undefined && options.limitKeys.length > 0) spec.limitKeys = options.limitKeys;
  if (timeoutMs !== null) spec.timeoutMs = timeoutMs;
  if (expiresAt !== undefined) spec.expiresAt = expiresAt;
  const after = afterIn(spec.id, options);
  if (after !== undefined) spec.after = after;
  if (request.workflow !== undefined) spec.workflow = request.workflow;
  const trace = traceContext(options.traceparent, options.tracestate);
  if (trace !== undefined) spec.trace = trace;
  const unique = uniqueOf({ tenant: request.tenant, type: request.type, payload }, options.unique, defaults.unique);
  if (unique !== undefined) spec.unique = unique;
  if (options.id !== undefined || options.idempotencyKey !== undefined) spec.contentHash = contentHash(request);
  return spec;
}

function afterIn(id: string, { after: given, afterNeed, afterWhen }: JobOptions): After | undefined {
  if (given === undefined && afterNeed === undefined && afterWhen === undefined) return undefined;
  const jobs = [...new Set(given ?? [])];
  const wrong = jobs.find((job) => !idPattern.test(job));
  const isGood = jobs.length > 0 && jobs.length <= jobsAtMost && wrong === undefined && !jobs.includes(id);
  if (isGood) return { jobs, need: afterNeed ?? 'all', when: afterWhen ?? 'success' };
  const met = jobs.includes(id) ? `its own id ${id}` : (wrong ?? String(jobs.length));
  throw new Fault(
    'input.invalid',
    `Expected \`after\` to be the ids of 1 to ${jobsAtMost} other jobs, got ${met}. Name jobs that are submitted before or beside this one.`,
  );
}

/** Who says what the GPU must be wants one: without, an attempt would see none. */
function withGpu(needs: Requirements): Requirements {
  const isAsked = needs.vendor !== undefined || (needs.vramMb ?? 0) > 0;
  return isAsked && needs.gpu === undefined ? { ...needs, gpu: 1 } : needs;
}

function firstGiven(...values: (number | null | undefined)[]): number | null {
  return values.find((value) => value !== undefined) ?? null;
}

function mergedLabels(asked: Requirements | undefined, needed: Requirements): Requirements {
  return asked?.labels === undefined ? {} : { labels: { ...asked.labels, ...needed.labels } };
}

function queueOf(queue: string): string {
  if (/^[a-z][a-z0-9_-]{0,31}$/.test(queue)) return queue;
  throw new Fault(
    'input.invalid',
    `Expected a queue of a lower-case letter and up to 31 of \`a-z 0-9 _ -\`, got \`${queue}\`. Choose another name.`,
  );
}

/** Keys that begin with `_` are no jobs: a tenant of such a name would write among them. */
function tenantOf(tenant: string): string {
  const wrong = wrongInTenantName(tenant);
  if (wrong !== undefined) throw new Fault('input.invalid', wrong);
  return tenant;
}

/**
 * The given id; else one made from the idempotency key, so that a repeat finds the first; else the fallback.
 *
 * @throws {Fault} `input.invalid` where the given one is none.
 */
export function idOf({ options, tenant, fallbackId }: Request): string {
  if (options.id !== undefined) {
    if (idPattern.test(options.id)) return options.id;
    throw new Fault(
      'input.invalid',
      `Expected a job id of 1 to 64 letters, digits, \`_\` and \`-\` that does not begin with \`_\`, got \`${options.id}\`. Choose another id.`,
    );
  }
  if (options.idempotencyKey === undefined) return fallbackId;
  return `idem-${hashOfText(`${tenant}\n${options.idempotencyKey}`)}`;
}

/**
 * Where the job of an idempotency key stands that version 0.1 made: it hashed the type along, so that one key with two
 * types made two jobs. Absent where there can be none.
 */
export function formerKeyOf({ options, tenant, type }: Request): string | undefined {
  if (options.id !== undefined || options.idempotencyKey === undefined) return undefined;
  return jobKey({ tenant, id: `idem-${hashOfText(`${tenant}\n${type}\n${options.idempotencyKey}`)}` });
}

/** What two submissions under one id must have in common to be the same. */
export function contentHash({ type, payload, options }: Request): string {
  const { traceparent: _, tracestate: __, ...said } = options;
  return hashOfText(JSON.stringify([type, payload ?? {}, said], inOneOrder));
}

function contextOf({ options, at }: Request, defaults: JobDefaults): JobContext {
  const dueAt = options.runAt ?? (options.delayMs === undefined ? undefined : at + options.delayMs);
  return {
    attempt: 0,
    spent: 0,
    losses: 0,
    generation: 1,
    maxAttempts: options.maxAttempts ?? defaults.maxAttempts ?? 4,
    maxLosses: 3,
    backoff: options.backoff ?? defaults.backoff ?? defaultBackoff,
    ...(options.hold === true ? { held: true as const } : {}),
    ...(options.after === undefined ? {} : { blockedBy: [...new Set(options.after)] }),
    ...(dueAt !== undefined && dueAt > at ? { dueAt } : {}),
  };
}

/** What tells one submission from another. */
interface Origin {
  source: string;
  /** Absent where only a newer version can read it. */
  createdAt?: number;
  contentHash?: string | undefined;
}

/**
 * Whether `stored` is what a repeat of the submission behind `record` should find. After a power cut a stream may give a
 * number, and with it a source, to another submission: that came at another time.
 */
export function isSameSubmission(stored: Origin | JobRecord, record: JobRecord): boolean {
  const { source, createdAt = record.createdAt } = stored;
  if (source === record.source && createdAt === record.createdAt) return true;
  return stored.contentHash !== undefined && stored.contentHash === record.contentHash;
}

/** The sentence for a submission whose id belongs to another job. */
export function conflictText(stored: JobRecord): string {
  return `Expected a new job or a repeat of job ${stored.id}, got other content under the same id (409). It was submitted ${formatDuration(Math.max(0, stored.updatedAt - stored.createdAt))} before its last change. Use another Job-Id or Idempotency-Key.`;
}
