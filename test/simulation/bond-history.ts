/**
 * What was written of jobs that are bound to others, write by write: by what they wait for, by a unique key, by a limit
 * key, by their workflow, by room that one makes for another.
 *
 * Keeps only which jobs have a bond in common. How each of them stands is looked up at the time of a write, so what the
 * broker loses needs no undoing here.
 */

import type { JobState } from '../../machines/job.ts';
import { type Standing, verdictOf } from '../../machines/rules/after.ts';
import { limitsFor } from '../../machines/rules/limit.ts';
import { holdsKey } from '../../machines/rules/unique.ts';
import { tenantIn } from '../../runtime/key.ts';
import { afterOf, type JobRecord, jobKey, type Transition } from '../../runtime/record.ts';

/** A write of a job: what it took the place of, and the transitions that it brought. */
export interface JobWrite {
  key: string;
  before: JobRecord | undefined;
  record: JobRecord;
  news: readonly Transition[];
}

/** What is set for queues whose jobs make room for others. */
export interface Evictions {
  /** By queue: those whose jobs make room for its own. */
  mayEvict: Readonly<Record<string, readonly string[]>>;
  /** So long an attempt is left alone, and twice as long after each time, ms. */
  evictAfterMs: number;
  /** By how much the clocks of two nodes may differ, ms. */
  skewMs: number;
}

const running: readonly JobState[] = ['processing', 'cancelling'];

export class BondHistory {
  /** How many jobs with a limit key may run at once, from the beginning on. */
  readonly limits = new Map<string, number>();
  /** Not looked at where it was not said. */
  evictions: Evictions | undefined;
  readonly #job: (key: string) => JobRecord | undefined;
  readonly #byUnique = new Groups();
  readonly #byLimit = new Groups();
  readonly #byWorkflow = new Groups();

  constructor(job: (key: string) => JobRecord | undefined) {
    this.#job = job;
  }

  /** What this write broke, in words; the records that are looked up have it already. */
  jobWritten(write: JobWrite): readonly string[] {
    return [
      ...this.#waits(write),
      ...this.#unique(write),
      ...this.#limited(write),
      ...this.#stopped(write),
      ...this.#madeRoom(write),
    ].map((what) => `${write.key} ${what}`);
  }

  #waits({ before, record, news }: JobWrite): readonly string[] {
    const { blockedBy = [] } = record.context;
    const isLetGo = !['blocked', 'held', 'failed', 'cancelled'].includes(record.state);
    const breaches =
      isLetGo && blockedBy.length > 0 ? [`is ${record.state} and waits for ${blockedBy.join(', ')}`] : [];
    if (before === undefined) return breaches;
    return [...breaches, ...news.flatMap(({ event }) => this.#awaited(event, before, record))];
  }

  /** A job that has failed may have been redriven since: what counts is that it had ended so. */
  #awaited(event: string, before: JobRecord, after: JobRecord): readonly string[] {
    const waited = afterOf(before);
    const stands = waited.jobs.map((id) => `${id} (${this.#stateOf(before, id) ?? 'not there'})`).join(', ');
    const said = `${waited.need} of ${stands} to be a ${waited.when}`;
    const verdict = verdictOf(waited, (id) => this.#best(before, id, waited.when));
    switch (event) {
      case 'job.unblocked':
        return verdict.kind === 'unblocked' ? [] : [`was unblocked, and waited for ${said}`];
      case 'job.unreachable':
        return this.#cannotEnd(before, after) ? [] : [`was found to be unreachable, and waits for ${said}`];
      case 'dependency.ended':
        return waited.jobs.every((id) => afterOf(after).jobs.includes(id) || this.#hasEnded(before, id))
          ? []
          : [`waits for fewer than ${said}`];
      default:
        return [];
    }
  }

  /** How a job stood when that helped most whoever waits for it. */
  #best(waiter: JobRecord, id: string, when: 'success' | 'failure' | 'end'): Standing {
    const hasFailed = this.#hasBeen(waiter, id, 'failed');
    if (hasFailed && when !== 'success') return 'failed';
    return standingOf(this.#stateOf(waiter, id));
  }

  /** Whether what a job waits for had become impossible, at some moment at least. */
  #cannotEnd(waiter: JobRecord, { context }: JobRecord): boolean {
    if (context.error?.message.startsWith('It waits for itself') === true) return this.#stoodInCircle(waiter);
    const after = afterOf(waiter);
    const worst = (id: string): Standing => {
      const hasFailed = this.#hasBeen(waiter, id, 'failed');
      return hasFailed && after.when === 'success' ? 'failed' : standingOf(this.#stateOf(waiter, id));
    };
    return verdictOf(after, worst).kind === 'unreachable';
  }

  /** Whether its ways lead back to it, by jobs that wait or have waited until they were ended. */
  #stoodInCircle(waiter: JobRecord): boolean {
    const reached = new Set(waiter.context.blockedBy);
    for (const id of reached)
      for (const next of this.#job(jobKey({ tenant: waiter.tenant, id }))?.context.blockedBy ?? []) reached.add(next);
    return reached.has(waiter.id);
  }

  #stateOf({ tenant }: JobRecord, id: string): JobState | undefined {
    return this.#job(jobKey({ tenant, id }))?.state;
  }

  #hasBeen({ tenant }: JobRecord, id: string, state: JobState): boolean {
    return this.#job(jobKey({ tenant, id }))?.transitions.some(({ to }) => to === state) ?? false;
  }

  #hasEnded(waiter: JobRecord, id: string): boolean {
    return (['completed', 'failed', 'cancelled'] as const).some((state) => this.#hasBeen(waiter, id, state));
  }

  /** All who use one key have the same rule here. */
  #unique({ key, record }: JobWrite): readonly string[] {
    const { unique } = record;
    if (unique === undefined) return [];
    const holders = this.#byUnique.with(unique.key, key).filter((each) => {
      const other = this.#job(each);
      return other !== undefined && holdsKey(unique, { state: other.state, attempt: other.context.attempt });
    });
    return holders.length > 1 ? [`shares its unique key: ${holders.join(', ')}`] : [];
  }

  #limited({ key, record }: JobWrite): readonly string[] {
    return (record.limitKeys ?? []).flatMap((name) => {
      const limit = limitsFor(name)
        .map((each) => this.limits.get(each))
        .find((set) => set !== undefined);
      const all = this.#byLimit.with(name, key);
      if (limit === undefined || !running.includes(record.state)) return [];
      const now = all.filter((each) => running.includes(this.#job(each)?.state ?? 'pending'));
      return now.length > limit ? [`runs above the limit of ${name}, ${limit}: ${now.join(', ')}`] : [];
    });
  }

  #stopped({ key, before, record, news }: JobWrite): readonly string[] {
    const { workflow } = record;
    if (workflow === undefined) return [];
    const others = this.#byWorkflow.with(`${tenantIn(key)} ${workflow.id}`, key);
    if (before === undefined || !news.some(({ event }) => event === 'job.stopped')) return [];
    const since = before.context.redrivenAt ?? before.createdAt;
    const hasFailed = others.some(
      (each) => each !== key && this.#job(each)?.transitions.some(({ to, at }) => to === 'failed' && at >= since),
    );
    if (workflow.stops !== true) return ['was stopped with a workflow that goes on'];
    return hasFailed ? [] : [`was stopped, and nothing of ${workflow.id} had failed since`];
  }

  #madeRoom({ before, record, news }: JobWrite): readonly string[] {
    const wish = news.find(({ event }) => event === 'job.preempt');
    if (wish === undefined || before === undefined || this.evictions === undefined) return [];
    const { mayEvict, evictAfterMs, skewMs } = this.evictions;
    const [, by = ''] = / of queue (.*)$/.exec(wish.reason ?? '') ?? [];
    if (mayEvict[by]?.includes(record.queue) !== true) return [`of ${record.queue} was to make room for ${by}`];
    const leastMs = evictAfterMs * 2 ** (before.context.preempted ?? 0);
    const ranMs = wish.at - before.updatedAt;
    return ranMs < leastMs - skewMs ? [`was to make room after ${ranMs} ms and not ${leastMs}`] : [];
  }
}

/** Keys of jobs by a name that they have in common. */
class Groups {
  readonly #keys = new Map<string, Set<string>>();

  /** All of that name, with this one from now on. */
  with(name: string, key: string): readonly string[] {
    const keys = this.#keys.get(name) ?? new Set<string>();
    this.#keys.set(name, keys.add(key));
    return [...keys];
  }
}

function standingOf(state: JobState | undefined): Standing {
  if (state === undefined) return 'missing';
  return state === 'completed' || state === 'failed' || state === 'cancelled' ? state : 'open';
}
