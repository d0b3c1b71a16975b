/** The heap, held against a sorted list. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Heap } from '../../actors/heap.ts';

interface Thing {
  rank: number;
  name: number;
}

function isBefore(one: Thing, other: Thing): boolean {
  return one.rank === other.rank ? one.name < other.name : one.rank < other.rank;
}

const inOrder = (things: Iterable<Thing>) => [...things].sort((one, other) => (isBefore(one, other) ? -1 : 1));

const step = fc.record({
  what: fc.constantFrom('add', 'add', 'remove', 'change', 'gone', 'shift'),
  rank: fc.nat(20),
  at: fc.nat(),
});

interface Step {
  there: Thing[];
  what: 'add' | 'remove' | 'change' | 'gone' | 'shift';
  thing: Thing;
  one: Thing | undefined;
}

function take(heap: Heap<Thing>, { there, what, thing, one }: Step): void {
  const leaves = what === 'shift' ? heap.shift() : one;
  if (what === 'add') {
    there.push(thing);
    heap.settle(thing);
  } else if (leaves === undefined) return;
  else if (what === 'change') {
    leaves.rank = thing.rank;
    heap.settle(leaves);
  } else {
    there.splice(there.indexOf(leaves), 1);
    if (what === 'gone') heap.settle(leaves, false);
    else heap.remove(leaves);
  }
}

describe('a heap', () => {
  test('has the first on top and is walked in order, whatever comes, changes and goes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const heap = new Heap(isBefore);
        const there: Thing[] = [];
        for (const [name, { what, rank, at }] of steps.entries()) {
          take(heap, { there, what, thing: { rank, name }, one: there[at % Math.max(1, there.length)] });
          expect(heap.first).toBe(inOrder(there)[0]);
          expect([...heap.inOrder()]).toEqual(inOrder(there));
        }
      }),
    );
  });

  test('that does not know where each is gives up its first, one after the other', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (ranks) => {
        const heap = new Heap(isBefore, { isTracked: false });
        const there = ranks.map((rank, name) => ({ rank, name }));
        for (const thing of there) heap.add(thing);
        const taken: Thing[] = [];
        for (let thing = heap.shift(); thing !== undefined; thing = heap.shift()) taken.push(thing);
        expect(taken).toEqual(inOrder(there));
      }),
    );
  });
});
