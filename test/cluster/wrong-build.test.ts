/** The history checker can fail: a cluster whose writes lose their conditions on the wire is not sound. */

import { expect, test } from 'vitest';
import { cluster } from './harness.ts';
import { Unconditional } from './wrong-wire.ts';

const flags = { pulse: '200ms', lostAfter: '1s', cancelGrace: '300ms' };

test('with CAS switched off, the word of a worker that was taken for lost counts, and the checker says so', async () => {
  const tap = () => new Unconditional((subject) => !subject.endsWith('._leader'));
  await using yard = await cluster({ workers: 1, wired: true, flags, tap });
  const id = await yard.user.pub('stubborn', { ms: 1_000, laterMs: 60_000 }, { Backoff: 'fixed(50ms)' });
  const worker = await yard.workerOf(id);
  yard.freeze(worker);
  await yard.start('worker');
  await yard.user.waitUntil(id, ({ attempts }) => attempts[1]?.startedAt !== undefined);
  yard.thaw(worker);
  await yard.user.waitUntil(id, 'completed');
  await expect(yard.expectSound()).rejects.toThrow(/attempts that ran and are in no record|changed what was over/);
});

test('with the fence of the leader off, a deposed leader writes on, and the checker says so', async () => {
  const tap = () => new Unconditional((subject) => subject.endsWith('._leader'));
  await using yard = await cluster({ masters: 2, wired: true, flags, tap });
  const leader = await yard.leader();
  yard.freeze(leader);
  const next = await yard.user.until(async () => {
    const now = await yard.leader();
    return now === leader ? undefined : now;
  }, 'another leader');
  yard.thaw(leader);
  // It may answer as the leader before it has written, and be heard later still.
  await yard.user.until(async () => (await yard.leader()) !== next || undefined, 'the deposed to speak');
  const found = await yard.user.until(
    () =>
      yard.expectSound().then(
        () => undefined,
        (cause: unknown) => cause,
      ),
    'the checker to find what the deposed has written',
  );
  expect(String(found)).toContain('changed what was over');
});
