/** Masters that die, hang, are cut off or leave: another one leads, nothing is lost, and the former changes nothing. */

import { afterEach, describe, expect, test } from 'vitest';
import type { JobRecord } from '../../runtime/record.ts';
import { type Cluster, cluster } from './harness.ts';
import type { YardProcess } from './process.ts';

let yard: Cluster;
afterEach(async () => {
  await yard.expectSound();
  await yard[Symbol.asyncDispose]();
});

function states(records: readonly JobRecord[]): string[] {
  return [...new Set(records.map(({ state }) => state))];
}

function pubMany(count: number, payload: unknown = {}): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => yard.user.pub('mark', payload)));
}

/** When its handler began, by this machine's monotonic clock. */
async function beganAt(id: string): Promise<number> {
  await yard.user.waitUntil(id, 'completed');
  const begin = (await yard.effects.all()).find(({ job, what }) => job === id && what === 'begins');
  return begin?.at ?? Number.POSITIVE_INFINITY;
}

describe('the only master', () => {
  test('is killed and comes back: what ran went on, what waited or was missed runs at once', async () => {
    yard = await cluster({ flags: { concurrency: 3 } });
    const master = await yard.leader();
    const running = await yard.user.pub('mark', { ms: 1_500 });
    await yard.user.waitUntil(running, 'processing');
    const delayed = await yard.user.pub('mark', {}, { Delay: '300ms' });
    const retried = await yard.user.pub('always_fail', {}, { 'Max-Attempts': '2', Backoff: 'fixed(300ms)' });
    await yard.user.waitUntil(delayed, 'scheduled');
    await yard.user.waitUntil(retried, 'retrying');
    await yard.kill(master);
    const meanwhile = await pubMany(20);
    expect((await yard.user.waitUntil(running, 'completed')).attempts).toHaveLength(1);
    expect(await yard.user.record(delayed)).toMatchObject({ state: 'scheduled' });
    await yard.start('master');
    const readyAt = yard.clock.now();
    expect(states(await yard.user.settled([...meanwhile, delayed]))).toEqual(['completed']);
    const { startedAt = 0 } = await yard.user.record(delayed);
    expect(startedAt - readyAt).toBeLessThan(8_000);
    expect((await yard.user.waitUntil(retried, 'failed')).attempts).toHaveLength(2);
  });

  test('is killed amid a burst: each job runs once, soon after another one has started', async () => {
    yard = await cluster({ flags: { concurrency: 4 } });
    const ids = await pubMany(150, { ms: 20 });
    await yard.user.waitUntil(ids[20] ?? '', 'completed');
    await yard.kill(await yard.leader());
    ids.push(...(await pubMany(50)));
    await yard.start('master');
    expect(states(await yard.user.settled(ids, 10_000))).toEqual(['completed']);
    const effects = (await yard.effects.all()).filter(({ what }) => what === 'begins');
    expect(effects).toHaveLength(200);
  });
});

describe('of two masters', () => {
  async function leaderAndOther(): Promise<{ leader: YardProcess; other: YardProcess }> {
    const leader = await yard.leader();
    const other = yard.processes.find((each) => each.role === 'master' && each !== leader);
    if (other === undefined) throw new Error('Expected two masters.');
    return { leader, other };
  }

  test('the other one leads when the leader is killed, and dispatches again', async () => {
    yard = await cluster({ masters: 2 });
    const { leader, other } = await leaderAndOther();
    const running = await yard.user.pub('mark', { ms: 2_000 });
    await yard.user.waitUntil(running, 'processing');
    const killedAt = yard.clock.mono();
    await yard.kill(leader);
    const id = await yard.user.pub('mark');
    expect((await beganAt(id)) - killedAt).toBeLessThan(8_000);
    expect(await yard.leader()).toBe(other);
    expect((await yard.user.waitUntil(running, 'completed')).attempts).toHaveLength(1);
  });

  test('the other one leads at once when the leader is asked to stop', async () => {
    // With so much patience nobody takes over from silence: only the lease that was given up lets the other one lead.
    yard = await cluster({ masters: 2, flags: { leaderSilence: '60s' } });
    const { leader, other } = await leaderAndOther();
    const askedAt = yard.clock.mono();
    const stopped = yard.stop(leader);
    const id = await yard.user.pub('mark');
    expect((await beganAt(id)) - askedAt).toBeLessThan(30_000);
    await stopped;
    expect(leader.how, leader.lastLines).toBe('exit code 0');
    expect(await yard.leader()).toBe(other);
  });

  test('the other one leads when the leader is frozen; thawed, the former stands by and changes nothing', async () => {
    yard = await cluster({ masters: 2 });
    const { leader, other } = await leaderAndOther();
    const delayed = await yard.user.pub('mark', {}, { Delay: '400ms' });
    await yard.user.waitUntil(delayed, 'scheduled');
    const frozenAt = yard.clock.mono();
    yard.freeze(leader);
    const id = await yard.user.pub('mark');
    expect((await beganAt(id)) - frozenAt).toBeLessThan(8_000);
    expect((await beganAt(delayed)) - frozenAt).toBeLessThan(8_000);
    const before = await yard.user.records();
    yard.thaw(leader);
    await yard.user.until(async () => leader.tells('leader.deposed') || undefined, 'the thawed leader to stand by');
    expect(await yard.leader()).toBe(other);
    expect(await yard.user.records()).toEqual(before);
    expect(states(await yard.user.settled(await pubMany(20)))).toEqual(['completed']);
    await yard.kill(other);
    expect(await yard.leader()).toBe(leader);
    expect(states(await yard.user.settled(await pubMany(20)))).toEqual(['completed']);
  });

  test('the other one leads when the leader is cut off; healed, the former stands by', async () => {
    yard = await cluster({ masters: 2, wired: true });
    const { leader, other } = await leaderAndOther();
    const cutAt = yard.clock.mono();
    yard.cut(leader);
    const ids = await pubMany(10);
    for (const id of ids) expect((await beganAt(id)) - cutAt).toBeLessThan(10_000);
    yard.heal(leader);
    // A half-open connection is found dead by its pings, which may take more than half a minute.
    const standsBy = async () => leader.tells('leader.deposed') || leader.tells('leader.steppedDown') || undefined;
    await yard.user.until(standsBy, 'the healed leader to stand by', 90_000);
    expect(await yard.leader()).toBe(other);
    expect(states(await yard.user.settled(await pubMany(10)))).toEqual(['completed']);
  });

  test('each takes over from the other, again and again, and each job runs once', async () => {
    yard = await cluster({ masters: 2, workers: 2, flags: { concurrency: 4 } });
    const ids: string[] = [];
    for (let turn = 0; turn < 3; turn++) {
      ids.push(...(await pubMany(40, { ms: 20 })));
      await yard.user.waitUntil(ids.at(-30) ?? '', 'completed');
      await yard.kill(await yard.leader());
      await yard.start('master');
    }
    expect(states(await yard.user.settled(ids))).toEqual(['completed']);
    expect((await yard.effects.all()).filter(({ what }) => what === 'begins')).toHaveLength(120);
  });
});
