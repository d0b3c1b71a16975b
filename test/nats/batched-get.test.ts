/** Many messages for one question: all of them, nothing left behind, and no waiting for what never comes. */

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers } from 'nats';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { batchedGet } from '../../nats/batched-get.ts';
import { type TestBroker, testBroker } from './broker.ts';

const stream = 'S';

async function filled(broker: TestBroker, count: number) {
  const connection = await broker.connect();
  const jsm = await jetstreamManager(connection);
  await jsm.streams.add({ name: stream, subjects: ['s.*'], allow_direct: true });
  for (let n = 1; n <= count; n++) await jetstream(connection).publish(`s.${n}`, String(n));
  return { connection, jsm };
}

async function subscriptionsAt({ server }: TestBroker): Promise<number> {
  const reply = await fetch(new URL('/varz', server.monitoringUrl));
  return z.object({ subscriptions: z.number() }).parse(await reply.json()).subscriptions;
}

test('a page, the last of some subjects, or nothing where there is nothing', async () => {
  await using broker = await testBroker();
  const { jsm } = await filled(broker, 30);
  const seqs = async (query: Parameters<typeof batchedGet>[2]) =>
    (await batchedGet(jsm, stream, query)).map(({ seq }) => seq);
  expect(await seqs({ seq: 11, batch: 5 })).toEqual([11, 12, 13, 14, 15]);
  expect(await seqs({ seq: 1, batch: 5, next_by_subj: 's.7' })).toEqual([7]);
  expect(await seqs({ multi_last: ['s.3', 's.30', 's.99'] })).toEqual([3, 30]);
  expect(await seqs({ seq: 31, batch: 5 })).toEqual([]);
  expect(await seqs({ multi_last: ['s.99'] })).toEqual([]);
});

test('no question leaves a subscription behind at the broker', async () => {
  await using broker = await testBroker();
  const { connection, jsm } = await filled(broker, 3);
  const before = await subscriptionsAt(broker);
  for (let n = 0; n < 20; n++) {
    await batchedGet(jsm, stream, { seq: 1, batch: 5 });
    await batchedGet(jsm, stream, { seq: 9, batch: 5 });
    await batchedGet(jsm, stream, { multi_last: ['s.1', 's.2'] });
  }
  await connection.flush();
  expect(await subscriptionsAt(broker)).toBe(before);
});

test('an answer that breaks off after its first message is no answer', async () => {
  await using broker = await testBroker();
  const { connection, jsm } = await filled(broker, 1);
  // As a broker that dies amid its answer.
  connection.subscribe('$JS.API.DIRECT.GET.dying', {
    callback: (_, message) => {
      const written = headers();
      for (const [name, value] of Object.entries({ Stream: 'dying', Subject: 'a', Sequence: '1', 'Num-Pending': '4' }))
        written.set(`Nats-${name}`, value);
      message.respond('x', { headers: written });
    },
  });
  const answer = batchedGet(jsm, 'dying', { seq: 1, batch: 5 });
  await expect(answer).rejects.toMatchObject({ code: 'broker.unavailable' });
});
