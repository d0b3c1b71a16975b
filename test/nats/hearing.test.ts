/** Nobody goes deaf: mailboxes and subscriptions that are dead, whatever killed them, are made anew; and none is left behind. */

import { Transform } from 'node:stream';
import { jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, test } from 'vitest';
import { connectBroker } from '../../nats/connection.ts';
import { NatsMail } from '../../nats/mail.ts';
import { names } from '../../nats/names.ts';
import { natsNotices } from '../../nats/notices.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { pause, SystemClock } from '../../runtime/clock.ts';
import type { Notice, Offer } from '../../runtime/ports.ts';
import { Wire } from '../cluster/wire.ts';
import { Heard } from '../heard.ts';
import { testBroker } from './broker.ts';

const yard = names();
const clock = new SystemClock();

describe('the mailbox of a worker', () => {
  async function setUp(forgottenAfterMs?: number) {
    const broker = await testBroker();
    const [connection, leads] = [await broker.connect(), await broker.connect()];
    await ensureTopology({ connection: leads, names: yard, clock });
    const jsm = await jetstreamManager(leads);
    const { work } = yard.streams;
    const consumers = async () => (await Array.fromAsync(jsm.consumers.list(work))).map(({ name }) => name);
    const options = { names: yard, clock, ...(forgottenAfterMs === undefined ? {} : { forgottenAfterMs }) };
    const heard = new Heard<string>();
    const mail = new NatsMail({ connection, ...options });
    const stop = await mail.receive('w1', (offers) => {
      for (const { key } of offers) heard.add(key);
    });
    const hears = async (key: string) => {
      while (!heard.all.includes(key)) await heard.atLeast(heard.all.length + 1);
    };
    const leader = new NatsMail({ connection: leads, ...options });
    const offer = (key: string): Offer => ({ key, revision: 1, expiresAt: clock.now() + 30_000 });
    const send = (key: string) => leader.send('w1', [offer(key)]);
    const [first = ''] = await consumers();
    return { broker, connection, leads, jsm, work, consumers, hears, send, stop, first };
  }

  test('is there again when somebody has taken its consumer away, or the whole stream', async () => {
    const { broker, leads, jsm, work, consumers, first, hears, send } = await setUp();
    await using _ = broker;
    send('default.a');
    await hears('default.a');
    await jsm.consumers.delete(work, first);
    send('default.b');
    await hears('default.b');
    await jsm.streams.delete(work);
    await ensureTopology({ connection: leads, names: yard, clock });
    send('default.c');
    await hears('default.c');
    expect(await consumers()).toHaveLength(1);
  });

  test('leaves nothing behind when it is closed', async () => {
    const { broker, consumers, stop } = await setUp();
    await using _ = broker;
    expect(await consumers()).toHaveLength(1);
    await stop();
    expect(await consumers()).toEqual([]);
  });

  test('is forgotten by the broker when its worker has died', async () => {
    const { broker, connection, consumers } = await setUp(1_000);
    await using _ = broker;
    await connection.close();
    expect(await consumers()).toHaveLength(1);
    while ((await consumers()).length > 0) await pause(clock, 100);
  });
});

test('a worker whose subscription to notices is dead, and that does not know it, has another one soon', async () => {
  await using broker = await testBroker();
  const subject = yard.notice('w1', '*');
  let missed = 0;
  // The first subscription does not reach the broker as it was said.
  const tap = () =>
    new Transform({
      transform(chunk: Buffer, _, done) {
        const said = chunk.toString('latin1');
        const isFirst = missed === 0 && said.includes(`SUB ${subject} `);
        if (isFirst) missed++;
        done(null, Buffer.from(isFirst ? said.replace(subject, yard.notice('xx', '*')) : said, 'latin1'));
      },
    });
  await using wire = await Wire.to({ url: broker.url, clock, tap });
  const connection = await connectBroker({ servers: wire.url }, { name: 'worker' });
  const heard = new Heard<Notice>();
  const stop = await natsNotices({ connection, names: yard, clock, proveEveryMs: 100 }).receive('w1', heard.add);
  const leader = natsNotices({ connection: await broker.connect(), names: yard, clock });
  leader.send('w1', { verb: 'drain' });
  const again = clock.every(100, () => leader.send('w1', { verb: 'lost' }));
  expect([await heard.atLeast(1), missed]).toEqual([[{ verb: 'lost' }], 1]);
  again();
  await stop();
  await connection.close();
});
