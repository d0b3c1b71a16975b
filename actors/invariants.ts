/**
 * What must hold of every record by itself, whoever wrote it, and what can be done where it does not.
 *
 * Pure. A flaw is named by its rule, with what was expected and what was met. A remedy is an edge of the chart, or
 * puts right what stands beside the chart and follows from it (a worker that is named where none holds the job, the
 * moment of settling). No edge is invented: a history that cannot be is told of, and left to a person.
 */

import { isActive, isSettled, type JobEvent } from '../machines/job.ts';
import { isAsides } from '../runtime/aside.ts';
import { headBody } from '../runtime/head.ts';
import type { Head } from '../runtime/ports.ts';
import { type JobRecord, jobKey, keptAttempts, keptTransitions } from '../runtime/record.ts';
import { chartEdges, edge } from '../runtime/record-edge.ts';
import { step } from '../runtime/step.ts';

/** What is broken, in the words of logs and metrics. */
export type Rule =
  | 'not whole'
  | 'under another key'
  | 'history has a hole'
  | 'state is not where its history ends'
  | 'attempts do not count up'
  | 'counted too often'
  | 'active without a worker'
  | 'worker without a claim'
  | 'waits for no moment'
  | 'waits for no job'
  | 'held by nobody'
  | 'settled at no moment'
  | 'settled and open'
  | 'head and body differ'
  | 'kept for the wrong time'
  | 'alarm that never rang'
  | 'cannot be read'
  | 'what lies aside is not there';

/** One thing in a record that no history can have brought about. */
export interface Flaw {
  rule: Rule;
  expected: string;
  met: string;
}

/** What a repair makes of a record: the same job, and the edge that it took, where it took one. */
export interface Repaired {
  record: JobRecord;
  event: JobEvent | undefined;
}

/** What a head says of a record, on the wire or on the board. */
export interface HeadFacts extends Pick<Head, 'state' | 'type' | 'queue' | 'priority' | 'attempt' | 'updatedAt'> {
  createdAt: number;
  worker?: string | undefined;
  dueAt?: number | undefined;
  expiresAt?: number | undefined;
  timeoutMs?: number | undefined;
}

type Check = (record: JobRecord, key: string) => Flaw | undefined;

const edges = chartEdges();

/** Everything that is wrong with the record under `key`; of one that is not whole, only that. */
export function flawsOf(key: string, record: JobRecord): readonly Flaw[] {
  const broken = wholeness(record);
  if (broken !== undefined) return [broken];
  return checks.flatMap((check) => check(record, key) ?? []);
}

/** Where a head says something else than the record that it was made from; written again, both agree. */
export function headFlaw(head: HeadFacts | undefined, record: JobRecord): Flaw | undefined {
  const body: HeadFacts = headBody(record);
  if (head === undefined)
    return flaw(
      'head and body differ',
      false,
      'a head beside the body',
      'none: it was not written by a process of ours',
    );
  const fields = headFields.filter((field) => head[field] !== body[field]);
  const facts = (of: HeadFacts) => fields.map((field) => `${field} ${of[field]}`).join(', ');
  return flaw('head and body differ', fields.length === 0, facts(body), facts(head));
}

/** Where the broker forgets an open record after a while, or keeps a settled one; written again, both are right. */
export function lifetimeFlaw({ state }: JobRecord, expires: boolean): Flaw | undefined {
  const expected = isSettled(state) ? 'a settled record to expire' : 'an open record to stay';
  const met = expires ? 'one that expires' : 'one that stays for ever';
  return flaw('kept for the wrong time', isSettled(state) === expires, expected, met);
}

const headFields = [
  'state',
  'type',
  'queue',
  'priority',
  'createdAt',
  'updatedAt',
  'attempt',
  'worker',
  'dueAt',
  'expiresAt',
  'timeoutMs',
] as const;

/** Whether a leader can put this flaw right by itself. */
export function isRepairable({ rule }: Flaw): boolean {
  return repairable.has(rule);
}

const repairable: ReadonlySet<Rule> = new Set<Rule>([
  'active without a worker',
  'worker without a claim',
  'waits for no moment',
  'waits for no job',
  'held by nobody',
  'settled at no moment',
  'settled and open',
  'head and body differ',
  'kept for the wrong time',
  'alarm that never rang',
]);

/** The record without the flaws that can be put right; `at` is broker time, `spread` the chance in a backoff. */
export function repair(record: JobRecord, { at, spread }: { at: number; spread: number }): Repaired {
  const straight = straightened(record);
  const event = eventFor(straight, { at, spread });
  const stepped = event === undefined ? undefined : step(straight, event);
  return stepped?.moved === true ? { record: stepped.record, event } : { record: straight, event: undefined };
}

/** The edge that a job takes which waits for nothing, or which nobody holds. */
function eventFor({ state, context }: JobRecord, { at, spread }: { at: number; spread: number }): JobEvent | undefined {
  if (isActive(state) && context.worker === undefined)
    return {
      type: 'attempt.lost',
      at,
      attempt: context.attempt,
      spread,
      error: { kind: 'lost', message: 'Its record named no worker while it was active.' },
    };
  const waits = state === 'scheduled' || state === 'retrying';
  if (waits && (context.dueAt === undefined || context.dueAt <= at)) return { type: 'job.due', at };
  if (state === 'blocked' && (context.blockedBy?.length ?? 0) === 0) return { type: 'job.unblocked', at };
  return undefined;
}

/** What follows from the state, made to. */
function straightened(record: JobRecord): JobRecord {
  const { settledAt = record.updatedAt, ...open } = record;
  const context = { ...record.context };
  if (!isActive(record.state)) {
    delete context.worker;
    delete context.cancelAt;
    delete context.preemptAt;
    delete context.preemptFor;
  }
  if (record.state === 'held') context.held = true;
  return isSettled(record.state) ? { ...open, context, settledAt } : { ...open, context };
}

const checks: readonly Check[] = [
  (record, key) => flaw('under another key', key === jobKey(record), `key ${jobKey(record)}`, key),
  numbersOfTransitions,
  chainOfTransitions,
  ({ state, updatedAt, transitions }) => {
    const last = transitions.at(-1);
    const holds = last?.to === state && last.at === updatedAt;
    return flaw(
      'state is not where its history ends',
      holds,
      `${last?.to} since ${last?.at}`,
      `${state} since ${updatedAt}`,
    );
  },
  numbersOfAttempts,
  endsOfAttempts,
  ({ context: { attempt, spent, losses, maxAttempts } }) => {
    const fits = spent >= 0 && spent <= attempt && spent <= maxAttempts && losses >= 0 && losses <= attempt;
    return flaw(
      'counted too often',
      fits,
      `spent within 0 and ${Math.min(attempt, maxAttempts)}, losses within 0 and ${attempt}`,
      `${spent} and ${losses}`,
    );
  },
  ({ state, context: { worker } }) =>
    flaw('active without a worker', !isActive(state) || worker !== undefined, 'a worker', `none in ${state}`),
  ({ state, context: { worker } }) =>
    flaw('worker without a claim', isActive(state) || worker === undefined, `no worker in ${state}`, String(worker)),
  ({ state, context: { dueAt } }) => {
    const waits = state === 'scheduled' || state === 'retrying';
    return flaw('waits for no moment', !waits || dueAt !== undefined, `dueAt in ${state}`, 'none');
  },
  ({ state, context: { blockedBy = [] } }) =>
    flaw('waits for no job', state !== 'blocked' || blockedBy.length > 0, 'jobs that it waits for', 'none'),
  ({ state, context: { held } }) => flaw('held by nobody', state !== 'held' || held === true, 'held: true', 'none'),
  ({ state, settledAt }) =>
    flaw('settled at no moment', !isSettled(state) || settledAt !== undefined, `settledAt in ${state}`, 'none'),
  ({ state, settledAt }) =>
    flaw('settled and open', isSettled(state) || settledAt === undefined, `no settledAt in ${state}`, `${settledAt}`),
];

function flaw(rule: Rule, holds: boolean, expected: string, met: string): Flaw | undefined {
  return holds ? undefined : { rule, expected, met };
}

/** Numbers go up by one, from 1 or from where a full record begins. */
function numbersOfTransitions({ transitions }: JobRecord): Flaw | undefined {
  const numbers = transitions.map(({ n }) => n);
  const first = Math.max(1, (numbers.at(-1) ?? 0) - keptTransitions + 1);
  const holds = numbers.length > 0 && numbers.every((n, place) => n === first + place);
  return flaw('history has a hole', holds, `transitions numbered from ${first}`, numbers.join(', ') || 'none');
}

/** Each transition is an edge of the chart and begins where the one before it led. */
function chainOfTransitions({ transitions }: JobRecord): Flaw | undefined {
  const broken = transitions.find(
    (transition, place) =>
      !edges.has(edge(transition)) || (place > 0 && transition.from !== transitions[place - 1]?.to),
  );
  if (broken === undefined) return undefined;
  return flaw('history has a hole', false, 'each transition an edge that follows the last', edge(broken));
}

function numbersOfAttempts({ attempts, context }: JobRecord): Flaw | undefined {
  const numbers = attempts.map(({ attempt }) => attempt);
  const first = Math.max(1, context.attempt - keptAttempts + 1);
  const expected = Array.from({ length: context.attempt - first + 1 }, (_, place) => first + place);
  const holds = numbers.length === expected.length && numbers.every((number, place) => number === expected[place]);
  return flaw('attempts do not count up', holds, expected.join(', ') || 'none', numbers.join(', ') || 'none');
}

/** All attempts have ended, but for that of an active job, which its worker holds. */
function endsOfAttempts({ attempts, state, context }: JobRecord): Flaw | undefined {
  const running = attempts.filter(({ outcome }) => outcome === undefined);
  const expected = isActive(state) ? [context.attempt] : [];
  const met = running.map(({ attempt }) => attempt);
  if (met.join() !== expected.join())
    return flaw(
      'attempts do not count up',
      false,
      `attempts without an end: ${expected.join() || 'none'}`,
      met.join() || 'none',
    );
  const { worker } = context;
  const [last] = running;
  return flaw(
    'attempts do not count up',
    last === undefined || worker === undefined || last.worker === worker,
    `attempt ${context.attempt} by ${worker}`,
    `by ${last?.worker}`,
  );
}

/** What is read off a broker is believed to be a record by its outline only; what the checks read must be there. */
function wholeness(record: JobRecord): Flaw | undefined {
  const { context, transitions, attempts } = record;
  const missing = [
    ...missingIn(record, 'record', texts, 'string'),
    ...missingIn(record, 'record', moments, 'number'),
    ...missingIn(context, 'context', counters, 'number'),
    ...transitions.flatMap((each, place) => missingIn(each, `transitions[${place}]`, ['n', 'at', 'attempt'], 'number')),
    ...attempts.flatMap((each, place) => missingIn(each, `attempts[${place}]`, ['attempt', 'claimedAt'], 'number')),
    ...mistyped(record),
  ];
  return flaw('not whole', missing.length === 0, 'all that a record says', `without ${missing.join(', ')}`);
}

const texts = ['id', 'tenant', 'type', 'queue', 'priority', 'source'];
const moments = ['createdAt', 'updatedAt', 'staleAfterMs'];
const counters = ['attempt', 'spent', 'losses', 'generation', 'maxAttempts', 'maxLosses'];

function missingIn(what: unknown, name: string, fields: readonly string[], type: 'string' | 'number'): string[] {
  if (typeof what !== 'object' || what === null) return [name];
  const found = new Map<string, unknown>(Object.entries(what));
  return fields.filter((field) => !isOf(found.get(field), type)).map((field) => `${name}.${field}`);
}

function isOf(value: unknown, type: 'string' | 'number'): boolean {
  return type === 'number' ? Number.isFinite(value) : typeof value === 'string';
}

/** What may be absent, and is there as something else. */
function mistyped({ context, settledAt, requirements, aside }: JobRecord): string[] {
  const { worker, dueAt, blockedBy } = context;
  return [
    ...(worker === undefined || isOf(worker, 'string') ? [] : ['context.worker']),
    ...(dueAt === undefined || isOf(dueAt, 'number') ? [] : ['context.dueAt']),
    ...(blockedBy === undefined || Array.isArray(blockedBy) ? [] : ['context.blockedBy']),
    ...(settledAt === undefined || isOf(settledAt, 'number') ? [] : ['record.settledAt']),
    ...(aside === undefined || isAsides(aside) ? [] : ['record.aside']),
    ...(typeof requirements === 'object' && requirements !== null ? [] : ['record.requirements']),
  ];
}
