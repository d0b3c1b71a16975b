/** What nobody of ours would say or do to the broker: no process falls over it, and the cluster goes on. */

import { headers, type NatsConnection } from 'nats';
import { afterEach, expect, test } from 'vitest';
import { names } from '../../nats/names.ts';
import { type Cluster, cluster } from './harness.ts';
import type { YardProcess } from './process.ts';

let yard: Cluster;
afterEach(async () => {
  await yard[Symbol.asyncDispose]();
});

const election = 'standing for election';
const wrong = ['', 'no JSON', 'null', '{}', '[1]', '{"incarnation":1,"capacity":null}'];

/** Says wrong things wherever masters and workers listen. */
async function babble(connection: NatsConnection, worker: string): Promise<void> {
  const head = headers();
  const { feed, jobSubject, desk, pulse, notice, controlSubject } = names();
  for (const text of wrong) {
    head.set('Yard-Head', text);
    for (const subject of [feed.replace('>', 'default.odd'), jobSubject('default.odd'), jobSubject('_odd')])
      connection.publish(subject, text, { headers: head });
    for (const subject of [
      pulse('odd'),
      notice(worker, 'look'),
      controlSubject('type.odd'),
      jobSubject('default.bare'),
    ])
      connection.publish(subject, text);
    for (const question of ['cluster', 'why', 'masters']) connection.publish(desk(question), text, { reply: 'nobody' });
  }
  await connection.flush();
}

function expectAlive(): void {
  for (const { name, how, lastLines } of yard.processes) expect(how, `${name}\n${lastLines}`).toBeUndefined();
}

test('what strangers say and write is passed over, also where it takes the place of the lease', async () => {
  yard = await cluster({ masters: 2 });
  const connection = await yard.broker.connect();
  const [worker] = (await yard.user.view())?.workers ?? [];
  await babble(connection, worker?.incarnation ?? '');
  const first = await yard.user.pub('mark');
  await yard.user.waitUntil(first, 'completed', 60_000);
  for (const text of wrong) {
    connection.publish(names().jobSubject('_leader'), text);
    const id = await yard.user.pub('mark');
    expect((await yard.user.waitUntil(id, 'completed', 60_000)).attempts).toHaveLength(1);
  }
  expectAlive();
});

test('a stream of jobs that somebody deletes ends no process; a master that starts makes it anew, and jobs run', async () => {
  yard = await cluster({ masters: 2 });
  await yard.user.waitUntil(await yard.user.pub('mark'), 'completed');
  const masters = yard.processes.filter(({ role }) => role === 'master');
  const connection = await yard.broker.connect();
  await connection.request(`$JS.API.STREAM.DELETE.${names().streams.jobs}`);
  for (const each of masters)
    await yard.user.until(async () => each.tells('master.unfit') || undefined, 'masters to notice', 60_000);
  const complains = ({ told }: YardProcess) =>
    told.some(({ event, what }) => event === 'process.failed' && what === election);
  for (const each of masters)
    await yard.user.until(async () => complains(each) || undefined, 'masters to say so', 60_000);
  expectAlive();
  await yard.start('master');
  const id = await yard.user.pub('mark');
  expect(await yard.user.waitUntil(id, 'completed', 60_000)).toMatchObject({ state: 'completed' });
  expectAlive();
});
