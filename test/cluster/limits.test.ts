/**
 * Limits of keys and what is set for tenants, by the command `yard` on a cluster that runs; and why a job waits: for each
 * reason, make it so, ask, do what the answer says, and the job starts. When handlers begin and end they say themselves.
 */

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { revisionOf } from '../../actors/follower.ts';
import { isSettled } from '../../machines/job.ts';
import { natsFeed } from '../../nats/feed.ts';
import { isFault } from '../../runtime/faults.ts';
import type { Change } from '../../runtime/ports.ts';
import { connect, type Yard } from '../../sdk/index.ts';
import { Shell } from '../doors/command.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
let sdk: Yard;
let acme: Yard;
let shell: Shell;

beforeAll(async () => {
  // A worker that is frozen for a moment is not to be taken for silent on a busy machine.
  const flags = { schedulerInterval: '500ms', concurrency: 6, lookAhead: 0, offerFor: '1s', lostAfter: '30s' };
  yard = await cluster({ masters: 2, flags: { ...flags, types: 'mark' } });
  sdk = await connect({ servers: yard.broker.url });
  acme = await connect({ servers: yard.broker.url, tenant: 'acme' });
  shell = new Shell(yard.folder, { NATS_URL: yard.broker.url });
});
afterEach(() => yard.expectSound());
afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await sdk.close();
  await acme.close();
  await yard[Symbol.asyncDispose]();
});

/** What a command says; it must end well. */
async function command(...words: string[]): Promise<string> {
  const { code, out, talk } = await shell.yard(...words);
  if (code !== 0) throw new Error(`Expected \`yard ${words.join(' ')}\` to end well, it said:\n${out}${talk}`);
  return out;
}

/** The most handlers of these jobs that ran at once, as they say themselves. */
async function mostAtOnce(ids: readonly string[]): Promise<number> {
  let [now, most] = [0, 0];
  for (const { job, what } of await yard.effects.all()) {
    if (!ids.includes(job)) continue;
    if (what === 'begins') most = Math.max(most, ++now);
    if (what === 'ends') now--;
  }
  return most;
}

function starts(id: string) {
  return yard.user.waitUntil(id, ['processing', 'completed']);
}

test('of jobs that name a key never more run at once than its limit says, though the leader is killed, and all run', async () => {
  expect(await command('limit', 'set', 'api.*', '--max-active', '2')).toBe('Limit api.*: max-active 2.\n');
  const ids: string[] = [];
  for (let n = 0; n < 20; n++)
    ids.push(await yard.user.pub('mark', { ms: 100 }, { 'Limit-Key': n % 5 === 4 ? 'api.other' : 'api.acme' }));
  await starts(ids[5] ?? '');
  await yard.kill(await yard.leader());
  await yard.start('master');
  await yard.user.settled(ids);
  expect(await mostAtOnce(ids.filter((_, n) => n % 5 !== 4))).toBe(2);
  expect(await mostAtOnce(ids)).toBeGreaterThan(2);
  const list: unknown = JSON.parse(await command('limit', 'list', '-o', 'json'));
  expect(list).toEqual([{ limit: 'api.*', maxActive: 2, out: {} }]);
});

describe('a job waits because', () => {
  test('its limit key is full, and it says of whom; it starts when the limit is raised', async () => {
    await command('limit', 'set', 'gpu', '--max-active', '1');
    const holder = await yard.user.pub('mark', { ms: 60_000 }, { 'Limit-Key': 'gpu' });
    await yard.user.waitUntil(holder, 'processing');
    const next = await yard.user.pub('mark', {}, { 'Limit-Key': 'gpu' });
    expect((await yard.user.because(next, 'limit full')).sentence).toBe(
      `Limit key gpu may have 1 out at once, and has: ${holder}. It starts when one of them ends, or with a higher \`yard limit set gpu --max-active\`.`,
    );
    const other = await yard.user.pub('mark');
    await yard.user.waitUntil(other, 'completed');
    await command('limit', 'set', 'gpu', '--max-active', '2');
    await starts(next);
    await command('limit', 'delete', 'gpu');
    expect(await sdk.limits.get('gpu')).toBeUndefined();
    await yard.user.cancel(holder);
    await yard.user.waitUntil(holder, 'cancelled');
  });

  test('its limit key starts only so many; it starts when that is taken back', async () => {
    await command('limit', 'set', 'slow', '--rate', '1/h');
    const id = await yard.user.pub('mark', {}, { 'Limit-Key': 'slow' });
    expect((await yard.user.because(id, 'rate')).sentence).toMatch(
      /^Limit key slow may start 1 an hour\. The next one starts in /,
    );
    await command('limit', 'set', 'slow', '--rate', 'none');
    await starts(id);
  });

  test('its tenant is full; it starts when the limit is taken back', async () => {
    await command('tenant', 'set', 'acme', '--max-active', '1');
    const holder = await acme.submit('mark', { ms: 60_000 });
    await yard.user.until(async () => ((await holder.job())?.state === 'processing' ? true : undefined), 'it to run');
    const next = await acme.submit('mark', {});
    expect((await yard.user.because(next.id, 'limit full', acme)).sentence).toContain(
      `Tenant acme may have 1 out at once, and has: ${holder.id}.`,
    );
    await command('tenant', 'set', 'acme', '--max-active', 'none');
    await next.settled({ timeoutMs: 60_000 });
    await holder.cancel();
    await holder.settled({ timeoutMs: 60_000 });
  });
});

test('a job waits because its tenant has had more than its share; it starts when those have started that go first', async () => {
  const holders: string[] = [];
  for (let n = 0; n < 6; n++) holders.push((await acme.submit('mark', { ms: 60_000 }, { queue: 'shared' })).id);
  for (const id of holders)
    await yard.user.until(
      async () => ((await acme.job(id))?.state === 'processing' ? true : undefined),
      `${id} to run`,
    );
  const next = await acme.submit('mark', { ms: 60_000 }, { queue: 'shared', id: 'acme-next' });
  const other = await sdk.submit('mark', { ms: 60_000 }, { queue: 'shared' });
  expect((await yard.user.because(next.id, 'tenant over share', acme)).sentence).toMatch(
    /^Tenant acme has had more than its share, which is 1 of 2 by weight: it has 6 out, and a job of others in its lane goes first\. /,
  );
  await acme.cancel(holders[0] ?? '');
  await starts(other.id);
  await yard.user.because(next.id, 'all busy', acme);
  await acme.cancel(holders[1] ?? '');
  await yard.user.until(async () => ((await next.job())?.state === 'processing' ? true : undefined), 'it to start');
  for (const id of [...holders.slice(2), next.id]) await acme.cancel(id);
  await other.cancel();
  await acme.settled(next.id, { timeoutMs: 60_000 });
  for (const id of holders) await acme.settled(id, { timeoutMs: 60_000 });
});

test('tenants of one lane start by their weights', async () => {
  const holders: string[] = [];
  for (let n = 0; n < 6; n++) holders.push(await yard.user.pub('mark', { ms: 60_000 }, { Queue: 'live' }));
  for (const id of holders) await yard.user.waitUntil(id, 'processing');
  await command('tenant', 'set', 'acme', '--weight', '3');
  const light = await connect({ servers: yard.broker.url, tenant: 'light' });
  const ids: { acme: string[]; light: string[] } = { acme: [], light: [] };
  for (let n = 0; n < 8; n++) ids.light.push((await light.submit('mark', {}, { id: `light-${n}` })).id);
  for (let n = 0; n < 8; n++) ids.acme.push((await acme.submit('mark', {}, { id: `acme-${n}` })).id);
  await yard.user.because(ids.acme[7] ?? '', 'all busy', acme);
  // One slot after the other, so that the order is plain.
  await yard.user.cancel(holders[0] ?? '');
  for (const id of ids.acme) await acme.settled(id, { timeoutMs: 60_000 });
  for (const id of ids.light) await light.settled(id, { timeoutMs: 60_000 });
  await light.close();
  const all = [...ids.acme, ...ids.light];
  const begun = (await yard.effects.all()).filter(({ what, job }) => what === 'begins' && all.includes(job));
  const first = begun.slice(0, 8).filter(({ job }) => job.startsWith('acme-'));
  expect(first.length).toBeGreaterThanOrEqual(5);
  expect(first.length).toBeLessThanOrEqual(7);
  for (const id of holders.slice(1)) await yard.user.cancel(id);
  await yard.user.settled(holders);
});

/** The most jobs of a tenant that were open at once from now on, as the feed of all writes tells it, whole and in their order. */
async function mostOpen(tenant: string): Promise<() => number> {
  const told = new Map<number, Change>();
  await natsFeed(await yard.broker.connect(), yard.user.names).follow((change) => told.set(revisionOf(change), change));
  return () => {
    const revisions = [...told.keys()].sort((a, b) => a - b);
    expect((revisions.at(-1) ?? 0) - (revisions[0] ?? 0) + 1).toBe(told.size);
    const open = new Set<string>();
    let most = 0;
    for (const change of revisions.map((revision) => told.get(revision))) {
      if (change?.kind !== 'job' || !change.head.key.startsWith(`${tenant}.`)) continue;
      if (isSettled(change.head.state)) open.delete(change.head.key);
      else open.add(change.head.key);
      most = Math.max(most, open.size);
    }
    return most;
  };
}

describe('of a tenant with a quota', () => {
  test('no more jobs are open than it says, by whatever doors they come, though the leader is killed', async () => {
    expect(await command('tenant', 'set', 'crowd', '--max-open', '6')).toBe('Tenant crowd: max-open 6.\n');
    const most = await mostOpen('crowd');
    const doors = await Promise.all([1, 2].map(() => connect({ servers: yard.broker.url, tenant: 'crowd' })));
    const [first] = doors;
    if (first === undefined) throw new RangeError('Expected a door, got none.');
    const outcomes: string[] = [];
    const knock = async (door: Yard) => {
      for (let n = 0; n < 40; n++)
        await door.submit('mark', { ms: 20 }).then(
          () => outcomes.push('made'),
          (cause) => outcomes.push(isFault(cause, 'quota.full') ? 'full' : String(cause)),
        );
    };
    const publish = async () => {
      for (let n = 0; n < 40; n++) await yard.user.publishOn('yard.tenant.crowd.submit.mark', '{"ms":20}', {});
    };
    const jobs = { a: { type: 'mark' }, b: { type: 'mark', after: ['a'] }, c: { type: 'mark', after: ['b'] } };
    const flow = async () => {
      for (let n = 0; n < 10; n++)
        await first.workflows.submit({ jobs }).then(
          () => outcomes.push('made'),
          (cause) => outcomes.push(isFault(cause, 'quota.full') ? 'full' : String(cause)),
        );
    };
    await first.schedules.add('beat', { every: '1s', type: 'mark' });
    const all = Promise.all([...doors.map(knock), publish(), flow()]);
    await yard.user.until(async () => (outcomes.length >= 30 ? true : undefined), 'some outcomes');
    await yard.kill(await yard.leader());
    await yard.start('master');
    await all;
    await first.schedules.delete('beat');
    expect(outcomes.filter((outcome) => outcome !== 'made' && outcome !== 'full')).toEqual([]);
    expect(outcomes).toHaveLength(90);
    await yard.user.until(
      async () => ((await sdk.tenants.get('crowd'))?.open === 0 ? true : undefined),
      'all jobs of the tenant to settle',
    );
    expect(most()).toBe(6);
    for (const door of doors) await door.close();
  });

  test('each door refuses another one with what is open and what to do; it is taken when the quota is raised', async () => {
    await command('tenant', 'set', 'crowd', '--max-open', '2');
    const door = await connect({ servers: yard.broker.url, tenant: 'crowd' });
    for (const id of ['one', 'two']) await door.submit('mark', {}, { id, hold: true });
    const sentence =
      'Expected room for another job of tenant crowd, got 2 open of 2. Wait until some have ended, cancel some, or raise it with `yard tenant set crowd --max-open`.';
    const ref = await yard.user.publishOn('yard.tenant.crowd.submit.mark', '{}', {});
    expect(await yard.user.until(async () => yard.user.acks.get(ref), 'an ack')).toMatchObject({
      ref,
      rejected: sentence,
    });
    expect((await yard.user.rejections()).at(-1)?.reason).toBe(sentence);
    await expect(door.submit('mark', {})).rejects.toMatchObject({ code: 'quota.full', message: sentence });
    const { code, talk } = await shell.yard('submit', '--tenant', 'crowd', 'mark');
    expect({ code, talk }).toEqual({ code: 1, talk: expect.stringContaining(sentence) });
    await expect(door.workflows.submit({ jobs: { a: { type: 'mark' } } })).rejects.toMatchObject({ message: sentence });
    expect(await door.submit('mark', {}, { id: 'two', hold: true })).toMatchObject({ created: false });
    await door.schedules.add('beat', { every: '1h', type: 'mark' });
    await expect(door.schedules.run('beat')).rejects.toMatchObject({ message: sentence });
    await door.schedules.delete('beat');
    expect(await command('tenant', 'list')).toMatch(/crowd +1 +2 +2 +0/);
    await command('tenant', 'set', 'crowd', '--max-open', '3');
    const next = await yard.user.until(() => door.submit('mark', {}).catch(() => undefined), 'it to be taken');
    await next.settled({ timeoutMs: 60_000 });
    await command('tenant', 'set', 'crowd', '--max-open', 'none');
    for (const id of ['one', 'two']) await door.cancel(id);
    await door.close();
  });
});
