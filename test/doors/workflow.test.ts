/** Workflows by SDK and command: what is refused before anything is stored, and what people see and do. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { workflowOf, workflowPlan } from '../../cluster/workflow-given.ts';
import { defineJob, type Yard } from '../../sdk/index.ts';
import { type Scratch, scratch } from '../nats/broker.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { Shell } from './command.ts';

const plan = (json: unknown) => workflowPlan('w', workflowOf(json));
const noop = { type: 'noop' };

describe('a workflow is refused', () => {
  test.each([
    ['that is none', [], 'Expected a workflow to be an object with `jobs`, got a list.'],
    ['without jobs', { jobs: {} }, 'Expected a workflow of at least one job, got none.'],
    ['with a field that it does not have', { jobs: { a: noop }, onFailur: 'stop' }, 'Did you mean `onFailure`?'],
    [
      'with a policy that is none',
      { jobs: { a: noop }, onFailure: 'wait' },
      '`onFailure` to be stop or continue, got wait',
    ],
    ['with a node of no type', { jobs: { a: {} } }, '`type of a` to be a text, got nothing'],
    ['with a node that has a misspelt field', { jobs: { a: { ...noop, afer: ['b'] } } }, 'Did you mean `after`?'],
    [
      'with a node that waits for one that is not there',
      { jobs: { probe: noop, cut: { ...noop, after: ['prob'] } } },
      'Expected node cut to wait for other nodes of the workflow, got `prob`. Did you mean probe?',
    ],
    ['with a node that waits for itself', { jobs: { a: { ...noop, after: ['a'] } } }, 'got itself.'],
    [
      'with a circle, which is named',
      {
        jobs: {
          a: { ...noop, after: ['c'] },
          b: { ...noop, after: ['a'] },
          c: { ...noop, after: { jobs: ['b', 'd'], need: 'any' } },
          d: noop,
        },
      },
      'got the circle a → c → b → a (each waits for the next). Take one `after` of it away.',
    ],
    [
      'with a job of its own for one outside of it',
      { jobs: { a: noop, b: { ...noop, after: ['job:w-a'] } } },
      'Expected node b to wait for nodes by their names, got `job:w-a`. Write `a`.',
    ],
    [
      'with words that are none',
      { jobs: { a: noop, b: { ...noop, after: { jobs: ['a'], when: 'ever' } } } },
      'got ever',
    ],
    [
      'with a payload and several',
      { jobs: { a: { ...noop, payload: {}, each: [{}] } } },
      'either `payload` or `each` of a',
    ],
    ['with an empty list', { jobs: { a: { ...noop, each: [] } } }, '`each` of a to have payloads, got none'],
    ['of too many jobs', { jobs: { a: { ...noop, each: Array(501).fill({}) } } }, 'at most 500 jobs, got 501'],
    ['whose ids collide', { jobs: { a: { ...noop, each: [{}, {}] }, 'a-2': noop } }, 'got `w-a-2`'],
    ['with a name that is none', { jobs: { 'a.b': noop } }, 'got `a.b`'],
  ])('%s', (_, json, sentence) => {
    expect(() => plan(json)).toThrow(expect.objectContaining({ code: 'input.invalid' }));
    expect(() => plan(json)).toThrow(sentence);
  });

  test('and one that is not has each node after all that it waits for, and a job for each payload', () => {
    const jobs = { c: { ...noop, after: ['b'] }, b: { ...noop, each: [{ n: 1 }, { n: 2 }], after: ['a'] }, a: noop };
    const planned = plan({ jobs });
    expect(planned.map(({ name, jobs: own }) => [name, own.map(({ id }) => id)])).toEqual([
      ['a', ['w-a']],
      ['b', ['w-b-1', 'w-b-2']],
      ['c', ['w-c']],
    ]);
    expect(planned.at(-1)?.after).toEqual({ after: ['w-b-1', 'w-b-2'] });
  });
});

describe('on a cluster', () => {
  let cluster: TestCluster;
  let directory: Scratch;
  let shell: Shell;
  let yard: Yard;

  /** Fails at its first attempt. */
  const moody = defineJob({
    type: 'moody',
    payload: z.unknown(),
    defaults: { maxAttempts: 1 },
    run: ({ fence }) => {
      if (fence.attempt === 1) throw new Error('Not in the mood.');
    },
  });

  beforeAll(async () => {
    [cluster, directory] = await Promise.all([testCluster(), scratch()]);
    shell = new Shell(directory.path, { NATS_URL: cluster.broker.url });
    yard = await cluster.yard();
    await cluster.work([moody], { types: ['moody', 'noop'] });
  });

  afterAll(async () => {
    await shell[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test('one is submitted from a file, followed, seen, redriven to its end and listed', async () => {
    const jobs = {
      first: { type: 'moody' },
      rest: { ...noop, each: [{}, {}], after: ['first'] },
      last: { ...noop, after: ['rest'] },
    };
    writeFileSync(join(directory.path, 'film.json'), JSON.stringify({ id: 'film', name: 'Film 17', jobs }));
    const failed = await shell.yard('workflow', 'submit', 'film.json', '--wait');
    // What had failed before it listened is not told again.
    expect(failed).toMatchObject({ code: 1 });
    expect(failed.out).toMatch(/^film\n/);
    const seen = (await shell.yard('workflow', 'get', 'film')).out;
    expect(seen).toMatch(/^state +failed, 100% done: 4 failed$/m);
    expect(seen).toMatch(/^last +rest +1 failed$/m);
    expect(seen).toMatch(/^film-first .* Not in the mood\.$/m);
    expect((await shell.yard('workflow', 'redrive', 'film')).out).toBe('4 of film: run again, or wait again.\n');
    expect(await shell.yard('workflow', 'follow', 'film', '-o', 'json')).toMatchObject({
      code: 0,
      out: expect.stringContaining('"state": "completed"'),
    });
    expect((await shell.yard('workflow', 'list')).out).toMatch(/^film +completed +100% +4 .* Film 17$/m);
    expect((await shell.yard('job', 'get', 'film-last')).out).toMatch(
      /^waits for +film-rest-1, film-rest-2 to complete, which is so$/m,
    );
  });

  test('a list is filtered by state and by words in id and name, and goes on where it ended', async () => {
    await yard.workflows.submit({ id: 'listed', name: 'Film 18', jobs: { a: noop } });
    await yard.workflows.settled('listed');
    const found = async (...flags: string[]) => (await shell.yard('workflow', 'list', '-o', 'name', ...flags)).out;
    expect(await found('--state', 'completed', '--search', 'film 18')).toBe('listed\n');
    expect(await found('--state', 'failed', '--search', 'listed')).toBe('');
    await yard.workflows.submit({ id: 'listed-later', jobs: { a: noop } });
    const first = await shell.yard('workflow', 'list', '--limit', '1', '--search', 'listed');
    const [, cursor = ''] = /--cursor (\S+)`/.exec(first.talk) ?? [];
    expect(await found('--cursor', cursor, '--search', 'listed')).toBe('listed\n');
  });

  test('one of whose jobs another has the id of is not stored at all; the very same finds what is there', async () => {
    await yard.submit('noop', {}, { id: 'taken-b', queue: 'other' });
    const jobs = { a: noop, b: noop };
    await expect(yard.workflows.submit({ id: 'taken', jobs })).rejects.toMatchObject({ code: 'job.conflict' });
    expect(await yard.job('taken-a')).toBeUndefined();
    expect(await yard.workflows.submit({ id: 'free', jobs })).toMatchObject({ created: true });
    expect(await yard.workflows.submit({ id: 'free', jobs })).toMatchObject({ created: false });
    await expect(yard.workflows.submit({ id: 'free', jobs: { ...jobs, c: noop } })).rejects.toMatchObject({
      code: 'job.conflict',
    });
    expect(await yard.job('free-c')).toBeUndefined();
  });

  test('one goes on when what a handler of it has submitted has ended, and is handed the results', async () => {
    const split = defineJob({
      type: 'split',
      payload: z.object({ into: z.number() }),
      run: async ({ id, payload: { into } }) => {
        const parts = Array.from({ length: into }, (_, n) => ({ executionTimeMs: n }));
        const jobs = { part: { type: 'noop', each: parts }, joined: { type: 'gather', after: ['part'] } };
        const { created } = await yard.workflows.submit({ id, jobs });
        return { created };
      },
    });
    const gather = defineJob({ type: 'gather', payload: z.unknown(), run: ({ inputs }) => inputs });
    await cluster.work([split, gather], { types: ['split', 'gather'] });
    const jobs = {
      split: { type: split, payload: { into: 3 } },
      publish: { type: gather, after: ['split', 'job:long-split-joined'] },
    };
    await yard.workflows.submit({ id: 'long', jobs });
    const view = await yard.workflows.settled('long');
    expect(view).toMatchObject({ state: 'completed', nodes: [{}, { after: ['split', 'job:long-split-joined'] }] });
    expect((await yard.settled('long-publish')).context.result).toEqual({
      split: { created: true },
      'long-split-joined': { part: [{ attempt: 1 }, { attempt: 1 }, { attempt: 1 }] },
    });
  });

  test('one whose jobs have unique rules takes their keys with it, and is redriven whole or not at all', async () => {
    const unique = { uniqueKey: 'one-of-these' };
    const given = (id: string) => ({ id, jobs: { a: { type: moody, options: unique }, b: { ...noop, after: ['a'] } } });
    await yard.workflows.submit(given('first'));
    expect((await yard.workflows.settled('first')).state).toBe('failed');
    const held = await yard.submit('noop', {}, { ...unique, hold: true, id: 'holder' });
    await expect(yard.workflows.submit(given('second'))).rejects.toThrow(
      /^Node a: Expected no other job like it, got one: job holder/,
    );
    expect(await yard.job('second-a')).toBeUndefined();
    await expect(yard.workflows.redrive('first')).rejects.toMatchObject({ code: 'job.refused' });
    expect((await yard.job('first-b'))?.state).toBe('failed');
    await held.cancel();
    expect((await yard.workflows.redrive('first')).done).toEqual(['first-a', 'first-b']);
    expect((await yard.workflows.settled('first')).state).toBe('completed');
  });

  test('one is cancelled as a whole; one that is not there is not found', async () => {
    const jobs = { a: { ...noop, options: { hold: true } }, b: { ...noop, after: ['a'] } };
    const { id } = await yard.workflows.submit({ jobs });
    expect((await shell.yard('workflow', 'cancel', id, '--reason', 'Enough.')).out).toBe(
      `2 of ${id}: cancelled, or their workers told.\n`,
    );
    expect(await yard.workflows.get(id)).toMatchObject({ state: 'cancelled', byState: { cancelled: 2 } });
    expect((await yard.job(`${id}-b`))?.transitions.at(-1)?.reason).toBe('Enough.');
    expect(await shell.yard('workflow', 'get', 'nowhere')).toMatchObject({ code: 3, out: '' });
  });

  test('a node is told what is wrong with it', async () => {
    const wrong = (node: object) => yard.workflows.submit(workflowOf({ jobs: { cut: { ...noop, ...node } } }));
    await expect(wrong({ type: 'nop' })).rejects.toThrow(
      /^Node cut: Expected a job type that this cluster knows, got `nop`\./,
    );
    await expect(wrong({ options: { id: 'x' } })).rejects.toThrow(/^Node cut: .* got `id`\./);
    await expect(wrong({ options: { priorty: 'high' } })).rejects.toThrow('Did you mean `priority`?');
  });
});
