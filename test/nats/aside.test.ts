/** What lies aside of jobs on a real broker: how long it stays, and what takes it away. */

import { jetstream } from '@nats-io/jetstream';
import { expect, test } from 'vitest';
import { AsideSweeper } from '../../actors/aside-sweeper.ts';
import { Births } from '../../actors/birth.ts';
import { Committer } from '../../actors/committer.ts';
import type { JobEvent } from '../../machines/job.ts';
import { NatsBlobs } from '../../nats/blobs.ts';
import { names } from '../../nats/names.ts';
import { NatsStore } from '../../nats/store.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { ManualClock } from '../../runtime/memory/manual-clock.ts';
import { Meter } from '../../runtime/telemetry/meter.ts';
import { createTelemetry, next } from '../../runtime/telemetry/telemetry.ts';
import { moved, newJob } from '../ports.contract.ts';
import { testBroker } from './broker.ts';

const hourMs = 3_600_000;
const payload = { text: 'x'.repeat(200_000) };
const cancel: JobEvent = { type: 'job.cancel', at: 1_700_000_000_001 };

test('what lies aside of a job goes when its record has expired or was never stored, and what is torn too', async () => {
  await using broker = await testBroker();
  const [connection, clock, yard] = [await broker.connect(), new SystemClock(), names()];
  await ensureTopology({ connection, names: yard, clock });
  const blobs = new NatsBlobs({ connection, names: yard, clock });
  const store = await NatsStore.open({ connection, names: yard, clock, retentionMs: 1_000 });
  const telemetry = createTelemetry();
  const { commit } = new Committer({ store, clock, telemetry });
  const births = new Births({ store, blobs, commit, clock, events: { tell: () => {} } });
  const [open, done] = await Promise.all(['open', 'done'].map((id) => births.create(newJob(id, { payload }))));
  if (open?.kind !== 'created' || done?.kind !== 'created') throw new Error('Expected two new jobs.');
  await commit([{ key: done.head.key, expected: done.head.revision, record: moved(done.record, cancel) }]);
  await blobs.put('job/default.unborn/a', new Uint8Array(3));
  await jetstream(connection).publish(yard.blobChunks('torn'), new Uint8Array(3));
  while ((await store.read(done.head.key)) !== undefined);

  const later = new ManualClock({ startAt: clock.now() + 2 * hourMs });
  const sweeper = new AsideSweeper({ store, blobs, clock: later, telemetry, isTrusted: () => true });
  const meter = new Meter({ telemetry, role: 'master', read: () => [] });
  const there = (await Array.fromAsync(blobs.list(0))).length;
  sweeper.start();
  const swept = next(telemetry, 'blobs.swept');
  await later.advance(60_000);
  expect((await swept).count).toBe(2);
  expect((await next(telemetry, 'blobs.swept')).count).toBe(1);
  sweeper.stop();
  const left = await Array.fromAsync(blobs.list(0));
  // What was torn is in no list.
  const told = /^yard_blobs_swept_total (.*)$/m.exec((await meter.text()).text);
  expect(Number(told?.[1])).toBe(there - left.length + 1);
  expect(left.map(({ name }) => name)).toEqual([open.record.aside?.payload?.blob]);
  expect((await blobs.get(left[0]?.name ?? ''))?.bytes).toEqual(Buffer.from(JSON.stringify(payload)));
});
