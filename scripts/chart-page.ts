/**
 * A chart as a picture and two tables, read off the machine itself: `docs/lifecycle.md` cannot say what the code
 * does not do.
 */

import type { AnyStateMachine, AnyStateNode } from 'xstate';

/** One edge as its row shows it. */
interface Edge {
  from: AnyStateNode;
  to: AnyStateNode;
  event: string;
  guard: string;
  description: string;
  happy: boolean;
}

/** What is read of a transition of XState. */
interface Way {
  readonly eventType: string;
  readonly guard?: unknown;
  readonly target?: readonly AnyStateNode[] | undefined;
  readonly description?: string | undefined;
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
}

/** A section with the picture, the states and the edges of `machine`. */
export function chartSection(title: string, machine: AnyStateMachine): string {
  const root: AnyStateNode = machine.root;
  const nodes = descendants(root);
  const edges = nodes.flatMap(edgesOf);
  return `## ${title}

\`\`\`mermaid
stateDiagram-v2
${[...drawState(root, '  '), ...edges.map((edge) => drawEdge(edge, '  '))].join('\n')}
\`\`\`

| state | in | |
|---|---|---|
${nodes.map(stateRow).join('\n')}

| from | event | if | to | |
|---|---|---|---|---|
${edges.map(edgeRow).join('\n')}
`;
}

function descendants(node: AnyStateNode): AnyStateNode[] {
  return childrenOf(node).flatMap((child) => [child, ...descendants(child)]);
}

function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states);
}

function edgesOf(node: AnyStateNode): Edge[] {
  const ways: readonly Way[] = [...node.transitions.values(), node.always ?? []].flat();
  return ways.flatMap((way) => edgesFrom(node, way));
}

function edgesFrom(from: AnyStateNode, way: Way): Edge[] {
  const { description = '', eventType, guard, target = [from] } = way;
  const event = eventType === '' ? 'at once' : eventType;
  const happy = way.meta?.['happy'] === true;
  return target.map((to) => ({ from, to, event, guard: nameOf(guard), description, happy }));
}

function nameOf(guard: unknown): string {
  if (guard === undefined) return '';
  if (typeof guard === 'string') return guard;
  throw new Error(`Expected every guard of a chart to have a name, got ${String(guard)}. Move it into \`setup\`.`);
}

function drawState(node: AnyStateNode, indent: string): string[] {
  const children = childrenOf(node);
  const [first] = node.initial?.target ?? [];
  return [
    ...(first === undefined ? [] : [`${indent}[*] --> ${first.key}`]),
    ...children.flatMap((child) => drawChild(child, indent)),
  ];
}

function drawChild(node: AnyStateNode, indent: string): string[] {
  if (node.type === 'final') return [`${indent}${node.key} --> [*]`];
  if (childrenOf(node).length === 0) return [`${indent}${node.key}`];
  return [`${indent}state ${node.key} {`, ...drawState(node, `${indent}  `), `${indent}}`];
}

function drawEdge({ from, to, event, guard, happy }: Edge, indent: string): string {
  const condition = guard === '' ? '' : ` [${guard}]`;
  return `${indent}${from.key} --> ${to.key}: ${event}${condition}${happy ? ' ★' : ''}`;
}

function stateRow(node: AnyStateNode): string {
  const within = node.parent?.path.at(-1) ?? '';
  return `| \`${node.key}\` | ${within === '' ? '' : `\`${within}\``} | ${node.description ?? ''} |`;
}

function edgeRow({ from, to, event, guard, description, happy }: Edge): string {
  const condition = guard === '' ? '' : `\`${guard}\``;
  return `| \`${from.key}\` | \`${event}\` | ${condition} | \`${to.key}\`${happy ? ' ★' : ''} | ${description} |`;
}
