/** Three brokers: one of them is killed, or all restart, and nothing that was acknowledged is lost. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { EmbeddedBroker } from '../../nats/embedded.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { type Cluster, cluster } from './harness.ts';

const patienceMs = 60_000;

let yard: Cluster;
afterEach(async () => {
  await yard.expectSound();
  await yard[Symbol.asyncDispose]();
});

/** What became of jobs: handed back for want of a slot or not, none may have lost its worker or failed. */
function outcomes(records: readonly JobRecord[]): string[] {
  const all = records.flatMap(({ state, attempts }) => [state, ...attempts.map(({ outcome = 'none' }) => outcome)]);
  return [...new Set(all)].filter((outcome) => outcome !== 'handed back');
}

/** Submits a job, again and again until a broker has promised to keep it. */
function pub(payload: unknown, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  return yard.user.until(
    () => yard.user.pub('mark', payload, headers).catch(() => undefined),
    'a submission to be stored',
    patienceMs,
  );
}

/** Submits one job after the other, a few at a time, until `done`; the ids of all that were acknowledged. */
async function loadUntil(done: Promise<unknown>): Promise<readonly string[]> {
  let isDone = false;
  const ended = done.finally(() => {
    isDone = true;
  });
  const ids: string[] = [];
  const load = async () => {
    while (!isDone) {
      const id = await pub({ ms: 10 });
      ids.push(id);
      await yard.user.waitUntil(id, 'completed', patienceMs);
    }
  };
  await Promise.all([ended, load(), load(), load()]);
  return ids;
}

async function expectAllCompleted(ids: readonly string[]): Promise<void> {
  expect(outcomes(await yard.user.settled(ids, patienceMs))).toEqual(['completed']);
}

/** Kills a broker under load, until jobs that were submitted after its death have run. */
async function dispatchGoesOnWithout(broker: EmbeddedBroker): Promise<readonly string[]> {
  const goesOn = async () => {
    await broker.kill();
    await yard.user.settled([await pub({})], patienceMs);
  };
  return await loadUntil(goesOn());
}

/** As `docs/operations.md` has it: what a broker that was stopped has stored is removed, and it is started under its name. */
async function comesBackWithNothing(broker: EmbeddedBroker): Promise<void> {
  await rm(join(broker.dataDir, 'nats'), { recursive: true });
  await broker.restart();
  for (const stream of Object.values(yard.user.names.streams)) await yard.caughtUp(stream);
}

test('the broker that leads the jobs is killed under load: nothing is lost, dispatch goes on, and it catches up, also where its disk was wiped', async () => {
  yard = await cluster({ brokers: 3, masters: 2, workers: 2, flags: { concurrency: 4, durability: 'replicated' } });
  const { streams } = yard.user.names;
  const long = await pub({ ms: 12_000 }, { Priority: 'critical' });
  await yard.user.waitUntil(long, 'processing');
  const killed = await yard.brokerOf(streams.jobs);
  await expectAllCompleted([long, ...(await dispatchGoesOnWithout(killed))]);
  expect(yard.processes.filter(({ how }) => how !== undefined)).toEqual([]);
  expect(yard.processes.filter((each) => each.tells('jobs.takenBack'))).toEqual([]);
  await killed.restart();
  for (const stream of [streams.jobs, streams.submit]) await yard.caughtUp(stream);
  const second = await yard.brokerOf(streams.jobs);
  await expectAllCompleted(await dispatchGoesOnWithout(second));
  await comesBackWithNothing(second);
  // What was stored before the wipe is now with the wiped one and another one.
  const third = yard.broker.servers.find((each) => each !== killed && each !== second);
  await third?.kill();
  await expectAllCompleted([long, await pub({})]);
  await third?.restart();
});

test('all three brokers restart at once: what was acknowledged is there, and all go on', async () => {
  yard = await cluster({ brokers: 3, masters: 2, workers: 2, flags: { concurrency: 4, durability: 'replicated' } });
  const long = await pub({ ms: 8_000 });
  await yard.user.waitUntil(long, 'processing');
  const waiting = await Promise.all(Array.from({ length: 20 }, () => pub({ ms: 100 })));
  const meanwhile = await loadUntil(yard.restartBroker());
  await expectAllCompleted([long, ...waiting, ...meanwhile, await pub({})]);
  expect(yard.processes.filter(({ how }) => how !== undefined)).toEqual([]);
});
