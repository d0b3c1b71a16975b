import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry } from '../../actors/entry.ts';
import { isBefore } from '../../actors/entry.ts';
import { groupOf } from '../../actors/group.ts';
import { ReadyQueue } from '../../actors/ready-queue.ts';

const newQueue = () =>
  new ReadyQueue({
    queue: 'default',
    priority: 'medium',
    level: 'medium',
    type: 'noop',
    requirements: {},
    group: groupOf({ key: 'default.1' }),
  });

function entry(birth: number, createdAt = birth): Entry {
  return {
    key: `default.${birth}`,
    birth,
    createdAt,
    type: 'noop',
    requirements: {},
    limitKeys: undefined,
    revision: birth,
    state: 'pending',
    queue: 'default',
    priority: 'medium',
    attempt: 0,
    updatedAt: createdAt,
    readyAt: createdAt,
    risen: 0,
    worker: undefined,
    dueAt: undefined,
    expiresAt: undefined,
    timeoutMs: undefined,
    rare: undefined,
    isOfNewer: false,
    place: undefined,
    offer: undefined,
  };
}

const births = (queue: ReadyQueue) => [...queue].map(({ birth }) => birth);

describe('jobs of one lane and one need', () => {
  test('stand in the order in which they were created, whoever leaves and comes back', () => {
    const jobs = fc.uniqueArray(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 9 })), { selector: ([birth]) => birth });
    fc.assert(
      fc.property(jobs, fc.array(fc.nat(40), { maxLength: 60 }), (all, steps) => {
        const queue = newQueue();
        const model = new Set<Entry>();
        const entries = all.map(([birth, createdAt]) => entry(birth, createdAt));
        for (const step of steps) {
          const one = entries[step % Math.max(1, entries.length)];
          if (one === undefined) continue;
          if (model.delete(one)) queue.remove(one);
          else {
            model.add(one);
            queue.add(one);
          }
          const inOrder = [...model].sort((a, b) => (isBefore(a, b) ? -1 : 1));
          expect([...queue]).toEqual(inOrder);
          expect(queue.size).toBe(inOrder.length);
        }
      }),
    );
  });

  test('keep their order while thousands pass through, and those that return find their old place', () => {
    const queue = newQueue();
    const entries = Array.from({ length: 5_000 }, (_, n) => entry(n + 1));
    for (const one of entries) queue.add(one);
    const served = entries.slice(0, 4_000);
    for (const one of served) queue.remove(one);
    const back = [served[3_999], served[10], served[2_000]].filter((one) => one !== undefined);
    for (const one of back) queue.add(one);
    expect(queue.size).toBe(1_003);
    expect(births(queue).slice(0, 5)).toEqual([11, 2_001, 4_000, 4_001, 4_002]);
    expect(births(queue).at(-1)).toBe(5_000);
  });
});
