/** Masters that lead in turn while work of several kinds goes on: whoever wakes up late changes nothing. */

import { afterEach, expect, test } from 'vitest';
import { type Cluster, cluster } from './harness.ts';
import { loadUntil } from './load.ts';
import type { YardProcess } from './process.ts';

let yard: Cluster;
afterEach(async () => {
  await yard.expectSound();
  await yard[Symbol.asyncDispose]();
});

/** Jobs of all kinds in turn. */
function submit(turn: number): Promise<string> {
  if (turn % 4 === 0) return yard.user.pub('flaky', { failAttempts: 1 }, { Backoff: 'fixed(100ms)' });
  if (turn % 4 === 1) return yard.user.pub('mark', {}, { Delay: '1s' });
  if (turn % 4 === 2) return yard.user.pub('chatty', { ms: 400, everyMs: 100 });
  return yard.user.pub('mark', { ms: 20 }, { Priority: 'high' });
}

async function expectAllRanOnce(ids: readonly string[]): Promise<void> {
  const records = await yard.user.settled(ids, 30_000);
  const wrong = records.filter(
    ({ type, state, attempts }) => state !== 'completed' || attempts.length !== (type === 'flaky' ? 2 : 1),
  );
  expect(wrong).toEqual([]);
}

/** Resolves when another master than `former` leads. */
function nextLeader(former: YardProcess): Promise<YardProcess> {
  return yard.user.until(async () => {
    const now = await yard.leader();
    return now === former ? undefined : now;
  }, 'another master to lead');
}

test('a leader that is frozen for ten seconds stands by when it wakes, and each job runs once', async () => {
  yard = await cluster({ masters: 2, workers: 2 });
  const leader = await yard.leader();
  const story = async () => {
    yard.freeze(leader);
    await yard.lasts(10_000);
    yard.thaw(leader);
    await yard.user.until(async () => leader.tells('leader.deposed') || undefined, 'the thawed leader to stand by');
  };
  await expectAllRanOnce(await loadUntil(yard, story(), submit));
  expect(await yard.leader()).not.toBe(leader);
});

test('two masters lead in turn, each while the other one is frozen, and each job runs once', async () => {
  yard = await cluster({ masters: 2, workers: 2 });
  const led: YardProcess[] = [];
  const story = async () => {
    let frozen = await yard.leader();
    yard.freeze(frozen);
    for (let turn = 0; turn < 4; turn++) {
      const next = await nextLeader(frozen);
      led.push(next);
      yard.thaw(frozen);
      yard.freeze(next);
      frozen = next;
    }
    yard.thaw(frozen);
  };
  await expectAllRanOnce(await loadUntil(yard, story(), submit));
  expect(new Set(led).size).toBe(2);
});

test('a leader that alone is cut off from the broker changes nothing, though its workers go on under the next one', async () => {
  yard = await cluster({ masters: 2, workers: 2, wired: true });
  const leader = await yard.leader();
  const story = async () => {
    yard.cut(leader);
    await nextLeader(leader);
    await yard.lasts(2_000);
    yard.heal(leader);
    await yard.user.until(
      async () => leader.tells('leader.deposed') || undefined,
      'the healed leader to stand by',
      90_000,
    );
  };
  await expectAllRanOnce(await loadUntil(yard, story(), submit));
  expect(yard.processes.some((each) => each.tells('jobs.takenBack'))).toBe(false);
});
