/**
 * Where everything of a chart is drawn, worked out by ELK: boxes, the bends of wires, and labels on them.
 *
 * Runs when the pages are built, so that a browser only draws. All places are pixels from the top left corner.
 */

import type { ELK, ElkEdgeSection, ElkExtendedEdge, ElkNode } from 'elkjs/lib/elk-api.js';
import { linesOf } from './line.ts';
import { type Machine, type Plan, planOf, type Way, type Wire } from './wire.ts';

export type Direction = 'right' | 'down';

/** `words`: each wire says what takes it. `outline`: wires alone, for a look at the whole. */
export type Detail = 'words' | 'outline';

export interface Manner {
  direction: Direction;
  detail: Detail;
}

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Box extends Rect {
  path: string;
  name: string;
  description: string;
  leaf: boolean;
  final: boolean;
  /** Events that leave the state what it is; there is room for them among words only. */
  stays: readonly Way[];
}

export interface DrawnWire extends Wire {
  points: readonly (readonly [x: number, y: number])[];
  /** Where its words stand, if they are drawn. */
  label?: Rect;
}

/** The dot before the state that is entered first, and the wire from there. */
export interface Entry {
  at: readonly [x: number, y: number];
  points: readonly (readonly [x: number, y: number])[];
}

export interface Drawing {
  detail: Detail;
  width: number;
  height: number;
  boxes: readonly Box[];
  wires: readonly DrawnWire[];
  entries: readonly Entry[];
}

const lineHeight = 15;
/** Below the words of a wire there is room for what is counted on it. */
const countHeight = 14;
const header = 44;
const dot = 10;
/** The name of a state, and below it how many are in it. */
const leafHeight = 68;
/** In letters of 21 px. */
const nameWidth = 13.4;

const common = {
  'elk.spacing.nodeNode': '26',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '10',
  'elk.layered.spacing.nodeNodeBetweenLayers': '22',
  'elk.layered.spacing.edgeNodeBetweenLayers': '12',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '8',
  'elk.layered.cycleBreaking.strategy': 'GREEDY',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.thoroughness': '20',
};

export async function layout(machine: Machine, manner: Manner, elk: Pick<ELK, 'layout'>): Promise<Drawing> {
  const plan = planOf(machine);
  const laid = await elk.layout(graphOf(plan, manner));
  return drawingOf(plan, laid, manner.detail);
}

function graphOf(plan: Plan, { direction, detail }: Manner): ElkNode {
  // Wires without words share the place at which they leave or reach a box.
  const shared = { ...common, 'elk.layered.mergeEdges': String(detail === 'outline') };
  const linesIn = (stays: readonly Way[]) => (detail === 'words' ? stays : []);
  const inside = Map.groupBy(plan.states, ({ within }) => within);
  const firsts = plan.states.flatMap(({ path, initial }) => (initial === undefined ? [] : [{ path, initial }]));
  const nodesIn = (within: string): ElkNode[] => [
    ...firsts.filter(({ path }) => path === within).map(({ path }) => dotOf(path)),
    ...(inside.get(within) ?? []).map(({ path, name, leaf, stays }) =>
      leaf
        ? { id: path, width: leafWidth(name, linesIn(stays)), height: leafHeight + linesIn(stays).length * lineHeight }
        : {
            id: path,
            children: nodesIn(path),
            layoutOptions: {
              ...shared,
              'elk.padding': `[top=${header + linesIn(stays).length * lineHeight},left=20,bottom=20,right=20]`,
            },
          },
    ),
  ];
  return {
    id: 'top',
    layoutOptions: {
      ...shared,
      'elk.algorithm': 'layered',
      'elk.direction': direction === 'right' ? 'RIGHT' : 'DOWN',
      'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
      'elk.edgeRouting': 'ORTHOGONAL',
      'elk.json.shapeCoords': 'ROOT',
      'elk.json.edgeCoords': 'ROOT',
      'elk.padding': '[top=16,left=16,bottom=16,right=16]',
    },
    children: nodesIn(''),
    edges: [
      ...plan.wires.map((wire) => edgeOf(wire, detail)),
      ...firsts.map(({ path, initial }) => ({ id: `dot ${path}`, sources: [`dot:${path}`], targets: [initial] })),
    ],
  };
}

/** Room for the name, how many are in it, and what leaves it as it is. */
function leafWidth(name: string, stays: readonly Way[]): number {
  const words = stays.map(({ event, guard }) => textWidth(`- ${event} [${guard}]`, 6.8) + 24);
  return Math.max(96, textWidth(name, nameWidth) + 28, ...words);
}

function dotOf(path: string): ElkNode {
  return {
    id: `dot:${path}`,
    width: dot,
    height: dot,
    layoutOptions: { 'elk.layered.layering.layerConstraint': 'FIRST' },
  };
}

function edgeOf({ id, from, to, ways, happy }: Wire, detail: Detail): ElkExtendedEdge {
  const lines = linesOf(ways);
  const width = Math.max(...lines.map((line) => textWidth(line, 6.8))) + 16;
  const height = lines.length * lineHeight + countHeight + 4;
  return {
    id,
    sources: [from],
    targets: [to],
    labels:
      detail === 'outline'
        ? []
        : [{ id: `${id} label`, text: id, width, height, layoutOptions: { 'elk.edgeLabels.inline': 'true' } }],
    layoutOptions: happy
      ? {
          'elk.layered.priority.direction': '10',
          'elk.layered.priority.straightness': '10',
          'elk.layered.priority.shortness': '10',
        }
      : {},
  };
}

function textWidth(text: string, each: number): number {
  return Math.ceil(text.length * each);
}

function drawingOf({ states, wires }: Plan, laid: ElkNode, detail: Detail): Drawing {
  const rects = new Map(nodesOf(laid).map((node) => [node.id, rectOf(node)]));
  const edges = new Map((laid.edges ?? []).map((edge) => [edge.id, edge]));
  const rect = (id: string) => rects.get(id) ?? { x: 0, y: 0, width: 0, height: 0 };
  return {
    detail,
    width: Math.ceil(laid.width ?? 0),
    height: Math.ceil(laid.height ?? 0),
    boxes: states.map(({ path, name, description, leaf, final, stays }) => ({
      ...{ path, name, description, leaf, final, stays },
      ...rect(path),
    })),
    wires: wires.map((wire) => {
      const edge = edges.get(wire.id);
      const label = edge?.labels?.[0];
      return {
        ...wire,
        points: pointsOf(edge?.sections?.[0]),
        ...(label === undefined ? {} : { label: rectOf(label) }),
      };
    }),
    entries: states
      .filter(({ initial }) => initial !== undefined)
      .map(({ path }) => {
        const { x, y, width, height } = rect(`dot:${path}`);
        return { at: [x + width / 2, y + height / 2], points: pointsOf(edges.get(`dot ${path}`)?.sections?.[0]) };
      }),
  };
}

function nodesOf(node: ElkNode): ElkNode[] {
  return (node.children ?? []).flatMap((child) => [child, ...nodesOf(child)]);
}

function pointsOf(section: ElkEdgeSection | undefined): (readonly [number, number])[] {
  if (section === undefined) return [];
  const { startPoint, bendPoints = [], endPoint } = section;
  return [startPoint, ...bendPoints, endPoint].map(({ x, y }) => [round(x), round(y)]);
}

function rectOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Rect>): Rect {
  return { x: round(x), y: round(y), width: round(width), height: round(height) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
