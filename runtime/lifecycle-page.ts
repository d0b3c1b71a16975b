/**
 * The charts as people read them: the text of `docs/lifecycle.md`, a picture and a table of every edge for each.
 */

import type { AnyStateMachine } from 'xstate';
import { type ChartEdge, type ChartState, edgesOf, statesOf } from './chart.ts';
import { machines } from './machines.ts';
import { mermaidOf } from './mermaid.ts';

/** The text of `docs/lifecycle.md`. */
export function lifecyclePage(): string {
  return `# What may happen

Generated from \`machines/\`; do not edit it by hand.

An edge in a box of states holds for every state inside. Where an event has several edges, the first one whose guard
holds is taken. An event for which a state has no edge changes nothing.

${Object.values(machines)
  .map(({ title, machine }) => section(title, machine))
  .join('\n')}`;
}

function section(title: string, machine: AnyStateMachine): string {
  return `## ${title}

\`\`\`mermaid
${mermaidOf(machine)}
\`\`\`

| state | |
|---|---|
${statesOf(machine).map(stateRow).join('\n')}

| from | event | guard | to | |
|---|---|---|---|---|
${edgesOf(machine).map(edgeRow).join('\n')}
`;
}

function stateRow(state: ChartState): string {
  const name = state.leaf ? `**${state.name}**` : state.name;
  const within = state.within === '' ? '' : `${state.within.replaceAll('.', ' › ')} › `;
  return `| ${within}${name} | ${state.description} |`;
}

function edgeRow(edge: ChartEdge): string {
  const cells = [
    nameOf(edge.from),
    edge.event === '' ? 'at once' : `\`${edge.event}\``,
    edge.guard === '' ? '' : `\`${edge.guard}\``,
    edge.to === undefined ? '*stays*' : nameOf(edge.to),
    edge.description,
  ];
  return `| ${cells.join(' | ')} |`;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
