/** From where on events are told, and what is said to be missing where nobody can tell it any more. */

import { expect, test } from 'vitest';
import { type JobEvent, JobEvents } from '../../cluster/job-events.ts';
import type { JobStore, Tail } from '../../runtime/ports.ts';
import { type JobRecord, jobKey, storedAs } from '../../runtime/record.ts';
import { moved } from '../ports.contract.ts';
import { create, entryOf, plainJob, type Stage, stage } from './stage.ts';

const hour = 3_600_000;

/** What lies in the store now, and then a broker that has gone. */
function tailOf(store: JobStore): Tail {
  return {
    async *read({ after }) {
      const ahead = (await Array.fromAsync(store.records())).filter(({ revision }) => revision > after);
      for (const [at, { record, revision }] of ahead.entries())
        yield { page: { kind: 'record', key: jobKey(record), record, revision }, isNewest: at === ahead.length - 1 };
    },
  };
}

function partsOf({ world, clock }: Stage, { keptForMs = 30 * hour, keptAtMost = 1_000 } = {}) {
  const { store } = world;
  return { world: { store, tail: tailOf(store) }, clock, tenant: 'default', keptForMs, keptAtMost };
}

/** A listener and the next thing that it hears. */
async function listening(on: Stage, after?: string, kept?: { keptForMs?: number; keptAtMost?: number }) {
  const events = await on.clock.until(JobEvents.open(partsOf(on, kept), { after }));
  const told = events[Symbol.asyncIterator]();
  const next = async (): Promise<JobEvent> => (await on.clock.until(told.next())).value;
  return { events, next };
}

const cancelled = (record: JobRecord) => moved(record, { type: 'job.cancel', at: 2 });
const job = (id: string) => ({ kind: 'transition', id });

test('from now on: what was before is not told', async () => {
  const on = stage();
  await on.clock.until(create(on.world.store, plainJob('before')));
  const { events, next } = await listening(on);
  await on.clock.until(create(on.world.store, plainJob('then', { tags: ['red'], name: 'a name' })));
  const place = events.cursor;
  expect(await next()).toMatchObject({
    ...job('then'),
    tags: ['red'],
    name: 'a name',
    transition: { n: 1, revision: 2 },
  });
  // Until the next one is asked for, who listens may not have it.
  expect(events.cursor).toBe(place);
  void next().catch(() => undefined);
  await on.clock.advance(1);
  expect(events.cursor).not.toBe(place);
});

test.each([
  ['older than the shortest time for which jobs are kept', { keptForMs: hour }, 2 * hour, 'forgotten'],
  ['younger than that', { keptForMs: 3 * hour }, 2 * hour, undefined],
])('a place that is %s', async (_, kept, ms, why) => {
  const on = stage();
  await on.clock.until(create(on.world.store, plainJob('a')));
  const { events } = await listening(on);
  await on.clock.until(create(on.world.store, plainJob('b')));
  await on.clock.advance(ms);
  const { next } = await listening(on, events.cursor, kept);
  if (why !== undefined) expect(await next()).toMatchObject({ kind: 'gap', why, to: 2 });
  expect(await next()).toMatchObject(job('b'));
});

test.each([
  ['before all settled jobs that are kept, where there are as many as may be kept', 'settled later', 'forgotten'],
  ['behind one', 'settled before', undefined],
])('a place %s', async (_, when, why) => {
  const on = stage();
  const settled = () => on.clock.until(create(on.world.store, cancelled(plainJob('settled'))));
  await on.clock.until(create(on.world.store, plainJob('open')));
  if (when === 'settled before') await settled();
  const { events } = await listening(on);
  if (when === 'settled later') await settled();
  const { next } = await listening(on, events.cursor, { keptAtMost: 2 });
  await on.clock.until(create(on.world.store, plainJob('new')));
  if (why !== undefined) {
    expect(await next()).toMatchObject({ kind: 'gap', why });
    expect([await next(), await next()]).toMatchObject([job('settled'), job('settled')]);
  }
  expect(await next()).toMatchObject(job('new'));
});

test.each([
  ['has lost what was told last, and has gone on since', 1, { kind: 'gap', why: 'rolled back' }],
  ['still has it', 0, job('c')],
])('a broker that was started anew and %s', async (_, lost, told) => {
  const on = stage();
  const { store } = on.world;
  await on.clock.until(create(store, plainJob('a')));
  const { next } = await listening(on);
  await on.clock.until(store.write([entryOf(cancelled(storedAs(plainJob('a'), 1).record), 1)]));
  expect(await next()).toMatchObject(job('a'));
  on.broker.rollBack(lost);
  await on.clock.until(create(store, plainJob('b')));
  await on.clock.until(create(store, plainJob('c')));
  if (lost === 0) expect(await next()).toMatchObject(job('b'));
  expect(await next()).toMatchObject(told);
});

test('a broker that comes back with less than was told is a gap, and all that comes then is told', async () => {
  const on = stage();
  const { store } = on.world;
  await on.clock.until(create(store, plainJob('a')));
  const { next } = await listening(on);
  await on.clock.until(create(store, plainJob('b')));
  expect(await next()).toMatchObject(job('b'));
  on.broker.rollBack(1);
  expect(await next()).toMatchObject({ kind: 'gap', why: 'rolled back' });
  await on.clock.until(create(store, plainJob('c')));
  expect(await next()).toMatchObject(job('c'));
});

test.each([
  ['workflow', { workflow: 'w' }],
  ['prefix', { prefix: 'in' }],
  ['id', { id: 'in' }],
])('only of one %s', async (_, filter) => {
  const on = stage();
  const events = await on.clock.until(JobEvents.open(partsOf(on), filter));
  await on.clock.until(create(on.world.store, plainJob('out')));
  const inside = plainJob('in', { workflow: { id: 'w', node: 'n', nodes: { n: 1 } } });
  await on.clock.until(create(on.world.store, inside));
  expect((await on.clock.until(events[Symbol.asyncIterator]().next())).value).toMatchObject(job('in'));
});
