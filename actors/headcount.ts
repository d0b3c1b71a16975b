/**
 * How many open jobs there are, by state, queue and priority: kept as jobs come and go, so that asking costs the same with a
 * million of them as with ten.
 */

import { type JobState, jobStates } from '../machines/job.ts';
import { type Priority, priorities } from '../machines/rules/lanes.ts';

interface Counted {
  readonly state: JobState;
  readonly queue: string;
  readonly priority: Priority;
}

/** Open jobs of one state, queue and priority. */
export interface Count extends Counted {
  readonly count: number;
}

export class Headcount {
  /** By queue, and there one number for each state and priority. */
  readonly #queues = new Map<string, number[]>();

  /** One more of these, or (-1) one less. */
  add({ state, queue, priority }: Counted, by: 1 | -1): void {
    let counts = this.#queues.get(queue);
    if (counts === undefined) {
      counts = new Array(jobStates.length * priorities.length).fill(0);
      this.#queues.set(queue, counts);
    }
    const at = jobStates.indexOf(state) * priorities.length + priorities.indexOf(priority);
    counts[at] = (counts[at] ?? 0) + by;
  }

  clear(): void {
    this.#queues.clear();
  }

  /** Those that are not 0. */
  *all(): Iterable<Count> {
    for (const [queue, counts] of this.#queues)
      for (const [at, state] of jobStates.entries())
        for (const [level, priority] of priorities.entries()) {
          const count = counts[at * priorities.length + level] ?? 0;
          if (count !== 0) yield { state, queue, priority, count };
        }
  }

  /** By state alone; one without jobs is absent. */
  byState(): Readonly<Partial<Record<JobState, number>>> {
    const byState: Partial<Record<JobState, number>> = {};
    for (const { state, count } of this.all()) byState[state] = (byState[state] ?? 0) + count;
    return byState;
  }
}
