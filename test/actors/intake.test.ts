import { describe, expect, test } from 'vitest';
import type { KnownType } from '../../actors/admission.ts';
import { whole } from '../../actors/aside.ts';
import { type Commit, Committer } from '../../actors/committer.ts';
import { Intake } from '../../actors/intake.ts';
import { Quotas } from '../../actors/quota.ts';
import { Fault } from '../../runtime/faults.ts';
import type { JobDefinition } from '../../runtime/handler.ts';
import type { Head, SubmitAck } from '../../runtime/ports.ts';
import { step } from '../../runtime/step.ts';
import { Meter } from '../../runtime/telemetry/meter.ts';
import { next } from '../../runtime/telemetry/telemetry.ts';
import { entryOf, fates, lastOf, mostOpenAtOnce, stage, written } from './stage.ts';

/** Breaks our own code, unlike input that is merely wrong. */
const breaking: JobDefinition = {
  type: 'breaking',
  payload: {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: () => {
        throw new TypeError('Nobody thought of this.');
      },
    },
  },
  run: () => undefined,
};

async function setUp(around: (commit: Commit) => Commit = (commit) => commit, quota?: number) {
  const on = stage();
  const { clock, world, broker, telemetry } = on;
  const commit = around(new Committer({ store: world.store, clock, telemetry }).commit);
  const types = new Map<string, KnownType>([
    ['noop', { type: 'noop', defaults: {} }],
    ['breaking', { type: 'breaking', defaults: {}, definition: breaking }],
  ]);
  const created: Head[] = [];
  const { submissions, store, blobs, events } = world;
  const count = async () => {
    const { lastRevision: revision } = await store.state();
    const changes = await Array.fromAsync(store.changesAfter(0));
    const open = changes.filter((change) => change.kind === 'job' && change.head.state === 'pending').length;
    return { open, revision };
  };
  const intake = new Intake({
    submissions,
    store,
    blobs,
    events,
    telemetry,
    commit,
    types,
    onCreated: (head) => created.push(head),
    clock,
    quotas: new Quotas({ store, clock, most: () => quota, count }),
  });
  const submit = (id: string, more: { type?: string; body?: unknown; headers?: Record<string, string> } = {}) =>
    broker.submit({ type: more.type ?? 'noop', body: more.body ?? {}, headers: { 'Job-Id': id, ...more.headers } });
  const acks: SubmitAck[] = [];
  const client = broker.world();
  await clock.until(client.events.listenAck('r', (ack) => acks.push(ack)));
  const rejections = async () =>
    (await clock.until(client.submissions.rejections(100))).map(({ headers, reason }) => [headers['job-id'], reason]);
  return { ...on, intake, submit, created, acks, rejections };
}

/** `b` was rejected since `a` is there. It comes again with one that fails, when `a` has ended, and stays so. */
async function expectStaysRejected({
  clock,
  intake,
  submit,
  broker,
  world,
  rejections,
}: Awaited<ReturnType<typeof setUp>>): Promise<void> {
  submit('bad', { type: 'breaking' });
  await clock.until(intake.start());
  await clock.settle();
  expect((await rejections()).map(([id]) => id)).toEqual(['b']);
  const stored = await clock.until(world.store.read('default.a'));
  if (stored === undefined) throw new RangeError('Expected a job, found none.');
  const { record } = step(stored.record, { type: 'job.cancel', at: clock.now() });
  await clock.until(world.store.write([entryOf(record, stored.revision)]));
  await clock.advance(30_000);
  expect((await rejections()).map(([id]) => id)).toEqual(['b', 'bad']);
  expect(written(broker, 'b')).toEqual([]);
}

describe('a submission', () => {
  test('becomes a job, which whoever asked is told of', async () => {
    const { clock, intake, submit, broker, created, acks } = await setUp();
    submit('a', { headers: { Ref: 'r' } });
    await clock.until(intake.start());
    await clock.settle();
    expect(lastOf(broker, 'a').state).toBe('pending');
    expect(created.map(({ key }) => key)).toEqual(['default.a']);
    expect(acks).toEqual([{ ref: 'r', id: 'a', tenant: 'default', state: 'pending' }]);
    expect(broker.submissionsWaiting).toBe(0);
  });

  test('that was taken in before becomes a job again only where the broker has forgotten its job', async () => {
    const { clock, intake, submit, broker, created, rejections, told, telemetry } = await setUp();
    const meter = new Meter({ telemetry, role: 'master', read: () => [] });
    submit('kept');
    submit('wrong', { type: 'nop' });
    await clock.until(intake.start());
    await clock.settle();
    submit('forgotten');
    await clock.settle();
    broker.rollBack(1);
    await clock.until(next(telemetry, 'intake.repeated'));
    await clock.settle();
    expect(created.map(({ key }) => key)).toEqual(['default.kept', 'default.forgotten', 'default.forgotten']);
    expect(lastOf(broker, 'forgotten').state).toBe('pending');
    expect(await rejections()).toHaveLength(1);
    expect(told.filter((event) => event === 'intake.rejected')).toHaveLength(1);
    expect(told.filter((event) => event === 'intake.repeated')).toHaveLength(1);
    const { text } = await meter.text();
    expect(text).toMatch(/^yard_submissions_repeated_total 1$/m);
    expect(/^yard_submissions_accepted_total (.*)$/m.exec(text)?.[1]).toBe(String(created.length));
  });

  test('whose payload lay aside and is forgotten by the broker, though its job is not, is put there again', async () => {
    const { clock, intake, submit, broker, world, telemetry } = await setUp();
    const body = { text: 'x'.repeat(100_000) };
    submit('large', { body });
    await clock.until(intake.start());
    await clock.settle();
    submit('forgotten');
    await clock.settle();
    const record = lastOf(broker, 'large');
    await clock.until(world.blobs.remove(record.aside?.payload?.blob ?? ''));
    broker.rollBack(1);
    await clock.until(next(telemetry, 'intake.repeated'));
    expect((await clock.until(whole(record, world.blobs))).payload).toEqual(body);
    expect(written(broker, 'large')).toHaveLength(1);
  });

  test('whose job is lost while its batch is still open is taken in again with it', async () => {
    const { clock, intake, submit, broker } = await setUp();
    submit('a');
    submit('b');
    broker.chaos = fates('normal', 'silentLost');
    await clock.until(intake.start());
    await clock.settle();
    expect([written(broker, 'a'), written(broker, 'b')].map(({ length }) => length)).toEqual([1, 0]);
    broker.rollBack(1);
    await clock.advance(5_000);
    expect([written(broker, 'a'), written(broker, 'b')].map(({ length }) => length)).toEqual([1, 1]);
  });

  test('that is wrong is rejected with the sentence, which whoever asked is told of', async () => {
    const { clock, intake, submit, acks, rejections } = await setUp();
    submit('a', { type: 'nop', headers: { Ref: 'r' } });
    await clock.until(intake.start());
    await clock.settle();
    const sentence = 'Expected a job type that this cluster knows, got `nop`. Did you mean noop?';
    expect(acks).toEqual([{ ref: 'r', tenant: 'default', rejected: sentence }]);
    expect(await rejections()).toEqual([['a', sentence]]);
  });

  test('that is repeated finds the job that is there', async () => {
    const { clock, intake, submit, broker, acks, rejections } = await setUp();
    await clock.until(intake.start());
    submit('a', { body: { x: 1 } });
    submit('a', { body: { x: 1 }, headers: { Ref: 'r' } });
    await clock.advance(100);
    expect(written(broker, 'a')).toHaveLength(1);
    expect(acks).toEqual([{ ref: 'r', id: 'a', tenant: 'default', state: 'pending' }]);
    expect(await rejections()).toEqual([]);
  });

  test('with the id of another job and other content is rejected', async () => {
    const { clock, intake, submit, broker, rejections } = await setUp();
    await clock.until(intake.start());
    submit('a', { body: { x: 1 } });
    submit('a', { body: { x: 2 } });
    await clock.advance(100);
    expect(lastOf(broker, 'a').payload).toEqual({ x: 1 });
    expect(await rejections()).toEqual([['a', expect.stringContaining('(409)')]]);
  });

  test('that was rejected stays so when it comes again, though what was in its way has settled by then', async () => {
    const on = await setUp();
    for (const id of ['a', 'b']) on.submit(id, { headers: { 'Unique-Key': 'one' } });
    await expectStaysRejected(on);
  });

  test('that gets the number of one that was rejected and lost is no such one', async () => {
    const { clock, intake, submit, broker, rejections } = await setUp();
    submit('wrong', { type: 'nop' });
    await clock.until(intake.start());
    await clock.settle();
    expect((await rejections()).map(([id]) => id)).toEqual(['wrong']);
    broker.rollBack(0, 1);
    await clock.advance(10_000);
    submit('right');
    await clock.advance(10_000);
    expect(lastOf(broker, 'right').state).toBe('pending');
  });

  test('whose write got no answer becomes one job', async () => {
    const { clock, intake, submit, broker, rejections } = await setUp();
    broker.chaos = fates('silentStored', 'silentLost', 'silentLate');
    for (const id of ['a', 'b', 'c']) submit(id);
    await clock.until(intake.start());
    await clock.advance(30_000);
    expect(['a', 'b', 'c'].map((id) => written(broker, id).length)).toEqual([1, 1, 1]);
    expect(await rejections()).toEqual([]);
  });
});

describe('a submission beyond the quota of its tenant', () => {
  test('is rejected with what is open and what to do, which whoever asked is told of', async () => {
    const { clock, intake, submit, broker, acks, rejections } = await setUp(undefined, 2);
    for (const id of ['a', 'b', 'c']) submit(id, { headers: { Ref: 'r' } });
    submit('a');
    await clock.until(intake.start());
    await clock.advance(100);
    const sentence =
      'Expected room for another job of tenant default, got 2 open of 2. Wait until some have ended, cancel some, or raise it with `yard tenant set default --max-open`.';
    expect(await rejections()).toEqual([['c', sentence]]);
    expect(acks.at(-1)).toEqual({ ref: 'r', tenant: 'default', rejected: sentence });
    expect(mostOpenAtOnce(broker.history())).toBe(2);
  });

  test('stays rejected when it comes again, though there is room by then', async () => {
    const on = await setUp(undefined, 1);
    const { clock, submit, broker } = on;
    for (const id of ['a', 'b']) submit(id);
    await expectStaysRejected(on);
    submit('c');
    await clock.advance(100);
    expect(written(broker, 'c')).toHaveLength(1);
  });
});

describe('a submission with which nothing is wrong becomes a job', () => {
  test.each(['broker.unavailable', 'leader.deposed'] as const)(
    'though each of its first deliveries ends with %s',
    async (code) => {
      let failures = 8;
      const { clock, intake, submit, broker, rejections } = await setUp((commit) => (entries) => {
        if (failures-- > 0) return Promise.reject(new Fault(code, 'Not now.'));
        return commit(entries);
      });
      submit('a');
      await clock.until(intake.start());
      await clock.advance(20_000);
      expect(written(broker, 'a')).toHaveLength(1);
      expect(await rejections()).toEqual([]);
    },
  );

  test('though others of its batch break our own code, one after another', async () => {
    const { clock, intake, submit, broker, rejections } = await setUp();
    for (let n = 0; n < 4; n++) submit(`bad-${n}`, { type: 'breaking' });
    submit('a');
    broker.chaos = fates(...Array(3).fill('silentLost'));
    await clock.until(intake.start());
    await clock.advance(60_000);
    expect(written(broker, 'a')).toHaveLength(1);
    expect((await rejections()).map(([id]) => id).sort()).toEqual(['bad-0', 'bad-1', 'bad-2', 'bad-3']);
  });
});

describe('a submission that breaks our own code', () => {
  test('is rejected after some tries, and those before and behind it become jobs', async () => {
    const { clock, intake, submit, broker, rejections } = await setUp();
    for (const id of ['a', 'b']) submit(id);
    submit('bad', { type: 'breaking' });
    for (const id of ['c', 'd']) submit(id);
    await clock.until(intake.start());
    await clock.advance(30_000);
    expect(['a', 'b', 'c', 'd'].map((id) => written(broker, id).length)).toEqual([1, 1, 1, 1]);
    expect(await rejections()).toEqual([['bad', expect.stringContaining('failed each time')]]);
    expect(broker.submissionsWaiting).toBe(0);
  });

  test('does not let what was wrong beside it be rejected again and again', async () => {
    const { clock, intake, submit, rejections } = await setUp();
    submit('wrong', { headers: { Priority: 'urgent' } });
    submit('bad', { type: 'breaking' });
    await clock.until(intake.start());
    await clock.advance(30_000);
    expect(await rejections()).toEqual([
      ['wrong', expect.stringContaining('Expected `Priority`')],
      ['bad', expect.stringContaining('failed each time')],
    ]);
  });

  test('stops nobody behind it, even where those could not be stored at first', async () => {
    const { clock, intake, submit, broker, rejections } = await setUp();
    submit('bad', { type: 'breaking' });
    submit('a');
    broker.chaos = fates(...Array(12).fill('silentLost'));
    await clock.until(intake.start());
    await clock.advance(60_000);
    expect(written(broker, 'a')).toHaveLength(1);
    expect((await rejections()).map(([id]) => id)).toEqual(['bad']);
  });
});

test('after a stop nothing more is taken in', async () => {
  const { clock, intake, submit, broker } = await setUp();
  await clock.until(intake.start());
  await clock.until(intake.stop());
  submit('a');
  await clock.advance(1_000);
  expect(written(broker, 'a')).toEqual([]);
  expect(broker.submissionsWaiting).toBe(1);
});
