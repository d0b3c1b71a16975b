/**
 * A job's state as a word with its colour, and what states mean, as the machine of the job has it.
 */

import { job } from 'virtual:job';

/** In the order of a job's life. */
export const stateNames = job.states;

const among = (states: readonly string[], state: string) => states.includes(state);

/** Whether a job in this state will not move again by itself. */
export const isSettled = (state: string): boolean => among(job.settled, state);

/** Whether no worker holds a job in this state, and it is to run. */
export const isWaiting = (state: string): boolean => !isSettled(state) && !among(job.active, state);

/** The states in which a job can be for a verb such as `cancel`. */
export const statesFor = (verb: string): readonly string[] => job.verbs[verb] ?? [];

export function StateBadge({ state }: { state: string }) {
  return <span class={`badge state-${state}`}>{state}</span>;
}
