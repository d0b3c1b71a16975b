/** What is told of several brokers while they write, and while one of them does not. */

import { jetstream } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { brokersOf } from '../../nats/brokers.ts';
import { names } from '../../nats/names.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { testBrokers } from './broker.ts';

const clock = new SystemClock();
const yard = names('yard');

test('a broker that lacks the last write for a moment has everything; one that does not catch up is behind', async () => {
  await using brokers = await testBrokers();
  const connection = await brokers.connect();
  await ensureTopology({ connection, names: yard, clock });
  const first = await brokersOf(connection, yard, clock);
  expect(first).toMatchObject({ all: 3, current: 3 });
  const leader = first.brokers.find(({ leads }) => leads.includes(yard.streams.jobs))?.name;
  const near = brokers.servers.find(({ name }) => name === leader);
  const slow = brokers.servers.find(({ name }) => name !== leader);
  const atLeader = await brokers.connect({ servers: near?.url ?? '' });
  process.kill(slow?.pid ?? 0, 'SIGSTOP');
  await jetstream(atLeader).publish(yard.jobSubject('a'), 'x');
  const behind = await brokersOf(atLeader, yard, clock);
  expect(behind).toMatchObject({ all: 3, current: 2 });
  expect(behind.brokers.find(({ name }) => name === slow?.name)).toMatchObject({ isCurrent: false });
  const asked = brokersOf(atLeader, yard, clock);
  process.kill(slow?.pid ?? 0, 'SIGCONT');
  expect(await asked).toMatchObject({ all: 3, current: 3 });
});
