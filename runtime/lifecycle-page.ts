/**
 * The charts as people read them: the text of `docs/lifecycle.md`, a picture and a table of every edge for each.
 */

import type { AnyStateMachine } from 'xstate';
import { jobMachine } from '../machines/job.ts';
import { scheduleMachine } from '../machines/schedule.ts';
import { workerMachine } from '../machines/worker.ts';
import { type ChartEdge, type ChartState, edgesOf, statesOf } from './chart.ts';

/** The text of `docs/lifecycle.md`. */
export function lifecyclePage(): string {
  return `# What may happen

Generated from \`machines/\`; do not edit it by hand.

An edge in a box of states holds for every state inside. Where an event has several edges, the first one whose guard
holds is taken. An event for which a state has no edge changes nothing.

${section('The life of a job', jobMachine)}
${section('The life of a worker', workerMachine)}
${section('The life of a schedule', scheduleMachine)}`;
}

function section(title: string, machine: AnyStateMachine): string {
  return `## ${title}

\`\`\`mermaid
${diagram(machine)}
\`\`\`

| state | |
|---|---|
${statesOf(machine).map(stateRow).join('\n')}

| from | event | guard | to | |
|---|---|---|---|---|
${edgesOf(machine).map(edgeRow).join('\n')}
`;
}

/** A \`stateDiagram-v2\` for mermaid, with states in their boxes. */
function diagram(machine: AnyStateMachine): string {
  const states = statesOf(machine);
  const start = machine.root.initial.target[0]?.key ?? '';
  const lines = [
    'stateDiagram-v2',
    `  [*] --> ${start}`,
    ...boxes(states, '', '  '),
    ...edgesOf(machine).flatMap((edge) => sourcesOf(edge, machine).map((from) => arrow(edge, from))),
    ...states.filter((state) => state.final).map((state) => `  ${idOf(state.path)} --> [*]`),
  ];
  return lines.join('\n');
}

function boxes(states: readonly ChartState[], within: string, indent: string): string[] {
  return states
    .filter((state) => state.within === within)
    .flatMap((state) => {
      const named = `${indent}state "${state.name}" as ${idOf(state.path)}`;
      if (state.leaf || state.initial === undefined) return [named];
      const inside = `${indent}  `;
      return [
        `${named} {`,
        `${inside}[*] --> ${idOf(state.initial)}`,
        ...boxes(states, state.path, inside),
        `${indent}}`,
      ];
    });
}

/**
 * Where the arrows of an edge start. Mermaid cannot draw one from a box to the inside of the same box, so that an
 * edge which stays within its own box starts at each state in it. States that are left at once have none.
 */
function sourcesOf(edge: ChartEdge, machine: AnyStateMachine): readonly string[] {
  const to = edge.to ?? edge.from;
  const inside = (path: string) => path.startsWith(`${edge.from}.`);
  if (edge.to !== undefined && !inside(to)) return [edge.from];
  const passing = new Set(edgesOf(machine).flatMap((one) => (one.event === '' ? [one.from] : [])));
  const leaves = statesOf(machine).filter((state) => state.leaf && inside(state.path) && !passing.has(state.path));
  return leaves.length === 0 ? [edge.from] : leaves.map((state) => state.path);
}

function arrow(edge: ChartEdge, from: string): string {
  const guard = edge.guard === '' ? '' : ` [${edge.guard}]`;
  const label = `${edge.event}${guard}`.trim();
  return `  ${idOf(from)} --> ${idOf(edge.to ?? from)}${label === '' ? '' : ` : ${label}`}`;
}

/** Mermaid takes no dots in names. */
function idOf(path: string): string {
  return path.replaceAll('.', '_');
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
