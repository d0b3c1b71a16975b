/** However large what somebody submits is, it is taken or refused in a few words, and the master leads on. */

import { headers } from 'nats';
import { expect, test } from 'vitest';
import { testBroker } from '../nats/broker.ts';
import { TestCluster } from './cluster.ts';

const words = ['id', 'ref', 'queue', 'priority', 'tenant', 'uniqueKey', 'idempotencyKey', 'limits', 'runAt', 'delay'];
const more = ['requirements', 'labels', 'maxAttempts', 'backoff', 'timeout', 'after', 'traceparent', 'nonsense'];

function bodies(size: number): string[] {
  const large = 'x'.repeat(size);
  const values = [large, [large], { [large]: large.slice(0, 10) }];
  const options = [...words, ...more].flatMap((word) => values.map((value) => ({ [word]: value })));
  const payloads = [large, { [large]: 1 }].map((payload) => JSON.stringify({ payload }));
  return [...options.map((one) => JSON.stringify({ payload: {}, options: one })), ...payloads, large];
}

test('words of any size are refused in few, and nothing stands still', async () => {
  await using cluster = new TestCluster(await testBroker());
  await cluster.master();
  const connection = await cluster.broker.connect();
  await connection.request('$KV.yard_control.type.echo', JSON.stringify({ type: 'echo', defaults: {} }));
  const acks: number[] = [];
  const last = Promise.withResolvers<void>();
  connection.subscribe('yard.ack.>', {
    callback: (_, { subject, data }) => {
      acks.push(data.length);
      if (subject === 'yard.ack.last') last.resolve();
    },
  });
  for (const size of [5_000, 60_000, 900_000])
    for (const body of bodies(size)) {
      connection.publish('yard.submit.echo', body);
      await connection.flush();
    }
  for (const [name, value] of Object.entries({ Ref: 'r'.repeat(5_000), Priority: 'p'.repeat(60_000) })) {
    const written = headers();
    written.set(name, value);
    connection.publish('yard.submit.echo', '{}', { headers: written });
  }
  connection.publish('yard.submit.echo', JSON.stringify({ payload: {}, options: { ref: 'last' } }));
  await last.promise;
  expect(acks.length).toBeGreaterThan(100);
  expect(Math.max(...acks)).toBeLessThan(3_000);
});
