/**
 * How the jobs of a workflow are called, and what the workflow as a whole is, seen from them.
 *
 * A workflow has no record of its own: each of its jobs says which others there are, and what the whole is follows from
 * how they stand. A key points to one of them.
 */

import { isSettled, type JobState } from '../machines/job.ts';
import type { WorkflowPart } from './record.ts';

/** The id of a job: `film-17-probe`, or `film-17-rendition-2` where the node has several. */
function workflowJobId(workflow: string, node: string, index?: number): string {
  return index === undefined ? `${workflow}-${node}` : `${workflow}-${node}-${index}`;
}

/** The ids of all jobs of a node, in order; `count` 0 stands for one that is no list. */
export function nodeJobIds(workflow: string, node: string, count: number): readonly string[] {
  if (count === 0) return [workflowJobId(workflow, node)];
  return Array.from({ length: count }, (_, at) => workflowJobId(workflow, node, at + 1));
}

/** The ids of all jobs of a workflow, in the order of its nodes. */
export function workflowJobIds({ id, nodes }: Pick<WorkflowPart, 'id' | 'nodes'>): readonly string[] {
  return Object.entries(nodes).flatMap(([node, count]) => nodeJobIds(id, node, count));
}

/** The key, in the bucket of jobs, that points to the last job of a workflow's plan. */
export function workflowKey(tenant: string, id: string): string {
  return `_workflow.${tenant}.${id}`;
}

/** `open` as long as a job of it is; then `failed` where one has failed, else `cancelled` where one was, else `completed`. */
export type WorkflowState = 'open' | 'completed' | 'failed' | 'cancelled';

/** What a workflow is whose jobs are in these states. */
export function workflowState(states: Iterable<JobState>): WorkflowState {
  const all = new Set(states);
  if ([...all].some((state) => !isSettled(state))) return 'open';
  if (all.has('failed')) return 'failed';
  return all.has('cancelled') ? 'cancelled' : 'completed';
}
