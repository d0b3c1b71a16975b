/**
 * The picture of a workflow: boxes, and what each waits for. Arrow keys go from box to box.
 *
 * Where everything stands is worked out again only when other nodes come, not when states change.
 */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { WorkflowView } from '../../../../sdk/index.ts';
import { Canvas } from '../part/canvas.tsx';
import { isSettled } from '../part/state.tsx';
import type { Zoom } from '../part/zoom.tsx';
import { Box } from './box.tsx';
import { curve, type Direction, type Edge, type Layout, layout } from './layout.ts';
import { type CriticalPath, criticalPath } from './path.ts';
import { sizeOf, stateOf, type Unit, unitsOf, wordsSize } from './unit.ts';

export interface GraphProps {
  view: WorkflowView;
  direction: Direction;
  zoom: Zoom;
  chosen: string | undefined;
  hrefOf(choice: string): string;
}

const smallest = 0.45;

export function Graph({ view, direction, zoom, chosen, hrefOf }: GraphProps) {
  const { route } = useLocation();
  const canvas = useRef<HTMLElement>(null);
  const room = useRoom(canvas);
  const shape = JSON.stringify(
    view.nodes.map(({ node, after, need, when, each, size }) => [node, after, need, when, each, size]),
  );
  // The shape is what of the nodes it goes by.
  const laid = useMemo(() => laidOut(view, direction), [shape, direction]);
  const units = unitsOf(view.nodes);
  const path = criticalPath(view, isSettled);
  const scale =
    zoom.scale ?? Math.min(1, Math.max(smallest, Math.min(room.width / laid.width, room.height / laid.height)));
  useOpening(canvas, path.waitsFor, scale);
  const onClick = (event: MouseEvent) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const to = link?.getAttribute('href');
    if (to === null || to === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    route(to);
  };
  return (
    <Canvas
      place={canvas}
      looks="flow-canvas"
      label="The graph; arrow keys go from node to node"
      zoom={scale}
      onZoom={zoom.by}
      onClick={onClick}
      onKeyDown={toNeighbour}
    >
      <svg
        class="flow"
        viewBox={`0 0 ${laid.width} ${laid.height}`}
        width={Math.round(laid.width * scale)}
        height={Math.round(laid.height * scale)}
      >
        <title>{`The graph of ${view.name ?? view.id}`}</title>
        <Arrows />
        <rect class="ground" width={laid.width} height={laid.height} />
        <Edges laid={laid} units={units} path={path} direction={direction} />
        {units.map((unit) => {
          const place = laid.places.get(unit.id) ?? { x: 0, y: 0 };
          const { width, height } = sizeOf(unit, direction);
          const isOnPath = unit.nodes.some(({ node }) => path.nodes.includes(node));
          const isWaitedFor = unit.nodes.some(({ node }) => node === path.waitsFor);
          return (
            <Box key={unit.id} {...{ unit, ...place, width, height, view, chosen, isOnPath, isWaitedFor, hrefOf }} />
          );
        })}
      </svg>
    </Canvas>
  );
}

function laidOut({ nodes }: WorkflowView, direction: Direction): Layout {
  return layout(
    unitsOf(nodes).map((unit) => sizeOf(unit, direction)),
    direction,
  );
}

/** How much of the picture can be seen at once. */
function useRoom(canvas: { current: HTMLElement | null }): { width: number; height: number } {
  const [room, setRoom] = useState({ width: 1_100, height: 560 });
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const seen = new ResizeObserver(() =>
      setRoom({ width: element.clientWidth - 18, height: Math.max(300, window.innerHeight * 0.62) }),
    );
    seen.observe(element);
    return () => seen.disconnect();
  }, [canvas]);
  return room;
}

/** Who opens a large picture sees first what is waited for. */
function useOpening(canvas: { current: HTMLElement | null }, waitsFor: string | undefined, scale: number): void {
  const isDone = useRef(false);
  useEffect(() => {
    const box = canvas.current?.querySelector('.waited .box');
    if (isDone.current || waitsFor === undefined || box === null || box === undefined || canvas.current === null)
      return;
    isDone.current = true;
    const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => Number(box.getAttribute(name)) * scale);
    const { clientWidth, clientHeight } = canvas.current;
    canvas.current.scrollTo((x ?? 0) + ((width ?? 0) - clientWidth) / 2, (y ?? 0) + ((height ?? 0) - clientHeight) / 2);
  });
}

function Arrows() {
  return (
    <defs>
      {['plain', 'path'].map((kind) => (
        <marker
          key={kind}
          id={`flow-${kind}`}
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerUnits="userSpaceOnUse"
          markerWidth="10"
          markerHeight="10"
          orient="auto"
        >
          <path class={`arrow ${kind}`} d="M0 0L8 4L0 8z" />
        </marker>
      ))}
    </defs>
  );
}

interface EdgesProps {
  laid: Layout;
  units: readonly Unit[];
  path: CriticalPath;
  direction: Direction;
}

function Edges({ laid, units, path, direction }: EdgesProps) {
  const byId = new Map(units.map((unit) => [unit.id, unit]));
  const idOf = new Map(units.flatMap(({ id, nodes }) => nodes.map(({ node }) => [node, id] as const)));
  const steps = new Set(path.nodes.slice(1).map((node, at) => `${idOf.get(path.nodes[at] ?? '')} ${idOf.get(node)}`));
  const looksOf = ({ from, to }: Edge) => {
    if (steps.has(`${from} ${to}`)) return 'on-path';
    const nodes = byId.get(from)?.nodes ?? [];
    return nodes.length > 0 && isSettled(stateOf(nodes)) ? 'past' : 'open';
  };
  const drawn = laid.edges.map((edge) => ({ ...edge, looks: looksOf(edge) }));
  return (
    <g class="edges">
      {[...drawn.filter(({ looks }) => looks !== 'on-path'), ...drawn.filter(({ looks }) => looks === 'on-path')].map(
        ({ from, to, points, looks }) => (
          <path
            key={`${from} ${to}`}
            class={`edge ${looks}`}
            d={curve(points, direction)}
            marker-end={`url(#flow-${looks === 'on-path' ? 'path' : 'plain'})`}
          />
        ),
      )}
      {units.map((unit) => (
        <Condition key={unit.id} unit={unit} laid={laid} direction={direction} />
      ))}
    </g>
  );
}

/** How a node waits, where not for all to complete, at the end of what leads to it. */
function Condition({ unit, laid, direction }: { unit: Unit; laid: Layout; direction: Direction }) {
  const place = laid.places.get(unit.id);
  if (unit.words === '' || place === undefined) return null;
  const [width, size] = [wordsSize(unit.words), sizeOf(unit, direction)];
  const [x, y] =
    direction === 'right'
      ? [place.x - width - 14, place.y + size.height / 2 - 10]
      : [place.x + (size.width - width) / 2, place.y - 34];
  return (
    <g class="condition">
      <rect x={x} y={y} width={width} height={20} rx={10} />
      <text x={x + width / 2} y={y + 14} text-anchor="middle">
        {unit.words}
      </text>
    </g>
  );
}

const ways: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowUp: [0, -1],
};

/** To the nearest box that lies there; what is far beside the way counts as further. */
function toNeighbour(event: KeyboardEvent): void {
  const way = ways[event.key];
  const here = document.activeElement?.closest('.flow a');
  if (way === undefined || here === null || here === undefined) return;
  event.preventDefault();
  const from = middleOf(here);
  let best: { link: Element; far: number } | undefined;
  for (const link of document.querySelectorAll('.flow a')) {
    const [x, y] = middleOf(link);
    const along = (x - from[0]) * way[0] + (y - from[1]) * way[1];
    const beside = Math.abs((x - from[0]) * way[1]) + Math.abs((y - from[1]) * way[0]);
    if (link === here || along < 4 || beside > along * 4) continue;
    const far = along + beside * 2;
    if (best === undefined || far < best.far) best = { link, far };
  }
  if (best?.link instanceof SVGElement) best.link.focus();
}

function middleOf(element: Element): readonly [x: number, y: number] {
  const { x, y, width, height } = element.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
}
