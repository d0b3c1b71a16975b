/** Webhooks while the master that makes their deliveries is killed: real processes, and a receiver that fails at times. */

import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { portsToListen } from '../../nats/broker-ports.ts';
import { connect } from '../../sdk/index.ts';
import { cluster } from './harness.ts';

const told = z.object({ type: z.string(), data: z.object({ id: z.string() }) });

/** Answers each first delivery of some jobs with 503, and everything on /gone with 410. */
class Receiver implements AsyncDisposable {
  /** By job, the ids under which it was told of. */
  readonly told = new Map<string, Set<string>>();
  goneFor = 0;
  refused = 0;
  readonly #server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { data } = told.parse(JSON.parse(Buffer.concat(parts).toString()));
      response.writeHead(this.#answer(request.url ?? '', data.id, String(request.headers['webhook-id']))).end();
    });
  });

  async listen(): Promise<string> {
    const [port = 0] = await portsToListen(1);
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${port}`;
  }

  #answer(path: string, job: string, id: string): number {
    if (path === '/gone') {
      this.goneFor++;
      return 410;
    }
    const isFirst = !this.told.has(job);
    this.told.set(job, (this.told.get(job) ?? new Set()).add(id));
    if (!isFirst || !job.endsWith('1')) return 204;
    this.refused++;
    return 503;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

test('every settled job reaches a receiver, under one id however often, though two leaders are killed meanwhile', async () => {
  const flags = { concurrency: 4, types: 'mark,always_fail,webhook', webhookPrivate: 'true' };
  await using yard = await cluster({ masters: 3, workers: 2, flags });
  await using receiver = new Receiver();
  const url = await receiver.listen();
  const { url: servers } = yard.broker;
  await using client = await connect({ servers, prefix: yard.user.names.prefix });
  await client.webhooks.add({ url: `${url}/jobs`, types: ['mark'] });
  const gone = await client.webhooks.add({ url: `${url}/gone`, types: ['mark'] });

  const pub = (count: number) => Promise.all(Array.from({ length: count }, () => yard.user.pub('mark', { ms: 5 })));
  const ids = await pub(60);
  const reaches = (count: number) => expect.poll(() => receiver.told.size).toBeGreaterThanOrEqual(count);
  await reaches(15);
  await yard.kill(await yard.leader());
  ids.push(...(await pub(40)));
  await reaches(65);
  await yard.kill(await yard.leader());
  ids.push(...(await pub(20)));

  await reaches(ids.length);
  expect([...receiver.told.keys()].sort()).toEqual(ids.sort());
  // A second delivery of one end would have an id of its own, and a receiver could not know it for a repeat.
  expect([...receiver.told.values()].filter(({ size }) => size !== 1)).toEqual([]);
  expect(receiver.refused).toBeGreaterThan(0);

  const deliveries = async () => (await yard.user.records()).filter(({ type }) => type === 'webhook');
  await yard.user.settled(
    (await deliveries()).map(({ id }) => id),
    60_000,
  );
  const failed = (await deliveries()).filter(({ state }) => state === 'failed');
  // Whoever said that it wants no more has its deliveries in the dead letter, and is asked no more.
  const ofGone = failed.filter(({ payload }) => Object(payload).webhook === gone.webhook.webhook);
  expect(ofGone.length).toBe(failed.length);
  expect(ofGone.length).toBeGreaterThan(0);
  expect((await client.webhooks.get(gone.webhook.webhook)).endedAt).toBeGreaterThan(0);
  const dead = (await Array.fromAsync(client.jobs({ type: 'webhook', state: 'failed' }))).map(({ id }) => id);
  expect(dead.sort()).toEqual(failed.map(({ id }) => id).sort());
  await yard.expectSound();
});
