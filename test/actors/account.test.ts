import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Throttle } from '../../actors/throttle.ts';
import { isActive, isSettled } from '../../machines/job.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { ManualClock } from '../../runtime/memory/manual-clock.ts';
import type { Head } from '../../runtime/ports.ts';
import { headWith } from './stage.ts';

describe('what is counted under a tenant and a limit key', () => {
  const keys = ['acme.1', 'acme.2', 'beta.1', 'beta.2'];
  const lists = [undefined, ['a.x'], ['a.x', 'b'], ['b']];
  const states = ['pending', 'queued', 'retrying', 'assigned', 'processing', 'completed', 'failed'] as const;
  const happenings = [...states, 'offer', 'withdraw'] as const;
  const steps = fc.array(fc.tuple(fc.nat(3), fc.constantFrom(...happenings)), { maxLength: 60 });

  function happens(
    board: Board,
    { at, what, revision }: { at: number; what: (typeof happenings)[number]; revision: number },
  ): void {
    const key = keys[at] ?? '';
    const entry = board.get(key);
    if (what === 'offer') return entry?.place === undefined ? undefined : board.offered(entry, 'w', 5);
    if (what === 'withdraw') return entry?.offer === undefined ? undefined : board.withdraw(entry);
    const worker: Partial<Head> = isActive(what) ? { worker: 'w' } : {};
    const limitKeys = lists[at];
    board.apply(headWith({ key, revision, state: what, ...worker, ...(limitKeys === undefined ? {} : { limitKeys }) }));
  }

  test('is what the entries of the board say, whatever happens to them', () => {
    fc.assert(
      fc.property(steps, (moves) => {
        const board = new Board({ queues: defaultQueues });
        for (const [n, [at, what]] of moves.entries()) happens(board, { at, what, revision: n + 1 });
        const entries = [...board.entries()];
        const out = entries.filter(({ state, offer }) => offer !== undefined || isActive(state));
        for (const tenant of ['acme', 'beta']) {
          const own = (each: { key: string }) => each.key.startsWith(`${tenant}.`);
          expect(board.accounts.openOf(tenant)).toBe(entries.filter(own).length);
          const names = (jobs: Iterable<{ key: string }>) => [...jobs].map(({ key }) => key).sort();
          expect(names(board.accounts.get('tenant', tenant).out)).toEqual(names(out.filter(own)));
        }
        for (const limit of ['a.x', 'b'])
          expect(board.accounts.get('key', limit).out.size).toBe(
            out.filter(({ limitKeys }) => limitKeys?.includes(limit)).length,
          );
        expect(entries.some(({ state }) => isSettled(state))).toBe(false);
      }),
    );
  });
});

describe('of a limit', () => {
  test('the most exact one that is set holds, for each key of a family by itself', () => {
    const { accounts } = new Board({ queues: defaultQueues });
    accounts.setLimit({ limit: 'api.*', maxActive: 5 });
    accounts.setLimit({ limit: 'api.eu.*', maxActive: 3 });
    accounts.setLimit({ limit: 'api.eu.acme', maxActive: 1 });
    const most = (key: string) => accounts.get('key', key).policy.maxActive;
    expect(['api.eu.acme', 'api.eu.beta', 'api.us', 'api', 'apis.us'].map(most)).toEqual([
      1,
      3,
      5,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    accounts.setLimit({ limit: 'api.eu.acme' });
    expect(most('api.eu.acme')).toBe(3);
  });

  test('a change holds at once for what is out already', async () => {
    const clock = new ManualClock();
    const board = new Board({ queues: defaultQueues });
    const throttle = new Throttle({ clock, offerForMs: 5_000 });
    await clock.advance(8_000);
    for (const n of [1, 2]) {
      const head = { key: `acme.${n}`, revision: n, limitKeys: ['api.x'], state: 'processing' as const, worker: 'w' };
      board.apply(headWith(head));
    }
    board.accounts.setLimit({ limit: 'api.*', maxActive: 3 });
    expect(throttle.room(board.accounts.get('key', 'api.x'))).toBe(1);
    board.accounts.setLimit({ limit: 'api.*', maxActive: 1 });
    expect(throttle.room(board.accounts.get('key', 'api.x'))).toBe(0);
    expect(throttle.room(board.accounts.get('key', 'api.y'))).toBe(1);
  });
});

test('keys that come and go start no faster than their rate says', async () => {
  const clock = new ManualClock();
  const { accounts } = new Board({ queues: defaultQueues });
  const throttle = new Throttle({ clock, offerForMs: 5_000 });
  accounts.setLimit({ limit: 'a.*', ratePerSecond: 1 });
  await clock.advance(1_000);
  for (let n = 0; n < 3_000; n++) {
    expect(throttle.room(accounts.get('key', `a.${n}`))).toBe(1);
    throttle.took([accounts.get('key', `a.${n}`)]);
  }
  expect(throttle.room(accounts.get('key', 'a.0'))).toBe(0);
  await clock.advance(1_000);
  expect(throttle.room(accounts.get('key', 'a.0'))).toBe(1);
});
