/** How full the store of jobs is, told in time. */

import { expect, test } from 'vitest';
import { tellFullness } from '../../actors/fullness.ts';
import { Fault } from '../../runtime/faults.ts';
import type { StoreSpace } from '../../runtime/ports.ts';
import { Meter } from '../../runtime/telemetry/meter.ts';
import { stage, storeWith } from './stage.ts';

function told(first: StoreSpace | undefined) {
  const { clock, world, telemetry } = stage();
  const meter = new Meter({ telemetry, role: 'master', read: () => [] });
  const said = { space: first, isAway: false };
  const state = async () => {
    if (said.isAway) throw new Fault('broker.unavailable', 'Expected a broker, there is none.');
    return {
      ...{ createdAt: 0, lastRevision: 0, keys: 0 },
      ...(said.space === undefined ? {} : { space: said.space }),
    };
  };
  const heard: unknown[] = [];
  const shares: (number | undefined)[] = [];
  const ratio = async () => {
    const { text } = await meter.text();
    return /^yard_store_used_ratio (.*)$/m.exec(text)?.[1];
  };
  telemetry.on('store.filling', (facts) => heard.push(facts));
  telemetry.on('store.eased', ({ percent }) => heard.push(`eased at ${percent}`));
  telemetry.on('store.measured', ({ share }) => shares.push(share));
  const stop = tellFullness({ store: storeWith(world.store, { state }), clock, telemetry });
  const later = async (space: StoreSpace | undefined) => {
    said.space = space;
    await clock.advance(10_000);
  };
  const away = async () => {
    said.isAway = true;
    await clock.advance(10_000);
    said.isAway = false;
  };
  return { heard, shares, ratio, later, away, stop };
}

test('a store that fills is told of once, before doors refuse, and once when it has eased', async () => {
  const { heard, shares, later } = told({ bytes: 0, most: 100 });
  await later({ bytes: 79, most: 100 });
  expect(heard).toEqual([]);
  await later({ bytes: 80, most: 100 });
  await later({ bytes: 95, most: 100 });
  expect(heard).toEqual([{ percent: 80, by: 'bound' }]);
  await later({ bytes: 76, most: 100 });
  expect(heard).toHaveLength(1);
  await later({ bytes: 74, most: 100 });
  await later({ bytes: 90, most: 100, by: 'disk' });
  expect(heard.slice(1)).toEqual(['eased at 74', { percent: 90, by: 'disk' }]);
  expect(shares).toEqual([0.79, 0.8, 0.95, 0.76, 0.74, 0.9]);
});

test('a store without a limit is never full, and one that loses its limit has eased', async () => {
  const { heard, shares, later } = told(undefined);
  await later(undefined);
  expect(shares).toEqual([]);
  await later({ bytes: 90, most: 100 });
  await later(undefined);
  expect(heard).toEqual([{ percent: 90, by: 'bound' }, 'eased at 0']);
});

test('the metric is absent where nothing limits the store, from the start and from the moment on at which it has no limit any more', async () => {
  const { ratio, later } = told(undefined);
  await later(undefined);
  expect(await ratio()).toBeUndefined();
  await later({ bytes: 90, most: 200 });
  expect(await ratio()).toBe('0.45');
  await later(undefined);
  expect(await ratio()).toBeUndefined();
});

test('a broker that does not answer empties no store', async () => {
  const { heard, ratio, later, away } = told(undefined);
  await later({ bytes: 90, most: 100 });
  await away();
  expect([heard, await ratio()]).toEqual([[{ percent: 90, by: 'bound' }], '0.9']);
});
