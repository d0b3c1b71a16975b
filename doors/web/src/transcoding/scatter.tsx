/**
 * Quality against cost: a mark for each transcode, and the line of those that nothing else beats.
 *
 * Marks are for who points at them; by keyboard the same transcodes are reached in their table.
 */

import { frontierOf, type Placed, ticksOf } from './point.ts';

export interface ScatterProps {
  placed: readonly Placed[];
  /** In the order of their colours. */
  encoders: readonly string[];
  x: string;
  y: string;
}

const [width, height] = [1_000, 420];
const frame = { left: 66, right: 20, top: 16, bottom: 52 };

export function Scatter({ placed, encoders, x, y }: ScatterProps) {
  const [across, up] = [
    axisOf(
      placed.map((point) => point.x),
      8,
    ),
    axisOf(
      placed.map((point) => point.y),
      6,
    ),
  ];
  const left = (value: number) => frame.left + across.share(value) * (width - frame.left - frame.right);
  const top = (value: number) => height - frame.bottom - up.share(value) * (height - frame.top - frame.bottom);
  const best = frontierOf(placed);
  return (
    <svg class="scatter" viewBox={`0 0 ${width} ${height}`}>
      <title>{`${y} against ${x}`}</title>
      {across.ticks.map((tick) => (
        <g key={tick} class="tick">
          <line x1={left(tick)} x2={left(tick)} y1={frame.top} y2={height - frame.bottom} />
          <text x={left(tick)} y={height - frame.bottom + 18} text-anchor="middle">
            {tick.toLocaleString('en')}
          </text>
        </g>
      ))}
      {up.ticks.map((tick) => (
        <g key={tick} class="tick">
          <line x1={frame.left} x2={width - frame.right} y1={top(tick)} y2={top(tick)} />
          <text x={frame.left - 8} y={top(tick) + 4} text-anchor="end">
            {tick.toLocaleString('en')}
          </text>
        </g>
      ))}
      <text class="axis" x={(frame.left + width - frame.right) / 2} y={height - 10} text-anchor="middle">
        {x}
      </text>
      <text class="axis" transform={`translate(16 ${(height - frame.bottom) / 2}) rotate(-90)`} text-anchor="middle">
        {y}
      </text>
      {best.length > 1 && (
        <path class="frontier" d={`M${best.map((point) => `${left(point.x)} ${top(point.y)}`).join('L')}`} />
      )}
      {placed.map((point) => (
        <a
          key={point.id}
          href={`/console/jobs/${point.id}`}
          tabIndex={-1}
          aria-label={point.name}
          class={`mark series-${encoders.indexOf(point.encoder) % 8}`}
          data-id={point.id}
        >
          <title>{`${point.name}: ${point.encoder}, ${point.size}\n${y} ${point.y}, ${x} ${Number(point.x.toPrecision(4))}`}</title>
          <Mark x={left(point.x)} y={top(point.y)} isGpu={point.isGpu} />
        </a>
      ))}
    </svg>
  );
}

/** A diamond for what a GPU encoded, a dot for the rest. */
export function Mark({ x, y, isGpu }: { x: number; y: number; isGpu: boolean }) {
  if (!isGpu) return <circle cx={x} cy={y} r={6} />;
  return <path d={`M${x} ${y - 8}L${x + 8} ${y}L${x} ${y + 8}L${x - 8} ${y}z`} />;
}

/** From the first tick to the last. */
function axisOf(values: readonly number[], count: number) {
  const ticks = ticksOf(Math.min(...values), Math.max(...values), count);
  const [least = 0, most = 1] = [ticks[0], ticks.at(-1)];
  return { ticks, share: (value: number) => (value - least) / (most - least) };
}
