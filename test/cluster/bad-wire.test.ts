/** Networks that do worse than to be cut: black holes, one-sided silence, and answers that take long. */

import { afterEach, expect, test } from 'vitest';
import type { JobRecord } from '../../runtime/record.ts';
import { type Cluster, cluster } from './harness.ts';
import type { YardProcess } from './process.ts';

let yard: Cluster;
afterEach(async () => {
  await yard.expectSound();
  await yard[Symbol.asyncDispose]();
});

const patience = { pulse: '250ms', lostAfter: '1s', cancelGrace: '300ms' };

function pubMany(count: number, payload: unknown = {}): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => yard.user.pub('mark', payload)));
}

function states(records: readonly JobRecord[]): string[] {
  return [...new Set(records.map(({ state }) => state))];
}

/** Another process of this role than that one. */
function besides(other: YardProcess): YardProcess {
  const found = yard.running().find((each) => each.role === other.role && each !== other);
  if (found === undefined) throw new Error(`Expected another ${other.role}.`);
  return found;
}

async function untilTells(process: YardProcess, event: string): Promise<void> {
  await yard.user.until(async () => process.tells(event) || undefined, `${process.name} to tell ${event}`, 60_000);
}

test('a worker behind a black hole loses its job once; out of it, it is fenced and takes jobs again', async () => {
  yard = await cluster({ workers: 2, wired: true, flags: { ...patience, concurrency: 2 } });
  const id = await yard.user.pub('mark', { ms: 600_000, laterMs: 0 }, { Backoff: 'fixed(50ms)' });
  const worker = await yard.workerOf(id);
  yard.drop(worker);
  const record = await yard.user.waitUntil(id, 'completed');
  expect(record.attempts.map(({ outcome }) => outcome)).toEqual(['lost', 'completed']);
  yard.heal(worker);
  await untilTells(worker, 'attempt.fenced');
  expect(await yard.user.record(id)).toEqual(record);
  await yard.stop(besides(worker));
  expect(states(await yard.user.settled(await pubMany(5)))).toEqual(['completed']);
});

test.each(['deafen', 'mute'] as const)(
  'a leader that goes on one side (%s) loses the lease, and stands by when it is well',
  async (trouble) => {
    yard = await cluster({ masters: 2, wired: true, flags: patience });
    const leader = await yard.leader();
    const ids = await pubMany(10, { ms: 100 });
    yard[trouble](leader);
    ids.push(...(await pubMany(20)));
    expect(states(await yard.user.settled(ids, 30_000))).toEqual(['completed']);
    expect(await yard.leader()).toBe(besides(leader));
    yard.heal(leader);
    await untilTells(leader, 'leader.deposed');
    expect(await yard.leader()).toBe(besides(leader));
    expect(states(await yard.user.settled(await pubMany(10)))).toEqual(['completed']);
  },
);

test('with all that is said and heard 50 ms late, jobs run, each once', async () => {
  yard = await cluster({ masters: 2, workers: 2, wired: true, flags: { concurrency: 4 } });
  for (const each of yard.running()) yard.delay(each, 50);
  const ids = await pubMany(30, { ms: 20 });
  expect(states(await yard.user.settled(ids))).toEqual(['completed']);
  expect((await yard.effects.all()).filter(({ what }) => what === 'begins')).toHaveLength(ids.length);
});

test('a leader that is too far from the broker to be sure of its lease says so, and lets a nearer one lead', async () => {
  yard = await cluster({ masters: 2, wired: true });
  const leader = await yard.leader();
  yard.delay(leader, 300);
  const ids = await pubMany(10);
  expect(states(await yard.user.settled(ids, 30_000))).toEqual(['completed']);
  expect(leader.told.filter(({ event }) => event === 'master.unfit')).toMatchObject([
    { reason: expect.stringContaining('`--leader-silence`') },
  ]);
  expect(await yard.leader()).toBe(besides(leader));
});
