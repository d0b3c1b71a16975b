/** Unique rules: at any moment there is one open job of a key, whoever asks for it, however many, and whoever is killed. */

import { Kvm } from '@nats-io/kv';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isSettled } from '../../machines/job.ts';
import { natsFeed } from '../../nats/feed.ts';
import type { Change } from '../../runtime/ports.ts';
import { connect } from '../../sdk/connect.ts';
import type { Yard } from '../../sdk/yard.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
let sdk: readonly Yard[];
const changes: Change[] = [];

beforeAll(async () => {
  yard = await cluster({ masters: 2, workers: 1 });
  await natsFeed(await yard.broker.connect(), yard.user.names).follow((change) => void changes.push(change));
  sdk = await Promise.all([connect({ servers: yard.broker.url }), connect({ servers: yard.broker.url })]);
});
afterEach(() => yard.expectSound());
afterAll(async () => {
  for (const each of sdk) await each.close();
  await yard[Symbol.asyncDispose]();
});

/** The most jobs of these that were open at once, by the writes as the broker stored them. */
function mostOpen(isMine: (id: string) => boolean): number {
  const open = new Set<string>();
  let most = 0;
  for (const change of changes) {
    if (change.kind !== 'job' || !isMine(change.head.key.slice('default.'.length))) continue;
    if (isSettled(change.head.state)) open.delete(change.head.key);
    else open.add(change.head.key);
    most = Math.max(most, open.size);
  }
  return most;
}

/** Submits by every door at once, some of each, and returns the ids that somebody was told. */
async function byAllDoors(key: string, conflict: 'reject' | 'replace' | 'coalesce', ms = 50): Promise<string[]> {
  // What is to be replaced must still wait when the next one comes.
  const delay = conflict === 'replace' ? '1s' : '0ms';
  const headers = { 'Unique-Key': key, 'Unique-Conflict': conflict, Delay: delay };
  const raw = Array.from({ length: 8 }, async (_, n) => {
    const ack = await yard.user.submit('mark', JSON.stringify({ ms, note: `${n}` }), headers);
    return 'rejected' in ack ? [] : [ack.id];
  });
  const direct = Array.from({ length: 8 }, async (_, n) => {
    const options = { uniqueKey: key, uniqueConflict: conflict, delay };
    const job = await sdk[n % 2]?.submit('mark', { ms, note: `${n}` }, options).catch(() => undefined);
    return job === undefined ? [] : [job.id];
  });
  return (await Promise.all([...raw, ...direct])).flat();
}

describe('of those who submit one key at once, by several doors,', () => {
  test.each(['reject', 'replace', 'coalesce'] as const)('with `%s`, never two have an open job', async (conflict) => {
    const ids: string[] = [];
    for (let round = 0; round < 4; round++) ids.push(...(await byAllDoors(conflict, conflict)));
    expect(ids.length).toBeGreaterThan(0);
    if (conflict === 'coalesce') expect(ids).toHaveLength(64);
    const records = await yard.user.settled([...new Set(ids)]);
    const states = new Set(records.map(({ state }) => state));
    expect(states).toEqual(new Set(conflict === 'replace' ? ['completed', 'cancelled'] : ['completed']));
    expect(mostOpen((id) => ids.includes(id))).toBe(1);
    expect((await sdk[0]?.audit())?.discrepancies).toEqual([]);
  });

  test('none has a second one where the leader is killed meanwhile', async () => {
    const rounds = 1;
    const ids: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const leader = await yard.leader();
      const asked = byAllDoors('killed', 'coalesce', 20);
      await yard.kill(leader);
      ids.push(...(await asked));
      await yard.start('master');
    }
    expect(ids).toHaveLength(16 * rounds);
    await yard.user.settled([...new Set(ids)]);
    expect(mostOpen((id) => ids.includes(id))).toBe(1);
  });

  test('each is told why it has none, and that job is there', async () => {
    const [one] = sdk;
    const job = await one?.submit('mark', { ms: 60_000 }, { uniqueKey: 'told' });
    const ack = await yard.user.submit('mark', '{}', { 'Unique-Key': 'told' });
    expect(ack).toMatchObject({ rejected: expect.stringContaining(`job ${job?.id}, which is`) });
    expect(ack).toMatchObject({ rejected: expect.stringContaining('holds the unique key of key told (409)') });
    await expect(one?.submit('mark', {}, { uniqueKey: 'told' })).rejects.toMatchObject({ code: 'job.conflict' });
    await job?.cancel();
    await job?.settled();
  });
});

test('a key that somebody removed is taken again by its open job, and forgotten once that has settled', async () => {
  const [one] = sdk;
  const job = await one?.submit('mark', { ms: 60_000 }, { uniqueKey: 'removed' });
  const key = (await yard.user.record(job?.id ?? '')).unique?.key ?? '';
  const bucket = await new Kvm(await yard.broker.connect()).open(yard.user.names.buckets.jobs);
  await bucket.delete(key);
  const holder = async () => (await bucket.get(key))?.json<{ job: string }>().job;
  await yard.user.until(async () => ((await holder().catch(() => '')) === job?.id ? true : undefined), 'the key again');
  const repaired = yard.processes.flatMap(({ told }) => told).filter(({ event }) => event === 'auditor.repaired');
  expect(repaired).toMatchObject([{ key: `default.${job?.id}`, what: 'no unique key' }]);
  await job?.cancel();
  await yard.user.until(async () => ((await bucket.get(key)) === null ? true : undefined), 'no key', 40_000);
});

test('a schedule makes no second job of a key that is held, and says which job holds it', async () => {
  const [one] = sdk;
  const holder = await one?.submit('mark', { ms: 60_000 }, { uniqueKey: 'tick' });
  await one?.schedules.add('tick', { every: '1s', type: 'mark', payload: { ms: 1 }, options: { uniqueKey: 'tick' } });
  const firings = await yard.user.until(async () => {
    const found = await one?.schedules.history('tick');
    return (found?.length ?? 0) > 0 ? found : undefined;
  }, 'a firing');
  expect(firings[0]).toMatchObject({ outcome: 'skipped', why: expect.stringContaining(`job ${holder?.id}`) });
  await holder?.cancel();
  await yard.user.until(async () => {
    const found = await one?.schedules.history('tick');
    return found?.some(({ outcome }) => outcome === 'fired') === true ? true : undefined;
  }, 'a firing that makes a job');
  await one?.schedules.delete('tick');
});
