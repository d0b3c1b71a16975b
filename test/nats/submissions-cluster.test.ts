/** Submissions of a cluster of brokers, when one of them dies. */

import { jetstreamManager } from '@nats-io/jetstream';
import { RequestError } from 'nats';
import { expect, test } from 'vitest';
import { names } from '../../nats/names.ts';
import { NatsSubmissions } from '../../nats/submissions.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { Heard } from '../heard.ts';
import { testBrokers } from './broker.ts';

const yard = names();
const clock = new SystemClock();

test('are taken in by a consumer that lives, as soon as the one that there was falls silent with its broker', async () => {
  await using broker = await testBrokers();
  const connection = await broker.connect();
  await ensureTopology({ connection, names: yard, clock });
  const jsm = await jetstreamManager(connection);
  const taken = new Heard<number>();
  const submissions = new NatsSubmissions({ connection, names: yard, clock });
  const stop = await submissions.consume(async (batch) => {
    for (const { sequence, wasDone } of batch) if (wasDone !== true) taken.add(sequence);
  });
  // The broker that we speak to may hear of a new stream a moment after whoever made it; nothing is stored until then.
  const first = (): Promise<unknown> =>
    connection.request(yard.submit('noop'), '{}').catch((cause) => {
      if (cause instanceof RequestError && cause.isNoResponders()) return first();
      throw cause;
    });
  await first();
  await taken.atLeast(1);
  const [before] = await jsm.consumers.list(yard.streams.submit).next();
  await broker.servers.find(({ name }) => name === before?.cluster?.leader)?.kill();
  const submit = (): Promise<unknown> => connection.request(yard.submit('noop'), '{}', { timeout: 500 }).catch(submit);
  await submit();
  await taken.atLeast(2);
  // Nobody waits for the former one to be removed: it is, as soon as somebody leads it again.
  const there = async () => (await jsm.consumers.list(yard.streams.submit).next()).map(({ name }) => name);
  await expect.poll(there, { timeout: 45_000 }).not.toContain(before?.name);
  await stop();
});
