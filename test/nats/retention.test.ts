/** How long the broker keeps a record: by the state in which its job settled, and for ever once it is open again. */

import { expect, test } from 'vitest';
import { admit, type Request } from '../../actors/admission.ts';
import { Births } from '../../actors/birth.ts';
import { Committer } from '../../actors/committer.ts';
import { NatsBlobs } from '../../nats/blobs.ts';
import { names } from '../../nats/names.ts';
import { NatsStore } from '../../nats/store.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';
import { moved, newJob } from '../ports.contract.ts';
import { testBroker } from './broker.ts';

const at = 1_700_000_001_000;
const error = { kind: 'expired', message: 'too late' } as const;

test('a settled job is kept as long as its state is, and one that was redriven for ever', async () => {
  await using broker = await testBroker();
  const [connection, clock, yard] = [await broker.connect(), new SystemClock(), names()];
  await ensureTopology({ connection, names: yard, clock });
  const retentionByState = { failed: 1_000 };
  const store = await NatsStore.open({ connection, names: yard, clock, retentionMs: 60_000, retentionByState });
  const cancelled = moved(newJob('cancelled'), { type: 'job.cancel', at });
  const failed = moved(newJob('failed'), { type: 'job.expired', at, error });
  const redriven = moved(newJob('redriven'), { type: 'job.expired', at, error });
  const write = async (record: JobRecord, expected = 0) => {
    const outcome = await store.write([{ key: jobKey(record), expected, record }]);
    return outcome.kind === 'accepted' ? outcome.revisions : [];
  };
  const [revision] = await write(redriven);
  await write(cancelled);
  await write(failed);
  await write(moved(redriven, { type: 'job.redrive', at }), revision);
  while ((await store.read('default.failed')) !== undefined);
  expect((await store.read('default.cancelled'))?.record.state).toBe('cancelled');
  expect((await store.read('default.redriven'))?.record.state).toBe('pending');
});

test('an idempotency key answers as long as the record of its job is kept', async () => {
  await using broker = await testBroker();
  const [connection, clock, yard] = [await broker.connect(), new SystemClock(), names()];
  await ensureTopology({ connection, names: yard, clock });
  const store = await NatsStore.open({ connection, names: yard, clock, retentionMs: 1_000 });
  const { commit } = new Committer({ store, clock, telemetry: createTelemetry() });
  const blobs = new NatsBlobs({ connection, names: yard, clock });
  const births = new Births({ store, blobs, commit, clock, events: { tell: () => {} } });
  let count = 0;
  const submit = async (payload: unknown) => {
    const options = { idempotencyKey: 'order-7' };
    const [tenant, type, fallbackId, source] = ['default', 'noop', 'none', `direct:${++count}`];
    const of: Request = { tenant, type, payload, options, fallbackId, source, at: clock.now() };
    return await births.create(await admit(of, new Map([['noop', { type: 'noop', defaults: {} }]])));
  };
  const first = await submit({ n: 1 });
  expect([first.kind, (await submit({ n: 1 })).kind]).toEqual(['created', 'found']);
  await expect(submit({ n: 2 })).rejects.toMatchObject({ code: 'job.conflict' });
  const key = jobKey(first.record);
  const cancelled = moved(first.record, { type: 'job.cancel', at });
  const { revision = 0 } = (await store.read(key)) ?? {};
  await commit([{ key, expected: revision, record: cancelled }]);
  expect((await submit({ n: 1 })).kind).toBe('found');
  while ((await store.read(key)) !== undefined);
  expect((await submit({ n: 2 })).kind).toBe('created');
});
