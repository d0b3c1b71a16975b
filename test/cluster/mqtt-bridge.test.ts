/** The bridge to an outside MQTT broker, while the masters, the brokers on both sides and the bridge itself are killed: real processes. */

import { connectAsync } from 'mqtt';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { portsToListen } from '../../nats/broker-ports.ts';
import { Shell } from '../doors/command.ts';
import { testBroker } from '../nats/broker.ts';
import { cluster } from './harness.ts';

const told = z.object({ id: z.string(), transition: z.object({ n: z.number(), to: z.string() }) });

test('each event of a job is told at an outside broker, whoever of those that have a part in it is killed', async () => {
  await using yard = await cluster({ masters: 2, workers: 1, flags: { concurrency: 4 } });
  const [port = 0] = await portsToListen(1);
  await using outside = await testBroker({ settings: { mqtt: { host: '127.0.0.1', port, ack_wait: '2s' } } });
  await using shell = new Shell(yard.folder, { NATS_URL: yard.broker.url });
  const url = `mqtt://127.0.0.1:${port}`;
  const device = await connectAsync(url, { clientId: 'device', clean: false, reconnectPeriod: 200 });
  await using _ = { [Symbol.asyncDispose]: () => device.endAsync(true) };
  const heard = new Set<string>();
  const completed = new Set<string>();
  const gaps: string[] = [];
  device.on('error', () => undefined);
  device.on('message', (topic, body) => {
    if (topic.endsWith('/gap')) return void gaps.push(body.toString());
    const { id, transition } = told.parse(JSON.parse(body.toString()));
    heard.add(`${id} ${transition.n}`);
    if (transition.to === 'completed') completed.add(id);
  });
  await device.subscribeAsync('out/event/#', { qos: 1 });
  const bridged = async () => {
    const prefix = ['--prefix', yard.user.names.prefix, '--topic-prefix', 'out'];
    const bridge = shell.start('bridge', 'mqtt', '--url', url, '--topic', 'in/+=mark', ...prefix);
    await bridge.says('Listening to in/+');
    return bridge;
  };
  const run = async (count: number) => {
    const ids = await Promise.all(Array.from({ length: count }, () => yard.user.pub('mark', { ms: 1 })));
    return ids;
  };
  const isTold = (ids: readonly string[]) => expect.poll(() => ids.every((id) => completed.has(id))).toBe(true);

  const bridge = await bridged();
  await isTold(await run(10));
  const amid = await run(20);
  await yard.kill(await yard.leader());
  await isTold(amid);
  const away = run(20);
  await outside.kill();
  const beside = await away;
  await outside.restart();
  await isTold(beside);
  await yard.restartBroker();
  await isTold(await yard.user.until(() => run(5).catch(() => undefined), 'a broker to take submissions', 60_000));
  const last = run(20);
  bridge.signal('SIGKILL');
  await bridge.ended;
  await yard.user.settled(await last, 60_000);
  const next = await bridged();
  await isTold(await last);

  const records = await yard.user.records();
  const every = records.flatMap(({ id, transitions }) => transitions.map(({ n }) => `${id} ${n}`));
  await expect.poll(() => [...heard].sort()).toEqual(every.sort());
  expect(gaps).toEqual([]);
  next.signal('SIGTERM');
  expect(await next.ended).toMatchObject({ code: 0 });
});
