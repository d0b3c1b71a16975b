/** News of all jobs by HTTP, over the deaths of those who tell them: real processes, killed. */

import { afterEach, expect, test } from 'vitest';
import { askMasters } from '../../cluster/masters.ts';
import { natsDesk } from '../../nats/desk.ts';
import { EventSource, isInOrder, namesOf } from '../doors/event-source.ts';
import { type Cluster, cluster } from './harness.ts';
import type { YardProcess } from './process.ts';

let yard: Cluster;
let published = 0;

/** Two masters that serve HTTP to everyone. */
const served = { masters: 2, workers: 2, flags: { concurrency: 4, httpPort: 'free', httpAuth: 'off' } };

afterEach(async () => {
  await yard[Symbol.asyncDispose]();
});

/** Where a master serves its API. */
async function urlOf({ name }: YardProcess): Promise<string> {
  const connection = await yard.broker.connect();
  const desk = natsDesk({ connection, names: yard.user.names });
  return yard.user.until(
    async () => (await askMasters(desk)).find((each) => each.name === name)?.http,
    `the address of ${name}`,
  );
}

/** Every transition that there ever was. */
async function everyTransition(): Promise<string[]> {
  const records = await yard.user.records();
  return records.flatMap(({ id, transitions }) => transitions.map(({ n }) => `${id} ${n}`)).sort();
}

async function pubMany(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push(await pub(n));
  return ids;
}

/** Submits a job under one id, again and again until a broker has promised to keep it: some are dead, and others elect. */
function pub(n: number): Promise<string> {
  const headers = { 'Job-Id': `pub-${++published}` };
  const once = () =>
    n % 10 === 0
      ? yard.user.pub('flaky', { executionTimeMs: 1, failAttempts: 1 }, headers)
      : yard.user.pub('mark', { ms: n % 3 }, headers);
  return yard.user.until(() => once().catch(() => undefined), 'a broker to take submissions', 60_000);
}

test('who goes on at another master, when its own was killed, hears each transition once, and in order', async () => {
  yard = await cluster(served);
  const leader = await yard.leader();
  const other = yard.processes.find((each) => each.role === 'master' && each !== leader);
  if (other === undefined) throw new Error('Expected a second master.');
  const [first, second] = [await urlOf(leader), await urlOf(other)];

  const before = await EventSource.open(`${first}/v1/events`);
  const ids = pubMany(150);
  expect(await before.until((heard) => heard.length >= 100)).toBe(true);
  await yard.kill(leader);
  await before.until(() => false);
  const more = pubMany(50);
  const all = [...(await ids), ...(await more)];
  await yard.user.settled(all, 60_000);

  const after = await EventSource.open(`${second}/v1/events`, { after: before.lastId });
  const expected = await everyTransition();
  await after.until((heard) => heard.length + before.heard.length >= expected.length);
  const heard = [...before.heard, ...after.heard];
  expect(before.heard.length).toBeLessThan(expected.length);
  expect(heard.map(({ event }) => event)).not.toContain('gap');
  expect(namesOf(heard).toSorted()).toEqual(expected);
  expect(isInOrder(heard)).toBe(true);
  await after[Symbol.asyncDispose]();
});

test('who stays hears each transition once, though the broker is killed and comes back', async () => {
  yard = await cluster(served);
  const master = await yard.leader();
  await using events = await EventSource.open(`${await urlOf(master)}/v1/events`);
  const ids = await pubMany(40);
  await events.until((heard) => heard.length >= 20);
  await yard.restartBroker();
  ids.push(...(await pubMany(21)));
  await yard.user.settled(ids, 60_000);
  const expected = await everyTransition();
  await events.until((heard) => heard.length >= expected.length);
  expect(namesOf(events.heard).toSorted()).toEqual(expected);
  expect(events.heard.map(({ event }) => event)).not.toContain('gap');
  expect(isInOrder(events.heard)).toBe(true);
});

test('who stays hears each transition once, though of three brokers the one dies that leads the jobs', async () => {
  yard = await cluster({ ...served, brokers: 3, flags: { ...served.flags, durability: 'replicated' } });
  const listeners = await Promise.all(
    yard.processes
      .filter(({ role }) => role === 'master')
      .map(async (master) => EventSource.open(`${await urlOf(master)}/v1/events`)),
  );
  const ids = await pubMany(30);
  await yard.user.settled(ids, 60_000);
  await (await yard.brokerOf(yard.user.names.streams.jobs)).kill();
  ids.push(...(await pubMany(21)));
  await yard.user.settled(ids, 60_000);
  const expected = await everyTransition();
  for (const events of listeners) {
    await events.until((heard) => heard.length >= expected.length);
    expect(namesOf(events.heard).toSorted()).toEqual(expected);
    expect(isInOrder(events.heard)).toBe(true);
    await events[Symbol.asyncDispose]();
  }
});
