/**
 * A chart as a picture: boxes, wires and labels, what is lit and what is counted.
 *
 * It knows where everything stands (`drawing/`), and nothing of what moves: who uses it says what is lit, and sends tokens
 * through `onLayer`. Files of pictures are made by it too (`drawing/picture.ts`), where nothing else says whose JSX it is.
 *
 * @jsxImportSource preact
 */

import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Box, Drawing, DrawnWire, Rect } from '../../drawing/layout.ts';
import { linesOf } from '../../drawing/line.ts';
import { pathOf } from './path.ts';
import { placePills } from './pills.ts';
import { Tokens } from './tokens.ts';

export interface Flow {
  jobs: number;
  /** How long jobs had been in the state before, half of them at most. */
  p50Ms?: number;
}

export interface StatechartProps {
  drawing: Drawing;
  label: string;
  /** How many are in each state, by its path. */
  counts?: ReadonlyMap<string, number>;
  /** States that are shown as the ones that something is in, by path. */
  lit?: ReadonlySet<string>;
  /** What went along each wire, by its id. */
  flows?: ReadonlyMap<string, Flow>;
  /** Wires that were walked; all others step back. */
  walked?: ReadonlySet<string>;
  /** Gets what makes tokens run, until it is called with nothing. */
  onTokens?(tokens: Tokens | undefined): void;
  /** Zoom, 1 for the size in which it was drawn; else it fits the width. */
  zoom?: number | undefined;
}

export function Statechart(props: StatechartProps) {
  const { drawing, label, zoom, onTokens } = props;
  const layer = useRef<SVGGElement>(null);
  useEffect(() => {
    if (layer.current === null || onTokens === undefined) return;
    const tokens = new Tokens(layer.current);
    onTokens(tokens);
    return () => {
      onTokens(undefined);
      tokens.clear();
    };
  }, [drawing, onTokens]);
  const counted = [...(props.flows?.keys() ?? [])].sort().join('\n');
  const pills = useMemo(() => placePills(drawing, new Set(counted.split('\n'))), [drawing, counted]);
  const { width, height } = drawing;
  const size =
    zoom === undefined ? { style: { '--natural': `${width}px` } } : { width: width * zoom, height: height * zoom };
  return (
    <svg
      class={`chart${zoom === undefined ? ' fits' : ''}`}
      viewBox={`0 0 ${width} ${height}`}
      {...size}
      role="img"
      aria-label={label}
    >
      <defs>
        <marker
          id="arrow"
          viewBox="0 0 8 8"
          refX="7"
          refY="4"
          markerUnits="userSpaceOnUse"
          markerWidth="10"
          markerHeight="10"
          orient="auto"
        >
          <path d="M0 0L8 4L0 8z" />
        </marker>
      </defs>
      {drawing.boxes.map((box) => (
        <State
          key={box.path}
          box={box}
          lines={drawing.detail === 'words' ? box.stays : []}
          count={props.counts?.get(box.path)}
          isLit={props.lit?.has(box.path) ?? false}
        />
      ))}
      {drawing.entries.map(({ at: [x, y], points }) => (
        <g class="entry" key={`${x} ${y}`}>
          <circle cx={x} cy={y} r={5} />
          <path d={pathOf(points)} marker-end="url(#arrow)" />
        </g>
      ))}
      {drawing.wires.map((wire) => (
        <g key={wire.id} class={`wire ${looks(wire, props)}`} data-wire={wire.id}>
          <title>{about(wire)}</title>
          <path class="reach" d={pathOf(wire.points)} />
          <path class="line" d={pathOf(wire.points)} marker-end="url(#arrow)" />
        </g>
      ))}
      {drawing.wires.map((wire) => (
        <Label
          key={wire.id}
          wire={wire}
          place={pills.get(wire.id)}
          flow={props.flows?.get(wire.id)}
          looks={looks(wire, props)}
        />
      ))}
      <g ref={layer} class="tokens" />
    </svg>
  );
}

interface StateProps {
  box: Box;
  /** What leaves it as it is, where that is drawn. */
  lines: Box['stays'];
  count: number | undefined;
  isLit: boolean;
}

function State({ box, lines, count, isLit }: StateProps) {
  const { x, y, width, height, name, leaf, final, description } = box;
  const isAlone = leaf && count === undefined && lines.length === 0;
  const kind = `${leaf ? 'leaf' : 'holder'}${final ? ' final' : ''}${isLit ? ' lit' : ''}${(count ?? 0) > 0 ? ' taken' : ''}`;
  return (
    <g class={`state ${kind}`} data-path={box.path} data-count={count}>
      <title>{description}</title>
      <rect x={x} y={y} width={width} height={height} rx={leaf ? 10 : 14} />
      {final && <rect class="inner" x={x + 4} y={y + 4} width={width - 8} height={height - 8} rx={7} />}
      <text class="name" x={x + 14} y={isAlone ? y + height / 2 + 7 : y + 28}>
        {name}
      </text>
      {count !== undefined && leaf && (
        <text class="count" x={x + 14} y={y + 54}>
          {count.toLocaleString('en')}
        </text>
      )}
      {lines.map(({ event, guard }, at) => (
        <text class="stays" key={`${event} ${guard}`} x={x + 14} y={y + (leaf ? 72 : 46) + at * 15}>
          ↺ {event}
          {guard === '' ? '' : ` [${guard}]`}
        </text>
      ))}
    </g>
  );
}

interface LabelProps {
  wire: DrawnWire;
  /** Where what is counted stands, where there are no words. */
  place: Rect | undefined;
  flow: Flow | undefined;
  looks: string;
}

function Label({ wire, place, flow, looks: look }: LabelProps) {
  if (wire.label === undefined) return <Pill place={place} flow={flow} looks={look} />;
  const { x, y, width, height } = wire.label;
  const lines = linesOf(wire.ways);
  const middle = x + width / 2;
  return (
    <g class={`label ${look}`}>
      <title>{about(wire)}</title>
      <rect x={x} y={y} width={width} height={height} rx={8} />
      {lines.map((line, at) => (
        <text
          key={line}
          class={line.startsWith('[') ? 'guard' : 'event'}
          x={middle}
          y={y + 15 + at * 15}
          text-anchor="middle"
        >
          {line}
        </text>
      ))}
      {flow !== undefined && flow.jobs > 0 && <Counted flow={flow} x={middle} y={y + 14 + lines.length * 15} />}
    </g>
  );
}

/** Where a wire has no words, what is counted stands where there is room for it. */
function Pill({ place, flow, looks: look }: { place: Rect | undefined; flow: Flow | undefined; looks: string }) {
  if (place === undefined || flow === undefined || flow.jobs === 0) return null;
  const { x, y, width, height } = place;
  return (
    <g class={`label ${look}`}>
      <rect {...place} rx={height / 2} />
      <Counted flow={flow} x={x + width / 2} y={y + height / 2 + 6} />
    </g>
  );
}

/** What a wire is, for who points at it. */
function about({ from, to, ways }: DrawnWire): string {
  const lines = ways.map(
    ({ event, guard, description }) => `${event || 'at once'}${guard === '' ? '' : ` [${guard}]`}: ${description}`,
  );
  return `${from} → ${to}\n${lines.join('\n')}`;
}

function Counted({ flow: { jobs, p50Ms }, x, y }: { flow: Flow; x: number; y: number }): ComponentChildren {
  return (
    <text class="flow" x={x} y={y} text-anchor="middle">
      {jobs.toLocaleString('en')}
      {p50Ms === undefined ? '' : ` · ${short(p50Ms)}`}
    </text>
  );
}

function short(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`;
}

/** Much used wires are warm and wide. */
function looks({ id, happy }: DrawnWire, { flows, walked }: StatechartProps): string {
  const jobs = flows?.get(id)?.jobs ?? 0;
  const heat = jobs === 0 ? 0 : Math.min(5, 1 + Math.floor(Math.log10(jobs)));
  return `${happy ? 'happy ' : ''}heat-${heat}${walked === undefined ? '' : walkOf(walked.has(id))}`;
}

function walkOf(isWalked: boolean): string {
  return isWalked ? ' walked' : ' unwalked';
}
