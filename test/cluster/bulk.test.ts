/** What is done to many jobs at once, by real masters on a real broker: one of them is killed amid it. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type BulkRecord, connect, type JobRecord, type Yard } from '../../sdk/index.ts';
import { type Cluster, cluster } from './harness.ts';

let yard: Cluster;
let sdk: Yard;

const count = 1_000;

beforeAll(async () => {
  yard = await cluster({ masters: 2, workers: 0 });
  sdk = await connect({ servers: yard.broker.url });
});
afterAll(async () => {
  await sdk.close();
  await yard[Symbol.asyncDispose]();
});

/** The operation as soon as it is so. */
async function when(id: string, isSo: (operation: BulkRecord) => boolean): Promise<BulkRecord> {
  for await (const operation of sdk.bulk.follow(id)) if (isSo(operation)) return operation;
  throw new Error(`Expected operation ${id} to come so far, it ended before.`);
}

/** The jobs that an operation was done to, each once. */
function doneBy(records: readonly JobRecord[], id: string): readonly JobRecord[] {
  const done = records.filter(({ transitions }) => transitions.some(({ by }) => by === id));
  for (const { transitions } of done) expect(transitions.filter(({ by }) => by === id)).toHaveLength(1);
  return done;
}

test('of a thousand jobs a killed master leaves the rest to the other one, none is done to twice, and an abort stops it half way', async () => {
  const jobs = Array.from({ length: count }, (_, n) => ({ type: 'noop', options: { id: `bulk-${n}`, queue: 'heap' } }));
  await sdk.submitMany(jobs);
  const filter = { queue: 'heap' };
  const given = { verb: { verb: 'hold' }, filter } as const;
  expect(await sdk.bulk.count(given)).toBe(count);

  const { id } = await sdk.bulk.start({ ...given, perSecond: 250 });
  const { claim } = await when(id, ({ done }) => done >= 100);
  const worker = yard.processes.find(({ name }) => name === claim?.name);
  if (worker === undefined) throw new Error(`Expected a master of this cluster to work at it, got ${claim?.name}.`);
  await yard.kill(worker);
  const taken = await when(id, (operation) => operation.claim?.name !== claim?.name && operation.done >= 400);
  expect(taken.matched).toBe(count);
  const aborted = await sdk.bulk.abort(id);
  expect(aborted).toMatchObject({ state: 'aborted', refused: {} });
  expect(aborted.done).toBeGreaterThanOrEqual(400);
  expect(aborted.done).toBeLessThan(count);
  expect(doneBy(await yard.user.records(), id)).toHaveLength(aborted.done);

  const again = await sdk.actOnAll({ ...given, filter: { ...filter, state: ['pending', 'queued'] } });
  expect(again).toEqual({ matched: count - aborted.done, done: count - aborted.done, refused: {} });
  const [newest] = await sdk.bulk.list();
  const records = await yard.user.records();
  expect(doneBy(records, newest?.id ?? '')).toHaveLength(again.done);
  expect(records.every(({ state }) => state === 'held')).toBe(true);
  await sdk.actOnAll({ verb: { verb: 'cancel' }, filter });
  await yard.expectSound();
});
