/**
 * The words of jobs that every door has: states, priorities, and the id in the key of an event.
 *
 * Doors see the charts through the face alone, and the command loads no chart to print its help; so the words stand here, once,
 * and `test/architecture/words.test.ts` holds them against the chart.
 */

import type { JobState, Priority, WorkflowState } from '../sdk/index.ts';

/** The states in the order of a job's life. */
export const jobStates = [
  'scheduled',
  'blocked',
  'held',
  'pending',
  'queued',
  'retrying',
  'assigned',
  'processing',
  'cancelling',
  'completed',
  'cancelled',
  'failed',
] as const satisfies readonly JobState[];

/** Priorities, the most urgent first. */
export const priorities = ['critical', 'high', 'medium', 'low'] as const satisfies readonly Priority[];

/** What a workflow as a whole can be. */
export const workflowStates = ['open', 'completed', 'failed', 'cancelled'] as const satisfies readonly WorkflowState[];

/** Orders of a list; `-` is downwards. */
export const jobSorts = ['-created', 'created', '-updated', 'updated'] as const;

/** Whether a job in this state will not move again by itself. */
export function isSettled(state: JobState): boolean {
  return state === 'completed' || state === 'cancelled' || state === 'failed';
}

/** The id of the job under a key. */
export function idIn(key: string): string {
  return key.slice(key.indexOf('.') + 1);
}
