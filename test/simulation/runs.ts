/**
 * What handlers did, noted outside of everything that could forget it: which attempt of which job ran where.
 */

import { type Capacity, unmet } from '../../machines/rules/capability.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type JobDefinition, JobError } from '../../runtime/handler.ts';
import type { JobRecord } from '../../runtime/record.ts';
import type { Undone } from './history.ts';

/** One start of a handler. */
export interface Run {
  job: string;
  attempt: number;
  type: string;
  worker: string;
  at: number;
  /** Why its signal fired, if it did. */
  stopped?: string;
}

export class Runs {
  readonly all: Run[] = [];
  readonly #begun = new Set<string>();
  readonly #twice: string[] = [];
  /** Attempts whose claim the broker has lost, each with the worker that had it: the number is given out again. */
  readonly #void = new Set<string>();

  /** The starts of one job, in order. */
  of(job: string): readonly Run[] {
    return this.all.filter((run) => run.job === job);
  }

  /** The same job types, each start of which is noted. */
  noting(definitions: readonly JobDefinition[], worker: string, clock: Clock): readonly JobDefinition[] {
    return definitions.map((definition) => ({
      ...definition,
      run: (job) => {
        const run: Run = { job: job.id, attempt: job.fence.attempt, type: job.type, worker, at: clock.now() };
        this.#add(run);
        job.signal.addEventListener('abort', () => {
          run.stopped = job.signal.reason instanceof Error ? job.signal.reason.message : 'no reason';
        });
        return definition.run(job);
      },
    }));
  }

  /** The broker has lost some writes: the claims in them are void, and only they. */
  rollBack(undone: readonly Undone[]): void {
    for (const { lost, left } of undone)
      for (const { attempt, worker } of lost.attempts) {
        if (left?.attempts.some((one) => one.attempt === attempt && one.worker === worker) === true) continue;
        this.#void.add(nameOf({ job: lost.id, attempt, worker }));
        this.#begun.delete(`${lost.id}#${attempt}`);
      }
  }

  /** Attempts that ran twice. */
  twice(): readonly string[] {
    return this.#twice;
  }

  /** Attempts that ran where their job should not have, or that no record knows of. */
  misplaced(jobs: ReadonlyMap<string, JobRecord>, capacities: ReadonlyMap<string, Capacity>): readonly string[] {
    return this.all.flatMap(({ job, attempt, worker }) => {
      if (this.#void.has(nameOf({ job, attempt, worker }))) return [];
      const record = jobs.get(job);
      const capacity = capacities.get(worker);
      if (record === undefined || capacity === undefined) return [`${job} ran and is not there`];
      const lack = unmet(record.type, record.requirements, capacity);
      if (lack !== undefined) return [`${job} ran on ${worker}, which has no ${lack}`];
      const entry = record.attempts.find((one) => one.attempt === attempt);
      const isDropped = record.attempts.length > 0 && attempt < (record.attempts[0]?.attempt ?? 0);
      if (entry === undefined && !isDropped) return [`attempt ${attempt} of ${job} ran, and its record knows none`];
      if (entry !== undefined && !isLifeOf(entry.worker, worker))
        return [`attempt ${attempt} of ${job} ran on ${worker} and belongs to ${entry.worker}`];
      return [];
    });
  }

  #add(run: Run): void {
    const name = `${run.job}#${run.attempt}`;
    if (this.#void.has(nameOf(run))) return void this.all.push(run);
    if (this.#begun.has(name)) this.#twice.push(`attempt ${run.attempt} of ${run.job} ran twice`);
    this.#begun.add(name);
    this.all.push(run);
  }
}

/** Whether this incarnation is a life of this worker: its first, or a later one with a number. */
function isLifeOf(incarnation: string, worker: string): boolean {
  return incarnation === worker || incarnation.startsWith(`${worker}-`);
}

/** By the node, whichever of its lives it was. */
function nameOf({ job, attempt, worker }: Pick<Run, 'job' | 'attempt' | 'worker'>): string {
  return `${job}#${attempt}@${worker.replace(/^(.*-\d+)-\d+$/, '$1')}`;
}

/** A type whose handler never looks at its signal and takes `executionTimeMs`. */
export function stubborn(clock: Clock): JobDefinition {
  return {
    type: 'stubborn',
    description: 'Ignores its signal.',
    payload: anything,
    run: ({ payload }) =>
      new Promise((resolve) => void clock.after(numberIn(payload, 'executionTimeMs'), () => resolve({}))),
  };
}

/** A type that takes 10 ms and must run again as long as its payload says, for good measure with its own delay. */
export function picky(): JobDefinition {
  return {
    type: 'picky',
    description: 'Fails for good.',
    payload: anything,
    run: () => {
      throw new JobError('I never wanted it.', { retryable: false });
    },
  };
}

const anything: JobDefinition['payload'] = {
  '~standard': { version: 1, vendor: 'simulation', validate: (value) => ({ value }) },
};

function numberIn(payload: unknown, name: string): number {
  const value =
    typeof payload === 'object' && payload !== null ? Object.entries(payload).find(([key]) => key === name)?.[1] : 0;
  return typeof value === 'number' ? value : 0;
}
