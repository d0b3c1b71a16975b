/** Jobs that wait for others, one by one and as workflows: what is let go, what is handed on, and what ends instead. */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Yard } from '../../sdk/index.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
let sdk: Yard;

beforeAll(async () => {
  const flags = { schedulerInterval: '500ms', concurrency: 4, types: 'mark,gather', lostAfter: '30s' };
  yard = await cluster({ flags });
  sdk = await connect({ servers: yard.broker.url });
});
afterEach(() => yard.expectSound());
afterAll(async () => {
  await sdk.close();
  await yard[Symbol.asyncDispose]();
});

/** The states of the jobs of a workflow, by what follows its id in theirs. */
async function statesOf(workflow: string): Promise<Record<string, string>> {
  const { jobs } = await sdk.workflows.get(workflow);
  return Object.fromEntries(jobs.map(({ id, state }) => [id.slice(workflow.length + 1), state]));
}

test('a job that was published before the one it waits for says so, and starts when that one has come and completed', async () => {
  const later = await yard.user.pub('mark', {}, { 'Job-Id': 'second', After: 'first' });
  await yard.user.waitUntil(later, 'blocked');
  const why = await yard.user.until(async () => yard.user.why(later).catch(() => undefined), 'an answer');
  expect(why).toMatchObject({
    code: 'blocked',
    sentence: expect.stringContaining('Waits for first (not submitted yet) to complete.'),
  });
  await yard.user.pub('mark', { ms: 100 }, { 'Job-Id': 'first' });
  const { startedAt = 0 } = await yard.user.waitUntil(later, 'completed');
  expect(startedAt).toBeGreaterThanOrEqual((await yard.user.record('first')).settledAt ?? Number.POSITIVE_INFINITY);
});

test('jobs that wait for one another in a circle fail with a sentence that names it', async () => {
  const one = await yard.user.pub('mark', {}, { 'Job-Id': 'hen', After: 'egg' });
  const other = await yard.user.pub('mark', {}, { 'Job-Id': 'egg', After: 'hen' });
  for (const { context } of await yard.user.settled([one, other]))
    expect(context.error?.message).toMatch(
      /^It waits for itself: (hen waits for egg, egg for hen|egg waits for hen, hen for egg)\./,
    );
});

test('what ended while nobody led lets its dependents go as soon as somebody does', async () => {
  const { id, jobs } = await sdk.workflows.submit({
    id: 'orphan',
    onFailure: 'stop',
    jobs: {
      bad: { type: 'mark', payload: { ms: 60_000 }, options: { timeout: '3s', maxAttempts: 1 } },
      later: { type: 'mark', options: { delay: '1h' } },
    },
  });
  const first = await yard.user.pub('mark', { ms: 3_000 });
  const next = await yard.user.pub('mark', {}, { After: first });
  for (const running of [first, jobs[0] ?? '']) await yard.user.waitUntil(running, 'processing');
  await yard.user.waitUntil(next, 'blocked');
  await yard.kill(await yard.leader());
  await yard.user.waitUntil(first, 'completed');
  await yard.user.waitUntil('orphan-bad', 'failed');
  expect(await yard.user.record(next)).toMatchObject({ state: 'blocked' });
  expect(await yard.user.record('orphan-later')).toMatchObject({ state: 'scheduled' });
  await yard.start('master');
  await yard.user.waitUntil(next, 'completed');
  const stopped = await yard.user.waitUntil('orphan-later', 'failed');
  expect(stopped.context.error?.message).toMatch(/^Its workflow stopped, since job orphan-bad has failed\./);
  expect(await sdk.workflows.get(id)).toMatchObject({ state: 'failed', percent: 100, onFailure: 'stop' });
});

describe('a workflow', () => {
  const film = {
    id: 'film',
    name: 'Film',
    jobs: {
      check: { type: 'gather', after: ['cut', 'sound'] },
      cut: { type: 'gather', each: [{ note: 'a' }, { note: 'b' }, { note: 'c' }], after: ['probe'] },
      sound: { type: 'gather', payload: { note: 'dts' }, after: ['probe'] },
      probe: { type: 'gather', payload: { note: 'hd' } },
    },
  };

  test('runs each job after those it waits for, and hands their results on: by node, and as a list in order', async () => {
    expect(await sdk.workflows.submit(film)).toMatchObject({ id: 'film', created: true });
    expect(await sdk.workflows.submit(film)).toMatchObject({ id: 'film', created: false });
    const view = await sdk.workflows.settled('film', { timeoutMs: 30_000 });
    expect(view).toMatchObject({ state: 'completed', percent: 100, byState: { completed: 6 }, name: 'Film' });
    expect(view.nodes.map(({ node, after }) => [node, after])).toEqual([
      ['probe', []],
      ['cut', ['probe']],
      ['sound', ['probe']],
      ['check', ['cut', 'sound']],
    ]);
    const probe = { note: 'hd', inputs: {}, states: [] };
    const cut = (note: string) => ({ note, inputs: { probe }, states: ['completed'] });
    expect((await yard.user.record('film-check')).context.result).toEqual({
      inputs: { cut: [cut('a'), cut('b'), cut('c')], sound: cut('dts') },
      states: ['completed', 'completed', 'completed', 'completed'],
    });
  });

  test('of which a job fails runs what does not wait for it; redriven, it runs to its end', async () => {
    await sdk.workflows.submit({
      id: 'torn',
      jobs: {
        good: { type: 'gather' },
        bad: { type: 'gather', payload: { from: 2 } },
        both: { type: 'gather', after: ['good', 'bad'] },
        last: { type: 'gather', after: ['both'] },
        clean: { type: 'gather', after: { jobs: ['bad'], when: 'failure' } },
        rest: { type: 'gather', after: { jobs: ['good', 'bad'], when: 'end' } },
      },
    });
    expect((await sdk.workflows.settled('torn', { timeoutMs: 30_000 })).state).toBe('failed');
    const ran = { good: 'completed', clean: 'completed', rest: 'completed' };
    expect(await statesOf('torn')).toEqual({ ...ran, bad: 'failed', both: 'failed', last: 'failed' });
    const { done } = await sdk.workflows.redrive('torn');
    expect([...done].sort()).toEqual(['torn-bad', 'torn-both', 'torn-last']);
    expect((await sdk.workflows.settled('torn', { timeoutMs: 30_000 })).state).toBe('completed');
  });

  test('that stops on failure ends what still waits, and not what runs; redriven and cancelled, all of it is', async () => {
    await sdk.workflows.submit({
      id: 'strict',
      onFailure: 'stop',
      jobs: {
        long: { type: 'mark', payload: { ms: 60_000 } },
        gate: { type: 'gather', after: { jobs: ['begun'] } },
        begun: { type: 'mark', payload: { ms: 200 } },
        bad: { type: 'gather', payload: { from: 9 }, after: ['begun'] },
        much: { type: 'mark', after: ['long'] },
        later: { type: 'mark', options: { delay: '1h' } },
        alarm: { type: 'gather', after: { jobs: ['bad'], when: 'failure' } },
      },
    });
    await yard.user.waitUntil('strict-long', 'processing');
    for (const id of ['strict-much', 'strict-later']) await yard.user.waitUntil(id, 'failed');
    await yard.user.waitUntil('strict-alarm', 'completed');
    expect(await statesOf('strict')).toMatchObject({ long: 'processing', bad: 'failed' });
    await sdk.workflows.redrive('strict');
    // The former failure stops nothing of what was redriven after it.
    await yard.user.waitUntil('strict-bad', ({ state, context }) => state === 'failed' && context.generation === 2);
    const { done } = await sdk.workflows.cancel('strict', { reason: 'enough' });
    expect(done).toContain('strict-long');
    const view = await sdk.workflows.settled('strict', { timeoutMs: 30_000 });
    expect(view.jobs.filter(({ node }) => node === 'long').map(({ state }) => state)).toEqual(['cancelled']);
  });
});
