/**
 * What was written of schedules, write by write: whether each moment was decided once, under the lease, and has the jobs
 * that it says. Knows schedules that nobody edits or resumes.
 */

import { momentsBetween } from '../../machines/rules/cron.ts';
import type { Write } from '../../runtime/memory/stream.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { type Firing, readSchedule, type ScheduleRecord } from '../../runtime/schedule.ts';

export class ScheduleHistory {
  readonly #schedules = new Map<string, ScheduleRecord>();
  readonly #decided = new Map<string, Firing[]>();
  /** Jobs that firings of one batch say they made, and those that it holds. */
  #batch = 0;
  #said = new Set<string>();

  /** How to forget what is written of this schedule from now on, where the broker loses it. */
  undo(key: string): () => void {
    const [schedule, decided, batch, said] = [
      this.#schedules.get(key),
      this.#decided.get(key),
      this.#batch,
      this.#said,
    ];
    return () => {
      if (schedule === undefined) this.#schedules.delete(key);
      else this.#schedules.set(key, schedule);
      this.#decided.set(key, decided ?? []);
      this.#batch = batch;
      this.#said = said;
    };
  }

  /** What this write broke, in words. `underLease`: it landed with a lease. */
  scheduleWritten({ key, batch, body }: Write, underLease: boolean): readonly string[] {
    const schedule = readSchedule(body);
    const before = this.#schedules.get(key);
    this.#schedules.set(key, schedule);
    const last = before?.firings.at(-1)?.n ?? 0;
    const news = schedule.firings.filter(({ n }) => n > last);
    this.#decided.set(key, [...(this.#decided.get(key) ?? []), ...news]);
    this.#batch = batch;
    this.#said = new Set(news.flatMap(({ job, why }) => (job === undefined || why !== undefined ? [] : [job])));
    const breaches = news.length > 0 && !underLease ? [`${key} fired without the lease`] : [];
    return [...breaches, ...this.#gaps(key, schedule)];
  }

  /** A job of a schedule lands in the batch in which its firing is noted. */
  jobBorn({ id, source }: JobRecord, batch: number): readonly string[] {
    if (!source.startsWith('schedule:')) return [];
    return batch === this.#batch && this.#said.delete(id) ? [] : [`${id} was made by no firing`];
  }

  /** So many moments of a schedule have come to this. */
  count(key: string, outcome: Firing['outcome']): number {
    return (this.#decided.get(key) ?? []).filter((firing) => firing.outcome === outcome).length;
  }

  /** Every moment up to the next one is decided once, in its order. */
  #gaps(key: string, { plan, createdAt, context }: ScheduleRecord): readonly string[] {
    if (context.nextAt === undefined) return [];
    const come = momentsBetween(plan, { from: createdAt, to: context.nextAt - 1, atMost: 10_000 });
    const decided = (this.#decided.get(key) ?? []).flatMap(({ at, to = at }) =>
      momentsBetween(plan, { from: at - 1, to, atMost: 10_000 }),
    );
    return JSON.stringify(come) === JSON.stringify(decided)
      ? []
      : [`${key} decided ${decided.join(', ')}, and there came ${come.join(', ')}`];
  }
}
