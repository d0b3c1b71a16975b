/** A master that is told to stop at an awkward moment is stopped all the same, and nobody waits for it. */

import { expect, test } from 'vitest';
import { Master } from '../../actors/master.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { Desk, JobStore, World } from '../../runtime/ports.ts';
import { type Stage, stage } from './stage.ts';

const settings = {
  queues: defaultQueues,
  schedulerIntervalMs: 5_000,
  leaderSilenceMs: 700,
  offerForMs: 5_000,
  lostAfterMs: 4_000,
  cancelGraceMs: 10_000,
  gpuSpillOver: true,
};

function masterIn({ telemetry, clock }: Stage, world: World): Master {
  return new Master({ world, clock, telemetry, incarnation: 'm1', name: 'm1', definitions: [], settings });
}

test('stopped while it takes office, it does not stand again', async () => {
  const on = stage();
  const { clock, told } = on;
  const inOffice = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<never>();
  // The connection closes under it while it sits down at its desk.
  const answer: Desk['answer'] = () => {
    inOffice.resolve();
    return stopped.promise;
  };
  const desk: Desk = { ...on.world.desk, answer };
  const master = masterIn(on, { ...on.world, desk });
  await clock.until(master.start());
  await clock.until(inOffice.promise);
  const stop = master.stop();
  stopped.reject(new Error('the connection is closed'));
  await clock.until(stop);
  await clock.advance(5_000);
  expect(told.filter((name) => name === 'leader.elected')).toHaveLength(1);
  expect(await clock.until(on.broker.world().store.readLease())).toMatchObject({ lease: null });
});

test('stopped while its bid for the lease is on its way, it gives back what it wins', async () => {
  const on = stage();
  const { clock, told } = on;
  const bidding = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const { store } = on.world;
  const write: JobStore['write'] = async (entries) => {
    const outcome = await store.write(entries);
    bidding.resolve();
    await answered.promise;
    return outcome;
  };
  const slow: JobStore = {
    write,
    read: (key) => store.read(key),
    readMany: (keys) => store.readMany(keys),
    readLease: () => store.readLease(),
    changesAfter: (revision) => store.changesAfter(revision),
    records: (filter) => store.records(filter),
    state: () => store.state(),
  };
  const master = masterIn(on, { ...on.world, store: slow });
  await clock.until(master.start());
  await clock.until(bidding.promise);
  await clock.until(master.stop());
  answered.resolve();
  await clock.advance(5_000);
  expect(told).not.toContain('leader.elected');
  expect(await clock.until(on.broker.world().store.readLease())).toMatchObject({ lease: null });
});
