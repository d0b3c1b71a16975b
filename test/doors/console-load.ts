/**
 * More than ten thousand jobs in all states for the pages of the console, and beside them what else there is to show: schedules, a
 * workflow, a worker that drains, a master that stands by, what was rejected.
 */

import { expect, vi } from 'vitest';
import { z } from 'zod';
import { defineJob, type Submission } from '../../sdk/index.ts';
import type { ConsoleStage } from './console-page.ts';

/** How many there are at least. */
export const stored = 10_000;

const payload = z.object({}).loose();
const quick = defineJob({ type: 'quick', payload, run: () => 'done' });
const broken = defineJob({
  type: 'broken',
  payload: z.object({ n: z.number() }),
  defaults: { maxAttempts: 1 },
  run: ({ payload: { n } }) => {
    throw new Error(`Expected a film with sound, got none in part ${n % 3 === 0 ? 'one' : 'two'}.`);
  },
});
const moody = defineJob({
  type: 'moody',
  payload,
  defaults: { backoff: { kind: 'fixed', delayMs: 36_000_000, jitterMs: 0 } },
  run: ({ log }) => {
    log('It is not in the mood.');
    throw new Error('Not in the mood.');
  },
});
const endless = defineJob({
  type: 'endless',
  payload,
  run: ({ signal, progress }) => {
    progress({ percent: 40 });
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  },
});

/** What a worker has to know for `mixedJobs`. */
export const mixed = [quick, broken, moody, endless];

/** So many of a kind, spread over queues and priorities. */
function many(count: number, type: string, options: Submission['options'] = {}): readonly Submission[] {
  return Array.from({ length: count }, (_, n) => ({
    type,
    payload: { n },
    options: {
      queue: ['live', 'default', 'batch'][n % 3] ?? 'default',
      priority: (['critical', 'high', 'medium', 'low'] as const)[n % 4] ?? 'medium',
      ...options,
    },
  }));
}

export async function mixedJobs({ yard, cluster }: Pick<ConsoleStage, 'yard' | 'cluster'>): Promise<void> {
  await cluster.service();
  await cluster.work([quick], { name: 'drained', types: ['quick'] });
  const all = [
    ...many(1_500, 'quick'),
    ...many(300, 'broken'),
    ...many(50, 'moody'),
    ...many(400, 'quick', { gpu: 8 }),
    ...many(400, 'quick', { hold: true }),
    ...many(7_600, 'quick', { delay: '10h', tags: ['night'] }),
    ...one('named', 'quick', {
      name: 'The film of a long name that somebody gave it, reel seventeen of twenty, in 2160p',
    }),
    ...one('retries', 'moody'),
    ...one('runs', 'endless'),
    { type: 'broken', payload: { n: 1 }, options: { id: 'fails' } },
    ...one('parked', 'quick', { hold: true, delay: '10h' }),
    ...one('unwanted', 'quick', { hold: true }),
  ];
  await yard.submitMany(all);
  await yard.cancel('unwanted', { reason: 'No longer wanted.' });
  await yard.schedules.add('nightly', { type: 'quick', payload: {}, cron: '0 3 * * *' });
  await yard.schedules.add('resting', { type: 'quick', payload: {}, every: '1h' });
  await yard.schedules.run('nightly');
  await yard.schedules.pause('resting');
  const jobs = {
    cut: { type: 'quick' },
    parts: { type: 'quick', each: [{}, {}, {}], after: ['cut'] },
    joined: { type: 'broken', payload: { n: 1 }, after: ['parts'] },
  };
  await yard.workflows.submit({ id: 'film', name: 'Film 17', jobs });
  (await cluster.broker.connect()).publish('yard.submit.nobody', '{}');
  // A master has to hear of the worker first.
  await vi.waitFor(() => yard.drainWorker('drained'), { timeout: 20_000, interval: 100 });
  const states = async () => (await yard.census()).byState;
  await vi.waitFor(
    async () =>
      expect(await states()).toMatchObject({
        completed: 1_506,
        failed: 302,
        retrying: 51,
        processing: 1,
        cancelled: 1,
      }),
    { timeout: 60_000, interval: 100 },
  );
}

function one(id: string, type: string, options: Submission['options'] = {}): readonly Submission[] {
  return [{ type, payload: {}, options: { id, ...options } }];
}
