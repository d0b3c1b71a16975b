/**
 * What is drawn of a chart: boxes for its states, and one wire for all edges that lead from one state to another.
 *
 * Edges that leave the state what it is are words in its box, not wires.
 */

import { type ChartEdge, type ChartState, edgesOf, statesOf } from '../../../runtime/chart.ts';

export type Machine = Parameters<typeof statesOf>[0];

/** One way to take a wire. */
export interface Way {
  event: string;
  guard: string;
  description: string;
  happy: boolean;
  /** Of the edges that leave a state: which the machine tries first. */
  order: number;
}

export interface Wire {
  id: string;
  from: string;
  to: string;
  ways: readonly Way[];
  happy: boolean;
}

export interface Plan {
  states: readonly (ChartState & { stays: readonly Way[] })[];
  wires: readonly Wire[];
}

type Ordered = ChartEdge & Pick<Way, 'order'>;

export function planOf(machine: Machine): Plan {
  const edges = edgesOf(machine).map((edge, order) => ({ ...edge, order }));
  const stays = Map.groupBy(
    edges.filter(({ to }) => to === undefined),
    ({ from }) => from,
  );
  const led = edges.flatMap((edge) => (edge.to === undefined ? [] : [{ ...edge, to: edge.to }]));
  const wires = [...Map.groupBy(led, ({ from, to }) => `${from}>${to}`)].flatMap(([id, those]) => wireOf(id, those));
  return {
    states: statesOf(machine).map((state) => ({ ...state, stays: (stays.get(state.path) ?? []).map(wayOf) })),
    wires,
  };
}

function wireOf(id: string, edges: readonly (Ordered & { to: string })[]): Wire[] {
  const [first] = edges;
  if (first === undefined) return [];
  const ways = edges.map(wayOf);
  return [{ id, from: first.from, to: first.to, ways, happy: ways.some(({ happy }) => happy) }];
}

function wayOf({ event, guard, description, happy, order }: Ordered): Way {
  return { event, guard, description, happy, order };
}
