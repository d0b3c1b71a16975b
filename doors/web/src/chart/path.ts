/**
 * Wires as SVG paths with rounded corners, and places along them.
 */

export type Point = readonly [x: number, y: number];

const radius = 9;

export function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const parts = [`M${first[0]} ${first[1]}`];
  let before = first;
  rest.forEach((corner, at) => {
    const after = rest[at + 1];
    if (after === undefined) parts.push(`L${corner[0]} ${corner[1]}`);
    else {
      const [from, to] = [towards(corner, before), towards(corner, after)];
      parts.push(`L${from[0]} ${from[1]}Q${corner[0]} ${corner[1]} ${to[0]} ${to[1]}`);
    }
    before = corner;
  });
  return parts.join('');
}

/** The place where so much of the way is gone; `share` from 0 to 1. */
export function placeOn(points: readonly Point[], share: number): Point {
  const lengths = points.slice(1).map((point, at) => distance(points[at] ?? point, point));
  let left = share * lengths.reduce((sum, length) => sum + length, 0);
  for (const [at, length] of lengths.entries()) {
    const [from, to] = [points[at], points[at + 1]];
    if (from === undefined || to === undefined) break;
    if (left <= length) {
      const part = length === 0 ? 0 : left / length;
      return [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])];
    }
    left -= length;
  }
  return points.at(-1) ?? [0, 0];
}

function towards(corner: Point, other: Point): Point {
  const length = distance(corner, other);
  const part = length === 0 ? 0 : Math.min(radius, length / 2) / length;
  return [corner[0] + part * (other[0] - corner[0]), corner[1] + part * (other[1] - corner[1])];
}

/** Along level and upright lines. */
export function distance([x, y]: Point, [toX, toY]: Point): number {
  return Math.abs(toX - x) + Math.abs(toY - y);
}
