import { describe, expect, test } from 'vitest';
import { whole } from '../../actors/aside.ts';
import { AsideSweeper } from '../../actors/aside-sweeper.ts';
import { Births } from '../../actors/birth.ts';
import { Committer } from '../../actors/committer.ts';
import { asidesOf } from '../../runtime/aside.ts';
import { Fault } from '../../runtime/faults.ts';
import type { Blobs } from '../../runtime/ports.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import { moved } from '../ports.contract.ts';
import { endedJob } from './led-board.ts';
import { create, entryOf, lastOf, plainJob, type Stage, stage, storeWith, workerOn } from './stage.ts';

const minute = 60_000;
const large = { text: 'x'.repeat(200 * 1_024) };

function setUp() {
  const on = stage();
  const { clock, world, telemetry } = on;
  const { commit } = new Committer({ store: world.store, clock, telemetry });
  const births = new Births({ ...world, commit, clock });
  const swept: number[] = [];
  telemetry.on('blobs.swept', ({ count }) => swept.push(count));
  return { ...on, births, swept };
}

async function namesOf({ clock, world }: Stage): Promise<readonly string[]> {
  return (await clock.until(Array.fromAsync(world.blobs.list(0)))).map(({ name }) => name);
}

function asideIn(record: JobRecord, what: 'payload' | 'result'): string {
  const aside = record.aside?.[what];
  if (aside === undefined) throw new RangeError(`Expected the ${what} to lie aside.`);
  return aside.blob;
}

describe('a payload that is too large for a record', () => {
  test('lies aside, and the record says where; what fits stays in it', async () => {
    const { births, clock, broker, world, ...on } = setUp();
    await clock.until(births.create(plainJob('small', { payload: { text: 'x'.repeat(60_000) } })));
    const { record } = await clock.until(births.create(plainJob('a', { payload: large })));
    expect(record).toEqual(lastOf(broker, 'a'));
    expect(record).toMatchObject({ version: 2, payload: null, aside: { payload: { bytes: 204_811 } } });
    expect(lastOf(broker, 'small')).toMatchObject({ version: 1, payload: { text: expect.any(String) } });
    expect(lastOf(broker, 'small')).not.toHaveProperty('aside');
    expect(await namesOf({ ...on, clock, broker, world })).toEqual([asideIn(record, 'payload')]);
    expect((await clock.until(whole(record, world.blobs))).payload).toEqual(large);
  });

  test('is put once, however often the job is submitted, and is not replaced by that of another', async () => {
    const on = setUp();
    const { births, clock } = on;
    const first = plainJob('a', { payload: large, contentHash: 'h' });
    const { record } = await clock.until(births.create(first));
    const [kept] = await namesOf(on);
    expect(await clock.until(births.create({ ...first, source: 'again' }))).toMatchObject({ kind: 'found', record });
    const other = births.create(plainJob('a', { payload: { ...large, n: 1 }, contentHash: 'i', source: 'other' }));
    await expect(clock.until(other)).rejects.toMatchObject({ code: 'job.conflict' });
    expect(await namesOf(on)).toEqual([kept]);
  });

  test('leaves nothing where two submit the same at once, or the job is one with another', async () => {
    const on = setUp();
    const { births, clock, broker } = on;
    const same = plainJob('a', { payload: large, contentHash: 'h' });
    const born = await clock.until(Promise.all([births.create(same), births.create({ ...same, source: 'b' })]));
    expect(born.map(({ kind }) => kind).sort()).toEqual(['created', 'found']);
    const unique = { key: '_unique.default.k', by: 'k', while: 'open', onConflict: 'coalesce' } as const;
    await clock.until(births.create(plainJob('first', { unique })));
    expect(await clock.until(births.create(plainJob('second', { payload: large, unique })))).toMatchObject({
      kind: 'coalesced',
      id: 'first',
    });
    expect(await namesOf(on)).toEqual([asideIn(lastOf(broker, 'a'), 'payload')]);
  });

  test('is put again where it was swept away before its record was stored', async () => {
    const on = setUp();
    const { clock, world, telemetry } = on;
    const { commit } = new Committer({ store: world.store, clock, telemetry });
    const slow = new Births({
      ...world,
      clock,
      commit: async (entries) => {
        for (const name of (await Array.fromAsync(world.blobs.list(0))).map((info) => info.name))
          await world.blobs.remove(name);
        return await commit(entries);
      },
    });
    const { record } = await clock.until(slow.create(plainJob('a', { payload: large })));
    expect((await clock.until(whole(record, world.blobs))).payload).toEqual(large);
  });
});

describe('a worker', () => {
  async function ranOn(on: ReturnType<typeof setUp>, run: (payload: unknown) => unknown, blobs?: Partial<Blobs>) {
    const { clock, broker, births } = on;
    await clock.until(births.create(plainJob('a', { payload: large })));
    const base = broker.world();
    const { worker } = await workerOn(on, { ...base, blobs: { ...base.blobs, ...blobs } }, ({ payload }) =>
      run(payload),
    );
    const { revision = 0 } = (await clock.until(on.world.store.read('default.a'))) ?? {};
    on.world.mail.send('w1', [{ key: 'default.a', revision, expiresAt: clock.now() + 5_000 }]);
    await clock.advance(100);
    return { worker, record: () => lastOf(broker, 'a') };
  }

  test('hands its handler what lies aside, and puts a large result there', async () => {
    const on = setUp();
    const { record } = await ranOn(on, (payload) => payload);
    expect(record()).toMatchObject({ state: 'completed', version: 2, payload: null, context: { result: null } });
    expect(await on.clock.until(whole(record(), on.world.blobs))).toMatchObject({
      payload: large,
      context: { result: large },
    });
    expect(await namesOf(on)).toEqual(asidesOf(record()).map(({ blob }) => blob));
  });

  test('waits with a large result for room, and drops it where the job is no longer its own', async () => {
    const on = setUp();
    const { clock, world } = on;
    let isFull = true;
    const put = async (name: string, bytes: Uint8Array) => {
      if (isFull) throw new Fault('store.full', 'Make room.');
      return await world.blobs.put(name, bytes);
    };
    const { record } = await ranOn(on, (payload) => payload, { put });
    expect(record().state).toBe('assigned');
    const stored = await clock.until(world.store.read('default.a'));
    if (stored === undefined) throw new Error('Expected the job.');
    const error = { kind: 'lost', message: 'Taken for lost.' } as const;
    const lost = moved(stored.record, { type: 'attempt.lost', at: clock.now(), attempt: 1, spread: 0, error });
    await clock.until(world.store.write([entryOf(lost, stored.revision)]));
    isFull = false;
    await clock.advance(1_000);
    expect(record().state).toBe('retrying');
    expect(await namesOf(on)).toEqual([asideIn(record(), 'payload')]);
  });

  test('waits for a broker that is away, and fails an attempt whose payload is lost or another, with a sentence', async () => {
    const on = setUp();
    const { clock } = on;
    const ran: unknown[] = [];
    let asked = 0;
    const { record } = await ranOn(on, (payload) => ran.push(payload), {
      get: async () => {
        if (++asked === 1) throw new Fault('broker.unavailable', 'Away.');
        return { bytes: new TextEncoder().encode('{}'), digest: 'another' };
      },
    });
    await clock.advance(200);
    expect([ran, asked]).toEqual([[], 2]);
    expect(record()).toMatchObject({
      state: 'retrying',
      context: {
        error: { message: expect.stringMatching(/^Expected the payload of default\.a, 204811 bytes .* else there/) },
      },
    });
  });
});

describe('what lies aside', () => {
  function sweeperOn({ clock, world, telemetry }: Stage, isTrusted = true): AsideSweeper {
    return new AsideSweeper({ ...world, clock, telemetry, isTrusted: () => isTrusted });
  }

  /** A job that has completed, with a large payload and result. */
  async function completed(on: ReturnType<typeof setUp>, id: string): Promise<number> {
    const { clock, world, births } = on;
    const { record } = await clock.until(births.create(plainJob(id, { payload: large })));
    const { revision = 0 } = (await clock.until(world.store.read(jobKey(record)))) ?? {};
    const outcome = await clock.until(world.store.write([entryOf(endedJob(record, 'completed', 2), revision)]));
    return outcome.kind === 'accepted' ? (outcome.revisions[0] ?? 0) : 0;
  }

  test('stays as long as its record does, and goes with it', async () => {
    const on = setUp();
    const { clock, world, births } = on;
    await clock.until(births.create(plainJob('open', { payload: large })));
    const revision = await completed(on, 'done');
    sweeperOn(on).start();
    await clock.advance(90 * minute);
    expect(await namesOf(on)).toHaveLength(2);
    await clock.until(world.store.forget([{ key: 'default.done', revision }]));
    await clock.advance(2 * minute);
    expect(await namesOf(on)).toEqual([expect.stringContaining('job/default.open/')]);
    expect(on.swept).toEqual([1]);
  });

  test('is a file of a job: an input goes with its record, an output too, unless its attempt was not the last: then in an hour', async () => {
    const on = setUp();
    const { clock, world } = on;
    const revision = await completed(on, 'done');
    const files = ['in/clip', 'out/1/small', 'out/0/small'].map((name) => `file/default.done/${name}`);
    const unborn = 'file/default.unborn/in/clip';
    for (const name of [...files, unborn]) await clock.until(world.blobs.put(name, new Uint8Array(3)));
    sweeperOn(on).start();
    await clock.advance(30 * minute);
    expect(await namesOf(on)).toEqual(expect.arrayContaining([...files, unborn]));
    await clock.advance(40 * minute);
    expect((await namesOf(on)).filter((name) => name.startsWith('file/'))).toEqual(files.slice(0, 2));
    await clock.until(world.store.forget([{ key: 'default.done', revision }]));
    await clock.advance(2 * minute);
    expect(await namesOf(on)).toEqual([]);
  });

  test('and has no record goes after an hour, and nothing that is not of a job', async () => {
    const on = setUp();
    const { clock, world } = on;
    for (const name of ['job/default.none/a', 'picture/0']) await clock.until(world.blobs.put(name, new Uint8Array(1)));
    sweeperOn(on).start();
    await clock.advance(59 * minute);
    expect(await namesOf(on)).toEqual(['job/default.none/a', 'picture/0']);
    await clock.advance(3 * minute);
    expect(await namesOf(on)).toEqual(['picture/0']);
  });

  test('stays while its job is open, though the record does not name it, and where only a newer version reads it', async () => {
    const on = setUp();
    const { clock, world } = on;
    await clock.until(create(world.store, plainJob('open')));
    await completed(on, 'done');
    for (const id of ['open', 'newer', 'done'])
      await clock.until(world.blobs.put(`job/default.${id}/late`, new Uint8Array(1)));
    const newer = async (key: string) => {
      if (key === 'default.newer') throw new Fault('record.unreadable', 'Upgrade this process.');
      return await world.store.read(key);
    };
    sweeperOn({ ...on, world: { ...world, store: storeWith(world.store, { read: newer }) } }).start();
    await clock.advance(62 * minute);
    const left = await namesOf(on);
    expect(left.filter((name) => name.endsWith('/late'))).toEqual(['job/default.open/late', 'job/default.newer/late']);
    expect(left).toHaveLength(3);
  });

  test('of thousands of jobs goes in time, and is left to the next leader by one that is not trusted', async () => {
    const on = setUp();
    const { clock, world } = on;
    await clock.until(
      Promise.all(Array.from({ length: 12_000 }, (_, n) => world.blobs.put(`job/default.j${n}/a`, new Uint8Array(1)))),
    );
    sweeperOn(on, false).start();
    await clock.advance(62 * minute);
    expect(on.swept).toEqual([]);
    sweeperOn(on).start();
    await clock.advance(5 * minute);
    expect(await namesOf(on)).toEqual([]);
    expect(on.swept.reduce((sum, count) => sum + count, 0)).toBe(12_000);
  });
});
