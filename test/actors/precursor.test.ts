import { expect, test } from 'vitest';
import { inputsOf, precursors } from '../../actors/precursor.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { born } from '../../runtime/step.ts';
import { endedJob } from './led-board.ts';
import { create, plainJob, specOf, stage, storeWith } from './stage.ts';

function after(...jobs: string[]): JobRecord {
  const spec = { ...specOf(plainJob('z')), after: { jobs, need: 'all' as const, when: 'end' as const } };
  return born(spec, { ...plainJob('z').context, blockedBy: jobs });
}

test('a job is handed what the others came to, also where a replica lags; one whose record is gone is left out', async () => {
  const { clock, world } = stage();
  await clock.until(
    create(
      world.store,
      endedJob(plainJob('a'), 'completed', 1),
      endedJob(plainJob('b'), 'failed', 1),
      endedJob(plainJob('c'), 'cancelled', 1),
    ),
  );
  // The replica knows of one that is still waiting, and of nothing else.
  const stale = new Map([['default.a', { record: plainJob('a'), revision: 1 }]]);
  const store = storeWith(world.store, { readMany: async () => stale });
  const waitedFor = await clock.until(
    precursors(after('a', 'b', 'c', 'gone'), { store, blobs: world.blobs, clock, isOver: () => false }),
  );
  expect(waitedFor).toEqual([
    { id: 'a', state: 'completed', result: 42 },
    { id: 'b', state: 'failed', error: { kind: 'expired', message: 'Too late.' } },
    { id: 'c', state: 'cancelled' },
  ]);
  expect(inputsOf(waitedFor)).toEqual({ a: 42 });
});

test('more results than a handler can be handed fail the job for good, with what to do instead', async () => {
  const { clock, world } = stage();
  const large = (id: string): JobRecord => {
    const record = endedJob(plainJob(id), 'completed', 1);
    return { ...record, context: { ...record.context, result: 'x'.repeat(250_000) } };
  };
  const ids = Array.from({ length: 17 }, (_, at) => `j${at}`);
  await clock.until(create(world.store, ...ids.map(large)));
  const handed = clock.until(precursors(after(...ids), { ...world, clock, isOver: () => false }));
  await expect(handed).rejects.toMatchObject({ retryable: false, message: expect.stringMatching(/put their results/) });
});

test('results of a node that is a list stand in their order, with nothing where one has not completed', () => {
  const job = (index: number, state: string, result?: unknown) => ({
    id: `w-n-${index}`,
    node: 'n',
    index,
    state,
    result,
  });
  expect(inputsOf([job(1, 'failed'), job(2, 'completed', 'two'), job(3, 'completed', null)])).toEqual({
    n: [null, 'two', null],
  });
  expect(inputsOf([{ id: 'w-p', node: 'p', state: 'completed', result: { fps: 25 } }])).toEqual({ p: { fps: 25 } });
});
