/**
 * One box of the picture of a workflow, as a link that shows its jobs. Its words stand over the link, not in it: what they say
 * shortened, the name of the link tells whole.
 */

import type { WorkflowView } from '../../../../sdk/index.ts';
import { isSettled } from '../part/state.tsx';
import { Parts } from './parts.tsx';
import { cell, countsOf, countWords, described, jobsOf, stateOf, statesIn, type Unit } from './unit.ts';

export interface BoxProps {
  unit: Unit;
  x: number;
  y: number;
  width: number;
  height: number;
  view: Pick<WorkflowView, 'jobs'>;
  /** The node or group whose jobs are shown. */
  chosen: string | undefined;
  isOnPath: boolean;
  isWaitedFor: boolean;
  /** Where a link to the node leads. */
  hrefOf(choice: string): string;
}

export function Box(props: BoxProps) {
  const { unit, x, y, width, height, isOnPath, isWaitedFor, chosen, hrefOf } = props;
  const { id, kind, nodes } = unit;
  const outside = kind === 'outside' ? `/console/jobs/${encodeURIComponent(id.slice('job:'.length))}` : undefined;
  const choice = kind === 'group' ? `${id}…` : id;
  const state = kind === 'outside' ? 'outside' : stateOf(nodes);
  const marks = `${isOnPath ? ' on-path' : ''}${isWaitedFor ? ' waited' : ''}${chosen === choice ? ' chosen' : ''}`;
  return (
    <g class={`unit ${kind} is-${state}${marks}`}>
      <a
        href={outside ?? hrefOf(choice)}
        aria-label={described(unit)}
        aria-current={chosen === choice ? 'true' : undefined}
        data-unit={id}
        data-count={
          kind === 'outside' ? undefined : Object.values(countsOf(nodes)).reduce((sum: number, n) => sum + (n ?? 0), 0)
        }
      >
        <title>{described(unit)}</title>
        <rect class="box" x={x} y={y} width={width} height={height} rx={10} />
        <rect class="strip" x={x + 1} y={y + 9} width={5} height={height - 18} rx={2.5} />
      </a>
      <g class="words">
        <Words {...props} />
      </g>
      {kind === 'group' && <Cells {...props} />}
    </g>
  );
}

function Words(props: BoxProps) {
  const { unit, x, y } = props;
  const [first] = unit.nodes;
  if (unit.kind === 'outside')
    return (
      <>
        <Name x={x + 18} y={y + 19} text={unit.id.slice('job:'.length)} most={20} />
        <text class="type" x={x + 18} y={y + 35}>
          a job outside
        </text>
      </>
    );
  return unit.kind === 'group' || first?.each === true ? <Many {...props} /> : <One {...props} />;
}

function One({ unit, x, y, width, height, view }: BoxProps) {
  const [node] = unit.nodes;
  const [job] = jobsOf(view, unit.nodes);
  const percent = job !== undefined && !isSettled(job.state) ? job.progress?.percent : undefined;
  return (
    <>
      <Name x={x + 18} y={y + 26} text={unit.id} most={20} />
      <text class="type" x={x + 18} y={y + 46}>
        {short(node?.type ?? '', 12)}
      </text>
      <text class="state-word" x={x + width - 14} y={y + 46} text-anchor="end">
        {percent === undefined ? (job?.state ?? 'forgotten') : `${Math.round(percent)} %`}
        {(job?.spent ?? 0) > 1 ? ` ×${job?.spent}` : ''}
      </text>
      {percent !== undefined && (
        <>
          <rect class="bar-ground" x={x + 18} y={y + height - 10} width={width - 32} height={4} rx={2} />
          <rect
            class="bar-done"
            x={x + 18}
            y={y + height - 10}
            width={((width - 32) * Math.min(100, Math.max(0, percent))) / 100}
            height={4}
            rx={2}
          />
        </>
      )}
    </>
  );
}

function Many({ unit, x, y, width }: BoxProps) {
  const counts = countsOf(unit.nodes);
  const known = Object.entries(counts).filter(([state]) => isSettled(state));
  const settled = known.reduce((sum, [, count]) => sum + (count ?? 0), 0);
  const size = unit.nodes.reduce((sum, node) => sum + node.size, 0);
  const parts = statesIn(counts)
    .toReversed()
    .map((state) => [state, counts[state] ?? 0] as const);
  const last = unit.nodes.at(-1)?.node ?? '';
  const name = unit.kind === 'group' ? `${short(unit.id, 13)} … ${short(last, 13)}` : short(unit.id, 14);
  return (
    <>
      <Name x={x + 18} y={y + 25} text={name} most={34} />
      <text class="count" x={x + width - 14} y={y + 25} text-anchor="end">
        {settled}/{size}
      </text>
      <text class="type" x={x + 18} y={y + 43}>
        {unit.kind === 'group' ? `${unit.nodes.length} nodes` : `list of ${size}`} ·{' '}
        {short(unit.nodes[0]?.type ?? '', 14)}
      </text>
      <Parts counts={parts} x={x + 18} y={y + 51} width={width - 32} height={6} />
      <text class="counts" x={x + 18} y={y + 73}>
        {short(countWords(counts) || 'forgotten', Math.floor((width - 30) / 6.1))}
      </text>
    </>
  );
}

/** One for each node of a group. The arrow keys go from one to the next. */
function Cells({ unit, x, y, chosen, hrefOf }: BoxProps) {
  return (
    <g class="cells">
      {unit.nodes.map((node, at) => {
        const [column, row] = [at % cell.inRow, Math.floor(at / cell.inRow)];
        const state = stateOf([node]);
        return (
          <a
            key={node.node}
            href={hrefOf(node.node)}
            tabIndex={-1}
            aria-label={`${node.node}: ${state}`}
            aria-current={chosen === node.node ? 'true' : undefined}
            data-cell={node.node}
          >
            <title>{`${node.node}: ${state}`}</title>
            <rect
              class={`cell part-${state}${chosen === node.node ? ' chosen' : ''}`}
              x={x + 18 + column * (cell.size + cell.gap)}
              y={y + 82 + row * (cell.size + cell.gap)}
              width={cell.size}
              height={cell.size}
              rx={4}
            />
          </a>
        );
      })}
    </g>
  );
}

function Name({ x, y, text, most }: { x: number; y: number; text: string; most: number }) {
  return (
    <text class="name" x={x} y={y}>
      {short(text, most)}
    </text>
  );
}

function short(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
