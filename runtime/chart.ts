/**
 * A chart as plain data: its states and every edge of its definition, read off the machine itself.
 *
 * What draws a chart, lists its edges or proves that tests reach all of them starts here, so that none of them can
 * leave one out. An edge is named by where it starts, its event, its guard and where it leads.
 */

import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

export interface ChartState {
  /** The path from the top: `open.active.assigned`. */
  path: string;
  name: string;
  /** The path of the state that it is in; empty at the top. */
  within: string;
  /** Whether it has no states inside. */
  leaf: boolean;
  final: boolean;
  /** The path of the state that is entered first, where it has states inside. */
  initial?: string;
  description: string;
}

export interface ChartEdge {
  from: string;
  /** The type of the event; empty for an edge that is taken at once. */
  event: string;
  /** The name of the guard; empty where there is none. */
  guard: string;
  /** Absent: the state stays what it is, and only the context changes. */
  to?: string;
  actions: readonly string[];
  description: string;
  /** Whether it is on the way that a job takes when all goes well. */
  happy: boolean;
}

/** All states below the top, in the order in which the chart names them. */
export function statesOf(machine: AnyStateMachine): readonly ChartState[] {
  return nodesOf(machine.root).map(toState);
}

/** All edges, in the order in which the chart tries them. */
export function edgesOf(machine: AnyStateMachine): readonly ChartEdge[] {
  return nodesOf(machine.root).flatMap((node) => transitionsOf(node).map(edgeOf));
}

/** One edge as data, from what XState says that it took. */
export function edgeOf(transition: AnyTransitionDefinition): ChartEdge {
  const target = transition.target?.[0];
  const edge: ChartEdge = {
    from: pathOf(transition.source),
    event: transition.eventType,
    guard: nameOf(transition.guard),
    actions: transition.actions.map(nameOf),
    description: transition.description ?? '',
    happy: isHappy(transition.meta),
  };
  if (target !== undefined) edge.to = pathOf(target);
  return edge;
}

/** One line for an edge: `open.active.processing --attempt.failed [mayRetry]--> open.waiting.retrying`. */
export function edgeName(edge: ChartEdge): string {
  const guard = edge.guard === '' ? '' : ` [${edge.guard}]`;
  return `${edge.from} --${edge.event}${guard}--> ${edge.to ?? '(stays)'}`;
}

function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...nodesOf(child)]);
}

function transitionsOf(node: AnyStateNode): readonly AnyTransitionDefinition[] {
  return [...(node.always ?? []), ...[...node.transitions.values()].flat()];
}

function toState(node: AnyStateNode): ChartState {
  const first = node.initial?.target[0];
  const state: ChartState = {
    path: pathOf(node),
    name: node.key,
    within: node.path.slice(0, -1).join('.'),
    leaf: Object.keys(node.states).length === 0,
    final: node.type === 'final',
    description: node.description ?? '',
  };
  if (first !== undefined && !state.leaf) state.initial = pathOf(first);
  return state;
}

function pathOf(node: AnyStateNode): string {
  return node.path.join('.');
}

/** The name of a guard or an action as the chart refers to it. */
function nameOf(reference: unknown): string {
  if (typeof reference === 'string') return reference;
  if (typeof reference === 'object' && reference !== null && 'type' in reference) return String(reference.type);
  return '';
}

function isHappy(meta: unknown): boolean {
  return typeof meta === 'object' && meta !== null && 'happy' in meta && meta.happy === true;
}
