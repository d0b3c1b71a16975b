/**
 * A submission off the wire, read: `nats pub yard.submit.<type>` with headers, or with an envelope
 * `{payload, options}` in the body for clients that have no headers.
 *
 * One table names every header, the option it means and how its text is read; `docs/headers.md` is made from it.
 */

import { needs, whens } from '../machines/rules/after.ts';
import type { Requirements } from '../machines/rules/capability.ts';
import { byVersion, isCondition } from '../machines/rules/condition.ts';
import { parseDuration } from '../machines/rules/duration.ts';
import { parsePriority } from '../machines/rules/lanes.ts';
import { isLimitKey, keyExpected, keysAtMost } from '../machines/rules/limit.ts';
import { jsonWithoutSecrets } from '../machines/rules/secret.ts';
import { type UniqueOptions, uniqueBys, uniqueConflicts, uniqueWhiles } from '../machines/rules/unique.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import { nearest } from '../runtime/options/nearest.ts';
import type { Submission } from '../runtime/ports.ts';
import { traceContext } from '../runtime/trace-context.ts';
import type { JobOptions, Request } from './admission.ts';
import { parseBackoff } from './backoff-text.ts';

/** One thing that a submitter may say: the header's name, the envelope's field, and what its text may be. */
export interface Field {
  header: string;
  field: string;
  /** What the flag of a command line is called, where that is not the field. */
  flag?: string;
  expects: string;
  example: string;
  /** What is wrong with it is passed over: it must not keep a job from being taken in. */
  isHint?: true;
  read(text: string): Partial<JobOptions> | { requirement: Requirements } | { uniqueness: UniqueOptions } | undefined;
}

const refPattern = /^(?:[A-Za-z0-9_-]{1,64}\/)?[A-Za-z0-9_-]{1,64}$/;
const vendors = ['nvidia', 'amd', 'intel'];

/** Every header and envelope field. */
export const fields: readonly Field[] = [
  text('Job-Id', 'id', 'an id of letters, digits, `_` and `-`', 'nightly-17', (id) => ({ id })),
  text(
    'Idempotency-Key',
    'idempotencyKey',
    'any text; the same key and content is the same job',
    'order-4711',
    (idempotencyKey) => ({ idempotencyKey }),
  ),
  text('Unique', 'unique', 'type or type+payload: what must not be there twice', 'type+payload', (value) =>
    given(oneOf(uniqueBys, value), (by) => ({ uniqueness: { by } })),
  ),
  text(
    'Unique-Key',
    'uniqueKey',
    'any text: of those with the same one there is one at a time',
    'customer-17',
    (key) => ({
      uniqueness: { key },
    }),
  ),
  text('Unique-While', 'uniqueWhile', 'waiting, open or kept: how long a job holds its key', 'open', (value) =>
    given(oneOf(uniqueWhiles, value), (until) => ({ uniqueness: { while: until } })),
  ),
  text('Unique-Period', 'uniquePeriod', 'a duration for which it holds its key in any case', '10m', (value) =>
    given(parseDuration(value), (periodMs) => ({ uniqueness: { periodMs } })),
  ),
  text(
    'Unique-Conflict',
    'uniqueConflict',
    'reject, replace or coalesce: what to do where the key is held',
    'coalesce',
    (value) => given(oneOf(uniqueConflicts, value), (onConflict) => ({ uniqueness: { onConflict } })),
  ),
  text('Name', 'name', 'a name for people', 'Trailer, 720p', (name) => ({ name })),
  text('Queue', 'queue', 'the name of a queue', 'live', (queue) => ({ queue })),
  text('Priority', 'priority', 'critical, high, medium or low', 'high', (value) =>
    given(parsePriority(value), (priority) => ({ priority })),
  ),
  text('Tags', 'tags', 'words with commas between them', 'trailer,4k', (value) => ({
    tags: value
      .split(',')
      .map((tag) => tag.trim())
      .filter(Boolean),
  })),
  {
    ...text(
      'Limit-Key',
      'limitKeys',
      `at most ${keysAtMost} limit keys with commas between them, each ${keyExpected}`,
      'api.acme',
      (value) => given(limitKeys(value), (keys) => ({ limitKeys: keys })),
    ),
    flag: 'limitKey',
  },
  text('Delay', 'delay', 'a duration such as 500ms, 10s, 1h30m', '10s', (value) =>
    given(parseDuration(value), (delayMs) => ({ delayMs })),
  ),
  text('Run-At', 'runAt', 'a moment in ISO 8601 or epoch ms', '2027-01-01T00:00:00Z', (value) =>
    given(parseMoment(value), (runAt) => ({ runAt })),
  ),
  text('Expires-In', 'expiresIn', 'a duration after which it must not start', '1h', (value) =>
    given(parseDuration(value), (expiresInMs) => ({ expiresInMs })),
  ),
  text('Expires-At', 'expiresAt', 'a moment after which it must not start', '2027-01-01T06:00:00Z', (value) =>
    given(parseMoment(value), (expiresAt) => ({ expiresAt })),
  ),
  text('Max-Attempts', 'maxAttempts', 'a whole number from 1 up', '4', (value) =>
    given(whole(value, 1), (maxAttempts) => ({ maxAttempts })),
  ),
  text(
    'Backoff',
    'backoff',
    'exponential(1s, x2, max 30s), linear(1s, +1s), fixed(5s) or list(1s, 5s, 1m)',
    'exponential(1s, x2)',
    (value) => given(parseBackoff(value), (backoff) => ({ backoff })),
  ),
  text('Timeout', 'timeout', 'a duration, or `none`', '10m', (value) =>
    value === 'none' ? { timeoutMs: null } : given(parseDuration(value), (timeoutMs) => ({ timeoutMs })),
  ),
  text('Stale-After', 'staleAfter', 'a duration without a sign of life', '30m', (value) =>
    given(parseDuration(value), (staleAfterMs) => ({ staleAfterMs })),
  ),
  text('Hold', 'hold', 'true or false', 'true', (value) => given(flag(value), (hold) => ({ hold }))),
  text('After', 'after', 'ids of jobs that must end before, with commas between them', 'probe-1,probe-2', (value) => ({
    after: value
      .split(',')
      .map((id) => id.trim())
      .filter(Boolean),
  })),
  text('After-Need', 'afterNeed', 'all or any of the jobs in `After`', 'any', (value) =>
    given(
      needs.find((need) => need === value),
      (afterNeed) => ({ afterNeed }),
    ),
  ),
  text('After-When', 'afterWhen', 'success, failure or end: how they must end', 'end', (value) =>
    given(
      whens.find((when) => when === value),
      (afterWhen) => ({ afterWhen }),
    ),
  ),
  text('Gpu', 'gpu', 'how many GPUs it needs', '1', (value) =>
    given(whole(value, 0), (gpu) => ({ requirement: { gpu } })),
  ),
  text('Vram', 'vram', 'GPU memory in MiB', '8000', (value) =>
    given(whole(value, 0), (vramMb) => ({ requirement: { vramMb } })),
  ),
  text('Gpu-Vendor', 'gpuVendor', 'nvidia, amd or intel', 'nvidia', (value) =>
    given(
      vendors.find((vendor) => vendor === value.toLowerCase()),
      (vendor) => ({ requirement: { vendor } }),
    ),
  ),
  text('Encoder', 'encoder', 'an encoder that must work there', 'h264_nvenc', (encoder) => ({
    requirement: { encoder },
  })),
  text('Slots', 'slots', 'how many slots it takes', '2', (value) =>
    given(whole(value, 1), (slots) => ({ requirement: { slots } })),
  ),
  text('Memory', 'memory', 'memory in MiB', '2048', (value) =>
    given(whole(value, 0), (memoryMb) => ({ requirement: { memoryMb } })),
  ),
  text('Disk', 'disk', 'room on the disk of the worker in MiB', '20000', (value) =>
    given(whole(value, 0), (diskMb) => ({ requirement: { diskMb } })),
  ),
  text('Version', 'version', 'what the version of the handler must be, such as >=2.1', '>=2.1', (value) =>
    isCondition(value, byVersion) ? { requirement: { version: value } } : undefined,
  ),
  text(
    'Labels',
    'labels',
    'conditions such as zone=eu|us, cores>=8, disk!=hdd, ssd (has it), !spot (lacks it), with commas between them',
    'zone=eu,cores>=8',
    (value) => given(labels(value), (found) => ({ requirement: { labels: found } })),
  ),
  hint(
    'Traceparent',
    'traceparent',
    'the place in a trace that it goes on from, as W3C Trace Context has it; another text is passed over',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    (traceparent) => given(traceContext(traceparent), () => ({ traceparent })),
  ),
  hint(
    'Tracestate',
    'tracestate',
    'what tracing systems added to `traceparent`',
    'vendor=t61rcWkgMzE',
    (tracestate) => ({ tracestate }),
  ),
  text(
    'Ref',
    'ref',
    'a word, or two with a / in between (client/ref); the decision is told on yard.ack.<ref>',
    'upload-9',
    (value) => (refPattern.test(value) ? {} : undefined),
  ),
];

const byHeader = new Map(fields.map((field) => [field.header.toLowerCase(), field]));
const byField = new Map(fields.map((field) => [field.field, field]));
/** Headers of others, which mean nothing to us and do no harm. */
const foreign = /^(nats-|nmqtt-|baggage$|content-type$|reply-to$|user-agent$)/;

function text(header: string, field: string, expects: string, example: string, read: Field['read']): Field {
  return { header, field, expects, example, read };
}

function hint(header: string, field: string, expects: string, example: string, read: Field['read']): Field {
  return { ...text(header, field, expects, example, read), isHint: true };
}

/** The word under which its submitter waits for the decision, if it gave one: header `Ref`, or `ref` in the envelope. */
export function refOf(submission: Submission): string | undefined {
  const ref = submission.headers.get('ref') ?? refInEnvelope(submission.body);
  return ref !== undefined && refPattern.test(ref) ? ref : undefined;
}

/** The ref of an envelope, looked for only in a body that may hold one: most do not. */
function refInEnvelope(body: Uint8Array): string | undefined {
  if (!Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes('"ref"')) return undefined;
  try {
    const { ref } = readBody(body).options;
    return typeof ref === 'string' ? ref : undefined;
  } catch {
    return undefined;
  }
}

/** Where the job of a submission comes from, the same for each of its deliveries. */
export function sourceOf({ streamCreatedAt, sequence }: Pick<Submission, 'streamCreatedAt' | 'sequence'>): string {
  return `submission:${streamCreatedAt.toString(36)}-${sequence}`;
}

/**
 * What a submission asks for.
 *
 * @throws {Fault} `input.invalid` where body or headers are not what was expected.
 */
export function readRequest(submission: Submission): Request {
  const { payload, options: inEnvelope } = readBody(submission.body);
  const options = merge([...readHeaders(submission.headers), ...readEnvelope(inEnvelope)]);
  return {
    tenant: submission.tenant,
    type: submission.type,
    payload,
    options,
    source: sourceOf(submission),
    fallbackId: `${Math.floor(submission.streamCreatedAt / 1_000).toString(36)}-${submission.sequence}`,
    at: submission.at,
  };
}

/** What text options (of a command line, say) mean, by the field names of the envelope. */
export function readOptions(given: Readonly<Record<string, unknown>>): JobOptions {
  return merge(readEnvelope(given));
}

type Part = ReturnType<Field['read']>;

function readHeaders(headers: ReadonlyMap<string, string>): Part[] {
  const parts: Part[] = [];
  for (const [name, value] of headers) {
    if (foreign.test(name)) continue;
    const field = byHeader.get(name);
    if (field === undefined)
      throw unknownName(
        'header',
        name,
        fields.map(({ header }) => header),
      );
    parts.push(readField(field, field.header, value));
  }
  return parts;
}

function readEnvelope(given: Readonly<Record<string, unknown>>): Part[] {
  return Object.entries(given).map(([name, value]) => {
    const field = byField.get(name);
    if (field === undefined) throw unknownName('option', name, [...byField.keys()]);
    // No text says nothing, and is refused as such.
    return readField(field, name, value === null ? '' : asText(value));
  });
}

function readField(field: Field, name: string, value: string): Part {
  const part = value.trim() === '' ? undefined : field.read(value.trim());
  if (part === undefined && field.isHint === true) return undefined;
  if (part === undefined)
    throw new Fault(
      'input.invalid',
      `Expected \`${name}\` to be ${field.expects}, got \`${value}\`. Write, for example, \`${field.example}\`.`,
    );
  return part;
}

/** Values of an envelope may be JSON of their own kind; here they read as the header's text would. */
function asText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([label, content]) => `${label}=${String(content)}`)
      .join(',');
  return String(value);
}

function merge(parts: readonly Part[]): JobOptions {
  const options: JobOptions = {};
  let requirements: Requirements = {};
  let unique: UniqueOptions = {};
  for (const part of parts)
    if (part !== undefined && 'requirement' in part) requirements = { ...requirements, ...part.requirement };
    else if (part !== undefined && 'uniqueness' in part) unique = { ...unique, ...part.uniqueness };
    else Object.assign(options, part);
  if (Object.keys(requirements).length > 0) options.requirements = requirements;
  if (Object.keys(unique).length > 0) options.unique = unique;
  return options;
}

function unknownName(kind: string, name: string, known: readonly string[]): Fault {
  const close = nearest(name, known);
  const hint = close === undefined ? `Known are ${known.join(', ')}.` : `Did you mean \`${close}\`?`;
  return new Fault('input.invalid', `Expected a known ${kind}, got \`${name}\`. ${hint}`);
}

function readBody(body: Uint8Array): { payload: unknown; options: Record<string, unknown> } {
  const text = new TextDecoder().decode(body).trim();
  const json = text === '' ? {} : parse(text);
  if (!isObject(json))
    throw new Fault(
      'input.invalid',
      `Expected a JSON object as the payload, got ${kindOf(json)}. Wrap it in an object.`,
    );
  if (!isEnvelope(json)) return { payload: json, options: {} };
  if (!isObject(json['options']))
    throw new Fault(
      'input.invalid',
      `Expected \`options\` of the envelope to be an object, got ${kindOf(json['options'])}. Give an object.`,
    );
  return { payload: json['payload'], options: json['options'] };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault(
      'input.invalid',
      `Expected JSON, got \`${jsonWithoutSecrets(text).slice(0, 60)}\` (${syntaxIn(error)}). Send a JSON object.`,
    );
  }
}

/** Where it is broken, without the piece that the engine quotes. */
function syntaxIn(error: unknown): string {
  return messageOf(error).replace(/,? (?:\.\.\.)?".*"(?:\.\.\.)? is not valid JSON$/s, '');
}

/** An envelope is an object with `payload` and `options` and nothing else. */
function isEnvelope(json: Record<string, unknown>): boolean {
  return Object.keys(json).length === 2 && 'payload' in json && 'options' in json;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function given<Value, Result>(value: Value | undefined, then: (value: Value) => Result): Result | undefined {
  return value === undefined ? undefined : then(value);
}

function oneOf<Word extends string>(words: readonly Word[], text: string): Word | undefined {
  return words.find((word) => word === text.toLowerCase());
}

function whole(text: string, least: number): number | undefined {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= least ? value : undefined;
}

function flag(text: string): boolean | undefined {
  if (text === 'true') return true;
  return text === 'false' ? false : undefined;
}

/** `api.acme,gpu.big`, each once and in one order, so that what says the same is the same. */
function limitKeys(text: string): readonly string[] | undefined {
  const keys = [...new Set(text.split(',').map((key) => key.trim()))].sort();
  return keys.length <= keysAtMost && keys.every(isLimitKey) ? keys : undefined;
}

/** `zone=eu,cores>=8,cores<32,!spot` as conditions by label. */
function labels(text: string): Record<string, string> | undefined {
  const conditions: Record<string, string> = {};
  for (const part of text.split(',').map((each) => each.trim())) {
    const [label, condition] = labelIn(part) ?? [];
    if (label === undefined || condition === undefined || !isCondition(condition)) return undefined;
    const before = conditions[label];
    conditions[label] = before === undefined ? condition : `${before}&${condition}`;
  }
  return conditions;
}

function labelIn(part: string): [label: string, condition: string] | undefined {
  const [, not = '', label = '', rest = ''] = /^(!?)\s*([^\s=!<>&|]+)\s*(.*)$/.exec(part) ?? [];
  if (label === '') return undefined;
  if (rest === '') return [label, not === '!' ? '!' : '*'];
  if (not !== '' || !/^[=!<>]/.test(rest)) return undefined;
  return [label, (rest.startsWith('=') ? rest.slice(1) : rest).replace(/^(!=|[<>]=?)\s+/, '$1').trim()];
}

function parseMoment(text: string): number | undefined {
  // `Date.parse` takes almost anything, such as `5` for a day in 2001.
  if (!/^\d{12,15}$|^\d{4}-\d{2}-\d{2}/.test(text)) return undefined;
  const moment = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(moment) ? moment : undefined;
}
