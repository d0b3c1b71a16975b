/**
 * A chart as Mermaid draws it: text that many pages show as a picture, with its states in their boxes and every edge.
 */

import type { AnyStateMachine } from 'xstate';
import { type ChartEdge, type ChartState, edgesOf, statesOf } from './chart.ts';

/** A `stateDiagram-v2` for mermaid, with states in their boxes. */
export function mermaidOf(machine: AnyStateMachine): string {
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
