/** The object store as other clients see it, and what happens to a blob of which something is missing. */

import { jetstreamManager } from '@nats-io/jetstream';
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
  const blobs = new NatsBlobs({ connection, names: yard });
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
