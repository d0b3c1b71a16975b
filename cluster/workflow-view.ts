/**
 * A workflow as people see it: each of its jobs, and what follows for the whole.
 */

import { isSettled, type JobState } from '../machines/job.ts';
import type { JobRecord, Progress, Stored, WorkflowPart } from '../runtime/record.ts';
import { nodeJobIds, type WorkflowState, workflowJobIds, workflowState } from '../runtime/workflow.ts';

/** One job of a workflow. Moments are epoch ms. */
export interface WorkflowJob {
  id: string;
  node: string;
  /** Which of the node's jobs it is, from 1, where it has several. */
  index?: number;
  type: string;
  state: JobState;
  /** Since when. */
  updatedAt: number;
  attempt: number;
  progress?: Progress;
  error?: string;
}

/** One node: what it waits for, and how many of its jobs are in each state. */
export interface WorkflowNodeView {
  node: string;
  after: readonly string[];
  need: string;
  when: string;
  byState: Readonly<Partial<Record<JobState, number>>>;
}

/** A workflow as a whole, without its jobs. `percent` is how many of its jobs have settled. */
export interface WorkflowSummary {
  id: string;
  /** What people call it. */
  name?: string;
  state: WorkflowState;
  jobs: number;
  percent: number;
  byState: Readonly<Partial<Record<JobState, number>>>;
  createdAt: number;
}

export interface WorkflowView extends Omit<WorkflowSummary, 'jobs'> {
  onFailure: 'stop' | 'continue';
  /** Each after all that it waits for. */
  nodes: readonly WorkflowNodeView[];
  jobs: readonly WorkflowJob[];
  /** How many of its jobs settled so long ago that they are forgotten. */
  forgotten: number;
}

/** What the whole is, by the states of its jobs. */
export function summaryOf({ id, name }: Pick<WorkflowPart, 'id' | 'name'>, stored: readonly Stored[]): WorkflowSummary {
  const jobs = stored.map(({ record }) => record);
  const settled = jobs.filter(({ state }) => isSettled(state)).length;
  return {
    id,
    ...(name === undefined ? {} : { name }),
    state: workflowState(jobs.map(({ state }) => state)),
    jobs: jobs.length,
    percent: Math.floor((100 * settled) / Math.max(1, jobs.length)),
    byState: countStates(jobs),
    createdAt: Math.min(...jobs.map(({ createdAt }) => createdAt)),
  };
}

/** The view of the workflow whose jobs these are. */
export function viewOf(stored: readonly Stored[]): WorkflowView {
  const records = stored.map(({ record }) => record);
  const part = records.find(({ workflow }) => workflow !== undefined)?.workflow ?? nowhere;
  const nodeOf = nodesById(part);
  const { jobs: _, ...summary } = summaryOf(part, stored);
  return {
    ...summary,
    onFailure: records.some(({ workflow }) => workflow?.stops === true) ? 'stop' : 'continue',
    nodes: Object.keys(part.nodes).map((node) => nodeView(node, records, nodeOf)),
    jobs: records.map(jobView),
    forgotten: workflowJobIds(part).length - records.length,
  };
}

const nowhere: WorkflowPart = { id: '', node: '', nodes: {} };

function nodesById({ id, nodes }: WorkflowPart): ReadonlyMap<string, string> {
  const pairs = Object.entries(nodes).flatMap(([node, count]) =>
    nodeJobIds(id, node, count).map((job) => [job, node] as const),
  );
  return new Map(pairs);
}

/** What it waits for outside of the workflow is told as it was given. */
function nodeView(node: string, records: readonly JobRecord[], nodeOf: ReadonlyMap<string, string>): WorkflowNodeView {
  const own = records.filter(({ workflow }) => workflow?.node === node);
  const { jobs = [], need = 'all', when = 'success' } = own[0]?.after ?? {};
  const after = jobs.map((id) => nodeOf.get(id) ?? `job:${id}`);
  return { node, after: [...new Set(after)], need, when, byState: countStates(own) };
}

function jobView({ id, type, state, updatedAt, context, progress, workflow }: JobRecord): WorkflowJob {
  return {
    id,
    node: workflow?.node ?? id,
    ...(workflow?.index === undefined ? {} : { index: workflow.index }),
    type,
    state,
    updatedAt,
    attempt: context.attempt,
    ...(progress === undefined ? {} : { progress }),
    ...(state === 'failed' && context.error !== undefined ? { error: context.error.message } : {}),
  };
}

function countStates(jobs: readonly { state: JobState }[]): Partial<Record<JobState, number>> {
  const counts: Partial<Record<JobState, number>> = {};
  for (const { state } of jobs) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
