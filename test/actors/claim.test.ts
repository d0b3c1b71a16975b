import { describe, expect, test } from 'vitest';
import { Claim } from '../../actors/claim.ts';
import { Committer } from '../../actors/committer.ts';
import type { JobEvent } from '../../machines/job.ts';
import { calm } from '../../runtime/memory/chaos.ts';
import type { JobEventMessage } from '../../runtime/ports.ts';
import { moved } from '../ports.contract.ts';
import { entryOf, fates, lastOf, plainJob, stage } from './stage.ts';

const claimed = moved(plainJob('a'), { type: 'attempt.claimed', at: 1, worker: 'w1' });
const started: JobEvent = { type: 'attempt.started', at: 2, attempt: 1 };
const completed: JobEvent = { type: 'attempt.completed', at: 3, attempt: 1, result: 42 };

/** A worker that holds job `a`, and somebody else who may write to it. */
async function setUp() {
  const on = stage();
  const { clock, world, telemetry, broker } = on;
  const { commit } = new Committer({ store: world.store, clock, telemetry });
  const told: JobEventMessage[] = [];
  await clock.until(world.events.listen({}, (event) => told.push(event)));
  await clock.until(world.store.write([entryOf(claimed)]));
  const stored = { record: claimed, revision: 1 };
  const { store, events } = world;
  const claim = new Claim({ key: 'default.a', stored, worker: 'w1', store, events, commit, clock });
  const other = broker.world();
  /** Somebody else steps the record as it is now. */
  const meanwhile = (event: JobEvent) => {
    const { length } = broker.history();
    return clock.until(other.store.write([entryOf(moved(lastOf(broker, 'a'), event), length)]));
  };
  return { ...on, claim, told, meanwhile };
}

describe('what a worker writes about a job that it holds', () => {
  test('is stored with all its transitions in one write, and told', async () => {
    const { clock, broker, claim, heard } = await withHeard();
    expect(await clock.until(claim.advance(() => [started, completed]))).toBe('stored');
    await clock.settle();
    expect(broker.history()).toHaveLength(2);
    expect(lastOf(broker, 'a')).toMatchObject({ state: 'completed', context: { result: 42 } });
    expect(heard()).toEqual(['processing', 'completed']);
  });

  test('is stepped anew where a person has written a wish into the record', async () => {
    const { clock, broker, claim, meanwhile } = await setUp();
    await meanwhile({ type: 'job.cancel', at: 2 });
    expect(await clock.until(claim.advance(() => [started]))).toBe('stored');
    expect(lastOf(broker, 'a')).toMatchObject({ state: 'processing', context: { cancelAt: 2 } });
  });

  test('is dropped where the job was taken back', async () => {
    const { clock, broker, claim, meanwhile } = await setUp();
    const error = { kind: 'lost', message: 'Gone.' } as const;
    await meanwhile({ type: 'attempt.lost', at: 2, attempt: 1, spread: 0, error });
    expect(await clock.until(claim.advance(() => [started, completed]))).toBe('lost');
    expect(lastOf(broker, 'a').state).toBe('retrying');
  });

  test('is dropped where the same worker has claimed the job anew', async () => {
    const { clock, broker, claim, meanwhile } = await setUp();
    await meanwhile({ type: 'attempt.handedBack', at: 2, attempt: 1, reason: 'late' });
    await meanwhile({ type: 'attempt.claimed', at: 3, worker: 'w1' });
    expect(await clock.until(claim.advance(() => [started, completed]))).toBe('lost');
    expect(lastOf(broker, 'a')).toMatchObject({ state: 'assigned', context: { attempt: 2 } });
  });

  test('is refused where the chart has no such edge', async () => {
    const { clock, claim, broker } = await setUp();
    expect(await clock.until(claim.advance(() => [completed]))).toBe('refused');
    expect(broker.history()).toHaveLength(1);
  });

  test('waits for its turn behind what it wrote before', async () => {
    const { clock, broker, claim } = await setUp();
    broker.chaos = fates('silentLost');
    const both = Promise.all([claim.advance(() => [started]), claim.advance(() => [completed])]);
    expect(await clock.until(both)).toEqual(['stored', 'stored']);
    expect(lastOf(broker, 'a').state).toBe('completed');
  });

  test('is not given up because the broker goes away between the refusal and the look at the record', async () => {
    const { clock, broker, claim, meanwhile } = await setUp();
    await meanwhile({ type: 'job.cancel', at: 2 });
    broker.chaos = { ...calm, latencyMs: () => 100 };
    const advance = claim.advance(() => [started, completed]);
    await clock.advance(250);
    broker.stop();
    await clock.advance(5_000);
    broker.start();
    expect(await clock.until(advance)).toBe('stored');
    expect(lastOf(broker, 'a').state).toBe('completed');
  });

  async function withHeard() {
    const on = await setUp();
    return { ...on, heard: () => on.told.map(({ transition }) => transition.to) };
  }
});

describe('progress', () => {
  test('is noted without a transition', async () => {
    const { clock, broker, claim, told } = await setUp();
    expect(await clock.until(claim.note({ at: 5, percent: 50 }))).toBe('stored');
    expect(lastOf(broker, 'a')).toMatchObject({ progress: { percent: 50 }, transitions: claimed.transitions });
    expect(told).toEqual([]);
  });

  test('is dropped where the record has moved on, and what moved it is seen', async () => {
    const { clock, claim, meanwhile } = await setUp();
    await meanwhile({ type: 'job.cancel', at: 2 });
    expect(await clock.until(claim.note({ at: 5, percent: 50 }))).toBe('refused');
    expect(claim.record.context.cancelAt).toBe(2);
  });
});
