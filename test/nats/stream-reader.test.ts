/** A stream read from some place to its end while it is written over. */

import { jetstream } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { names } from '../../nats/names.ts';
import { presenceOf } from '../../nats/presence.ts';
import { messagesOf } from '../../nats/stream-reader.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { testBroker } from './broker.ts';

const yard = names();
const keys = Array.from({ length: 200 }, (_, n) => `default.job-${n}`);
const readingsInAll = 5;

test('every key is read, and an end is found, however fast keys are written over meanwhile', async () => {
  await using broker = await testBroker();
  const connection = await broker.connect();
  await ensureTopology({ connection, names: yard, clock: new SystemClock() });
  const js = jetstream(connection);
  const writeAll = () => Promise.all(keys.map((key) => js.publish(yard.jobSubject(key), '{}')));
  await writeAll();
  const missed: string[] = [];
  let readings = 0;
  const writing = (async () => {
    while (readings < readingsInAll) await writeAll();
  })();
  for (; readings < readingsInAll; readings++) {
    const read = new Set<string>();
    const reading = { js, presence: presenceOf(connection), stream: yard.streams.jobs, after: 0, headersOnly: true };
    for await (const { subject } of messagesOf({ ...reading, filter: yard.allJobs })) read.add(subject);
    missed.push(...keys.filter((key) => !read.has(yard.jobSubject(key))));
  }
  await writing;
  expect(missed).toEqual([]);
});
