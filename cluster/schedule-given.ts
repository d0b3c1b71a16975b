/**
 * What a person says about a schedule, on this side of the wire, and the complete schedule that it means.
 *
 * Text and typed values mean the same: a duration, a moment or a policy is read here for every door. What is not said
 * is the default, or, where a schedule is edited, what it was.
 */

import { expectForMany, expectScheduleName, notForMany } from '../actors/scheduled-job.ts';
import { flawOf, type Plan } from '../machines/rules/cron.ts';
import { parseDuration } from '../machines/rules/duration.ts';
import { type Misfire, misfires } from '../machines/rules/misfire.ts';
import { Fault, wrongField } from '../runtime/faults.ts';
import { type Overlap, overlaps, type ScheduledJob, type ScheduleSpec } from '../runtime/schedule.ts';
import { type Duration, type Moment, type SubmitOptions, submitFlags } from './submit-options.ts';

/** What each job of a schedule may be told beside its payload: all that a submitter may say of more than one. */
export type ScheduledOptions = Omit<SubmitOptions, 'id' | 'idempotencyKey' | 'runAt' | 'expiresAt' | 'backoff'> & {
  backoff?: string | undefined;
};

/** The flags of `yard submit` that each job of a schedule can be told. */
export function scheduledFlags(): ReturnType<typeof submitFlags> {
  return submitFlags().filter(({ name }) => !notForMany.has(name));
}

/** When a schedule fires: a cron expression in a time zone (UTC unless given), or an interval. */
export interface When {
  /** Five fields, or six with seconds before them: `'0 2 * * *'`. */
  cron?: string | undefined;
  /** The name of a time zone, such as `'Europe/Berlin'`. */
  tz?: string | undefined;
  /** An interval instead, at least 1s. */
  every?: Duration | undefined;
  /** The moment from which intervals are counted; now unless given. */
  anchor?: Moment | undefined;
}

/** A schedule as a person says it. */
export interface ScheduleGiven extends When {
  /** What to do about moments at which nobody led: `once` unless given. */
  misfire?: Misfire | undefined;
  /** What was missed longer ago is not made up for; `'1h'` unless given. */
  window?: Duration | undefined;
  /** What to do while the job of the last firing is open: `allow` unless given. */
  overlap?: Overlap | undefined;
  /** It does not fire after this moment; `'none'` or `null` where it shall have no end, such as in an edit. */
  until?: Moment | null | undefined;
  /** The type of its jobs. */
  type: string;
  payload?: unknown;
  options?: ScheduledOptions | Readonly<Record<string, unknown>> | undefined;
}

export type ScheduleChange = Partial<ScheduleGiven>;

const hourMs = 3_600_000;

/**
 * The complete schedule.
 *
 * @param before what it was, where it is edited.
 * @throws {Fault} `input.invalid`
 */
export function specOf(
  { tenant, name, now }: { tenant: string; name: string; now: number },
  given: ScheduleChange,
  before?: ScheduleSpec,
): ScheduleSpec {
  const { window = before?.windowMs ?? hourMs } = given;
  const until = untilOf(given, before);
  const spec: ScheduleSpec = {
    tenant,
    name: expectScheduleName(name),
    plan: planOf(given, now, before?.plan),
    misfire: oneOf('misfire', misfires, given.misfire ?? before?.misfire ?? 'once'),
    windowMs: durationOf('window', window),
    overlap: oneOf('overlap', overlaps, given.overlap ?? before?.overlap ?? 'allow'),
    ...(until === undefined ? {} : { until }),
    job: jobOf(given, before?.job),
  };
  expectForMany(spec.job);
  return spec;
}

function untilOf({ until }: ScheduleChange, before: ScheduleSpec | undefined): number | undefined {
  if (until === undefined) return before?.until;
  return until === null || until === 'none' ? undefined : momentOf('until', until);
}

/**
 * When it fires.
 *
 * @throws {Fault} `input.invalid`
 */
export function planOf(given: When, now: number, before?: Plan): Plan {
  const plan = unchecked(given, now, before);
  const flaw = flawOf(plan);
  if (flaw === undefined) return plan;
  throw wrongField(placeOf(plan), flaw);
}

/** Where the flaw of a plan is. */
function placeOf(plan: Plan): string {
  if (plan.kind === 'every') return '/every';
  return flawOf({ ...plan, cron: '* * * * *' }) === undefined ? '/cron' : '/tz';
}

function unchecked(when: When, now: number, before: Plan | undefined): Plan {
  const { cron, every } = when;
  if (cron !== undefined && every !== undefined) throw expected('either `cron` or `every`', 'both');
  const isInterval = every !== undefined || (cron === undefined && before?.kind === 'every');
  return isInterval ? intervalOf(when, now, before) : cronOf(when, before);
}

function intervalOf({ tz, every, anchor }: When, now: number, before: Plan | undefined): Plan {
  if (tz !== undefined) throw expected('a time zone beside a cron expression alone', '`tz` with an interval');
  const former = before?.kind === 'every' ? before : undefined;
  if (former !== undefined && every === undefined && anchor === undefined) return former;
  return {
    kind: 'every',
    everyMs: every === undefined ? (former?.everyMs ?? 0) : durationOf('every', every),
    anchorAt: anchor === undefined ? Math.floor(now / 1_000) * 1_000 : momentOf('anchor', anchor),
  };
}

function cronOf({ cron, tz, anchor }: When, before: Plan | undefined): Plan {
  if (anchor !== undefined) throw expected('`anchor` beside `every`', 'it without');
  const former = before?.kind === 'cron' ? before : undefined;
  const text = cron ?? former?.cron;
  if (text === undefined) throw expected('`cron` or `every`', tz === undefined ? 'neither' : '`tz` alone');
  return { kind: 'cron', cron: text.trim().replaceAll(/\s+/g, ' '), zone: tz ?? former?.zone ?? 'UTC' };
}

function expected(what: string, met: string): Fault {
  return new Fault(
    'input.invalid',
    `Expected ${what}, got ${met}. Write, for example, \`--cron '*/5 * * * *' --tz Europe/Berlin\` or \`--every 30s\`.`,
  );
}

function jobOf({ type, payload, options }: ScheduleChange, before: ScheduledJob | undefined): ScheduledJob {
  return {
    type: type ?? before?.type ?? '',
    payload: payload ?? before?.payload ?? {},
    options: { ...before?.options, ...said(options ?? {}) },
  };
}

/** What is said at all, as it would stand in an envelope. */
function said(options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

export function durationOf(name: string, given: Duration): number {
  const ms = parseDuration(given);
  if (ms !== undefined) return ms;
  throw wrongField(
    `/${name}`,
    `Expected \`${name}\` to be a duration such as 500ms, 10s or 1h30m, got \`${given}\`. Write, for example, \`1h\`.`,
  );
}

export function momentOf(name: string, given: Moment): number {
  // `Date` takes almost any text, such as `5` for a day in 2001.
  const isText = typeof given === 'string' && !/^\d{4}-\d{2}-\d{2}/.test(given);
  const moment = isText ? Number.NaN : new Date(given).getTime();
  if (Number.isFinite(moment)) return moment;
  throw wrongField(
    `/${name}`,
    `Expected \`${name}\` to be a moment in ISO 8601, got \`${String(given)}\`. Write, for example, \`2027-01-01T00:00:00Z\`.`,
  );
}

function oneOf<Word extends string>(name: string, words: readonly Word[], given: string): Word {
  const word = words.find((each) => each === given);
  if (word !== undefined) return word;
  throw wrongField(
    `/${name}`,
    `Expected \`${name}\` to be one of ${words.join(', ')}, got \`${given}\`. Choose one of them.`,
  );
}
