/**
 * The rules of a step as `docs/protocol.md` tells them, written down once more from the page alone; each is compared
 * with the step that the chart takes, so that the page cannot tell another one.
 */

import { expect } from 'vitest';
import type { JobRecord } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';

export function claimed(record: JobRecord, { worker, at }: { worker: string; at: number }): JobRecord {
  const attempt = record.context.attempt + 1;
  const { dueAt: _, ...context } = record.context;
  const next: JobRecord = {
    ...moved(record, { event: 'attempt.claimed', to: 'assigned', at, attempt }),
    context: { ...context, attempt, spent: context.spent + 1, worker },
    attempts: [...record.attempts, { attempt, worker, claimedAt: at }],
  };
  return asStepped(next, step(record, { type: 'attempt.claimed', at, worker }).record);
}

export function started(record: JobRecord, at: number): JobRecord {
  const { attempt } = record.context;
  const next: JobRecord = {
    ...moved(record, { event: 'attempt.started', to: 'processing', at, attempt }),
    attempts: lastChanged(record, { startedAt: at }),
    startedAt: record.startedAt ?? at,
  };
  return asStepped(next, step(record, { type: 'attempt.started', at, attempt }).record);
}

export function ended(record: JobRecord, at: number, result: unknown): JobRecord {
  const { worker: _, ...context } = record.context;
  const next: JobRecord = {
    ...moved(record, { event: 'attempt.completed', to: 'completed', at, attempt: context.attempt }),
    context: { ...context, result },
    attempts: lastChanged(record, { endedAt: at, outcome: 'completed' }),
    settledAt: at,
  };
  return asStepped(next, step(record, { type: 'attempt.completed', at, attempt: context.attempt, result }).record);
}

export function failed(record: JobRecord, at: number, message: string): JobRecord {
  const { worker: _, ...context } = record.context;
  const { attempt } = context;
  const error = { kind: 'error' as const, message };
  const next: JobRecord = {
    ...moved(record, { event: 'attempt.failed', to: 'retrying', at, attempt }),
    context: { ...context, error, dueAt: at + 10 },
    attempts: lastChanged(record, { endedAt: at, outcome: 'failed', error }),
  };
  return asStepped(next, step(record, { type: 'attempt.failed', at, attempt, error, spread: 0.5 }).record);
}

interface Edge {
  event: string;
  to: JobRecord['state'];
  at: number;
  attempt: number;
}

function moved(record: JobRecord, { event, to, at, attempt }: Edge): JobRecord {
  const n = (record.transitions.at(-1)?.n ?? 0) + 1;
  const transition = { n, at, event, from: record.state, to, attempt };
  return { ...record, state: to, updatedAt: at, transitions: [...record.transitions, transition] };
}

function lastChanged({ attempts }: JobRecord, change: Partial<JobRecord['attempts'][number]>): JobRecord['attempts'] {
  return attempts.map((entry, at) => (at === attempts.length - 1 ? { ...entry, ...change } : entry));
}

function asStepped(record: JobRecord, stepped: JobRecord): JobRecord {
  expect(record).toEqual(stepped);
  return record;
}

/** The headers that the page asks of a write. */
export function headersOf(record: JobRecord, expected: number) {
  const { state, type, queue, priority, requirements, createdAt, updatedAt, timeoutMs, expiresAt } = record;
  const { attempt, worker: holder, dueAt } = record.context;
  const head = { state, type, queue, priority, requirements, createdAt, updatedAt, attempt };
  return {
    'Yard-Head': JSON.stringify({ ...head, worker: holder, dueAt, expiresAt, timeoutMs }),
    'Nats-Expected-Last-Subject-Sequence': expected,
    ...(record.settledAt === undefined ? {} : { 'Nats-TTL': '2592000s' }),
  };
}
