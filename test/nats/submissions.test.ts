/** How intake goes from one master to the next: nothing is lost, and what fells masters is set apart. */

import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { names } from '../../nats/names.ts';
import { NatsSubmissions } from '../../nats/submissions.ts';
import { ensureTopology } from '../../nats/topology.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/faults.ts';
import type { Submission } from '../../runtime/ports.ts';
import { Heard } from '../heard.ts';
import { type TestBroker, testBroker } from './broker.ts';

const clock = new SystemClock();
const never = () => new Promise<void>(() => {});
const yard = names();
let broker: TestBroker;

beforeEach(async () => {
  broker = await testBroker();
  await ensureTopology({ connection: await broker.connect(), names: yard, clock });
});
afterEach(() => broker[Symbol.asyncDispose]());

/** A master's intake, over a connection of its own; `decide` says what becomes of each batch. */
async function master(decide: (batch: readonly Submission[]) => Promise<void> = async () => {}) {
  const connection = await broker.connect();
  const heard = new Heard<Submission>();
  const stop = await new NatsSubmissions({ connection, names: yard, clock }).consume(async (batch) => {
    for (const submission of batch) heard.add(submission);
    await decide(batch);
  });
  return { heard, stop, connection };
}

async function submit(...bodies: string[]): Promise<void> {
  const connection = await broker.connect();
  for (const body of bodies) await connection.request(yard.submit('noop'), body);
}

const sequences = (heard: Heard<Submission>) => heard.all.map(({ sequence }) => sequence);
const deliveries = (heard: Heard<Submission>) => heard.all.map((each) => [each.sequence, each.deliveries]);

test('what was handed to a master that hangs is handed to the next one, though that has done later ones', async () => {
  const hung = await master(never);
  await submit('a', 'b');
  await hung.heard.atLeast(1);
  const next = await master();
  await submit('c');
  await next.heard.atLeast(3);
  expect(sequences(next.heard)).toEqual([1, 2, 3]);
  await next.stop();
  const last = await master();
  await submit('d');
  expect((await last.heard.atLeast(1)).map(({ sequence }) => sequence)).toEqual([4]);
});

test('a master that another one has taken over from gets nothing more, and takes nothing back', async () => {
  const former = await master();
  await submit('a');
  await former.heard.atLeast(1);
  const next = await master();
  await submit('b', 'c');
  await next.heard.atLeast(2);
  const jsm = await jetstreamManager(await broker.connect());
  const places: string[] = [];
  for await (const { name } of jsm.consumers.list(yard.streams.submit)) places.push(name);
  expect(places).toHaveLength(1);
  expect(sequences(former.heard)).toEqual([1]);
  expect(sequences(next.heard)).toEqual([2, 3]);
});

test('a batch that failed comes again before anything later is done, and in the end alone', async () => {
  const batches: number[][] = [];
  const { heard } = await master(async (batch) => {
    batches.push(batch.map(({ sequence }) => sequence));
    if (batch.some(({ sequence, deliveries: times }) => sequence === 2 && times < 4)) throw new Error('Not this one.');
  });
  await submit('a', 'b', 'c', 'd');
  // The first batch may have all four in it, or fewer.
  const alone = () => batches.findLastIndex((batch) => batch.length === 1 && batch.includes(2));
  const isDone = () => alone() !== -1 && batches.slice(alone()).flat().includes(4);
  await until(isDone, heard);
  const lastWithTwo = batches.findLastIndex((batch) => batch.includes(2));
  expect(batches[lastWithTwo]).toEqual([2]);
  expect(batches.findLastIndex((batch) => batch.includes(4))).toBeGreaterThan(lastWithTwo);
  expect(Math.max(...deliveries(heard).map(([, times = 0]) => times))).toBe(4);
});

test('failures of the world count against no submission', async () => {
  let failures = 2;
  const { heard } = await master(async () => {
    if (failures-- > 0) throw new Fault('broker.unavailable', 'Away.');
  });
  await submit('a');
  await heard.atLeast(3);
  expect(deliveries(heard)).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ]);
});

test('a submission that fells each master is told apart from those behind it', async () => {
  await submit('poison', 'b', 'c');
  const counted: (number[] | undefined)[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const felled = await master((batch) =>
      batch.some(({ sequence }) => sequence === 1) ? never() : Promise.resolve(),
    );
    await felled.heard.atLeast(1);
    counted.push(deliveries(felled.heard)[0]);
    await felled.connection.close();
  }
  expect(counted).toEqual([1, 2, 3, 4, 5].map((times) => [1, times]));
  const survivor = await master();
  await survivor.heard.atLeast(3);
  const [first, ...behind] = deliveries(survivor.heard);
  expect(first).toEqual([1, 6]);
  expect(behind.map(([sequence]) => sequence)).toEqual([2, 3]);
  // They were in the same hands, and are no suspects: none of them is ever rejected for it.
  for (const [, times = 0] of behind) expect(times).toBeLessThanOrEqual(3);
});

test('restarts of the broker, and masters that go with them, count against no submission', async () => {
  await submit('a', 'b');
  const counted: (number[] | undefined)[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const gone = await master(never);
    await gone.heard.atLeast(1);
    counted.push(deliveries(gone.heard)[0]);
    await gone.connection.close();
    await broker.kill();
    await broker.restart();
  }
  expect(counted).toEqual(Array(5).fill([1, 1]));
});

test('what a connection that broke had swallowed is handed over once it is back', async () => {
  const { heard } = await master();
  await submit('a');
  await heard.atLeast(1);
  await broker.kill();
  await broker.restart();
  await submit('b', 'c');
  await heard.atLeast(3);
  expect([...new Set(sequences(heard))]).toEqual([1, 2, 3]);
});

test('a stream that was made anew is taken in from its beginning', async () => {
  const { heard } = await master();
  await submit('a', 'b');
  await heard.atLeast(2);
  const connection = await broker.connect();
  await (await jetstreamManager(connection)).streams.delete(yard.streams.submit);
  await ensureTopology({ connection, names: yard, clock });
  await submit('c');
  await heard.atLeast(3);
  expect(sequences(heard)).toEqual([1, 2, 1]);
});

test('what was taken in before the broker was started anew comes once more, and is marked so, until it is decided', async () => {
  const { heard } = await master();
  await submit('a', 'b');
  await heard.atLeast(2);
  await broker.kill();
  await broker.restart();
  await heard.atLeast(4);
  await submit('c');
  await heard.atLeast(5);
  const told = heard.all.map(({ sequence, wasDone }) => [sequence, wasDone === true]);
  expect(told.slice(0, 4).toSorted()).toEqual([
    [1, false],
    [1, true],
    [2, false],
    [2, true],
  ]);
  expect(told[4]).toEqual([3, false]);
  const [first, , again] = heard.all;
  expect(again).toEqual({ ...first, wasDone: true });
  const next = await master();
  await submit('d');
  expect((await next.heard.atLeast(1)).map(({ sequence }) => sequence)).toEqual([4]);
});

test('a master that comes after the broker was started anew asks for it too, and again where it could not decide', async () => {
  const former = await master();
  await submit('a');
  await former.heard.atLeast(1);
  await former.stop();
  await former.connection.flush();
  await former.connection.drain();
  await broker.kill();
  await broker.restart();
  let failures = 2;
  const { heard } = await master(async (batch) => {
    if (batch.some(({ wasDone }) => wasDone) && failures-- > 0) throw new Error('Not now.');
  });
  const again = () => heard.all.filter(({ wasDone }) => wasDone);
  await until(() => again().length === 3, heard);
  expect(again().map(({ sequence, deliveries: times }) => [sequence, times])).toEqual([
    [1, 1],
    [1, 2],
    [1, 3],
  ]);
});

/** Resolves once `is` so, which is looked at with each submission that is heard. */
async function until(is: () => boolean, heard: Heard<Submission>): Promise<void> {
  while (!is()) await heard.atLeast(heard.all.length + 1);
}
