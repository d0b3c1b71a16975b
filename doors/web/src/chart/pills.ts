/**
 * Where what is counted on a wire stands, for drawings that say no words on wires: on it or close beside it, where it covers
 * neither a state nor another count, and as few other wires as can be.
 *
 * It goes by which wires have a count, and not by how much, so nothing moves when counts do.
 */

import type { Drawing, DrawnWire, Rect } from '../../drawing/layout.ts';
import { distance, type Point } from './path.ts';

interface Stretch {
  from: Point;
  to: Point;
}

interface Candidate {
  place: Rect;
  /** How ill it stands; less is better. */
  cost: number;
}

const pill = { width: 112, height: 28 } as const;

const shares = [0.5, 0.35, 0.65, 0.2, 0.8, 0, 1];
const apart = 5;
/** From the wire to the middle of its count: on it, beside it, and beside the states that a short one joins. */
const shifts = {
  level: [0, 20, 54],
  upright: [0, 62, 110, 150],
} as const;
/** A shift costs as much as covering so many other wires. */
const shiftCost = 1.5;

/** By the ids of those wires that are counted; one that has no free place is not in it. */
export function placePills(
  { width, height, boxes, wires }: Drawing,
  counted: ReadonlySet<string>,
): ReadonlyMap<string, Rect> {
  const places = new Map<string, Rect>();
  const leaves = boxes.filter(({ leaf }) => leaf);
  const names = boxes
    .filter(({ leaf }) => !leaf)
    .map(({ x, y, name }) => ({ x, y, width: 28 + 9 * name.length, height: 40 }));
  const isFree = (place: Rect) =>
    isWithin(place, { x: 0, y: 0, width, height }) &&
    ![...leaves, ...names, ...places.values()].some((other) => overlap(place, other, apart));
  const wordless = wires.filter(({ id, label }) => label === undefined && counted.has(id));
  for (const wire of wordless.sort((one, other) => Number(other.happy) - Number(one.happy))) {
    const others = wires.filter(({ id }) => id !== wire.id).flatMap(({ points }) => stretchesOf(points));
    const best = candidatesOf(wire)
      .filter(({ place }) => isFree(place))
      .map(({ place, cost }) => ({ place, cost: cost + others.filter((stretch) => covers(place, stretch)).length }))
      .reduce<Candidate | undefined>(
        (one, other) => (one === undefined || other.cost < one.cost ? other : one),
        undefined,
      );
    if (best !== undefined) places.set(wire.id, best.place);
  }
  return places;
}

/** Along each straight part, on it and to both sides; the middle of a long part is best. */
function candidatesOf({ points }: DrawnWire): readonly Candidate[] {
  const stretches = stretchesOf(points);
  const longest = Math.max(...stretches.map(lengthOf));
  return stretches.flatMap((stretch) => {
    const isLevel = stretch.from[1] === stretch.to[1];
    const aside = isLevel ? shifts.level : shifts.upright;
    return shares.flatMap((share) =>
      aside.flatMap((shift, far) =>
        [-shift, shift].map((by) => ({
          place: around(stretch, share, isLevel ? [0, by] : [by, 0]),
          cost: Math.abs(share - 0.5) + (1 - lengthOf(stretch) / longest) + far * shiftCost,
        })),
      ),
    );
  });
}

function around({ from, to }: Stretch, share: number, [right, down]: Point): Rect {
  const [x, y] = [from[0] + share * (to[0] - from[0]) + right, from[1] + share * (to[1] - from[1]) + down];
  return { x: x - pill.width / 2, y: y - pill.height / 2, ...pill };
}

function stretchesOf(points: readonly Point[]): readonly Stretch[] {
  return points.slice(1).map((to, at) => ({ from: points[at] ?? to, to }));
}

function lengthOf({ from, to }: Stretch): number {
  return distance(from, to);
}

function covers(place: Rect, { from, to }: Stretch): boolean {
  const line = {
    x: Math.min(from[0], to[0]),
    y: Math.min(from[1], to[1]),
    width: Math.abs(to[0] - from[0]),
    height: Math.abs(to[1] - from[1]),
  };
  return overlap(place, line, 0);
}

function isWithin(inner: Rect, outer: Rect): boolean {
  const { x, y, width, height } = inner;
  return x >= outer.x && y >= outer.y && x + width <= outer.x + outer.width && y + height <= outer.y + outer.height;
}

/** Whether they come closer to one another than that. */
export function overlap(one: Rect, other: Rect, by: number): boolean {
  return (
    one.x < other.x + other.width + by &&
    other.x < one.x + one.width + by &&
    one.y < other.y + other.height + by &&
    other.y < one.y + one.height + by
  );
}
