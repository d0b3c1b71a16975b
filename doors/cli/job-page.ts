/**
 * All there is to know of one job, as a page: what it is, where it stands and why, its attempts, its history.
 */

import { needsText } from '../../cluster/needs-text.ts';
import { durationText } from '../../cluster/settings.ts';
import type { AttemptEntry, JobRecord, Why } from '../../sdk/index.ts';
import { type Column, columns, facts } from './columns.ts';
import { lineOf } from './follow.ts';
import type { Terminal } from './terminal.ts';
import { moment, relative, stateStyle } from './words.ts';

export interface Surroundings {
  why: Why | undefined;
  /** Broker time, epoch ms. */
  now: number;
  terminal: Terminal;
  /** Of workers, by incarnation, as far as they are known. */
  names?: ReadonlyMap<string, string> | undefined;
}

export function describe(record: JobRecord, surroundings: Surroundings): string {
  const { terminal, names = new Map() } = surroundings;
  const parts = [facts(factsOf(record, surroundings), terminal)];
  if (record.attempts.length > 0) parts.push(columns(record.attempts, attemptShape(names), terminal));
  const details = record.state === 'completed' ? undefined : failureText(record.context.error, terminal);
  if (details !== undefined) parts.push(details);
  parts.push(history(record, terminal));
  return parts.join('\n\n');
}

type Pair = readonly [string, string | undefined];

function factsOf(record: JobRecord, { why, now, terminal, names = new Map() }: Surroundings): readonly Pair[] {
  const { state, context } = record;
  const at = (moment_: number | undefined) => (moment_ === undefined ? undefined : whenText(moment_, now));
  return [
    ['id', record.id],
    ['name', record.name],
    ['type', record.type],
    ['state', `${terminal.style(stateStyle(state), state)}, since ${relative(record.updatedAt, now)}`],
    ['why', why === undefined || why.code === 'not waiting' ? undefined : whyText(why)],
    ['lane', `${record.queue}, ${record.priority}`],
    ['waits for', awaitedText(record)],
    ['workflow', record.workflow === undefined ? undefined : `${record.workflow.id}, node ${record.workflow.node}`],
    ['needs', needsText(record.requirements) || undefined],
    ['tags', record.tags?.join(', ')],
    ['attempt', `${context.attempt} (${context.spent} of ${context.maxAttempts} spent)`],
    ['worker', context.worker === undefined ? undefined : workerText(context.worker, names)],
    ['gpus', record.attempts.at(-1)?.devices?.join(', ')],
    ['progress', progressText(record)],
    ['created', at(record.createdAt)],
    ['due', at(context.dueAt)],
    ['expires', at(record.expiresAt)],
    ['started', at(record.startedAt)],
    ['settled', at(record.settledAt)],
    ['to cancel', at(context.cancelAt)],
    ['timeout', record.timeoutMs === undefined ? 'none' : durationText(record.timeoutMs)],
    ['trace', record.trace?.parent.split('-')[1]],
    ['source', record.source],
    ['payload', asideText(record.aside?.payload) ?? JSON.stringify(record.payload)],
    ['result', state === 'completed' ? (asideText(record.aside?.result) ?? JSON.stringify(context.result)) : undefined],
    ['error', context.error === undefined ? undefined : `${context.error.kind}: ${context.error.message}`],
  ];
}

/** What is too large for a page. */
function asideText(aside: { bytes: number } | undefined): string | undefined {
  return aside === undefined ? undefined : `${aside.bytes} bytes that lie aside; \`-o json\` shows them`;
}

const wanted = { success: 'complete', failure: 'fail', end: 'end' } as const;

/** `any of a, b to end`; once it does not wait any more, what it waited for. */
function awaitedText({ after, context: { blockedBy } }: JobRecord): string | undefined {
  const jobs = blockedBy ?? after?.jobs;
  if (jobs === undefined) return undefined;
  const { need = 'all', when = 'success' } = after ?? {};
  const shown = jobs.length > 10 ? `${jobs.slice(0, 10).join(', ')} and ${jobs.length - 10} more` : jobs.join(', ');
  return `${need === 'any' ? 'any of ' : ''}${shown} to ${wanted[when]}${blockedBy === undefined ? ', which is so' : ''}`;
}

export function whyText({ sentence, ahead }: Why): string {
  return ahead === undefined || ahead === 0 ? sentence : `${sentence} ${ahead} before it.`;
}

function whenText(at: number, now: number): string {
  return `${moment(at)} (${relative(at, now)})`;
}

function progressText({ progress }: JobRecord): string | undefined {
  if (progress === undefined) return undefined;
  const { percent, etaMs, message, values = {} } = progress;
  const parts = [
    percent === undefined ? '' : `${percent}%`,
    etaMs === undefined ? '' : `${durationText(etaMs)} left`,
    message ?? '',
    ...Object.entries(values).map(([name, value]) => `${name} ${value}`),
  ];
  return parts.filter(Boolean).join(', ') || undefined;
}

/** `worker-1 (n3rpqn65sxkr)`; the incarnation alone of one that is gone. */
function workerText(worker: string, names: ReadonlyMap<string, string>): string {
  const name = names.get(worker);
  return name === undefined ? worker : `${name} (${worker})`;
}

function attemptShape(names: ReadonlyMap<string, string>): readonly Column<AttemptEntry>[] {
  return [
    { title: 'ATTEMPT', value: ({ attempt }) => String(attempt), align: 'right' },
    { title: 'WORKER', value: ({ worker }) => workerText(worker, names) },
    { title: 'CLAIMED', value: ({ claimedAt }) => moment(claimedAt) },
    { title: 'RAN', value: ranText, align: 'right' },
    { title: 'OUTCOME', value: ({ outcome = '-' }) => outcome },
    { title: 'ERROR', shrinks: true, value: ({ error }) => error?.message.replaceAll(/\s+/g, ' ') ?? '-' },
  ];
}

function ranText({ startedAt, endedAt }: AttemptEntry): string {
  return startedAt === undefined || endedAt === undefined ? '-' : durationText(Math.max(0, endedAt - startedAt));
}

/** What stands behind the sentence of the last error: of a program its last words, else where it was thrown. */
function failureText(error: JobRecord['context']['error'], terminal: Terminal): string | undefined {
  const { exitCode, stderr = '', stack } = error ?? {};
  if (exitCode === undefined && stack === undefined) return undefined;
  const title = exitCode === undefined ? 'LAST ERROR' : `LAST ERROR, exit code ${exitCode}`;
  const text = stderr.trimEnd() || (exitCode === undefined ? stack : undefined);
  return [terminal.style('dim', title), ...(text === undefined ? [] : [text])].join('\n');
}

function history({ transitions }: JobRecord, terminal: Terminal): string {
  const lines = transitions.map((transition, index) => lineOf(transition, transitions[index - 1]?.at, terminal));
  return [terminal.style('dim', 'HISTORY'), ...lines].join('\n');
}
