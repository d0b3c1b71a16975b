/** The view of all jobs, filled from a stream in memory: what lists, searches and counts find, and when it is made anew. */

import { expect, onTestFinished, test } from 'vitest';
import { Projector } from '../../actors/projector.ts';
import type { Page } from '../../runtime/ports.ts';
import { type JobRecord, jobKey } from '../../runtime/record.ts';
import type { ListQuery } from '../../runtime/view.ts';
import { SqliteShelf } from '../../view/shelf.ts';
import { moved } from '../ports.contract.ts';
import { create, plainJob, stage } from './stage.ts';

function setUp() {
  const on = stage();
  const { store } = on.world;
  const shelf = new SqliteShelf();
  async function* pages(span = { after: 0, through: Number.POSITIVE_INFINITY }): AsyncGenerator<Page> {
    for await (const { record, revision } of store.records())
      if (revision > span.after && revision <= span.through)
        yield { kind: 'record', key: jobKey(record), revision, record };
  }
  const projector = new Projector({ ...on, store, books: { pages }, shelf });
  onTestFinished(() => shelf[Symbol.dispose]());
  const caughtUp = async () => {
    const { lastRevision } = await during(on, store.state());
    await during(on, projector.caughtUp(lastRevision, 60_000));
  };
  const make = (...records: readonly JobRecord[]) => during(on, create(store, ...records));
  const ids = (query: Partial<ListQuery> = {}) =>
    shelf.list({ tenant: 'default', limit: 1_000, ...query }).keys.map((key) => key.slice(key.indexOf('.') + 1));
  return { ...on, make, store, shelf, projector, caughtUp, ids };
}

/** Moves the clock until that has come about. */
function during<Value>({ clock }: ReturnType<typeof stage>, what: Promise<Value>): Promise<Value> {
  return clock.until(what);
}

const failed = (record: JobRecord, message: string) => {
  const claimed = moved(record, { type: 'attempt.claimed', at: 10, worker: 'w1' });
  const started = moved(claimed, { type: 'attempt.started', at: 20, attempt: 1 });
  return moved(started, { type: 'attempt.failed', at: 30, attempt: 1, error: { kind: 'error', message }, spread: 0 });
};

test('lists find jobs by what they are, in order, and follow what becomes of them', async () => {
  const on = setUp();
  const { make, store, caughtUp, ids, shelf, projector } = on;
  const jobs = ['a', 'b', 'c'].map((id, at) =>
    plainJob(id, { createdAt: 1_000 + at, queue: id === 'b' ? 'live' : 'default', tags: [id, 'all'] }),
  );
  const revisions = await make(...jobs);
  await caughtUp();
  expect(ids()).toEqual(['c', 'b', 'a']);
  expect(ids({ sort: 'created' })).toEqual(['a', 'b', 'c']);
  expect(ids({ queue: 'live' })).toEqual(['b']);
  expect(ids({ queue: 'nobody' })).toEqual([]);
  expect(ids({ tag: 'all', createdTo: 1_002 })).toEqual(['b', 'a']);
  const [record] = jobs;
  if (record === undefined) return expect.unreachable();
  const cancelled = moved(record, { type: 'job.cancel', at: 5_000 });
  await during(on, store.write([{ key: 'default.a', expected: revisions[0] ?? 0, record: cancelled }]));
  await caughtUp();
  expect(ids({ state: 'cancelled' })).toEqual(['a']);
  expect(ids({ state: ['cancelled', 'pending'] })).toEqual(['c', 'b', 'a']);
  expect(ids({ sort: '-updated', limit: 1 })).toEqual(['a']);
  expect(shelf.counts('default').toSorted((a, b) => a.queue.localeCompare(b.queue))).toMatchObject([
    { state: 'pending', queue: 'default', count: 1 },
    { state: 'cancelled', queue: 'default', count: 1 },
    { state: 'pending', queue: 'live', count: 1 },
  ]);
  expect(projector.age()).toMatchObject({ behindBy: 0, isBuilding: false });
});

test('words are found in names, tags, errors and payloads, and nothing secret is', async () => {
  const { make, caughtUp, ids } = setUp();
  const payload = {
    input: 'Intro Café.mov',
    auth: { user: 'mia' },
    nested: [{ apiKey: 'k3y', dbPassword: 'hunter2', width: 1920 }],
  };
  await make(
    plainJob('one', { payload, tags: ['night-shift'], name: 'Opening' }),
    failed(plainJob('two', { payload: {} }), 'Unknown encoder h264_nvenc'),
  );
  await caughtUp();
  for (const search of ['intro', 'cafe', 'INTRO mov', '"cafe mov"', 'open*', 'night-shift', '1920', 'one'])
    expect([search, ids({ search })]).toEqual([search, ['one']]);
  expect(ids({ search: 'encoder h264_nvenc' })).toEqual(['two']);
  for (const search of ['hunter2', 'k3y', 'mia', 'intro encoder', '"mov cafe"'])
    expect([search, ids({ search })]).toEqual([search, []]);
  expect(() => ids({ search: '*' })).toThrow('Expected words');
  for (const search of ['" OR "', 'NOT x', 'text:intro', '^intro', "a' --", 'NEAR(a b)'])
    expect(() => ids({ search })).not.toThrow();
});

test('a tenant finds nothing of another one, by no list, search or count', async () => {
  const { make, caughtUp, ids, shelf } = setUp();
  await make(plainJob('mine'), plainJob('theirs', { tenant: 'acme', tags: ['rocket'] }));
  await caughtUp();
  expect(ids()).toEqual(['mine']);
  expect([ids({ search: 'theirs' }), ids({ search: 'rocket' }), ids({ tag: 'rocket' })]).toEqual([[], [], []]);
  expect(ids({ tenant: 'acme', search: 'rocket' })).toEqual(['theirs']);
  expect(shelf.counts('acme')).toMatchObject([{ tenant: 'acme', count: 1 }]);
  expect(ids({ tenant: 'nobody' })).toEqual([]);
});

test('pages that follow one another have each job once, whatever is written meanwhile', async () => {
  const { make, caughtUp, shelf } = setUp();
  const many = Array.from({ length: 25 }, (_, n) => plainJob(`j${n}`, { createdAt: 1_000 + (n % 5) }));
  await make(...many);
  for (const list of [
    {},
    { sort: 'created' },
    { search: 'noop' },
    { search: 'noop', sort: 'created' },
    { state: 'pending' },
  ] as const) {
    await caughtUp();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = shelf.list({ tenant: 'default', limit: 4, ...list, cursor });
      seen.push(...page.keys);
      cursor = page.next;
      await make(
        plainJob(`new-${crypto.randomUUID()}`, { createdAt: 999 }),
        plainJob(`new-${crypto.randomUUID()}`, { createdAt: 2_000 }),
      );
      await caughtUp();
    } while (cursor !== undefined);
    expect(new Set(seen).size).toBe(seen.length);
    expect(many.filter((job) => !seen.includes(jobKey(job)))).toEqual([]);
  }
});

test('a cursor of another list is refused', async () => {
  const { make, caughtUp, ids, shelf } = setUp();
  await make(plainJob('a'), plainJob('b'));
  await caughtUp();
  const { next: cursor } = shelf.list({ tenant: 'default', limit: 1 });
  expect(ids({ cursor })).toEqual(['a']);
  for (const other of [{ cursor, queue: 'default' }, { cursor, tenant: 'acme' }, { cursor: 'nonsense' }])
    expect(() => shelf.list({ limit: 1, tenant: 'default', ...other })).toThrow('Expected the `next`');
});

test('where the stream has lost its end, or forgot jobs, the view is made anew', async () => {
  const on = setUp();
  const { make, store, broker, caughtUp, ids } = on;
  const [first = 0] = await make(plainJob('kept'), plainJob('forgotten'));
  await make(plainJob('lost'));
  await caughtUp();
  expect(ids()).toEqual(['lost', 'kept', 'forgotten']);
  broker.rollBack(1);
  await make(plainJob('instead'));
  await caughtUp();
  expect(ids()).toEqual(['kept', 'instead', 'forgotten']);
  await during(on, store.forget([{ key: 'default.forgotten', revision: first + 1 }]));
  await caughtUp();
  on.projector.start();
  await on.clock.advance(5_000);
  await caughtUp();
  expect(ids()).toEqual(['kept', 'instead']);
  await on.projector.stop();
});

test('what has outlived its time leaves the view', async () => {
  const { shelf, ids } = setUp();
  const record = moved(plainJob('a'), { type: 'job.cancel', at: 1_000 });
  shelf.take([{ kind: 'record', key: 'default.a', revision: 1, record, ttlMs: 60_000 }]);
  shelf.expire(61_000);
  expect(ids()).toEqual(['a']);
  shelf.expire(70_000);
  expect([ids(), ids({ search: 'a' }), shelf.size()]).toEqual([[], [], 0]);
  shelf.take([{ kind: 'record', key: 'default.b', revision: 2, record: plainJob('b') }]);
  shelf.take([{ kind: 'removed', key: 'default.b', revision: 3 }]);
  expect([ids(), shelf.size()]).toEqual([[], 0]);
});
