/** A workflow is born whole or not at all, and takes its unique keys as any job does, whatever comes at the same moment. */

import { expect, test } from 'vitest';
import { admit } from '../../actors/admission.ts';
import { Births } from '../../actors/birth.ts';
import { Committer } from '../../actors/committer.ts';
import { Quotas } from '../../actors/quota.ts';
import { bearWorkflow } from '../../cluster/workflow-birth.ts';
import type { UniqueOptions } from '../../machines/rules/unique.ts';
import { messageOf } from '../../runtime/faults.ts';
import type { JobRecord, WorkflowPart } from '../../runtime/record.ts';
import { fates, lastOf, mostOpenAtOnce, stage, written } from './stage.ts';

const types = new Map([['noop', { type: 'noop', defaults: {} }]]);

function setUp() {
  const on = stage();
  const { clock, broker, telemetry } = on;
  const door = () => {
    const world = broker.world();
    const { commit } = new Committer({ store: world.store, clock, telemetry });
    const count = () => ({ open: 0, revision: 0 });
    const quotas = new Quotas({ store: world.store, clock, most: () => undefined, count });
    const births = new Births({ ...world, commit, clock });
    return { births, options: { world, clock, commit, quotas, tenant: 'default' } };
  };
  const one = door();
  const job = (id: string, unique: UniqueOptions | undefined, workflow?: WorkflowPart): Promise<JobRecord> => {
    const rule = unique === undefined ? {} : { unique };
    const of = { tenant: 'default', type: 'noop', payload: {}, source: `test-${id}`, fallbackId: id, at: clock.now() };
    return admit({ ...of, options: rule, ...(workflow === undefined ? {} : { workflow }) }, types);
  };
  /** What a workflow of jobs with these rules comes to, in a few words. */
  const begin = async (id: string, rules: Readonly<Record<string, UniqueOptions | undefined>>, by = one) => {
    const nodes = Object.fromEntries(Object.keys(rules).map((node) => [node, 0]));
    const records: JobRecord[] = [];
    for (const [node, rule] of Object.entries(rules))
      records.push(await job(`${id}-${node}`, rule, { id, node, nodes }));
    try {
      return (await bearWorkflow(records, by.options)) ? 'created' : 'there';
    } catch (cause) {
      return messageOf(cause);
    }
  };
  const bear = (...given: Parameters<typeof begin>) => clock.until(begin(...given));
  return { ...on, one, door, job, begin, bear };
}

test('with a key that another job holds nothing of it is stored; with one that replaces, the other is cancelled with it', async () => {
  const { clock, broker, one, job, bear } = setUp();
  await clock.until(one.births.create(await job('plain', { key: 'k' })));
  expect(await bear('w', { a: undefined, b: { key: 'k' } })).toBe(
    'Node b: Expected no other job like it, got one: job plain, which is pending, holds the unique key of key k (409). See `yard job get plain`.',
  );
  expect(await bear('w', { a: undefined, b: { key: 'k', onConflict: 'coalesce' } })).toMatch(/^Node b: /);
  expect(written(broker, 'w-a')).toEqual([]);
  expect(await bear('w', { a: undefined, b: { key: 'k', onConflict: 'replace' } })).toBe('created');
  expect(lastOf(broker, 'plain').transitions.at(-1)).toMatchObject({ to: 'cancelled', reason: 'replaced by w-b' });
  expect(mostOpenAtOnce(broker.history())).toBe(2);
});

test('two of its jobs with one key are refused', async () => {
  const { bear, broker } = setUp();
  expect(await bear('w', { a: { key: 'k' }, b: { key: 'k' } })).toContain('got one of key k for both w-a and w-b');
  expect(broker.history()).toEqual([]);
});

test('the very same again finds it, though its key is held by another job by then', async () => {
  const { clock, one, job, bear } = setUp();
  expect(await bear('w', { a: { key: 'k' } })).toBe('created');
  expect(await bear('w', { a: { key: 'k' } })).toBe('there');
  await clock.until(one.births.create(await job('next', { key: 'k', onConflict: 'replace' })));
  expect(await bear('w', { a: { key: 'k' } })).toBe('there');
});

test('of workflows and jobs that come at once by several doors, whose answers are lost, one has the key', async () => {
  const { clock, broker, door, job, begin } = setUp();
  broker.chaos = fates('silentStored', 'silentLost', 'silentLate', 'busy', 'silentStored');
  const doors = [door(), door(), door()];
  const come = Array.from({ length: 24 }, async (_, n) => {
    const by = doors[n % 3];
    if (n % 2 === 0) return await begin(`w${n}`, { a: { key: 'k' } }, by);
    const born = by?.births.create(await job(`j${n}`, { key: 'k' }));
    return await born?.then(
      ({ kind }) => kind,
      () => 'refused',
    );
  });
  const outcomes = await clock.until(Promise.all(come));
  expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
  expect(mostOpenAtOnce(broker.history())).toBe(1);
});
