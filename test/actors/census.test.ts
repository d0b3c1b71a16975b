/** How many jobs there are: counted by the view where there are many, by the heads of all where there are not, or no view. */

import { expect, test } from 'vitest';
import { census } from '../../cluster/job-list.ts';
import type { LaneCount, ViewAge } from '../../runtime/view.ts';
import { create, plainJob, stage } from './stage.ts';

const age: ViewAge = { revision: 7, behindBy: 2, behindMs: 30, isBuilding: false };
const lanes: readonly LaneCount[] = [
  { tenant: 'default', state: 'pending', queue: 'live', priority: 'high', count: 3 },
  { tenant: 'acme', state: 'pending', queue: 'live', priority: 'low', count: 4 },
  { tenant: 'acme', state: 'failed', queue: 'batch', priority: 'low', count: 5 },
];
const byView = {
  total: 12,
  byState: { pending: 7, failed: 5 },
  byQueue: { live: { pending: 7 }, batch: { failed: 5 } },
  byPriority: { high: { pending: 3 }, low: { pending: 4, failed: 5 } },
  view: age,
};
const byHeads = {
  total: 2,
  byState: { pending: 2 },
  byQueue: { default: { pending: 2 } },
  byPriority: { medium: { pending: 2 } },
};

/** Counts two jobs of which the broker says that they are so many, beside this view. */
async function counted({ keys, view }: { keys: number; view: ViewAge | undefined }) {
  const { clock, world } = stage();
  const { store, desk } = world;
  await clock.until(create(store, plainJob('a'), plainJob('b')));
  if (view !== undefined) await clock.until(desk.answer('view', () => ({ age: view, counts: lanes })));
  const many = {
    state: async () => ({ ...(await store.state()), keys }),
    changesAfter: (revision: number) => store.changesAfter(revision),
  };
  return await clock.until(census({ store: many, desk }));
}

test.each([
  ['many jobs by the view, of all tenants, and it says how old it is', { keys: 1_000_000, view: age }, byView],
  ['few by their heads', { keys: 2, view: age }, byHeads],
  ['many where no master has a view by their heads', { keys: 1_000_000, view: undefined }, byHeads],
  [
    'many while the view is being made by their heads',
    { keys: 1_000_000, view: { ...age, isBuilding: true } },
    byHeads,
  ],
])('%s', async (_, given, expected) => {
  expect(await counted(given)).toEqual(expected);
});
