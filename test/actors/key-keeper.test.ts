import { expect, test } from 'vitest';
import { admit } from '../../actors/admission.ts';
import { Births } from '../../actors/birth.ts';
import { Committer } from '../../actors/committer.ts';
import { KeyKeeper } from '../../actors/key-keeper.ts';
import type { JobEvent } from '../../machines/job.ts';
import type { UniqueOptions } from '../../machines/rules/unique.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';
import { stage } from './stage.ts';

function setUp() {
  const on = stage();
  const { clock, world, telemetry } = on;
  const { store, blobs, events } = world;
  const { commit } = new Committer({ store, clock, telemetry });
  const births = new Births({ store, blobs, events, commit, clock });
  const keeper = new KeyKeeper({ store, commit, clock, telemetry, isTrusted: () => true });
  const repaired: unknown[] = [];
  telemetry.subscribe(({ name, facts }) => {
    if (name === 'auditor.repaired') repaired.push(facts);
  });
  /** A job with this rule. */
  const job = async (id: string, unique: UniqueOptions): Promise<JobRecord> => {
    const of = { tenant: 'default', type: 'noop', payload: {}, source: 'test', fallbackId: id, at: clock.now() };
    const types = new Map([['noop', { type: 'noop', defaults: {} }]]);
    const record = await clock.until(admit({ ...of, options: { unique: { key: id, ...unique } } }, types));
    await clock.until(births.create(record));
    return record;
  };
  const cancel = async (record: JobRecord) => {
    const event: JobEvent = { type: 'job.cancel', at: clock.now() };
    const { record: cancelled } = step(record, event);
    const stored = await clock.until(store.read(jobKey(record)));
    await clock.until(commit([{ key: jobKey(record), expected: stored?.revision ?? 0, record: cancelled }]));
  };
  const keys = async (): Promise<string[]> => {
    const found = await clock.until(Array.fromAsync(store.uniqueKeys()));
    return found.map(({ pointer }) => pointer?.job ?? 'nothing').sort();
  };
  return { ...on, store, commit, keeper, job, cancel, keys, repaired };
}

test('keys of settled jobs are forgotten, those of open ones and of periods that last are kept', async () => {
  const { clock, keeper, job, cancel, keys, repaired } = setUp();
  await job('open', {});
  const rest = [
    await job('settled', {}),
    await job('period', { periodMs: 60_000 }),
    await job('kept', { while: 'kept' }),
  ];
  for (const record of rest) await cancel(record);
  keeper.start();
  await clock.advance(15_000);
  expect(await keys()).toEqual(['kept', 'open', 'period']);
  await clock.advance(60_000);
  expect(await keys()).toEqual(['kept', 'open']);
  expect(repaired).toEqual([]);
  keeper.stop();
});

test('the key of a workflow is kept as long as the job to which it points, whatever became of that', async () => {
  const { clock, keeper, job, cancel, store, commit } = setUp();
  await cancel(await job('there', {}));
  const keyed = (id: string) => ({ key: `_workflow.default.${id}`, expected: 0, pointer: { job: id, at: 1 } });
  await clock.until(commit([keyed('there')]));
  await clock.until(commit([keyed('forgotten')]));
  keeper.start();
  await clock.advance(15_000);
  const left = await clock.until(Array.fromAsync(store.workflowKeys()));
  expect(left.map(({ key }) => key)).toEqual(['_workflow.default.there']);
  keeper.stop();
});

test('an open job whose key is gone, or points to one that has settled, takes it again, and that is counted', async () => {
  const { clock, keeper, job, cancel, keys, store, commit, repaired } = setUp();
  const record = await job('a', {});
  const other = await job('b', {});
  await cancel(other);
  await clock.until(keeper.check(record));
  expect(repaired).toEqual([]);
  const key = record.unique?.key ?? '';
  const { revision } = await clock.until(store.readPointer(key));
  await clock.until(commit([{ key, expected: revision, pointer: { job: 'b', at: 1 } }]));
  await clock.until(keeper.check(record));
  expect(await keys()).toEqual(['a', 'b']);
  const retaken = await clock.until(store.readPointer(key));
  await clock.until(store.forget([{ key, revision: retaken.revision }]));
  await clock.until(keeper.check(record));
  expect(await keys()).toEqual(['a', 'b']);
  expect(repaired).toEqual(Array(2).fill({ key: 'default.a', what: 'no unique key' }));
});
