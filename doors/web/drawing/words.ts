/**
 * The words of a job as its machine has them: its states by what they mean, and the states in which each verb can be done.
 *
 * Read off the chart when the pages are built, so that the pages have no list of their own.
 */

import { isActive, isSettled, type JobState, jobMachine, jobStates } from '../../../machines/job.ts';
import { edgesOf, statesOf } from '../../../runtime/chart.ts';

export interface JobWords {
  /** In the order of a job's life. */
  states: readonly JobState[];
  settled: readonly JobState[];
  active: readonly JobState[];
  /** By the verb: `cancel`. */
  verbs: Readonly<Record<string, readonly JobState[]>>;
}

export function jobWords(): JobWords {
  const paths = new Map(statesOf(jobMachine).map(({ name, path }) => [name, path]));
  const asked = edgesOf(jobMachine).filter(({ event }) => event.startsWith('job.'));
  const isIn = (state: JobState, holder: string) => `${paths.get(state) ?? ''}.`.startsWith(`${holder}.`);
  const verbs = [...Map.groupBy(asked, ({ event }) => event)].map(([event, edges]) => [
    event.slice('job.'.length),
    jobStates.filter((state) => edges.some(({ from }) => isIn(state, from))),
  ]);
  return {
    states: jobStates,
    settled: jobStates.filter(isSettled),
    active: jobStates.filter(isActive),
    verbs: Object.fromEntries(verbs),
  };
}
