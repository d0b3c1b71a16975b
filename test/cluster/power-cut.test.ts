/**
 * A broker that lost its power: it comes back without the last of what it had acknowledged, and without a different
 * last in each of its streams. What was submitted and is still there becomes jobs again; what it promised for good
 * beyond that depends on the durability that was asked for. How far submissions had been taken in may be among what it
 * lost: then they are simply taken in again, and otherwise it is asked what it forgot (`test/nats/submissions.test.ts`).
 */

import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
afterEach(() => yard[Symbol.asyncDispose]());

test('jobs that a power cut took are made again from their submissions, and all go on', async () => {
  yard = await cluster({ masters: 2, workers: 2, flags: { concurrency: 4 } });
  const early = await yard.user.pub('mark');
  await yard.user.waitUntil(early, 'completed');
  const stream = join(yard.broker.server.dataDir, 'nats', 'jetstream', '$G', 'streams', yard.user.names.streams.jobs);
  const asItWas = join(yard.folder, 'as-it-was');
  await yard.stopBrokerFor(() => cp(stream, asItWas, { recursive: true }));
  const running = await yard.user.until(
    async () => yard.user.pub('mark', { ms: 1_500 }).catch(() => undefined),
    'a broker that is back',
  );
  await yard.user.waitUntil(running, 'processing');
  const done = await yard.user.pub('mark');
  await yard.user.waitUntil(done, 'completed');
  const delayed = await yard.user.pub('mark', {}, { Delay: '2s' });
  await yard.user.waitUntil(delayed, 'scheduled');
  await yard.stopBrokerFor(async () => {
    await rm(stream, { recursive: true });
    await cp(asItWas, stream, { recursive: true });
  });
  const late = await yard.user.until(async () => yard.user.pub('mark').catch(() => undefined), 'a broker that is back');
  for (const record of await yard.user.settled([early, running, done, delayed, late], 60_000))
    expect(record.state).toBe('completed');
  const masters = yard.processes.filter(({ role }) => role === 'master');
  expect(masters.every((master) => master.tells('feed.reloaded'))).toBe(true);
});
