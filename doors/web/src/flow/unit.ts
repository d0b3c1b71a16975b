/**
 * What is drawn of a workflow: each node as a box; many nodes that wait for the same and that the same wait for as one box with a
 * cell for each; and jobs outside of it that it waits for.
 */

import type { WorkflowJob, WorkflowNodeView, WorkflowView } from '../../../../sdk/index.ts';
import type { Direction, Sized } from './layout.ts';

export interface Unit {
  id: string;
  kind: 'node' | 'group' | 'outside';
  /** Several where it is a group; none where it is outside. */
  nodes: readonly WorkflowNodeView[];
  after: readonly string[];
  /** How it waits, where not for all to complete. */
  words: string;
}

/** Fewer that are alike are drawn one by one. */
const groupedFrom = 9;
export const cell = { size: 18, gap: 4, inRow: 24 } as const;
const boxWidth = 188;

/** In the order of the workflow: each after all that it waits for. */
export function unitsOf(nodes: readonly WorkflowNodeView[]): readonly Unit[] {
  const behind = new Map<string, string[]>();
  for (const { node, after } of nodes)
    for (const other of after) behind.set(other, [...(behind.get(other) ?? []), node]);
  const alike = Map.groupBy(nodes, ({ node, after, need, when, each }) =>
    each ? node : JSON.stringify([after.toSorted(), need, when, behind.get(node) ?? []]),
  );
  const groups = [...alike.values()].flatMap((those) =>
    those.length < groupedFrom ? those.map((one) => [one]) : [those],
  );
  const idOf = new Map(groups.flatMap((those) => those.map(({ node }) => [node, those[0]?.node ?? node] as const)));
  const units = groups.map((those): Unit => {
    const [first] = those;
    const { node = '', after = [] } = first ?? {};
    return {
      id: node,
      kind: those.length > 1 ? 'group' : 'node',
      nodes: those,
      after: [...new Set(after.map((other) => idOf.get(other) ?? other))],
      words: first === undefined ? '' : wordsOf(first),
    };
  });
  const outside = new Set(nodes.flatMap(({ after }) => after.filter((other) => other.startsWith('job:'))));
  return [...[...outside].map((id): Unit => ({ id, kind: 'outside', nodes: [], after: [], words: '' })), ...units];
}

const wanted: Readonly<Record<string, string>> = { failure: 'failed', end: 'ended' };

/** `any`, `failed`, `any ended`; nothing where it waits for all to complete. */
function wordsOf({ need, when, after }: WorkflowNodeView): string {
  if (after.length === 0) return '';
  return [need === 'any' ? 'any' : '', wanted[when] ?? ''].filter((one) => one !== '').join(' ');
}

export function sizeOf({ id, kind, nodes, after, words }: Unit, direction: Direction): Sized {
  const wordsWidth = words === '' ? 0 : wordsSize(words) + 6;
  const rows = Math.ceil(nodes.length / cell.inRow);
  const columns = Math.min(nodes.length, cell.inRow);
  const width = kind === 'group' ? Math.max(boxWidth, 28 + columns * (cell.size + cell.gap)) : boxWidth;
  const heights = { group: 88 + rows * (cell.size + cell.gap), outside: 44, node: nodes[0]?.each === true ? 84 : 64 };
  return {
    id,
    width,
    height: heights[kind],
    after,
    wordsWidth: direction === 'right' ? wordsWidth : Number(words !== ''),
  };
}

export function wordsSize(words: string): number {
  return Math.ceil(words.length * 6.6) + 16;
}

/** What the most urgent of them is stands for all. */
const urgency = [
  ...['failed', 'processing', 'assigned', 'cancelling', 'retrying', 'queued', 'pending'],
  ...['scheduled', 'held', 'blocked', 'cancelled', 'completed'],
];

export type Counts = Readonly<Partial<Record<string, number>>>;

export function countsOf(nodes: readonly WorkflowNodeView[]): Counts {
  const counts: Partial<Record<string, number>> = {};
  for (const { byState } of nodes)
    for (const [state, count] of Object.entries(byState)) counts[state] = (counts[state] ?? 0) + count;
  return counts;
}

/** The states of counts, the most urgent first. */
export function statesIn(counts: Counts): readonly string[] {
  return urgency.filter((state) => (counts[state] ?? 0) > 0);
}

/** `forgotten` where no job is left to tell. */
export function stateOf(nodes: readonly WorkflowNodeView[]): string {
  const states = statesIn(countsOf(nodes));
  const isOver = states.every((state) => ['failed', 'completed', 'cancelled'].includes(state));
  return (isOver ? states[0] : (states.find((state) => state !== 'failed') ?? states[0])) ?? 'forgotten';
}

/** `3 processing, 8 completed`. */
export function countWords(counts: Counts): string {
  return statesIn(counts)
    .map((state) => `${counts[state] ?? 0} ${state}`)
    .join(', ');
}

/** The jobs of these nodes. */
export function jobsOf(
  { jobs }: Pick<WorkflowView, 'jobs'>,
  nodes: readonly WorkflowNodeView[],
): readonly WorkflowJob[] {
  const names = new Set(nodes.map(({ node }) => node));
  return jobs.filter(({ node }) => names.has(node));
}

/** Everything about it in words, for who does not see it. */
export function described({ id, kind, nodes, after, words }: Unit): string {
  if (kind === 'outside') return `${id.slice('job:'.length)}, a job outside of the workflow`;
  const [first] = nodes;
  const counts = countsOf(nodes);
  const what =
    kind === 'group'
      ? `${nodes.length} nodes from ${id} to ${nodes.at(-1)?.node ?? id}`
      : `${id}${first?.each === true ? `, list of ${first.size} jobs` : ''}`;
  const state = kind === 'node' && first?.each !== true ? stateOf(nodes) : countWords(counts) || 'forgotten';
  const waits = after.length === 0 ? '' : `; after ${words === '' ? '' : `${words} of `}${after.join(', ')}`;
  return `${what}${first?.type === undefined ? '' : `, type ${first.type}`}: ${state}${waits}`;
}
