/** What is done to many jobs at once, carried out by masters that come and go, on the world in memory. */

import { describe, expect, test } from 'vitest';
import { Bulks } from '../../actors/bulk.ts';
import { Committer } from '../../actors/committer.ts';
import { type BulkGiven, BulkVerbs } from '../../cluster/bulk.ts';
import type { JobState } from '../../machines/job.ts';
import type { BulkRecord } from '../../runtime/bulk.ts';
import type { JobStore } from '../../runtime/ports.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';
import { create, entryOf, lastOf, plainJob, stage, storeWith, written } from './stage.ts';

/** A broker, whoever asks, and masters that may be killed. */
function setUp() {
  const scene = stage();
  const { broker, clock, telemetry, world } = scene;
  const verbs = new BulkVerbs({ world, clock, tenant: 'default', by: 'mia@host' });
  let masters = 0;
  const master = async ({ diesWriting = false }: { diesWriting?: boolean } = {}) => {
    const name = `m${++masters}`;
    const own = clock.forNode({});
    const near = broker.world({ clock: own });
    const kill = () => {
      near.cut();
      own.freeze();
    };
    const write: JobStore['write'] = async (entries) => {
      const outcome = await near.store.write(entries);
      if (diesWriting) kill();
      return outcome;
    };
    const { commit } = new Committer({ store: storeWith(near.store, { write }), clock: own, telemetry });
    const bulks = new Bulks({
      world: near,
      clock: own,
      telemetry,
      commit,
      incarnation: name,
      name,
      leads: () => false,
    });
    await clock.until(bulks.start());
    return { bulks, kill, own };
  };
  const start = (given: BulkGiven) => clock.until(verbs.start({ by: 'mia', ...given }));
  const ended = async (id: string): Promise<BulkRecord> => {
    const all = await clock.until(Array.fromAsync(verbs.follow(id)));
    return all.at(-1) ?? missing();
  };
  const now = async (id: string): Promise<BulkRecord> => (await clock.until(verbs.get(id))) ?? missing();
  return { ...scene, verbs, master, start, ended, now };
}

function missing(): never {
  throw new RangeError('Expected an operation, found none.');
}

type Setting = ReturnType<typeof setUp>;

const ids = (count: number) => Array.from({ length: count }, (_, n) => `j${n}`);

async function waiting({ world, clock }: Setting, count: number, more: Partial<JobRecord> = {}): Promise<string[]> {
  const made = ids(count).map((id) => plainJob(id, { ...more, createdAt: clock.now() }));
  await clock.until(create(world.store, ...made));
  await clock.advance(10);
  return ids(count);
}

/** How often it was done to a job. */
function times({ broker }: Setting, id: string, event: string): number {
  return written(broker, id).filter(({ transitions }) => transitions.at(-1)?.event === event).length;
}

const stateOf = ({ broker }: Setting, id: string): JobState => lastOf(broker, id).state;

test('a dry run counts what is then done, each once, and the operation stands in the transitions', async () => {
  const setting = setUp();
  const all = await waiting(setting, 450);
  const given: BulkGiven = { verb: { verb: 'hold', reason: 'Not now.' }, filter: { queue: 'default' } };
  expect(await setting.clock.until(setting.verbs.count(given))).toBe(450);
  await setting.master();
  const { id } = await setting.start(given);
  expect(await setting.ended(id)).toMatchObject({ state: 'done', matched: 450, done: 450, refused: {}, by: 'mia' });
  expect(all.filter((job) => times(setting, job, 'job.hold') !== 1)).toEqual([]);
  expect(lastOf(setting.broker, 'j7').transitions.at(-1)).toMatchObject({ to: 'held', by: id, reason: 'Not now.' });
  expect(setting.told).toContain('bulk.ended');
});

test('it waits for a master where none runs', async () => {
  const setting = setUp();
  await waiting(setting, 3);
  const { id } = await setting.start({ verb: { verb: 'cancel' } });
  await setting.clock.advance(60_000);
  expect(await setting.now(id)).toMatchObject({ state: 'running', done: 0 });
  await setting.master();
  expect(await setting.ended(id)).toMatchObject({ state: 'done', done: 3 });
});

test.each([1, 2, 3, 5, 8])(
  'a master that dies after %i writes of it is followed by another: no job twice, and the count is right',
  async (writes) => {
    const setting = setUp();
    const { clock, world } = setting;
    const all = await waiting(setting, 60);
    const first = await setting.master();
    const { id } = await setting.start({ verb: { verb: 'hold' }, perSecond: 40 });
    let seen = 0;
    const stop = await clock.until(
      world.control.bulk.watch(() => {
        if (++seen === writes + 1) first.kill();
      }),
    );
    while (seen <= writes) await clock.advance(20);
    await stop();
    await setting.master();
    expect(await setting.ended(id)).toMatchObject({ state: 'done', matched: 60, done: 60, refused: {} });
    expect(all.filter((job) => times(setting, job, 'job.hold') !== 1)).toEqual([]);
    expect(all.every((job) => stateOf(setting, job) === 'held')).toBe(true);
  },
);

test('what a dead master had done and not counted yet, the next one counts and does not do again', async () => {
  const setting = setUp();
  const all = await waiting(setting, 10);
  await setting.master({ diesWriting: true });
  const { id } = await setting.start({ verb: { verb: 'hold' } });
  while (all.every((job) => stateOf(setting, job) !== 'held')) await setting.clock.advance(1);
  expect(await setting.now(id)).toMatchObject({ done: 0, work: { portion: { length: 10 } } });
  await setting.master();
  expect(await setting.ended(id)).toMatchObject({ state: 'done', matched: 10, done: 10 });
  expect(all.filter((job) => times(setting, job, 'job.hold') !== 1)).toEqual([]);
});

test('a master that is stopped leaves the rest to another, at once', async () => {
  const setting = setUp();
  const all = await waiting(setting, 80);
  const first = await setting.master();
  const { id } = await setting.start({ verb: { verb: 'hold' }, perSecond: 20 });
  await setting.clock.advance(1_000);
  await setting.clock.until(first.bulks.stop());
  expect(await setting.now(id)).not.toHaveProperty('claim');
  await setting.master();
  expect(await setting.ended(id)).toMatchObject({ state: 'done', done: 80 });
  expect(all.filter((job) => times(setting, job, 'job.hold') !== 1)).toEqual([]);
});

test('a master that is frozen and wakes while another one works does nothing twice, and leaves it be', async () => {
  const setting = setUp();
  const all = await waiting(setting, 120);
  const first = await setting.master();
  const second = await setting.master();
  const { id } = await setting.start({ verb: { verb: 'hold' }, perSecond: 10 });
  await setting.clock.advance(1_500);
  const { claim } = await setting.now(id);
  const { own } = claim?.by === 'm1' ? first : second;
  own.freeze();
  await setting.clock.advance(7_000);
  own.thaw();
  expect((await setting.now(id)).claim?.by).not.toBe(claim?.by);
  expect(await setting.ended(id)).toMatchObject({ state: 'done', done: 120 });
  expect(all.filter((job) => times(setting, job, 'job.hold') !== 1)).toEqual([]);
});

test('the rate holds, also over a takeover', async () => {
  const setting = setUp();
  const all = await waiting(setting, 100);
  const first = await setting.master();
  const { id, createdAt } = await setting.start({ verb: { verb: 'hold' }, perSecond: 10 });
  await setting.clock.advance(3_000);
  first.kill();
  await setting.master();
  await setting.ended(id);
  const moments = all.map((job) => lastOf(setting.broker, job).updatedAt).sort((a, b) => a - b);
  const tooMany = moments.filter((at, n) => n + 1 > 10 * ((at - createdAt) / 1_000) + 2 * 3);
  expect(tooMany).toEqual([]);
  expect((moments.at(-1) ?? 0) - createdAt).toBeGreaterThan(9_000);
});

describe('an operation that is aborted', () => {
  test('stops; what it counts as done was done, and nothing else', async () => {
    const setting = setUp();
    const all = await waiting(setting, 100);
    await setting.master();
    const { id } = await setting.start({ verb: { verb: 'hold' }, perSecond: 10 });
    await setting.clock.advance(2_000);
    const aborted = await setting.clock.until(setting.verbs.abort(id, { by: 'ann' }));
    expect(aborted).toMatchObject({ state: 'aborted', abort: { by: 'ann' } });
    const held = all.filter((job) => stateOf(setting, job) === 'held');
    expect(held).toHaveLength(aborted.done);
    expect(aborted.done).toBeGreaterThan(5);
    expect(aborted.done).toBeLessThan(60);
    await setting.clock.advance(20_000);
    expect(all.filter((job) => stateOf(setting, job) === 'held')).toHaveLength(aborted.done);
    await expect(setting.clock.until(setting.verbs.abort(id))).rejects.toMatchObject({ code: 'bulk.refused' });
  });

  test('while its master is dead is ended by the next one, with what was done', async () => {
    const setting = setUp();
    const all = await waiting(setting, 100);
    const first = await setting.master();
    const { id } = await setting.start({ verb: { verb: 'hold' }, perSecond: 10 });
    await setting.clock.advance(2_000);
    first.kill();
    await setting.clock.until(setting.verbs.abort(id));
    await setting.master();
    const aborted = await setting.ended(id);
    expect(aborted.state).toBe('aborted');
    expect(all.filter((job) => stateOf(setting, job) === 'held')).toHaveLength(aborted.done);
  });
});

test('jobs that are refused are counted by the sentence, with samples, and others go on', async () => {
  const setting = setUp();
  await waiting(setting, 3);
  const record = lastOf(setting.broker, 'j1');
  const cancelled = step(record, { type: 'job.cancel', at: setting.clock.now() });
  const { revision = 0 } = (await setting.clock.until(setting.world.store.read('default.j1'))) ?? {};
  await setting.clock.until(setting.world.store.write([entryOf(cancelled.record, revision)]));
  await setting.master();
  const { id } = await setting.start({
    verb: { verb: 'move', queue: 'pile' },
    filter: { state: ['pending', 'cancelled'] },
  });
  const ended = await setting.ended(id);
  expect(ended).toMatchObject({ state: 'done', matched: 3, done: 2, samples: [expect.stringContaining('got j1')] });
  expect(Object.entries(ended.refused)).toEqual([[expect.stringContaining('got one, which is cancelled'), 1]]);
});

test('of a limit the newest are taken, as many as it says', async () => {
  const setting = setUp();
  const { clock, world } = setting;
  for (const id of ids(6)) {
    await clock.until(create(world.store, plainJob(id, { createdAt: clock.now() })));
    await clock.advance(10);
  }
  await setting.master();
  const { id } = await setting.start({ verb: { verb: 'hold' }, filter: { limit: 2 } });
  expect(await setting.ended(id)).toMatchObject({ matched: 2, done: 2 });
  expect(ids(6).filter((job) => stateOf(setting, job) === 'held')).toEqual(['j4', 'j5']);
});

test('a job that fails again while failed ones are redriven is left as it is', async () => {
  const setting = setUp();
  const { clock, world, broker } = setting;
  await waiting(setting, 20);
  const fail = async (id: string) => {
    const { record, revision } = (await clock.until(world.store.read(`default.${id}`))) ?? missing();
    const error = { kind: 'expired', message: 'Too late.' } as const;
    const failed = step(record, { type: 'job.expired', at: clock.now(), error });
    await clock.until(world.store.write([entryOf(failed.record, revision)]));
  };
  for (const id of ids(20)) await fail(id);
  await clock.advance(10);
  await setting.master();
  const { id } = await setting.start({ verb: { verb: 'redrive' }, perSecond: 10 });
  while (stateOf(setting, 'j0') === 'failed') await clock.advance(50);
  await fail('j0');
  expect(await setting.ended(id)).toMatchObject({ state: 'done', matched: 20, done: 20 });
  expect(lastOf(broker, 'j0')).toMatchObject({ state: 'failed', context: { generation: 2 } });
});

test('of operations that have ended a hundred are kept', async () => {
  const setting = setUp();
  await setting.master();
  for (let n = 0; n < 104; n++) {
    const { id } = await setting.start({ verb: { verb: 'release' } });
    await setting.ended(id);
  }
  await setting.clock.advance(1_000);
  expect(await setting.clock.until(setting.verbs.list())).toHaveLength(100);
});

test.each([
  [{ verb: { verb: 'move', queue: 'Not a queue' } }, 'Expected a queue'],
  [{ verb: { verb: 'hold' }, filter: { limit: 0 } }, 'Expected `limit`'],
  [{ verb: { verb: 'hold' }, perSecond: 0 }, 'Expected `perSecond`'],
] as const)('what makes no sense is refused: %j', async (given, sentence) => {
  const { verbs } = setUp();
  await expect(verbs.start(given)).rejects.toThrow(sentence);
});

test('jobs that are named are done to, and no others', async () => {
  const setting = setUp();
  await waiting(setting, 30);
  await setting.master();
  const given: BulkGiven = { verb: { verb: 'hold' }, filter: { id: ['j3', 'j5', 'j5', 'nobody'] } };
  expect(await setting.clock.until(setting.verbs.count(given))).toBe(2);
  const { id } = await setting.start(given);
  expect(await setting.ended(id)).toMatchObject({ state: 'done', matched: 2, done: 2, refused: {} });
  expect(ids(30).filter((job) => stateOf(setting, job) === 'held')).toEqual(['j3', 'j5']);
});
