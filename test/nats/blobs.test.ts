/** The object store as other clients see it, and what happens to a blob of which something is missing. */

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { expect, test } from 'vitest';
import { NatsBlobs } from '../../nats/blobs.ts';
import { names } from '../../nats/names.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { testBroker } from './broker.ts';

const yard = names();
const bytes = new TextEncoder().encode('a blob '.repeat(60_000));

async function setUp() {
  const broker = await testBroker();
  const connection = await broker.connect();
  await ensureTopology({ connection, names: yard, clock: new SystemClock() });
  const blobs = new NatsBlobs({ connection, names: yard, clock: new SystemClock() });
  const { streams } = await jetstreamManager(connection);
  return { broker, connection, blobs, streams, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() };
}

test('any client reads what we put, and we what it puts', async () => {
  await using on = await setUp();
  const store = await new Objm(on.connection).open(yard.blobs);
  const digest = await on.blobs.put('a name', bytes);
  expect(await store.getBlob('a name')).toEqual(bytes);
  expect((await store.list()).map(({ name, size, chunks }) => ({ name, size, chunks }))).toEqual([
    { name: 'a name', size: bytes.length, chunks: 4 },
  ]);
  await store.putBlob({ name: 'a name' }, bytes);
  expect(await on.blobs.get('a name')).toEqual({ bytes: Buffer.from(bytes), digest });
  await store.delete('a name');
  expect(await on.blobs.get('a name')).toBeUndefined();
});

test('a blob of which a chunk is missing is not there, and what was replaced or removed takes no room', async () => {
  await using on = await setUp();
  const { blobs } = yard.streams;
  await on.blobs.put('a', bytes);
  await on.blobs.put('a', bytes);
  const { state } = await on.streams.info(blobs);
  expect(state.messages).toBe(5);
  await on.streams.deleteMessage(blobs, state.last_seq - 2);
  expect(await on.blobs.get('a')).toBeUndefined();
  await on.blobs.remove('a');
  expect((await on.streams.info(blobs)).state.messages).toBe(0);
});

test('what one of several brokers does not have yet is waited for, where the leader of the stream says it is there', async () => {
  await using on = await setUp();
  await on.blobs.put('a', bytes);
  const said = await on.streams.getMessage(yard.streams.blobs, { last_by_subj: yard.blobInfo('a') });
  const chunks = yard.blobChunks(said?.json<{ nuid: string }>().nuid ?? '');
  await on.streams.purge(yard.streams.blobs, { filter: chunks });
  const reading = on.blobs.get('a');
  for (let n = 0; n < 3; n++) await on.blobs.find('a');
  await jetstream(on.connection).publish(chunks, bytes);
  expect((await reading)?.bytes).toEqual(Buffer.from(bytes));
});

test('what was begun and never became whole is removed once it is old, and nothing else', async () => {
  await using on = await setUp();
  await on.blobs.put('whole', bytes);
  const began = Date.now();
  for (let n = 0; n < 3; n++) await jetstream(on.connection).publish(yard.blobChunks('torn'), bytes.subarray(0, 1_000));
  expect(await on.blobs.removeTorn(began - 60_000)).toBe(0);
  expect(await on.blobs.removeTorn(began + 60_000)).toBe(1);
  expect((await on.streams.info(yard.streams.blobs)).state.messages).toBe(5);
  expect((await on.blobs.get('whole'))?.bytes).toHaveLength(bytes.length);
});

test('says how much room there is where the stream is bounded, and what does not fit is refused and leaves nothing', async () => {
  await using on = await setUp();
  expect(await on.blobs.space()).toBeUndefined();
  await on.streams.update(yard.streams.blobs, { max_bytes: 300_000 });
  await on.blobs.put('a', bytes.subarray(0, 100_000));
  const space = await on.blobs.space();
  expect(space?.most).toBe(300_000);
  expect(space?.bytes).toBeGreaterThan(100_000);
  await expect(on.blobs.put('b', bytes)).rejects.toMatchObject({ code: 'store.full' });
  expect(await on.blobs.space()).toEqual(space);
});
