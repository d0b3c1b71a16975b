/** What is said and not stored: events, progress, acks, notices, questions to the leader. */

import { randomBytes } from 'node:crypto';
import { headers } from 'nats';
import { expect, test } from 'vitest';
import { natsDesk } from '../../nats/desk.ts';
import { NatsEvents } from '../../nats/events.ts';
import { hint } from '../../nats/hint.ts';
import { listen } from '../../nats/listen.ts';
import { leaderKey, names } from '../../nats/names.ts';
import { natsNotices } from '../../nats/notices.ts';
import { NatsStore } from '../../nats/store.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/faults.ts';
import type { JobEventMessage, Notice, SubmitAck, WriteOutcome } from '../../runtime/ports.ts';
import { type TestBroker, testBroker } from './broker.ts';

const yard = names();
const clock = new SystemClock();

async function world(broker: TestBroker) {
  const connection = await broker.connect();
  return { connection, names: yard, clock };
}

function event(key: string, n = 1): JobEventMessage {
  const transition = { n, at: 5, event: 'attempt.succeeded', from: 'processing', to: 'completed', attempt: 1 } as const;
  return { key, type: 'transcode', queue: 'live', priority: 'high', revision: 9, transition };
}

test('an event is heard by those who listen to all and to its job, on a subject that says what happened', async () => {
  await using broker = await testBroker();
  const mine = await world(broker);
  const [teller, listener] = [new NatsEvents(mine), new NatsEvents(await world(broker))];
  const all: JobEventMessage[] = [];
  const ofA: JobEventMessage[] = [];
  const [raw, rest] = [broker.connect(), Promise.withResolvers<void>()];
  const subjects = (await raw).subscribe('yard.event.*.transcode.completed.*', { max: 2 });
  await (await raw).flush();
  await listener.listen({ key: 'acme.a' }, (told) => ofA.push(told));
  const stop = await listener.listen({}, (told) => {
    all.push(told);
    if (all.length === 2) rest.resolve();
  });
  teller.tell(event('acme.b'));
  teller.tell(event('acme.a', 2));
  await rest.promise;
  expect(all).toEqual([event('acme.b'), event('acme.a', 2)]);
  expect(ofA).toEqual([event('acme.a', 2)]);
  const heard: string[] = [];
  for await (const { subject } of subjects) heard.push(subject);
  expect(heard).toEqual(['yard.event.acme.transcode.completed.b', 'yard.event.acme.transcode.completed.a']);
  await stop();
});

test('progress is heard with the key of its job', async () => {
  await using broker = await testBroker();
  const events = new NatsEvents(await world(broker));
  const heard: [string, number | undefined][] = [];
  const rest = Promise.withResolvers<void>();
  await events.listenProgress({ key: 'acme.a' }, (key, { percent }) => heard.push([key, percent]));
  await events.listenProgress({}, (key) => key === 'acme.b' && rest.resolve());
  events.progress('acme.a', { at: 1, percent: 40 });
  events.progress('acme.b', { at: 1, percent: 50 });
  await rest.promise;
  expect(heard).toEqual([['acme.a', 40]]);
});

test('a submitter hears what became of its submission', async () => {
  await using broker = await testBroker();
  const events = new NatsEvents(await world(broker));
  const heard = Promise.withResolvers<SubmitAck>();
  await events.listenAck('r1', heard.resolve);
  events.ack({ ref: 'r2', tenant: 'default', rejected: 'not yours' });
  events.ack({ ref: 'r1', id: 'a', tenant: 'default', state: 'pending' });
  expect(await heard.promise).toEqual({ ref: 'r1', id: 'a', tenant: 'default', state: 'pending' });
});

test('only who listens for a tenant hears what became of its submissions', async () => {
  await using broker = await testBroker();
  const { connection } = await world(broker);
  const events = new NatsEvents({ connection, names: yard, clock });
  const heard: string[] = [];
  const all = Promise.withResolvers<void>();
  await listen(connection, 'yard.>', ({ subject }) => {
    if (heard.push(subject) === 3) all.resolve();
  });
  events.ack({ ref: 'r', id: 'a', tenant: 'acme', state: 'pending' });
  events.ack({ ref: 'r', tenant: 'acme', rejected: 'why' });
  events.ack({ ref: 'camera-7/r', id: 'a', tenant: 'default', state: 'pending' });
  await all.promise;
  expect(heard).toEqual(['yard.tenant.acme.ack.r', 'yard.tenant.acme.ack.r', 'yard.ack.camera-7.r']);
});

test('what is no JSON is passed over, and listening goes on', async () => {
  await using broker = await testBroker();
  const { connection } = await world(broker);
  const events = new NatsEvents({ connection, names: yard, clock });
  const heard = Promise.withResolvers<SubmitAck>();
  await events.listenAck('r', heard.resolve);
  connection.publish(yard.ack('r'), 'not json');
  events.ack({ ref: 'r', tenant: 'default', rejected: 'why' });
  expect(await heard.promise).toEqual({ ref: 'r', tenant: 'default', rejected: 'why' });
});

test('telling on a closed connection harms nobody', async () => {
  await using broker = await testBroker();
  const { connection } = await world(broker);
  await connection.close();
  expect(() => new NatsEvents({ connection, names: yard, clock }).tell(event('acme.a'))).not.toThrow();
  expect(() => natsNotices({ connection, names: yard, clock }).send('w1', { verb: 'drain' })).not.toThrow();
});

test('a process that leaves while others speak falls over nothing that it still had to say or to write', async () => {
  await using broker = await testBroker();
  const { connection } = await world(broker);
  const talk = { connection, names: yard, clock };
  const store = await NatsStore.open({ ...talk, retentionMs: 60_000 });
  const [events, desk] = [new NatsEvents(talk), natsDesk(talk)];
  await desk.answer('place', () => 3);
  const asker = natsDesk(await world(broker));
  const outcomes: Promise<WriteOutcome>[] = [];
  const asked: Promise<unknown>[] = [];
  const left = connection.drain();
  while (!connection.isClosed()) {
    events.tell(event('acme.a'));
    events.flush();
    outcomes.push(store.write([{ key: leaderKey, expected: 0, lease: null }]));
    asked.push(asker.ask('place', {}, 1_000));
    await new Promise((turn) => setImmediate(turn));
  }
  await left;
  const kinds = new Set((await Promise.all(outcomes)).map(({ kind }) => kind));
  expect([...kinds]).toEqual(['unknown']);
  for (const answer of await Promise.all(asked)) expect([3, undefined]).toContain(answer);
});

test('a notice reaches the worker of that incarnation only', async () => {
  await using broker = await testBroker();
  const notices = natsNotices(await world(broker));
  const [one, other]: [Notice[], Notice[]] = [[], []];
  const rest = Promise.withResolvers<void>();
  await notices.receive('w1', (notice) => one.push(notice));
  await notices.receive('w2', (notice) => {
    other.push(notice);
    if (notice.verb === 'drain') rest.resolve();
  });
  notices.send('w1', { verb: 'look', key: 'acme.a' });
  notices.send('w2', { verb: 'lost' });
  notices.send('w2', { verb: 'drain' });
  await rest.promise;
  expect(one).toEqual([{ verb: 'look', key: 'acme.a' }]);
  expect(other).toEqual([{ verb: 'lost' }, { verb: 'drain' }]);
});

test('the leader answers a question, and nobody does where there is no leader', async () => {
  await using broker = await testBroker();
  const leading = await world(broker);
  const [leader, asker] = [natsDesk(leading), natsDesk(await world(broker))];
  expect(await asker.ask('place', { key: 'a' }, 1_000)).toBeUndefined();
  const stop = await leader.answer('place', async (ask) => ({ asked: ask, place: 3 }));
  expect(await asker.ask('place', { key: 'a' }, 1_000)).toEqual({ asked: { key: 'a' }, place: 3 });
  expect(await asker.ask('other', undefined, 1_000)).toBeUndefined();
  await stop();
  await leading.connection.flush();
  expect(await asker.ask('place', { key: 'a' }, 1_000)).toBeUndefined();
});

test('a leader that does not answer in time counts as none', async () => {
  await using broker = await testBroker();
  const [leader, asker] = [natsDesk(await world(broker)), natsDesk(await world(broker))];
  await leader.answer('place', () => new Promise(() => {}));
  expect(await asker.ask('place', {}, 50)).toBeUndefined();
});

test('an answer that is larger than the broker takes comes all the same, and one that is too large even so says so', async () => {
  await using broker = await testBroker();
  const [leader, asker] = [natsDesk(await world(broker)), natsDesk(await world(broker))];
  const workers = Array.from({ length: 20_000 }, (_, n) => ({ name: `worker-${n}`, status: 'available', slots: 12 }));
  await leader.answer('place', () => workers);
  expect(JSON.stringify(workers).length).toBeGreaterThan(1_048_576);
  expect(await asker.ask('place', {}, 5_000)).toEqual(workers);
  expect(await asker.askAll('place', {}, 5_000)).toEqual([workers]);
  await leader.answer('noise', () => randomBytes(2_000_000).toString('base64'));
  await expect(asker.ask('noise', {}, 5_000)).rejects.toMatchObject({
    code: 'broker.refused',
    message: expect.stringMatching(/`max_payload` of 1048576 bytes, it has \d{7}, compressed/),
  });
  expect(await asker.askAll('noise', {}, 2_000)).toEqual([]);
});

test('what no broker would take is not said, and ends no process', async () => {
  await using broker = await testBroker();
  const { connection } = await world(broker);
  hint(connection, 'a', new Uint8Array(1_048_577));
  hint(connection, 'a'.repeat(5_000), new Uint8Array(1));
  const written = headers();
  written.set('Large', 'x'.repeat(1_048_576));
  hint(connection, 'a', new Uint8Array(1), written);
  await connection.flush();
  expect(connection.stats().outMsgs).toBe(0);
  expect(connection.isClosed()).toBe(false);
});

test('what an answer failed with comes back to whoever asked', async () => {
  await using broker = await testBroker();
  const desk = natsDesk(await world(broker));
  await desk.answer('place', () => {
    throw new Fault('job.missing', 'No job has the id `a`.');
  });
  await expect(desk.ask('place', {}, 1_000)).rejects.toMatchObject({
    code: 'job.missing',
    message: 'No job has the id `a`.',
  });
});
