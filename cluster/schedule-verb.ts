/**
 * What a person does to schedules: each verb reads the record, takes the step and writes it back if nobody was quicker.
 *
 * Needs no leader: what is written is acknowledged and lasts. That it fires is the leader's part (`actors/schedule.ts`),
 * which never overwrites what a person wrote meanwhile, nor a person what it decided.
 */

import type { Commit } from '../actors/committer.ts';
import type { Quotas } from '../actors/quota.ts';
import { expectScheduleName, jobOfSchedule } from '../actors/scheduled-job.ts';
import { claimsOf } from '../actors/unique-key.ts';
import { momentsBetween, nextAfter, type Plan } from '../machines/rules/cron.ts';
import type { ScheduleEvent } from '../machines/schedule.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { Entry, World } from '../runtime/ports.ts';
import { type JobRecord, jobKey } from '../runtime/record.ts';
import {
  newSchedule,
  type ScheduleRecord,
  type ScheduleSpec,
  type StoredSchedule,
  scheduleKey,
  scheduleStep,
} from '../runtime/schedule.ts';
import type { Expecting } from './queues.ts';
import { planOf, type ScheduleChange, type ScheduleGiven, specOf, type When } from './schedule-given.ts';
import type { Submitter } from './submitter.ts';

export interface ScheduleVerbsOptions {
  world: World;
  clock: Clock;
  commit: Commit;
  quotas: Quotas;
  submitter: Submitter;
  tenant: string;
}

/** What became of an `add`: `created` is false where the very same schedule was there. */
export interface AddedSchedule {
  schedule: ScheduleRecord;
  created: boolean;
}

export class ScheduleVerbs {
  readonly #options: ScheduleVerbsOptions;

  constructor(options: ScheduleVerbsOptions) {
    this.#options = options;
  }

  /** @throws {Fault} `input.invalid`; `schedule.conflict` where another one has this name. */
  async add(name: string, given: ScheduleGiven): Promise<AddedSchedule> {
    const { tenant, clock } = this.#options;
    for (;;) {
      const now = clock.now();
      const spec = specOf({ tenant, name, now }, given);
      await this.#expectAdmissible(spec);
      const stored = await this.#stored(name);
      const isThere = stored !== undefined && stored.schedule.state !== 'deleted';
      if (isThere && isSame(stored.schedule, spec, given)) return { schedule: stored.schedule, created: false };
      if (isThere) throw conflict(name);
      const schedule = newSchedule(spec, now, nextOf(spec, now));
      if (await this.#write(schedule, stored?.revision ?? 0)) return { schedule, created: true };
    }
  }

  /** @throws {Fault} `input.invalid`, `schedule.missing` */
  edit(name: string, change: ScheduleChange, expecting?: Expecting<ScheduleRecord>): Promise<ScheduleRecord> {
    const { tenant } = this.#options;
    return this.#move(name, expecting, async (schedule, at) => {
      const { until, ...lasting } = schedule;
      const spec = specOf({ tenant, name, now: at }, change, schedule);
      await this.#expectAdmissible(spec);
      const { plan, state, context } = schedule;
      const isOtherTime = JSON.stringify([spec.plan, spec.until]) !== JSON.stringify([plan, until]);
      const nextAt = isOtherTime || state === 'ended' ? nextOf(spec, at) : context.nextAt;
      return { from: { ...lasting, ...spec }, event: { type: 'schedule.edited', at, nextAt } };
    });
  }

  /** @throws {Fault} `schedule.missing`; `schedule.refused` where it has ended. */
  pause(name: string, expecting?: Expecting<ScheduleRecord>): Promise<ScheduleRecord> {
    return this.#move(name, expecting, (from, at) =>
      from.state === 'paused' ? undefined : { from, event: { type: 'schedule.paused', at } },
    );
  }

  /** @throws {Fault} `schedule.missing`; `schedule.refused` where it has ended. */
  resume(name: string, expecting?: Expecting<ScheduleRecord>): Promise<ScheduleRecord> {
    return this.#move(name, expecting, (from, at) =>
      from.state === 'active' ? undefined : { from, event: { type: 'schedule.resumed', at, nextAt: nextOf(from, at) } },
    );
  }

  /** @throws {Fault} `schedule.missing` */
  delete(name: string, expecting?: Expecting<ScheduleRecord>): Promise<ScheduleRecord> {
    return this.#move(name, expecting, (from, at) => ({ from, event: { type: 'schedule.deleted', at } }));
  }

  /** Makes its job now, whatever its state and its overlap. @throws {Fault} `schedule.missing`, `input.invalid`, `quota.full` */
  async run(name: string, { expect = () => {} }: Expecting<ScheduleRecord> = {}): Promise<JobRecord> {
    const { clock, submitter, world } = this.#options;
    const id = `${name}-run-${clock.unique().slice(0, 12)}`;
    for (;;) {
      const { schedule, revision } = await this.#expect(name);
      const at = clock.now();
      // A write that had no answer may have landed, and its job be on its way already.
      const landed = (await world.store.read(jobKey({ tenant: schedule.tenant, id })))?.record;
      if (landed !== undefined) return landed;
      expect(schedule);
      const types = await submitter.typesFor(schedule.job);
      const job = await jobOfSchedule(schedule, { id, source: `schedule:${name}!${id}`, at }, types);
      const firing = { at, outcome: 'fired' as const, job: id, byHand: true as const };
      const next = scheduleStep(schedule, { type: 'schedule.ran', at, job: id }, [firing]);
      if (next === undefined) throw missing(name);
      if (await this.#write(next, revision, job)) return job;
    }
  }

  /** @throws {Fault} `input.invalid` where that can be no name. */
  async get(name: string): Promise<ScheduleRecord | undefined> {
    const schedule = (await this.#stored(name))?.schedule;
    return schedule?.state === 'deleted' ? undefined : schedule;
  }

  /** By name. */
  async list(): Promise<readonly ScheduleRecord[]> {
    const found = new Map<string, ScheduleRecord>();
    for await (const { schedule } of this.#options.world.store.schedules())
      if (schedule.tenant === this.#options.tenant) found.set(schedule.name, schedule);
    const kept = [...found.values()].filter(({ state }) => state !== 'deleted');
    return kept.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** What is left of a schedule that was deleted shows its history too. @throws {Fault} `schedule.missing` */
  async history(name: string): Promise<ScheduleRecord['firings']> {
    const stored = await this.#stored(name);
    if (stored === undefined) throw missing(name);
    return stored.schedule.firings;
  }

  /** The next moments, of a schedule or of what could be one. @throws {Fault} `schedule.missing`, `input.invalid` */
  async preview(of: string | When, count: number): Promise<readonly number[]> {
    const now = this.#options.clock.now();
    const plan: { plan: Plan; until?: number } =
      typeof of === 'string' ? (await this.#expect(of)).schedule : { plan: planOf(of, now) };
    const to = plan.until ?? Number.POSITIVE_INFINITY;
    return momentsBetween(plan.plan, { from: now, to, atMost: count });
  }

  async #expectAdmissible(spec: ScheduleSpec): Promise<void> {
    const { submitter, clock } = this.#options;
    const types = await submitter.typesFor(spec.job);
    await jobOfSchedule(spec, { id: 'check', source: 'check', at: clock.now() }, types);
  }

  /** Steps the schedule as `how` says, which may say that nothing is to be done. */
  async #move(
    name: string,
    { expect = () => {} }: Expecting<ScheduleRecord> = {},
    how: (schedule: ScheduleRecord, at: number) => Promise<Move | undefined> | Move | undefined,
  ): Promise<ScheduleRecord> {
    for (;;) {
      const { schedule, revision } = await this.#expect(name);
      expect(schedule);
      const move = await how(schedule, this.#options.clock.now());
      if (move === undefined) return schedule;
      const next = scheduleStep(move.from, move.event);
      if (next === undefined) throw refused(schedule, move.event);
      if (await this.#write(next, revision)) return next;
    }
  }

  async #expect(name: string): Promise<StoredSchedule> {
    const stored = await this.#stored(name);
    if (stored === undefined || stored.schedule.state === 'deleted') throw missing(name);
    return stored;
  }

  async #stored(name: string): Promise<StoredSchedule | undefined> {
    const { world, tenant } = this.#options;
    return await world.store.readSchedule(scheduleKey({ tenant, name: expectScheduleName(name) }));
  }

  /** `false` where somebody was quicker. */
  async #write(schedule: ScheduleRecord, expected: number, job?: JobRecord): Promise<boolean> {
    const { commit, quotas, world, clock } = this.#options;
    const entries: Entry[] = [{ key: scheduleKey(schedule), expected, schedule }];
    if (job !== undefined) {
      const claims = await claimsOf(job, { store: world.store, now: clock.now() });
      entries.push({ key: jobKey(job), expected: 0, record: job }, ...claims);
    }
    const { tenant } = schedule;
    const committed =
      job === undefined ? await commit(entries) : await quotas.commit({ tenant, jobs: 1, entries, commit });
    if (committed.kind === 'conflict') return false;
    const transition = job?.transitions[0];
    if (job === undefined || transition === undefined) return true;
    const { type, queue, priority } = job;
    world.events.tell({ key: jobKey(job), type, queue, priority, revision: committed.revisions[1] ?? 0, transition });
    return true;
  }
}

interface Move {
  from: ScheduleRecord;
  event: ScheduleEvent;
}

function nextOf({ plan, until = Number.POSITIVE_INFINITY }: ScheduleSpec, after: number): number | undefined {
  const next = nextAfter(plan, after);
  return next === undefined || next > until ? undefined : next;
}

/** Intervals that nobody anchored begin when they are made, so a repeat has another anchor. */
function isSame(there: ScheduleRecord, spec: ScheduleSpec, { anchor }: ScheduleGiven): boolean {
  const essence = ({ plan, misfire, windowMs, overlap, until, job }: ScheduleSpec) => {
    const when = plan.kind === 'every' && anchor === undefined ? plan.everyMs : plan;
    return JSON.stringify([when, misfire, windowMs, overlap, until, job]);
  };
  return essence(there) === essence(spec);
}

function missing(name: string): Fault {
  return new Fault('schedule.missing', `Expected a schedule ${name}, found none. See \`yard schedule list\`.`, {
    facts: { name },
  });
}

function conflict(name: string): Fault {
  return new Fault(
    'schedule.conflict',
    `Expected a new schedule or a repeat of schedule ${name}, got another one under the same name (409). Change it with \`yard schedule edit ${name}\`, or choose another name.`,
    { facts: { name } },
  );
}

function refused({ name, state }: ScheduleRecord, { type }: ScheduleEvent): Fault {
  return new Fault(
    'schedule.refused',
    `Expected a schedule to which \`${type}\` can be done, got ${name}, which is ${state}. Give it moments to come with \`yard schedule edit ${name}\`.`,
    { facts: { name, state } },
  );
}
