/**
 * What every world must keep to, whatever it is made of: run against the memory world and against a real broker.
 *
 * Two nodes are attached to one broker. A test waits for what it expects to hear; that something is not heard is
 * shown by something else that was sent after it and is.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JobEvent } from '../machines/job.ts';
import { Fault } from '../runtime/faults.ts';
import { headOf } from '../runtime/head.ts';
import type {
  AuditEntry,
  Change,
  Entry,
  JobEventMessage,
  Lease,
  LimitSettings,
  LogLine,
  Notice,
  Offer,
  Pulse,
  QueueSettings,
  Rejection,
  Stop,
  Submission,
  SubmitAck,
  TypeEntry,
  World,
} from '../runtime/ports.ts';
import { type JobRecord, type JobSpec, jobKey, storedAs } from '../runtime/record.ts';
import { newSchedule, type ScheduleRecord, scheduleHead, scheduleKey, scheduleStep } from '../runtime/schedule.ts';
import { born, step } from '../runtime/step.ts';
import { Heard } from './heard.ts';

/** Two nodes on one broker of their own. */
export interface WorldsUnderTest {
  one: World;
  other: World;
  /** Publishes as any client would, on the submit subject of the type. */
  submit(submission: { type: string; tenant?: string; headers?: Record<string, string>; body: string }): Promise<void>;
  end(): Promise<void>;
}

/** A new job. */
export function newJob(id: string, more: Partial<JobSpec> = {}): JobRecord {
  const spec: JobSpec = {
    id,
    tenant: 'default',
    type: 'noop',
    queue: 'live',
    priority: 'high',
    requirements: { gpu: 1, labels: { zone: 'eu' } },
    payload: { text: 'grüße \u{1f682}' },
    timeoutMs: 5_000,
    staleAfterMs: 60_000,
    source: 'test',
    createdAt: 1_700_000_000_000,
    ...more,
  };
  const backoff = { kind: 'fixed', delayMs: 10, jitterMs: 0 } as const;
  return born(spec, { attempt: 0, spent: 0, losses: 0, generation: 1, maxAttempts: 4, maxLosses: 3, backoff });
}

/** The record after `event`, which must have an edge. */
/** A schedule that fires each second. */
export function newTick(more: Partial<ScheduleRecord> = {}): ScheduleRecord {
  const at = 1_700_000_000_000;
  const plan = { kind: 'every', everyMs: 1_000, anchorAt: at } as const;
  const job = { type: 'noop', payload: { text: 'ü' }, options: {} };
  const spec = {
    tenant: 'default',
    name: 'tick',
    plan,
    job,
    misfire: 'once',
    windowMs: 1_000,
    overlap: 'allow',
  } as const;
  return { ...newSchedule(spec, at, at + 1_000), ...more };
}

export function moved(record: JobRecord, event: JobEvent): JobRecord {
  const taken = step(record, event);
  if (!taken.moved) throw new RangeError(`Expected an edge for ${event.type} from ${record.state}.`);
  return taken.record;
}

const claim = { type: 'attempt.claimed', at: 1_700_000_001_000, worker: 'w1' } satisfies JobEvent;
const lease: Lease = { holder: 'm1', name: 'master-1', term: 0, batch: 0 };

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** Declares the suite. */
export function portContract(name: string, makeWorlds: () => Promise<WorldsUnderTest>): void {
  describe(name, () => {
    let worlds: WorldsUnderTest;
    const stops: Stop[] = [];
    beforeEach(async () => {
      worlds = await makeWorlds();
    });
    afterEach(async () => {
      for (const stop of stops.splice(0)) await stop();
      await worlds.end();
    });
    /** Stops it at the end of the test. */
    const kept = async (stop: Promise<Stop>): Promise<void> => void stops.push(await stop);

    /** Creates jobs, one batch, and returns their revisions. */
    async function create(...records: readonly JobRecord[]): Promise<readonly number[]> {
      const entries = records.map((record) => ({ key: jobKey(record), expected: 0, record }));
      const outcome = await worlds.one.store.write(entries);
      if (outcome.kind !== 'accepted')
        throw new RangeError(`Expected to create ${records.length}, got ${outcome.kind}.`);
      return outcome.revisions;
    }

    describe('the bucket of jobs', () => {
      test('keeps a record as it was written, for every node', async () => {
        const record = newJob('a');
        const [revision = 0] = await create(record);
        expect(await worlds.one.store.read('default.a')).toEqual(storedAs(record, revision));
        expect(await worlds.other.store.read('default.a')).toEqual(storedAs(record, revision));
        expect(await worlds.one.store.read('default.b')).toBeUndefined();
      });

      test('tells of each transition by which write it was stored', async () => {
        const [born = 0] = await create(newJob('a'));
        const read = await worlds.one.store.read('default.a');
        const claimed = moved(read?.record ?? newJob('a'), claim);
        const record = moved(claimed, { type: 'attempt.started', at: claim.at, attempt: 1 });
        await create(newJob('b'));
        const outcome = await worlds.one.store.write([{ key: 'default.a', expected: born, record }]);
        const [revision] = outcome.kind === 'accepted' ? outcome.revisions : [];
        const stamps = (await worlds.other.store.read('default.a'))?.record.transitions.map((each) => each.revision);
        expect(stamps).toEqual([born, revision, revision]);
      });

      test('never shares an object with whoever wrote or read it', async () => {
        const record = newJob('a', { tags: ['x'] });
        await create(record);
        record.queue = 'changed';
        const read = await worlds.one.store.read('default.a');
        if (read !== undefined) Reflect.set(read.record, 'queue', 'changed too');
        expect((await worlds.one.store.read('default.a'))?.record.queue).toBe('live');
      });

      test('creates a job once', async () => {
        await create(newJob('a'));
        const again = await worlds.other.store.write([{ key: 'default.a', expected: 0, record: newJob('a') }]);
        expect(again).toEqual({ kind: 'refused', reason: 'conflict' });
      });

      test('changes a record only for who has seen its newest revision', async () => {
        const record = newJob('a');
        const [expected = 0] = await create(record);
        const claimed = moved(record, claim);
        const claimedAs = (revision: number) => storedAs(JSON.parse(JSON.stringify(claimed)), revision).record;
        const first = await worlds.one.store.write([{ key: 'default.a', expected, record: claimed }]);
        expect(first.kind).toBe('accepted');
        const late = moved(record, { ...claim, worker: 'w2' });
        const second = await worlds.other.store.write([{ key: 'default.a', expected, record: late }]);
        expect(second).toEqual({ kind: 'refused', reason: 'conflict' });
        const stored = await worlds.other.store.read('default.a');
        expect(stored?.record).toEqual(claimedAs(stored?.revision ?? 0));
      });

      test('numbers all writes in one line, those of a batch one after the other', async () => {
        const [a = 0, b = 0, c = 0] = await create(newJob('a'), newJob('b'), newJob('c'));
        expect([b - a, c - b]).toEqual([1, 1]);
        const [d = 0] = await create(newJob('d'));
        expect(d).toBeGreaterThan(c);
        expect((await worlds.other.store.state()).lastRevision).toBe(d);
      });

      test('writes all of a batch or nothing', async () => {
        const [expected = 0] = await create(newJob('a'));
        const { lastRevision } = await worlds.one.store.state();
        const outcome = await worlds.one.store.write([
          { key: 'default.b', expected: 0, record: newJob('b') },
          { key: 'default.a', expected: expected + 7, record: newJob('a') },
          { key: 'default.c', expected: 0, record: newJob('c') },
        ]);
        expect(outcome).toEqual({ kind: 'refused', reason: 'conflict' });
        expect(await worlds.one.store.read('default.b')).toBeUndefined();
        expect(await worlds.one.store.read('default.c')).toBeUndefined();
        expect((await worlds.one.store.state()).lastRevision).toBe(lastRevision);
      });

      test('takes large batches, and many at once', async () => {
        const batches = [0, 1, 2, 3].map((batch) =>
          worlds.one.store.write(
            Array.from({ length: 200 }, (_, n) => {
              const record = newJob(`j${batch}-${n}`);
              return { key: jobKey(record), expected: 0, record };
            }),
          ),
        );
        expect((await Promise.all(batches)).map(({ kind }) => kind)).toEqual(Array(4).fill('accepted'));
        expect(await all(worlds.other.store.records())).toHaveLength(800);
      });

      test('keeps the word of where a picture was saved, which is no job, for who has seen the last one', async () => {
        const { store } = worlds.one;
        expect(await worlds.other.store.readPicture()).toEqual({ revision: 0, picture: null });
        const at = { createdAt: 1, revision: 2, savedAt: 3 };
        const picture = { blob: 'here', digest: 'd', version: '1', ...at };
        const told = await store.write([{ key: '_picture', expected: 0, picture }]);
        const [revision = 0] = told.kind === 'accepted' ? told.revisions : [];
        expect(await worlds.other.store.readPicture()).toEqual({ revision, picture });
        const late = { key: '_picture', expected: 0, picture: { ...picture, blob: 'there' } } as const;
        expect(await worlds.other.store.write([late])).toEqual({ kind: 'refused', reason: 'conflict' });
        expect(await all(store.records())).toEqual([]);
        expect(await all(store.changesAfter(0))).toEqual([{ kind: 'other', key: '_picture', revision }]);
      });

      test('keeps what unique keys point to, in a batch with their jobs or not at all, for who has seen the last one', async () => {
        const { store } = worlds.one;
        const [key, record] = ['_unique.default.h', newJob('a')];
        expect(await store.readPointer(key)).toEqual({ revision: 0, pointer: null });
        const pointer = { job: 'a', at: 1 };
        const birth: Entry[] = [
          { key: 'default.a', expected: 0, record },
          { key, expected: 0, pointer },
        ];
        const born = await store.write(birth);
        const [, revision = 0] = born.kind === 'accepted' ? born.revisions : [];
        expect(await worlds.other.store.readPointer(key)).toEqual({ revision, pointer });
        const late: Entry[] = [
          { key: 'default.b', expected: 0, record: newJob('b') },
          { key, expected: 0, pointer: { job: 'b', at: 2 } },
        ];
        expect(await worlds.other.store.write(late)).toEqual({ kind: 'refused', reason: 'conflict' });
        expect(await store.read('default.b')).toBeUndefined();
        const note = { job: 'a', at: 2, source: 'submission:1', contentHash: 'h' };
        await store.write([{ key: '_idem.default.b', expected: 0, pointer: note }]);
        expect((await worlds.other.store.readPointer('_idem.default.b')).pointer).toEqual(note);
        expect(await all(store.uniqueKeys())).toEqual([{ key, revision, pointer }]);
        await store.write([{ key: '_workflow.acme.film', expected: 0, pointer }]);
        await store.write([{ key: '_workflow.default.film', expected: 0, pointer }]);
        expect((await all(store.workflowKeys('acme'))).map((found) => found.key)).toEqual(['_workflow.acme.film']);
        expect(await all(store.workflowKeys())).toHaveLength(2);
        expect(await all(store.workflowKeys('acm'))).toEqual([]);
        expect(await all(store.records())).toHaveLength(1);
        expect((await all(store.changesAfter(0))).map(({ kind }) => kind)).toEqual(['job', ...Array(4).fill('other')]);
        expect(await store.forget([{ key, revision }])).toBe(1);
        expect(await store.readPointer(key)).toEqual({ revision: 0, pointer: null });
      });

      test('lets only one of two win who write the same at once', async () => {
        const [expected = 0] = await create(newJob('a'));
        const contest = [worlds.one, worlds.other].map(({ store }, n) =>
          store.write([{ key: 'default.a', expected, record: moved(newJob('a'), { ...claim, worker: `w${n}` }) }]),
        );
        expect((await Promise.all(contest)).map(({ kind }) => kind).sort()).toEqual(['accepted', 'refused']);
      });

      test('reads many at once, and leaves out what is not there', async () => {
        const [a = 0, b] = await create(newJob('a'), newJob('b'));
        const found = await worlds.other.store.readMany(['default.b', 'default.x', 'default.a']);
        expect([...found.keys()].sort()).toEqual(['default.a', 'default.b']);
        expect(found.get('default.a')).toEqual(storedAs(newJob('a'), a));
        expect(found.get('default.b')?.revision).toBe(b);
        expect((await worlds.one.store.readMany(['default.x'])).size).toBe(0);
      });

      test('lists whole records in the order of their writes, of all tenants or of one, and no leases', async () => {
        await create(newJob('a'), newJob('b'), newJob('a', { tenant: 'acme' }));
        await worlds.one.store.write([{ key: '_leader', expected: 0, lease }]);
        const keys = async (filter?: { tenant: string }) =>
          (await all(worlds.other.store.records(filter))).map(({ record }) => jobKey(record));
        expect(await keys()).toEqual(['default.a', 'default.b', 'acme.a']);
        expect(await keys({ tenant: 'acme' })).toEqual(['acme.a']);
        expect(await keys({ tenant: 'nobody' })).toEqual([]);
      });

      test('forgets keys that are still at the revision that was looked at, without a word, and no others', async () => {
        const [a = 0, b = 0] = await create(newJob('a'), newJob('b'), newJob('c'));
        const claimed = moved(newJob('b'), claim);
        await worlds.one.store.write([{ key: 'default.b', expected: b, record: claimed }]);
        const { keys, lastRevision } = await worlds.one.store.state();
        const forgotten = await worlds.one.store.forget([
          { key: 'default.a', revision: a },
          { key: 'default.b', revision: b },
          { key: 'default.x', revision: 7 },
        ]);
        expect(forgotten).toBe(1);
        expect(await worlds.other.store.state()).toMatchObject({ keys: keys - 1, lastRevision });
        const left = (await all(worlds.other.store.records())).map(({ record }) => jobKey(record));
        expect(left).toEqual(['default.c', 'default.b']);
        expect((await worlds.one.store.write([{ key: 'default.a', expected: 0, record: newJob('a') }])).kind).toBe(
          'accepted',
        );
      });

      test('keeps schedules beside jobs, in the same batches and under the same conditions', async () => {
        const tick = newTick();
        const key = scheduleKey(tick);
        const { store } = worlds.one;
        const made = await store.write([
          { key, expected: 0, schedule: tick },
          { key: 'default.a', expected: 0, record: newJob('a') },
        ]);
        const [revision = 0] = made.kind === 'accepted' ? made.revisions : [];
        expect(await worlds.other.store.readSchedule(key)).toEqual({ schedule: tick, revision });
        expect(await worlds.other.store.readSchedule('_schedule.default.nobody')).toBeUndefined();
        const paused = scheduleStep(tick, { type: 'schedule.paused', at: 1_700_000_000_500 }) ?? tick;
        const late = [{ key, expected: 0, schedule: paused }];
        expect(await store.write(late)).toEqual({ kind: 'refused', reason: 'conflict' });
        await store.write([{ key, expected: revision, schedule: paused }]);
        expect((await all(worlds.other.store.schedules())).map(({ schedule }) => schedule.state)).toEqual(['paused']);
        expect((await all(worlds.other.store.records())).map(({ record }) => record.id)).toEqual(['a']);
        const told = (await all(worlds.other.store.changesAfter(revision))).filter(({ kind }) => kind === 'schedule');
        expect(told).toEqual([{ kind: 'schedule', revision: revision + 2, head: { key, ...scheduleHead(paused) } }]);
      });

      test('knows when it was made, the same for every node', async () => {
        const { createdAt } = await worlds.one.store.state();
        expect(createdAt).toBeGreaterThan(1_600_000_000_000);
        expect((await worlds.other.store.state()).createdAt).toBe(createdAt);
      });
    });

    describe('the lease', () => {
      test('is held by nobody at first', async () => {
        expect(await worlds.one.store.readLease()).toEqual({ revision: 0, lease: null });
      });

      test('goes to one of two who reach for it', async () => {
        const reach = (store: World['store'], holder: string) =>
          store.write([{ key: '_leader', expected: 0, lease: { ...lease, holder } }]);
        const outcomes = await Promise.all([reach(worlds.one.store, 'm1'), reach(worlds.other.store, 'm2')]);
        expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['accepted', 'refused']);
        const held = await worlds.one.store.readLease();
        expect(held.lease?.holder).toBe(outcomes[0]?.kind === 'accepted' ? 'm1' : 'm2');
      });

      test('fences out every write of who no longer holds it', async () => {
        const won = await worlds.one.store.write([{ key: '_leader', expected: 0, lease }]);
        const [expected = 0] = won.kind === 'accepted' ? won.revisions : [];
        const taken = await worlds.other.store.write([{ key: '_leader', expected, lease: { ...lease, holder: 'm2' } }]);
        expect(taken.kind).toBe('accepted');
        const late = await worlds.one.store.write([
          { key: '_leader', expected, lease: { ...lease, batch: 1 } },
          { key: 'default.a', expected: 0, record: newJob('a') },
        ]);
        expect(late).toEqual({ kind: 'refused', reason: 'conflict' });
        expect(await worlds.one.store.read('default.a')).toBeUndefined();
      });

      test('can be given back', async () => {
        const won = await worlds.one.store.write([{ key: '_leader', expected: 0, lease }]);
        const [expected = 0] = won.kind === 'accepted' ? won.revisions : [];
        const back = await worlds.one.store.write([{ key: '_leader', expected, lease: null }]);
        const [revision] = back.kind === 'accepted' ? back.revisions : [];
        expect(await worlds.other.store.readLease()).toEqual({ revision, lease: null });
      });
    });

    describe('what changed', () => {
      test('is told of each key once, by its newest write, in the order of revisions', async () => {
        const [a = 0, b = 0] = await create(newJob('a'), newJob('b'));
        const claimed = moved(newJob('a'), claim);
        await worlds.one.store.write([{ key: 'default.a', expected: a, record: claimed }]);
        await worlds.one.store.write([{ key: '_leader', expected: 0, lease }]);
        expect(await all(worlds.other.store.changesAfter(0))).toEqual([
          { kind: 'job', head: headOf('default.b', b, newJob('b')) },
          { kind: 'job', head: headOf('default.a', b + 1, claimed) },
          { kind: 'lease', revision: b + 2, lease },
        ]);
      });

      test('is told from a revision on, and is nothing where nothing was written since', async () => {
        const [a = 0] = await create(newJob('a'));
        const [b = 0] = await create(newJob('b'));
        const revisions = async (after: number) =>
          (await all(worlds.one.store.changesAfter(after))).map((change) =>
            change.kind === 'job' ? change.head.revision : 0,
          );
        expect(await revisions(a)).toEqual([b]);
        expect(await revisions(b)).toEqual([]);
      });
    });

    describe('the feed', () => {
      test('tells every follower of every write, in order, with what it needs of the record', async () => {
        const [heard, alsoHeard] = [new Heard<Change>(), new Heard<Change>()];
        await kept(worlds.other.feed.follow(heard.add));
        await kept(worlds.one.feed.follow(alsoHeard.add));
        const [a = 0, b = 0] = await create(newJob('a'), newJob('b'));
        const claimed = moved(newJob('a'), claim);
        await worlds.one.store.write([{ key: 'default.a', expected: a, record: claimed }]);
        await worlds.one.store.write([{ key: '_leader', expected: 0, lease }]);
        const tick = newTick();
        await worlds.one.store.write([{ key: scheduleKey(tick), expected: 0, schedule: tick }]);
        const expected: Change[] = [
          { kind: 'job', head: headOf('default.a', a, newJob('a')) },
          { kind: 'job', head: headOf('default.b', b, newJob('b')) },
          { kind: 'job', head: headOf('default.a', b + 1, claimed) },
          { kind: 'lease', revision: b + 2, lease },
          { kind: 'schedule', revision: b + 3, head: { key: scheduleKey(tick), ...scheduleHead(tick) } },
        ];
        expect(await heard.atLeast(5)).toEqual(expected);
        expect(await alsoHeard.atLeast(5)).toEqual(expected);
      });

      test('tells nothing of a batch that was refused, and nothing after it was stopped', async () => {
        const [heard, stopped] = [new Heard<Change>(), new Heard<Change>()];
        await kept(worlds.other.feed.follow(heard.add));
        const stop = await worlds.other.feed.follow(stopped.add);
        const [a = 0] = await create(newJob('a'));
        await stopped.atLeast(1);
        await stop();
        await worlds.one.store.write([
          { key: 'default.x', expected: 0, record: newJob('x') },
          { key: 'default.a', expected: a + 5, record: newJob('a') },
        ]);
        const [b] = await create(newJob('b'));
        const revisions = (await heard.atLeast(2)).map((change) => (change.kind === 'job' ? change.head.revision : 0));
        expect(revisions).toEqual([a, b]);
        expect(stopped.all).toHaveLength(1);
      });
    });

    describe('mail', () => {
      const offer = (key: string, more: Partial<Offer> = {}): Offer => ({
        key,
        revision: 3,
        expiresAt: 1_700_000_005_000,
        ...more,
      });

      test('reaches the worker it is for, in order, with the records in it', async () => {
        const [mine, theirs] = [new Heard<readonly Offer[]>(), new Heard<readonly Offer[]>()];
        await kept(worlds.other.mail.receive('w1', mine.add));
        await kept(worlds.other.mail.receive('w2', theirs.add));
        worlds.one.mail.send('w1', [offer('default.a', { record: newJob('a') }), offer('default.b')]);
        worlds.one.mail.send('w2', [offer('default.z')]);
        worlds.one.mail.send('w1', [offer('default.c')]);
        expect((await mine.atLeast(2)).flat()).toEqual([
          offer('default.a', { record: newJob('a') }),
          offer('default.b'),
          offer('default.c'),
        ]);
        expect((await theirs.atLeast(1)).flat()).toEqual([offer('default.z')]);
      });

      test('says all that it says of an offer, too, whose record is too large to travel', async () => {
        const heard = new Heard<readonly Offer[]>();
        await kept(worlds.other.mail.receive('w1', heard.add));
        const large = { ...newJob('a'), payload: { text: 'x'.repeat(8_000) } };
        const more = { isLimited: true, trace: 'where it is' } as const;
        worlds.one.mail.send('w1', [offer('default.a', { record: large, ...more })]);
        expect((await heard.atLeast(1)).flat()).toMatchObject([offer('default.a', more)]);
      });

      test('waits for a worker that does not listen yet', async () => {
        worlds.one.mail.send('w1', [offer('default.early')]);
        const heard = new Heard<readonly Offer[]>();
        await kept(worlds.other.mail.receive('w1', heard.add));
        expect((await heard.atLeast(1)).flat()).toEqual([offer('default.early')]);
      });
    });

    describe('a pulse', () => {
      const pulse: Pulse = {
        incarnation: 'w1',
        name: 'worker-1',
        host: 'box',
        pid: 7,
        version: '1.0.0',
        status: 'starting',
        capacity: { slots: 2, types: ['noop'], gpu: 0, vramMb: 0, encoders: [], memoryMb: 100, labels: {} },
        declared: [],
        startedAt: 1_700_000_000_000,
        loopLagMs: 0,
        claims: { count: 0, hash: 0 },
        load: { cpuPercent: 1, memoryMb: 50 },
      };

      test('is heard at once and again and again, as it was last updated', async () => {
        const heard = new Heard<Pulse>();
        await kept(worlds.other.pulses.listen(heard.add));
        const beating = await worlds.one.pulses.beat(pulse);
        stops.push(beating.stop);
        const [first] = await heard.atLeast(1);
        expect(first).toEqual({ ...pulse, loopLagMs: first?.loopLagMs });
        beating.update({ ...pulse, status: 'available' });
        await heard.atLeast(heard.all.length + 2);
        expect(heard.all.at(-1)?.status).toBe('available');
      });

      test('is heard no more once it is stopped', async () => {
        const heard = new Heard<Pulse>();
        await kept(worlds.other.pulses.listen(heard.add));
        const quiet = await worlds.one.pulses.beat(pulse);
        await heard.atLeast(1);
        await quiet.stop();
        const loud = await worlds.one.pulses.beat({ ...pulse, incarnation: 'w2' });
        stops.push(loud.stop);
        const last = heard.all.findLastIndex(({ incarnation }) => incarnation === 'w1');
        await heard.atLeast(heard.all.length + 3);
        expect(heard.all.slice(last + 2).map(({ incarnation }) => incarnation)).not.toContain('w1');
      });
    });

    test('who listens to pulses hears, again and again, that it would hear them', async () => {
      const [pulses, echoes] = [new Heard<Pulse>(), new Heard<'echo'>()];
      await kept(worlds.other.pulses.listen(pulses.add, () => echoes.add('echo')));
      await kept(worlds.one.pulses.listen(pulses.add));
      await echoes.atLeast(3);
      expect(pulses.all).toEqual([]);
    });

    describe('a notice', () => {
      test('reaches the worker it is for and nobody else', async () => {
        const [mine, theirs] = [new Heard<Notice>(), new Heard<Notice>()];
        await kept(worlds.other.notices.receive('w1', mine.add));
        await kept(worlds.other.notices.receive('w2', theirs.add));
        worlds.one.notices.send('w1', { verb: 'look', key: 'default.a' });
        worlds.one.notices.send('w2', { verb: 'drain' });
        worlds.one.notices.send('w1', { verb: 'lost' });
        expect(await mine.atLeast(2)).toEqual([{ verb: 'look', key: 'default.a' }, { verb: 'lost' }]);
        expect(await theirs.atLeast(1)).toEqual([{ verb: 'drain' }]);
      });
    });

    describe('the log of a job', () => {
      const line = (text: string): LogLine => ({ at: 5, attempt: 1, stream: 'stdout', line: text });

      test('is read from its beginning, and goes on as it grows until nobody wants more', async () => {
        worlds.one.logs.append('default.a', [line('one'), line('two')]);
        worlds.one.logs.append('default.b', [line('another job')]);
        const enough = new AbortController();
        const heard = new Heard<LogLine>();
        const reading = (async () => {
          for await (const read of worlds.other.logs.read('default.a', { follow: true, signal: enough.signal }))
            heard.add(read);
        })();
        await heard.atLeast(2);
        worlds.one.logs.append('default.a', [line('three — ünïcode')]);
        expect(await heard.atLeast(3)).toEqual([line('one'), line('two'), line('three — ünïcode')]);
        enough.abort();
        await reading;
        expect(await all(worlds.other.logs.read('default.a', { follow: false }))).toEqual(heard.all);
      });

      test('is empty for a job that has said nothing', async () => {
        expect(await all(worlds.one.logs.read('default.silent', { follow: false }))).toEqual([]);
      });
    });

    describe('the audit log', () => {
      const entry = (target: string, tenant = 'default'): AuditEntry => ({
        ...{ at: 5, who: 'ann', door: 'cli', tenant, what: 'job.cancel', target },
        given: '{"reason":"grün"}',
      });

      test('is read from its newest end, in pages, and by tenant', async () => {
        const { auditLog } = worlds.other;
        expect(await auditLog.newest({ limit: 5 })).toEqual([]);
        for (const target of ['a', 'b', 'c']) await worlds.one.auditLog.add(entry(target));
        await worlds.one.auditLog.add({ ...entry('d', 'acme'), refused: 'job.missing' });
        const [first, second, ...more] = await auditLog.newest({ limit: 2 });
        expect(more).toEqual([]);
        expect(first).toEqual({ ...entry('d', 'acme'), refused: 'job.missing', place: expect.any(Number) });
        expect(second).toMatchObject(entry('c'));
        const rest = await auditLog.newest({ limit: 100, before: second?.place });
        expect(rest.map(({ target }) => target)).toEqual(['b', 'a']);
        expect(await auditLog.newest({ limit: 100, tenant: 'acme' })).toEqual([first]);
      });
    });

    describe('events', () => {
      const event = (key: string, n: number): JobEventMessage => ({
        key,
        type: 'noop',
        queue: 'live',
        priority: 'high',
        revision: n,
        transition: { n, at: 9, event: 'attempt.claimed', from: 'pending', to: 'assigned', attempt: 1 },
      });

      test('are heard by who listens to all, and by who listens to that job', async () => {
        const [every, one] = [new Heard<JobEventMessage>(), new Heard<JobEventMessage>()];
        await kept(worlds.other.events.listen({}, every.add));
        await kept(worlds.other.events.listen({ key: 'default.a' }, one.add));
        for (const told of [event('default.b', 1), event('default.a', 2), event('default.a', 3)])
          worlds.one.events.tell(told);
        expect(await every.atLeast(3)).toEqual([event('default.b', 1), event('default.a', 2), event('default.a', 3)]);
        expect(await one.atLeast(2)).toEqual([event('default.a', 2), event('default.a', 3)]);
      });

      test('tell progress by the job', async () => {
        const [every, one] = [new Heard<unknown>(), new Heard<unknown>()];
        await kept(worlds.other.events.listenProgress({}, (key, progress) => every.add([key, progress])));
        await kept(
          worlds.other.events.listenProgress({ key: 'default.b' }, (key, progress) => one.add([key, progress])),
        );
        worlds.one.events.progress('default.a', { at: 1, percent: 10, values: { fps: 25 } });
        worlds.one.events.progress('default.b', { at: 2, message: 'half' });
        expect(await every.atLeast(2)).toEqual([
          ['default.a', { at: 1, percent: 10, values: { fps: 25 } }],
          ['default.b', { at: 2, message: 'half' }],
        ]);
        expect(await one.atLeast(1)).toEqual([['default.b', { at: 2, message: 'half' }]]);
      });

      test('tell the submitter, and no other, what became of a submission', async () => {
        const [mine, theirs] = [new Heard<SubmitAck>(), new Heard<SubmitAck>()];
        await kept(worlds.other.events.listenAck('ref1', mine.add));
        await kept(worlds.other.events.listenAck('ref2', theirs.add));
        const accepted: SubmitAck = { ref: 'ref1', id: 'a', tenant: 'default', state: 'pending' };
        worlds.one.events.ack(accepted);
        worlds.one.events.ack({ ref: 'ref2', tenant: 'default', rejected: 'Expected JSON, got soup.' });
        expect(await mine.atLeast(1)).toEqual([accepted]);
        expect(await theirs.atLeast(1)).toEqual([
          { ref: 'ref2', tenant: 'default', rejected: 'Expected JSON, got soup.' },
        ]);
      });
    });

    describe('the known types', () => {
      test('are told to who asks and to who watches, those there are and those to come', async () => {
        await worlds.one.control.registerType({ type: 'noop', description: 'Nothing.', defaults: {} });
        const heard = new Heard<TypeEntry>();
        await kept(worlds.other.control.watchTypes(heard.add));
        await heard.atLeast(1);
        const better: TypeEntry = { type: 'noop', defaults: { queue: 'batch', timeoutMs: null } };
        await worlds.one.control.registerType(better);
        await worlds.other.control.registerType({ type: 'script', defaults: { maxAttempts: 2 } });
        const told = await heard.atLeast(3);
        expect(told.slice(0, 2)).toEqual([{ type: 'noop', description: 'Nothing.', defaults: {} }, better]);
        const types = await worlds.one.control.types();
        expect([...types].sort((a, b) => (a.type < b.type ? -1 : 1))).toEqual([
          better,
          { type: 'script', defaults: { maxAttempts: 2 } },
        ]);
      });

      test('are none at first', async () => {
        expect(await worlds.one.control.types()).toEqual([]);
      });
    });

    describe('what is set for queues', () => {
      const set = (change: Partial<QueueSettings>) => (before: QueueSettings) => ({ ...before, ...change });

      test('is told to who asks and to who watches, what is set already and each change', async () => {
        await worlds.one.control.changeQueue('batch', set({ paused: true }));
        const heard = new Heard<QueueSettings>();
        await kept(worlds.other.control.watchQueues(heard.add));
        expect(await heard.atLeast(1)).toEqual([{ queue: 'batch', paused: true }]);
        expect(await worlds.other.control.changeQueue('batch', set({ weight: 3 }))).toEqual({
          queue: 'batch',
          paused: true,
          weight: 3,
        });
        expect((await heard.atLeast(2)).at(-1)).toEqual({ queue: 'batch', paused: true, weight: 3 });
        expect(await worlds.one.control.queues()).toEqual([{ queue: 'batch', paused: true, weight: 3 }]);
      });

      test('keeps the changes of all who change one queue at once', async () => {
        const changes = [{ weight: 2 }, { paused: true }, { maxActive: 5 }, { order: 1.5 }];
        await Promise.all(
          changes.map((change, at) =>
            (at % 2 === 0 ? worlds.one : worlds.other).control.changeQueue('batch', set(change)),
          ),
        );
        expect(await worlds.one.control.queues()).toEqual([
          { queue: 'batch', weight: 2, paused: true, maxActive: 5, order: 1.5 },
        ]);
      });
    });

    describe('what is set for limits, tenants and listeners', () => {
      test('is told to who asks and to who watches, by names of several words and of families', async () => {
        await worlds.one.control.limits.change('api.acme.eu', (set) => ({ ...set, maxActive: 2 }));
        const heard = new Heard<LimitSettings>();
        await kept(worlds.other.control.limits.watch(heard.add));
        expect(await heard.atLeast(1)).toEqual([{ limit: 'api.acme.eu', maxActive: 2 }]);
        await worlds.other.control.limits.change('api.*', (set) => ({ ...set, ratePerSecond: 9 }));
        expect(await worlds.one.control.limits.of('api.*')).toEqual({ limit: 'api.*', ratePerSecond: 9 });
        expect(await worlds.one.control.limits.of('api')).toEqual({ limit: 'api' });
        expect((await heard.atLeast(2)).at(-1)).toEqual({ limit: 'api.*', ratePerSecond: 9 });
        await worlds.one.control.limits.change('api.*', (set) => ({ ...set, maxActive: 1 }));
        expect((await heard.atLeast(3)).at(-1)).toEqual({ limit: 'api.*', maxActive: 1, ratePerSecond: 9 });
        expect(await worlds.one.control.limits.all()).toHaveLength(2);
        await worlds.one.control.tenants.change('acme', (set) => ({ ...set, weight: 3 }));
        expect(await worlds.other.control.tenants.all()).toEqual([{ tenant: 'acme', weight: 3 }]);
      });

      test('and who has led, though two write at once', async () => {
        const of = (term: number) => ({ term, name: `m${term}`, incarnation: `i${term}`, since: term });
        expect(await worlds.one.control.terms.all()).toEqual([]);
        const both = [worlds.one, worlds.other].map(({ control }, at) =>
          control.terms.change((terms) => [of(at), ...terms]),
        );
        await Promise.all(both);
        const terms = await worlds.other.control.terms.all();
        expect(terms.toSorted((one, other) => one.term - other.term)).toEqual([of(0), of(1)]);
      });

      test('and how far a listener has come, for the next one of its name', async () => {
        const { bookmarks } = worlds.one.control;
        expect(await bookmarks.of('acme=billing')).toEqual({ bookmark: 'acme=billing', cursor: '', savedAt: 0 });
        await bookmarks.change('acme=billing', (set) => ({ ...set, cursor: '7.1.0', savedAt: 5 }));
        expect(await worlds.other.control.bookmarks.of('acme=billing')).toMatchObject({ cursor: '7.1.0', savedAt: 5 });
      });
    });

    describe('the desk', () => {
      test('answers who asks, from another node', async () => {
        await kept(worlds.one.desk.answer('double', (ask) => ({ doubled: Number(ask) * 2 })));
        await kept(worlds.one.desk.answer('later', async () => 'in the end'));
        expect(await worlds.other.desk.ask('double', 21, 5_000)).toEqual({ doubled: 42 });
        expect(await worlds.other.desk.ask('later', undefined, 5_000)).toBe('in the end');
      });

      test('has no answer where nobody sits, or nobody any more', async () => {
        expect(await worlds.other.desk.ask('anybody', {}, 300)).toBeUndefined();
        const stop = await worlds.one.desk.answer('anybody', () => 'me');
        expect(await worlds.other.desk.ask('anybody', {}, 5_000)).toBe('me');
        await stop();
        expect(await worlds.other.desk.ask('anybody', {}, 300)).toBeUndefined();
      });

      test('hands on every answer, where all are asked', async () => {
        expect(await worlds.other.desk.askAll('who', {}, 300)).toEqual([]);
        await kept(worlds.one.desk.answer('who', () => 'one'));
        await kept(worlds.other.desk.answer('who', () => 'other'));
        await kept(worlds.other.desk.answer('who', () => undefined));
        expect([...(await worlds.other.desk.askAll('who', {}, 5_000))].sort()).toEqual(['one', 'other']);
      });

      test('hands on why a question cannot be answered', async () => {
        const how = () => {
          throw new Fault('job.missing', 'Expected a job a, found none.');
        };
        await kept(worlds.one.desk.answer('broken', how));
        const failed = worlds.other.desk.ask('broken', {}, 5_000);
        await expect(failed).rejects.toMatchObject({ code: 'job.missing', message: 'Expected a job a, found none.' });
      });
    });

    describe('blobs', () => {
      const bytesOf = (text: string) => new TextEncoder().encode(text);
      const read = async (name: string) => {
        const blob = await worlds.other.blobs.get(name);
        return blob === undefined ? undefined : new TextDecoder().decode(blob.bytes);
      };

      test('are kept whole under their names, for every node, until they are replaced or removed', async () => {
        const { blobs } = worlds.one;
        const large = 'grüße '.repeat(300_000);
        const digest = await blobs.put('jobs/default.a: 1', bytesOf(large));
        await blobs.put('other', bytesOf('x'));
        expect(await read('jobs/default.a: 1')).toBe(large);
        expect((await worlds.other.blobs.get('jobs/default.a: 1'))?.digest).toBe(digest);
        expect(await blobs.put('jobs/default.a: 1', bytesOf('new'))).not.toBe(digest);
        expect(await read('jobs/default.a: 1')).toBe('new');
        await blobs.remove('jobs/default.a: 1');
        expect(await read('jobs/default.a: 1')).toBeUndefined();
        expect(await read('other')).toBe('x');
      });

      test('may be empty, and those that were never put are not there', async () => {
        const { blobs } = worlds.one;
        await blobs.put('empty', new Uint8Array());
        expect(await read('empty')).toBe('');
        expect(await read('none')).toBeUndefined();
        await blobs.remove('none');
      });

      test('have equal digests where they are equal, whatever they are called', async () => {
        const { blobs } = worlds.one;
        const digests = await Promise.all(['a', 'b'].map((name) => blobs.put(name, bytesOf('same'))));
        expect(digests[0]).toBe(digests[1]);
        expect(await blobs.put('c', bytesOf('other'))).not.toBe(digests[0]);
      });
    });

    describe('blobs that come in pieces', () => {
      async function* pieces(...sizes: readonly number[]) {
        for (const [at, size] of sizes.entries()) yield new Uint8Array(size).fill(at + 1);
      }
      const whole = async (bytes: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(bytes));

      test('are the same as those that are put at once, however they are cut, with their type', async () => {
        const { blobs } = worlds.one;
        const sizes = [1, 0, 131_071, 131_072, 131_073, 400_000, 5];
        const given = await whole(pieces(...sizes));
        const info = await blobs.putStream('cut', pieces(...sizes), { type: 'video/mp4' });
        expect(info).toMatchObject({ name: 'cut', size: given.length, type: 'video/mp4' });
        expect(info.digest).toBe(await blobs.put('same', given));
        const read = await worlds.other.blobs.getStream('cut');
        expect(read?.info).toEqual(info);
        if (read !== undefined) expect((await whole(read.bytes)).equals(given)).toBe(true);
        expect((await worlds.other.blobs.get('cut'))?.bytes).toHaveLength(given.length);
      });

      test('may be empty, may be many, and are not there where they were not put', async () => {
        const { blobs } = worlds.one;
        expect(await blobs.putStream('none', pieces(), { type: 'a/b' })).toMatchObject({ size: 0 });
        const empty = await worlds.other.blobs.getStream('none');
        if (empty !== undefined) expect(await whole(empty.bytes)).toHaveLength(0);
        const many = Array.from({ length: 70 }, () => 131_072);
        await blobs.putStream('many', pieces(...many), { type: 'a/b' });
        const read = await worlds.other.blobs.getStream('many');
        if (read !== undefined) expect(await whole(read.bytes)).toHaveLength(70 * 131_072);
        expect(await blobs.getStream('never')).toBeUndefined();
      });

      test('leave what was there, and nothing of themselves, where they fail', async () => {
        const { blobs } = worlds.one;
        await blobs.put('kept', new Uint8Array(3));
        const failing = async function* () {
          yield* pieces(300_000, 3_000_000);
          throw new Error('The other end has gone.');
        };
        await expect(blobs.putStream('kept', failing(), { type: 'a/b' })).rejects.toThrow('The other end has gone.');
        expect((await worlds.other.blobs.get('kept'))?.bytes).toHaveLength(3);
        expect(await blobs.removeTorn(Number.MAX_SAFE_INTEGER)).toBe(0);
      });
    });

    describe('lists of blobs', () => {
      const list = async (after = 0) => await Array.fromAsync(worlds.other.blobs.list(after));

      test('have what is said of each, in the order in which they were put, behind a place', async () => {
        const { blobs } = worlds.one;
        const digests: string[] = [];
        for (const name of ['a', 'b', 'a', 'c']) digests.push(await blobs.put(name, new Uint8Array(digests.length)));
        const all = await list();
        expect(all.map(({ name, size, digest }) => [name, size, digest])).toEqual([
          ['b', 1, digests[1]],
          ['a', 2, digests[2]],
          ['c', 3, digests[3]],
        ]);
        expect(await list(all[0]?.place)).toEqual(all.slice(1));
        expect(await worlds.other.blobs.find('a')).toEqual(all[1]);
        await blobs.remove('b');
        expect([await list(), await blobs.find('b')]).toEqual([all.slice(1), undefined]);
        expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).sort());
      });

      test('are empty where there is none, and nothing of what is whole is removed as torn', async () => {
        expect(await list()).toEqual([]);
        await worlds.one.blobs.put('a', new Uint8Array(3));
        expect(await worlds.one.blobs.removeTorn(Number.MAX_SAFE_INTEGER)).toBe(0);
        expect((await worlds.other.blobs.get('a'))?.bytes).toHaveLength(3);
      });
    });

    describe('submissions', () => {
      /** Consumes and remembers each submission; fails as long as `fails` says so. */
      async function consume(world: World, heard: Heard<Submission>, fails: (batch: readonly Submission[]) => boolean) {
        return world.submissions.consume(async (batch) => {
          const failed = fails(batch);
          for (const submission of batch) heard.add(submission);
          if (failed) throw new Error('Not now.');
        });
      }
      const never = () => false;
      const text = ({ body }: Submission) => new TextDecoder().decode(body);

      test('are handed over in order, whole, also those made while nobody consumed', async () => {
        await worlds.submit({ type: 'noop', headers: { Queue: 'live', 'Job-Id': 'a1' }, body: '{"n":1}' });
        await worlds.submit({ type: 'script', tenant: 'acme', body: 'not json' });
        const heard = new Heard<Submission>();
        await kept(consume(worlds.one, heard, never));
        await heard.atLeast(2);
        await worlds.submit({ type: 'noop', body: '{"n":3}' });
        const [first, second, third] = await heard.atLeast(3);
        expect(first).toMatchObject({ tenant: 'default', type: 'noop', deliveries: 1 });
        expect([...(first?.headers ?? [])]).toEqual([
          ['queue', 'live'],
          ['job-id', 'a1'],
        ]);
        expect(second).toMatchObject({ tenant: 'acme', type: 'script', headers: new Map() });
        expect(heard.all.map(text)).toEqual(['{"n":1}', 'not json', '{"n":3}']);
        expect(heard.all.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
        expect(third?.streamCreatedAt).toBe(first?.streamCreatedAt);
        expect(third?.at).toBeGreaterThanOrEqual(first?.at ?? Number.NaN);
        expect(first?.at).toBeGreaterThanOrEqual(first?.streamCreatedAt ?? Number.NaN);
      });

      test('come again where they were not done, and count how often they have come', async () => {
        const heard = new Heard<Submission>();
        await kept(consume(worlds.one, heard, (batch) => batch.some(({ deliveries }) => deliveries === 1)));
        await worlds.submit({ type: 'noop', body: 'a' });
        await heard.atLeast(2);
        expect(heard.all.map(({ sequence, deliveries }) => [sequence, deliveries])).toEqual([
          [1, 1],
          [1, 2],
        ]);
        await worlds.submit({ type: 'noop', body: 'b' });
        await heard.atLeast(4);
        expect(heard.all.map(text)).toEqual(['a', 'a', 'b', 'b']);
      });

      test('that were done do not come again to the next who consumes', async () => {
        const [first, second] = [new Heard<Submission>(), new Heard<Submission>()];
        const stop = await consume(worlds.one, first, never);
        await worlds.submit({ type: 'noop', body: 'a' });
        await worlds.submit({ type: 'noop', body: 'b' });
        await first.atLeast(2);
        await settled(first);
        await stop();
        await worlds.submit({ type: 'noop', body: 'd' });
        await kept(consume(worlds.other, second, never));
        expect((await second.atLeast(1)).map(text)).toEqual(['d']);
      });

      /** Resolves when what was handed over has been acknowledged: the next one comes only after that. */
      async function settled(heard: Heard<Submission>): Promise<void> {
        const count = heard.all.length + 1;
        await worlds.submit({ type: 'noop', body: 'c' });
        await heard.atLeast(count);
        await worlds.one.store.state();
      }

      test('that were rejected are kept with the reason, the newest of them can be read', async () => {
        const rejection = (n: number): Rejection => ({
          at: n,
          subject: 'default/noop',
          sequence: n,
          reason: `Expected JSON, got soup ${n}.`,
          body: 'soup',
          headers: { queue: 'live' },
        });
        expect(await worlds.one.submissions.rejections(10)).toEqual([]);
        for (const n of [1, 2, 3]) await worlds.one.submissions.reject(rejection(n));
        expect(await worlds.other.submissions.rejections(10)).toEqual([1, 2, 3].map(rejection));
        expect(await worlds.other.submissions.rejections(2)).toEqual([2, 3].map(rejection));
        await worlds.other.submissions.reject({ ...rejection(2), reason: 'Once more.' });
        expect(await worlds.other.submissions.rejections(10)).toEqual([1, 2, 3].map(rejection));
      });
    });
  });
}
