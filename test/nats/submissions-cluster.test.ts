/** Submissions of a cluster of brokers, when one of them dies. */

import { jetstreamManager } from '@nats-io/jetstream';
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
  await connection.request(yard.submit('noop'), '{}');
  await taken.atLeast(1);
  const [before] = await jsm.consumers.list(yard.streams.submit).next();
  await broker.servers.find(({ name }) => name === before?.cluster?.leader)?.kill();
  const submit = (): Promise<unknown> => connection.request(yard.submit('noop'), '{}', { timeout: 500 }).catch(submit);
  await submit();
  await taken.atLeast(2);
  const after = await jsm.consumers.list(yard.streams.submit).next();
  expect(after.map(({ name }) => name)).not.toContain(before?.name);
  await stop();
});
