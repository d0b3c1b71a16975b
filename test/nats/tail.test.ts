/** What lies under the keys of jobs, read by a consumer while it is written over. */

import { jetstream } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { names } from '../../nats/names.ts';
import { NatsTail } from '../../nats/tail.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { testBroker } from './broker.ts';

const yard = names();
const keys = Array.from({ length: 200 }, (_, n) => `default.job-${n}`);
const rounds = 15;

test('where it says that nothing was behind, every job was read as it was then or later, however fast jobs are written over', async () => {
  await using broker = await testBroker();
  const connection = await broker.connect();
  await ensureTopology({ connection, names: yard, clock: new SystemClock() });
  const js = jetstream(connection);
  const written: { key: string; revision: number }[] = [];
  const write = async (key: string) => {
    const { seq } = await js.publish(yard.jobSubject(key), '{}');
    written.push({ key, revision: seq });
  };
  const writeAll = async () => {
    for (let round = 0; round < rounds; round++) await Promise.all(keys.map(write));
  };
  const done = writeAll();
  const read = new Map<string, number>();
  const ends: { revision: number; read: ReadonlyMap<string, number> }[] = [];
  for (let last = 0; last < keys.length * rounds; ) {
    // Each reading begins anew, in the middle of what is written.
    for await (const { page, isNewest } of new NatsTail({ connection, names: yard }).read({ after: last })) {
      last = page.revision ?? last;
      read.set(page.key, last);
      if (!isNewest) continue;
      ends.push({ revision: last, read: new Map(read) });
      break;
    }
  }
  await done;
  const missed = ends.flatMap((end) =>
    written.filter(({ key, revision }) => revision <= end.revision && (end.read.get(key) ?? 0) < revision),
  );
  expect(missed).toEqual([]);
});
