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
  /** When its first handler started. */
  startedAt?: number;
  settledAt?: number;
  attempt: number;
  /** How many attempts weigh against its limit: one that was handed back does not. */
  spent: number;
  progress?: Progress;
  error?: string;
}

/** One node: what it waits for, and how many of its jobs are in each state. */
export interface WorkflowNodeView {
  node: string;
  /** Absent where all of its jobs are forgotten. */
  type?: string;
  /** How many jobs it has, forgotten ones too. */
  size: number;
  /** Whether it was given as a list. */
  each: boolean;
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
  /** When the last of its jobs settled; absent while one is open. */
  settledAt?: number;
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
  const state = workflowState(jobs.map((job) => job.state));
  return {
    id,
    ...(name === undefined ? {} : { name }),
    state,
    jobs: jobs.length,
    percent: Math.floor((100 * settled) / Math.max(1, jobs.length)),
    byState: countStates(jobs),
    createdAt: Math.min(...jobs.map(({ createdAt }) => createdAt)),
    ...(state === 'open' ? {} : { settledAt: Math.max(...jobs.map((job) => job.settledAt ?? job.updatedAt)) }),
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
    nodes: Object.entries(part.nodes).map(([node, count]) => nodeView({ node, count }, records, nodeOf)),
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
function nodeView(
  { node, count }: { node: string; count: number },
  records: readonly JobRecord[],
  nodeOf: ReadonlyMap<string, string>,
): WorkflowNodeView {
  const own = records.filter(({ workflow }) => workflow?.node === node);
  const type = own[0]?.type;
  const { jobs = [], need = 'all', when = 'success' } = own[0]?.after ?? {};
  const after = jobs.map((id) => nodeOf.get(id) ?? `job:${id}`);
  return {
    node,
    ...(type === undefined ? {} : { type }),
    size: Math.max(1, count),
    each: count > 0,
    after: [...new Set(after)],
    need,
    when,
    byState: countStates(own),
  };
}

function jobView(record: JobRecord): WorkflowJob {
  const { id, type, state, updatedAt, startedAt, settledAt, context, progress, workflow } = record;
  return {
    id,
    node: workflow?.node ?? id,
    ...(workflow?.index === undefined ? {} : { index: workflow.index }),
    type,
    state,
    updatedAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(settledAt === undefined ? {} : { settledAt }),
    attempt: context.attempt,
    spent: context.spent,
    ...(progress === undefined ? {} : { progress }),
    ...(state === 'failed' && context.error !== undefined ? { error: context.error.message } : {}),
  };
}

function countStates(jobs: readonly { state: JobState }[]): Partial<Record<JobState, number>> {
  const counts: Partial<Record<JobState, number>> = {};
  for (const { state } of jobs) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
