/** The picture of a workflow, as it is worked out: where boxes stand, what is one box, which path is the critical one. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { curve, type Direction, layout, type Sized } from '../../doors/web/src/flow/layout.ts';
import { criticalPath } from '../../doors/web/src/flow/path.ts';
import { described, unitsOf } from '../../doors/web/src/flow/unit.ts';
import type { WorkflowJob, WorkflowNodeView } from '../../sdk/index.ts';

const box = (id: string, after: readonly string[] = [], width = 188, height = 64): Sized => ({
  ...{ id, after, width, height, wordsWidth: 0 },
});

const directions: readonly Direction[] = ['right', 'down'];

/** A graph without circles: each box after some of those before it. */
const graphs = fc
  .array(fc.record({ after: fc.array(fc.nat(), { maxLength: 3 }), height: fc.integer({ min: 20, max: 200 }) }), {
    minLength: 1,
    maxLength: 40,
  })
  .map((nodes) =>
    nodes.map(({ after, height }, at) =>
      box(`n${at}`, at === 0 ? [] : [...new Set(after.map((n) => `n${n % at}`))], 188, height),
    ),
  );

describe.each(directions)('a graph that goes %s', (direction) => {
  test('has no box over another, each behind all that it waits for, and all of them in the picture', () => {
    fc.assert(
      fc.property(graphs, (boxes) => {
        const { places, width, height } = layout(boxes, direction);
        const rects = boxes.map((one) => ({ ...one, ...(places.get(one.id) ?? { x: -1, y: -1 }) }));
        const overlaps = rects.some((one, at) =>
          rects
            .slice(at + 1)
            .some(
              (other) =>
                Math.abs(one.x + one.width / 2 - other.x - other.width / 2) < (one.width + other.width) / 2 - 1 &&
                Math.abs(one.y + one.height / 2 - other.y - other.height / 2) < (one.height + other.height) / 2 - 1,
            ),
        );
        const isBehind = rects.every((one) =>
          one.after.every((id) => {
            const before = places.get(id) ?? { x: 0, y: 0 };
            return direction === 'right' ? before.x < one.x : before.y < one.y;
          }),
        );
        const isInside = rects.every(
          (one) => one.x >= 0 && one.y >= 0 && one.x + one.width <= width && one.y + one.height <= height,
        );
        expect({ overlaps, isBehind, isInside }).toEqual({ overlaps: false, isBehind: true, isInside: true });
      }),
    );
  });

  test('has a line for each thing that is waited for, from box to box', () => {
    const { edges, places } = layout([box('a'), box('b', ['a']), box('c', ['a', 'b', 'not there'])], direction);
    expect(edges.map(({ from, to }) => `${from} ${to}`)).toEqual(['a b', 'a c', 'b c']);
    const { x = 0, y = 0 } = places.get('a') ?? {};
    expect(edges[0]?.points[0]).toEqual(direction === 'right' ? [x + 188, y + 32] : [x + 94, y + 64]);
    expect(curve(edges[0]?.points ?? [], direction)).toMatch(/^M[\d. ]+[LC][\d. ]+$/);
  });
});

test('a chain is a straight line, and a fan is as high above it as below', () => {
  const { places } = layout(
    [box('a'), box('b', ['a']), box('c', ['a']), box('d', ['a']), box('e', ['b', 'c', 'd'])],
    'right',
  );
  expect(places.get('a')?.y).toBe(places.get('c')?.y);
  expect(places.get('e')?.y).toBe(places.get('c')?.y);
});

const node = (name: string, after: readonly string[] = [], more: Partial<WorkflowNodeView> = {}): WorkflowNodeView => ({
  ...{ node: name, type: 'noop', size: 1, each: false, after, need: 'all', when: 'success', byState: { blocked: 1 } },
  ...more,
});

test('many nodes that are alike are one box, and few are not; what is outside is a box of its own', () => {
  const many = Array.from({ length: 9 }, (_, n) => node(`m${n}`, ['a']));
  const few = Array.from({ length: 8 }, (_, n) => node(`f${n}`, ['m0']));
  const end = node('end', [...many.map((one) => one.node), 'job:else'], { need: 'any', when: 'end' });
  const fan = unitsOf([node('a'), ...many, end]);
  expect(fan.map(({ id, kind, after, words }) => [id, kind, after, words])).toEqual([
    ['job:else', 'outside', [], ''],
    ['a', 'node', [], ''],
    ['m0', 'group', ['a'], ''],
    ['end', 'node', ['m0', 'job:else'], 'any ended'],
  ]);
  expect(described(fan[3] ?? fan[0] ?? never())).toBe('end, type noop: blocked; after any ended of m0, job:else');
  expect(unitsOf([node('a'), node('m0', ['a']), ...few])).toHaveLength(10);
});

const never = (): never => expect.unreachable();

test('the critical path goes back by what ended last, and leads to what is waited for while it is open', () => {
  const job = (name: string, state: WorkflowJob['state'], at: number): WorkflowJob => ({
    ...{ id: `w-${name}`, node: name, type: 'noop', state, updatedAt: at, startedAt: at - 1, attempt: 1, spent: 1 },
    ...(state === 'completed' ? { settledAt: at } : {}),
  });
  const isOver = (state: string) => state === 'completed';
  const nodes = [node('a'), node('b', ['a']), node('c', ['a']), node('d', ['b', 'c'])];
  const done = [job('a', 'completed', 10), job('b', 'completed', 30), job('c', 'completed', 20)];
  expect(criticalPath({ state: 'completed', nodes, jobs: [...done, job('d', 'completed', 40)] }, isOver)).toEqual({
    nodes: ['a', 'b', 'd'],
  });
  const open = [
    job('a', 'completed', 10),
    job('b', 'processing', 15),
    job('c', 'processing', 12),
    job('d', 'blocked', 1),
  ];
  expect(criticalPath({ state: 'open', nodes, jobs: open }, isOver)).toEqual({ nodes: ['a', 'c'], waitsFor: 'c' });
  const heldBehind = [...open.slice(0, 3), job('d', 'held', 1)];
  expect(criticalPath({ state: 'open', nodes, jobs: heldBehind }, isOver)).toMatchObject({ waitsFor: 'c' });
});
