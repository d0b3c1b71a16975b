/**
 * What a workflow's duration came from: the path of nodes of which each was what the next one waited for last. Where it is open, the
 * path to what it waits for now.
 */

import type { WorkflowJob, WorkflowNodeView, WorkflowView } from '../../../../sdk/index.ts';

/** When the last of a node's jobs settled; undefined where one is open or none is known. */
type Ends = ReadonlyMap<string, number | undefined>;

export interface CriticalPath {
  /** From the first to the last. */
  nodes: readonly string[];
  /** The node that is waited for now. */
  waitsFor?: string;
}

/** Whether a job in this state will not move again by itself, as the machine of the job says. */
type IsSettled = (state: string) => boolean;

export function criticalPath(
  { state, nodes, jobs }: Pick<WorkflowView, 'state' | 'nodes' | 'jobs'>,
  isSettled: IsSettled,
): CriticalPath {
  const byNode = Map.groupBy(jobs, ({ node }) => node);
  const open = jobs.filter((job) => !isSettled(job.state));
  const ends: Ends = new Map([...byNode].map(([node, those]) => [node, endOf(those, isSettled)]));
  const last = state === 'open' ? oldestAtWork(nodes, open, ends) : latest([...byNode.keys()], ends);
  const path = last === undefined ? [] : wayTo(last, nodes, ends);
  return { nodes: path, ...(state === 'open' && last !== undefined ? { waitsFor: last } : {}) };
}

function endOf(jobs: readonly WorkflowJob[], isSettled: IsSettled): number | undefined {
  if (jobs.some(({ state }) => !isSettled(state))) return undefined;
  return Math.max(...jobs.map(({ settledAt, updatedAt }) => settledAt ?? updatedAt));
}

/** Of what could go on by itself, the one that has stood still for longest; first of what waits for nothing of the workflow. */
function oldestAtWork(
  nodes: readonly WorkflowNodeView[],
  open: readonly WorkflowJob[],
  ends: Ends,
): string | undefined {
  const isOver = (node: string) => !ends.has(node) || ends.get(node) !== undefined;
  const free = new Set(nodes.filter(({ after }) => after.every(isOver)).map(({ node }) => node));
  const atWork = open
    .filter(({ state }) => state !== 'blocked')
    .toSorted((one, other) => sinceOf(one) - sinceOf(other));
  return (atWork.find(({ node }) => free.has(node)) ?? atWork[0])?.node;
}

function sinceOf({ startedAt, updatedAt }: WorkflowJob): number {
  return startedAt ?? updatedAt;
}

function latest(names: readonly string[], ends: Ends): string | undefined {
  const known = names.filter((name) => ends.get(name) !== undefined);
  return known.toSorted((one, other) => (ends.get(other) ?? 0) - (ends.get(one) ?? 0))[0];
}

function wayTo(last: string, nodes: readonly WorkflowNodeView[], ends: Ends): readonly string[] {
  const byName = new Map(nodes.map((one) => [one.node, one]));
  const path: string[] = [];
  for (let at: string | undefined = last; at !== undefined && !path.includes(at); ) {
    path.unshift(at);
    const { after = [], need = 'all' }: Partial<WorkflowNodeView> = byName.get(at) ?? {};
    const order = latestFirst(after, ends);
    at = need === 'any' ? order.at(-1) : order[0];
  }
  return path;
}

function latestFirst(names: readonly string[], ends: Ends): readonly string[] {
  return names
    .filter((name) => ends.get(name) !== undefined)
    .toSorted((one, other) => (ends.get(other) ?? 0) - (ends.get(one) ?? 0));
}
