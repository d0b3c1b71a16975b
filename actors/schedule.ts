/**
 * Fires schedules, for the leader: each moment that has come makes a job, or is skipped, or was missed, and that once.
 *
 * The idea: a schedule's record holds the first moment that nobody has decided. Deciding moves it on, and is one batch
 *
 *     _leader                 we lead
 *     _schedule.<tenant>.x    at the revision that was read; the moment moves on, its outcome is noted
 *     <tenant>.x-<moment>     the job, which must not be there yet
 *
 * so that either all of it has happened or nothing. A leader that dies before has fired nothing, and the next one finds
 * the moment undecided; one that dies after has fired it, and the next one finds it decided. A deposed leader's batch
 * is refused by the lease, a person who edits meanwhile wins by the revision of the schedule. The picture
 * (`schedule-book.ts`) only says where to look: every decision rests on the record as the leader of the stream has it.
 *
 * A job that stands under the id already was made by this very moment, as after a restore, or is somebody else's; the
 * record tells which. A broker that is away is asked again: no moment is lost by it, but it may be late, and then the
 * schedule's own policy says what becomes of it.
 */

import { isActive, isSettled } from '../machines/job.ts';
import { decideMoments } from '../machines/rules/misfire.ts';
import type { ScheduleEvent } from '../machines/schedule.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { isFault, messageOf } from '../runtime/faults.ts';
import { headOf } from '../runtime/head.ts';
import type { Entry, Events, Head, JobStore, Notices } from '../runtime/ports.ts';
import { type JobRecord, jobKey, type Stored } from '../runtime/record.ts';
import {
  type Firing,
  type NewFiring,
  type ScheduleRecord,
  type StoredSchedule,
  scheduleHead,
  scheduleStep,
} from '../runtime/schedule.ts';
import { step } from '../runtime/step.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { KnownType } from './admission.ts';
import type { Commit, Committed } from './committer.ts';
import type { Quotas } from './quota.ts';
import type { ScheduleBook } from './schedule-book.ts';
import { idOfFiring, jobOfSchedule, sourceOfFiring } from './scheduled-job.ts';
import { claimAtBirth } from './unique-key.ts';
import { whereUnreadable } from './unreadable.ts';

export interface SchedulesOptions {
  book: ScheduleBook;
  store: JobStore;
  commit: Commit;
  types: ReadonlyMap<string, KnownType>;
  events: Events;
  notices: Notices;
  /** A job was written: its head, for the board, and its record. */
  apply: (head: Head, record: JobRecord) => void;
  quotas: Quotas;
  clock: Clock;
  telemetry: Telemetry;
}

const schedulesAtOnce = 100;
const firingsAtOnce = 20;
const longestSleepMs = 1_000;
const againAfterMs = 100;
const triesAtMost = 3;

/** What a batch does beside the schedule itself. */
interface Plan {
  event: ScheduleEvent;
  firings: NewFiring[];
  jobs: JobRecord[];
  /** What the jobs write about their unique keys. */
  claims: Entry[];
  /** The job of the last firing, told to stop. */
  cancelled?: { before: Stored; after: JobRecord };
}

export class Schedules {
  readonly #options: SchedulesOptions;
  #timer: Cancel = () => {};
  #wakeAt = Number.POSITIVE_INFINITY;
  #ringing = false;
  #stopped = false;

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#sleep(0);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer();
  }

  /** The picture has changed: the next moment may be nearer than it was. */
  wake(): void {
    if (!this.#ringing && (this.#options.book.nextAt ?? Number.POSITIVE_INFINITY) < this.#wakeAt) this.#sleep(0);
  }

  #sleep(leastMs: number): void {
    this.#timer();
    const { book, clock } = this.#options;
    const next = book.nextAt;
    this.#wakeAt = next ?? Number.POSITIVE_INFINITY;
    if (next === undefined || this.#stopped) return;
    const ms = Math.max(leastMs, Math.min(longestSleepMs, next - clock.now()));
    this.#timer = clock.after(ms, () => void this.#ring());
  }

  async #ring(): Promise<void> {
    if (this.#ringing) return;
    this.#ringing = true;
    const { book, clock } = this.#options;
    const due = book.due(clock.now()).slice(0, schedulesAtOnce);
    const done = await Promise.all(due.map((key) => this.#fireOrWait(key)));
    this.#ringing = false;
    this.#sleep(done.every(Boolean) ? 0 : againAfterMs);
  }

  /** `false` where it could not be decided now: the broker is away, or this leader was deposed. */
  async #fireOrWait(key: string): Promise<boolean> {
    try {
      for (let tries = 0; tries < triesAtMost && !this.#stopped; tries++) if (await this.#fire(key)) return true;
      return false;
    } catch (cause) {
      // Another birth was quicker with the last place: it is planned anew, without one.
      if (!isFault(cause, 'record.unreadable')) return false;
      const met = messageOf(cause);
      this.#options.telemetry.tell('auditor.found', { key, what: 'cannot be read', expected: 'a schedule', met });
      this.#options.book.rest(key);
      return true;
    }
  }

  /** Decides what has come of one schedule; `false` where something moved on meanwhile, and all has to be read again. */
  async #fire(key: string): Promise<boolean> {
    const { store, book, clock } = this.#options;
    const stored = await store.readSchedule(key);
    const { nextAt } = stored?.schedule.context ?? {};
    if (stored === undefined || nextAt === undefined) {
      book.rest(key);
      return true;
    }
    if (nextAt > clock.now()) {
      book.apply({ key, ...scheduleHead(stored.schedule) }, stored.revision);
      return true;
    }
    return await this.#commit(key, stored, await this.#plan(stored.schedule, nextAt));
  }

  async #plan(schedule: ScheduleRecord, nextAt: number): Promise<Plan> {
    const now = this.#options.clock.now();
    const verdict = decideMoments(schedule.plan, schedule, { nextAt, now, atMost: firingsAtOnce });
    const event: ScheduleEvent = { type: 'schedule.decided', at: now, nextAt: verdict.nextAt };
    const missed = verdict.missed.map(({ from: at, to, count, why }) => missedFiring({ at, to, count, why }));
    const plan: Plan = { event, firings: missed, jobs: [], claims: [] };
    const previous = await this.#previous(schedule);
    for (const at of verdict.fire) await this.#decide(schedule, plan, { at, previous, newest: verdict.fire.at(-1) });
    const made = plan.jobs.at(-1)?.id;
    if (made !== undefined) plan.event = { ...event, job: made };
    return plan;
  }

  /** The job of the last firing, where it is still open and that makes a difference. */
  async #previous({ tenant, overlap, context }: ScheduleRecord): Promise<Stored | undefined> {
    if (overlap === 'allow' || context.lastJob === undefined) return undefined;
    const key = jobKey({ tenant, id: context.lastJob });
    // Of one that cannot be read nobody here can say that it is open, nor cancel it.
    const stored = await whereUnreadable(this.#options.store.read(key), undefined);
    return stored === undefined || isSettled(stored.record.state) ? undefined : stored;
  }

  async #decide(
    schedule: ScheduleRecord,
    plan: Plan,
    { at, previous, newest }: { at: number; previous: Stored | undefined; newest: number | undefined },
  ): Promise<void> {
    const { overlap } = schedule;
    const open = plan.jobs.at(-1)?.id ?? previous?.record.id;
    if (overlap === 'skip' && open !== undefined)
      plan.firings.push({ at, outcome: 'skipped', why: `job ${open} was still open` });
    else if (overlap === 'replace' && at !== newest)
      plan.firings.push({ at, outcome: 'skipped', why: 'a later firing takes its place' });
    else if (await this.#make(schedule, plan, { at, freed: freedBy(schedule, previous) }))
      this.#replace(schedule, plan, previous);
  }

  /** Adds the job of a moment to the plan; `false` where there can be none. */
  async #make(schedule: ScheduleRecord, plan: Plan, { at, freed }: { at: number; freed: number }): Promise<boolean> {
    const { store, types, clock, quotas } = this.#options;
    const id = idOfFiring(schedule.name, at);
    const source = sourceOfFiring(schedule.name, at);
    try {
      const record = await jobOfSchedule(schedule, { id, source, at: clock.now() }, types);
      const there = await store.read(jobKey(record));
      if (there?.record.source === source)
        plan.firings.push({ at, outcome: 'fired', job: id, why: 'its job was there already' });
      else if (there !== undefined)
        plan.firings.push({
          at,
          outcome: 'refused',
          why: `another job has the id ${id}; edit the schedule under another name`,
        });
      else {
        await quotas.expect(record.tenant, plan.jobs.length + 1 - freed);
        return await this.#take(plan, record, at);
      }
    } catch (cause) {
      if (!isFault(cause, 'input.invalid') && !isFault(cause, 'quota.full')) throw cause;
      plan.firings.push({ at, outcome: 'refused', why: messageOf(cause) });
    }
    return false;
  }

  /** Adds a job that can be made, unless by its unique rule another one is in its place. */
  async #take(plan: Plan, record: JobRecord, at: number): Promise<boolean> {
    const { store, clock } = this.#options;
    const { unique } = record;
    const claim = unique === undefined ? undefined : await claimAtBirth(record, unique, { store, now: clock.now() });
    const isTwice = plan.claims.some(({ key }) => key === unique?.key);
    if (claim?.kind === 'held' || isTwice) {
      const why = claim?.kind === 'held' ? claim.why : 'another firing that came with it holds the unique key';
      plan.firings.push({ at, outcome: 'skipped', why });
      return false;
    }
    plan.firings.push({ at, outcome: 'fired', job: record.id });
    plan.jobs.push(record);
    plan.claims.push(...(claim?.entries ?? []));
    return true;
  }

  #replace({ overlap }: ScheduleRecord, plan: Plan, previous: Stored | undefined): void {
    if (overlap !== 'replace' || previous === undefined) return;
    const at = this.#options.clock.now();
    const stopped = step(previous.record, { type: 'job.cancel', at, reason: 'the next firing of its schedule' });
    if (stopped.moved && previous.record.context.cancelAt === undefined)
      plan.cancelled = { before: previous, after: stopped.record };
  }

  async #commit(key: string, { schedule, revision }: StoredSchedule, plan: Plan): Promise<boolean> {
    const next = scheduleStep(schedule, plan.event, plan.firings);
    if (next === undefined) return false;
    // What the unique rule of the new job cancels is told by the feed.
    const claims = plan.claims.filter(({ key: each }) => each !== keyOfCancelled(plan));
    const { cancelled } = plan;
    const moved = cancelled === undefined ? [] : [{ record: cancelled.after, expected: cancelled.before.revision }];
    const jobs = [...moved, ...plan.jobs.map((record) => ({ record, expected: 0 }))];
    const entries: Entry[] = [
      { key, expected: revision, schedule: next },
      ...jobs.map((job) => ({ key: jobKey(job.record), ...job })),
      ...claims,
    ];
    const { book } = this.#options;
    const committed = await this.#write(schedule.tenant, plan, entries);
    if (committed.kind === 'conflict') return false;
    if (this.#stopped) return true;
    const [own = 0, ...revisions] = committed.revisions;
    book.apply({ key, ...scheduleHead(next) }, own);
    for (const [at, { record }] of jobs.entries()) this.#tellJob(record, revisions[at] ?? 0);
    this.#tell(key, next, plan.firings.length);
    return true;
  }

  #write(tenant: string, { jobs: { length }, cancelled }: Plan, entries: readonly Entry[]): Promise<Committed> {
    const { commit, quotas } = this.#options;
    if (length === 0) return commit(entries);
    const freed = cancelled !== undefined && isSettled(cancelled.after.state) ? 1 : 0;
    return quotas.commit({ tenant, jobs: length - freed, entries, commit });
  }

  #tellJob(record: JobRecord, revision: number): void {
    const { apply, events, notices } = this.#options;
    const key = jobKey(record);
    const { type, queue, priority, context } = record;
    apply(headOf(key, revision, record), record);
    const transition = record.transitions.at(-1);
    if (transition !== undefined) events.tell({ key, type, queue, priority, revision, transition });
    if (isActive(record.state) && context.worker !== undefined) notices.send(context.worker, { verb: 'look', key });
  }

  #tell(key: string, { firings }: ScheduleRecord, count: number): void {
    const { telemetry } = this.#options;
    for (const firing of count === 0 ? [] : firings.slice(-count)) {
      const { at, to = at, decidedAt, outcome, why = '', job = '' } = firing;
      const schedule = key.slice(key.lastIndexOf('.') + 1);
      if (outcome === 'fired') telemetry.tell('schedule.fired', { schedule, job, lateMs: decidedAt - at });
      else telemetry.tell(`schedule.${outcome}`, { schedule, count: firing.count ?? 1, moment: momentOf(at, to), why });
    }
  }
}

/** How many open jobs fewer there are where a firing takes the place of the last one: that ends at once if it waits. */
function freedBy({ overlap }: ScheduleRecord, previous: Stored | undefined): number {
  return overlap === 'replace' && previous !== undefined && !isActive(previous.record.state) ? 1 : 0;
}

function keyOfCancelled({ cancelled }: Plan): string | undefined {
  return cancelled === undefined ? undefined : jobKey(cancelled.after);
}

function missedFiring({ at, to, count, why }: { at: number; to: number; count: number; why: string }): NewFiring {
  const several: Pick<Firing, 'to' | 'count'> = to === at ? {} : { to, count };
  return { at, ...several, outcome: 'missed', why };
}

function momentOf(at: number, to: number): string {
  const from = new Date(at).toISOString();
  return to === at ? from : `${from} to ${new Date(to).toISOString()}`;
}
