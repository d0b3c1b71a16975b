/**
 * The record of a schedule: the readable JSON that lies in KV under `_schedule.<tenant>.<name>`, beside the jobs, so that
 * one batch can hold both. It says what is to run and when, and what became of the moments that have come.
 *
 * Knows its shape, its version, its bounds, and how it takes a step: the only code that sets its `state`. It is told of
 * moments and never asks a clock.
 */

import type { Plan } from '../machines/rules/cron.ts';
import type { MisfirePolicy } from '../machines/rules/misfire.ts';
import {
  type ScheduleContext,
  type ScheduleEvent,
  type ScheduleState,
  scheduleMachine,
  scheduleMachineVersion,
  scheduleStates,
} from '../machines/schedule.ts';
import { Fault } from './faults.ts';
import { inertScope } from './inert-scope.ts';

/** Raised when the shape below changes. */
const scheduleVersion = 1;
/** How many firings a record keeps; older ones are dropped, their numbers are not. */
const keptFirings = 50;

export const overlaps = ['allow', 'skip', 'replace'] as const;
/** What to do at a moment when the job of the last firing is still open. */
export type Overlap = (typeof overlaps)[number];

/** The job that is made at each firing, as its submitter would say it. */
export interface ScheduledJob {
  type: string;
  payload: unknown;
  /** By the names of the envelope, such as `{"priority": "high", "timeout": "10m"}`. */
  options: Readonly<Record<string, unknown>>;
}

/** What a person says about a schedule, complete with defaults. */
export interface ScheduleSpec extends MisfirePolicy {
  tenant: string;
  name: string;
  plan: Plan;
  overlap: Overlap;
  job: ScheduledJob;
}

export const firingOutcomes = ['fired', 'skipped', 'missed', 'refused'] as const;
/** `refused`: the job could not be made, as a submission of the same would have been refused. */
export type FiringOutcome = (typeof firingOutcomes)[number];

/** What became of a moment; or of several, from `at` to `to`. Times are epoch ms. */
export interface Firing {
  /** Counts up from 1. */
  n: number;
  at: number;
  to?: number;
  /** How many moments; absent: one. */
  count?: number;
  /** When it was decided. */
  decidedAt: number;
  outcome: FiringOutcome;
  /** Id of the job that was made. */
  job?: string;
  why?: string;
  /** A person ran it, whatever the moment. */
  byHand?: true;
}

/** A schedule as it lies in KV. */
export interface ScheduleRecord extends ScheduleSpec {
  version: number;
  machine: number;
  state: ScheduleState;
  context: ScheduleContext;
  /** How many moments came to what, since it was made. */
  counts: Readonly<Record<FiringOutcome, number>>;
  firings: readonly Firing[];
  createdAt: number;
  /** When its present state began. */
  updatedAt: number;
}

export interface StoredSchedule {
  schedule: ScheduleRecord;
  revision: number;
}

/** What a follower needs of a schedule, without its body. */
export interface ScheduleHead {
  key: string;
  state: ScheduleState;
  nextAt?: number;
}

const keyStart = '_schedule.';

/** The key of a schedule in the bucket of jobs. */
export function scheduleKey({ tenant, name }: { tenant: string; name: string }): string {
  return `${keyStart}${tenant}.${name}`;
}

export function isScheduleKey(key: string): boolean {
  return key.startsWith(keyStart);
}

export function scheduleHead(schedule: ScheduleRecord): Omit<ScheduleHead, 'key'> {
  const { state, context } = schedule;
  return { state, ...(context.nextAt === undefined ? {} : { nextAt: context.nextAt }) };
}

/** What can be said of a firing before it is numbered. */
export type NewFiring = Omit<Firing, 'n' | 'decidedAt'>;

const scope = inertScope();
const places = {
  active: { kept: 'active' },
  paused: { kept: 'paused' },
  ended: { kept: 'ended' },
  deleted: 'deleted',
} as const;

/** A new schedule; `nextAt` is absent where it has no moment to come. */
export function newSchedule(spec: ScheduleSpec, at: number, nextAt: number | undefined): ScheduleRecord {
  const born: ScheduleRecord = {
    version: scheduleVersion,
    machine: scheduleMachineVersion,
    ...spec,
    state: 'active',
    context: {},
    counts: { fired: 0, skipped: 0, missed: 0, refused: 0 },
    firings: [],
    createdAt: at,
    updatedAt: at,
  };
  return scheduleStep(born, { type: 'schedule.edited', at, nextAt }) ?? born;
}

/** The schedule after `event`, with what became of moments; `undefined` where its state has no such edge. */
export function scheduleStep(
  schedule: ScheduleRecord,
  event: ScheduleEvent,
  firings: readonly NewFiring[] = [],
): ScheduleRecord | undefined {
  const before = scheduleMachine.resolveState({ value: places[schedule.state], context: schedule.context });
  if (before.status !== 'active') return undefined;
  if (scheduleMachine.getTransitionData(before, event).length === 0) return undefined;
  const after = scheduleMachine.transition(before, event, scope);
  const state = scheduleStates.find((one) => after.matches(places[one])) ?? schedule.state;
  return {
    ...schedule,
    machine: scheduleMachineVersion,
    state,
    context: after.context,
    ...withFirings(schedule, firings, event.at),
    updatedAt: state === schedule.state ? schedule.updatedAt : event.at,
  };
}

function withFirings(
  { firings, counts }: ScheduleRecord,
  more: readonly NewFiring[],
  decidedAt: number,
): Pick<ScheduleRecord, 'firings' | 'counts'> {
  const last = firings.at(-1)?.n ?? 0;
  const numbered = more.map((firing, at): Firing => ({ n: last + 1 + at, ...firing, decidedAt }));
  const counted = { ...counts };
  for (const { outcome, count = 1 } of more) counted[outcome] += count;
  return { firings: [...firings, ...numbered].slice(-keptFirings), counts: counted };
}

/**
 * The schedule that `json` holds.
 *
 * @throws {Fault} `record.unreadable` where it is none, or was written by a newer version.
 */
export function readSchedule(json: unknown): ScheduleRecord {
  if (!isLoose(json) || !isWhole(json))
    throw new Fault('record.unreadable', 'Expected a schedule with a name, a plan and a state, got something else.');
  if (json.version > scheduleVersion || json.machine > scheduleMachineVersion)
    throw new Fault(
      'record.unreadable',
      `Expected a schedule of version ${scheduleVersion} and machine ${scheduleMachineVersion} at most, got ${json.version} and ${json.machine}. Upgrade this process.`,
    );
  return json;
}

type Loose = Record<string, unknown>;

function isLoose(json: unknown): json is Loose {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function isWhole(json: Loose): json is Loose & ScheduleRecord {
  return (
    typeof json['version'] === 'number' &&
    typeof json['machine'] === 'number' &&
    typeof json['tenant'] === 'string' &&
    typeof json['name'] === 'string' &&
    scheduleStates.some((state) => state === json['state']) &&
    isLoose(json['plan']) &&
    isLoose(json['job']) &&
    isLoose(json['context']) &&
    isLoose(json['counts']) &&
    Array.isArray(json['firings'])
  );
}
