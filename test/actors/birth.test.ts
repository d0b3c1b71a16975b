import { describe, expect, test } from 'vitest';
import type { Request } from '../../actors/admission.ts';
import { admit, formerKeyOf } from '../../actors/admission.ts';
import { Births } from '../../actors/birth.ts';
import { Committer } from '../../actors/committer.ts';
import { act } from '../../actors/verb.ts';
import type { JobEvent } from '../../machines/job.ts';
import type { UniqueOptions } from '../../machines/rules/unique.ts';
import { messageOf } from '../../runtime/faults.ts';
import { jobKey } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';
import { fates, lastOf, mostOpenAtOnce, stage } from './stage.ts';

const types = new Map([['noop', { type: 'noop', defaults: {} }]]);
const failure: JobEvent = {
  type: 'attempt.failed',
  at: 2,
  attempt: 1,
  spread: 0,
  error: { kind: 'error', message: 'no', retryable: false },
};

/** A cluster's births, by any number of doors, each with a world of its own. */
function setUp() {
  const on = stage();
  const { clock, broker, telemetry } = on;
  const door = () => {
    const world = broker.world();
    const { commit } = new Committer({ store: world.store, clock, telemetry });
    return { world, clock, commit, births: new Births({ ...world, commit, clock }) };
  };
  const one = door();
  let count = 0;
  const request = (more: Partial<Request['options']> = {}, unique: UniqueOptions = {}): Request => ({
    tenant: 'default',
    type: 'noop',
    payload: { n: 1 },
    options: { ...more, unique: { key: 'k', ...unique } },
    source: `direct:test-${++count}`,
    fallbackId: `job-${count}`,
    at: clock.now(),
  });
  /** What a submission comes to, in a few words. */
  const begin = async (of: Request, by = one): Promise<string> => {
    try {
      const born = await by.births.create(await admit(of, types), { formerKey: formerKeyOf(of) });
      return `${born.kind} ${born.kind === 'coalesced' ? born.id : born.record.id}`;
    } catch (cause) {
      return `refused: ${messageOf(cause)}`;
    }
  };
  const submit = (of: Request) => clock.until(begin(of));
  /** Moves a job on by these events, as workers do. */
  const move = async (id: string, ...events: readonly JobEvent[]) => {
    for (const event of events) {
      const stored = await clock.until(one.world.store.read(`default.${id}`));
      if (stored === undefined) throw new RangeError(`Expected ${id}.`);
      const { record } = step(stored.record, event);
      await clock.until(one.commit([{ key: jobKey(record), expected: stored.revision, record }]));
    }
  };
  const claim: JobEvent = { type: 'attempt.claimed', at: 1, worker: 'w' };
  const start: JobEvent = { type: 'attempt.started', at: 1, attempt: 1 };
  const run = (id: string) => move(id, claim, start);
  const complete = (id: string) =>
    move(id, claim, start, { type: 'attempt.completed', at: 2, attempt: 1, result: null });
  const fail = (id: string) => move(id, claim, start, failure);
  return { ...on, ...one, door, request, begin, submit, run, complete, fail };
}

describe('a job with a unique rule', () => {
  test('is refused where another one is open, with a sentence that names it; once that has settled it is born', async () => {
    const { submit, request, complete } = setUp();
    expect(await submit(request())).toBe('created job-1');
    expect(await submit(request())).toBe(
      'refused: Expected no other job like it, got one: job job-1, which is pending, holds the unique key of key k (409). See `yard job get job-1`.',
    );
    expect(await submit(request({}, { key: 'another' }))).toBe('created job-3');
    await complete('job-1');
    expect(await submit(request())).toBe('created job-4');
  });

  test('is born once of fifty that come at once by several doors, whose answers are lost', async () => {
    const { clock, broker, door, request, begin } = setUp();
    broker.chaos = fates('silentStored', 'silentLost', 'silentLate', 'busy', 'silentStored');
    const doors = [door(), door(), door()];
    const all = Promise.all(Array.from({ length: 50 }, (_, n) => begin(request(), doors[n % 3])));
    const outcomes = await clock.until(all);
    expect(outcomes.filter((outcome) => !outcome.startsWith('refused'))).toHaveLength(1);
    expect(mostOpenAtOnce(broker.history())).toBe(1);
  });

  test('takes the place of one that waits, in one write, and not of one that runs', async () => {
    const { submit, request, run, broker } = setUp();
    const replace = { onConflict: 'replace' } as const;
    expect(await submit(request({}, replace))).toBe('created job-1');
    expect(await submit(request({}, replace))).toBe('created job-2');
    expect(lastOf(broker, 'job-1')).toMatchObject({ state: 'cancelled' });
    expect(lastOf(broker, 'job-1').transitions.at(-1)).toMatchObject({ reason: 'replaced by job-2' });
    expect(mostOpenAtOnce(broker.history())).toBe(1);
    await run('job-2');
    expect(await submit(request({}, replace))).toMatch(
      /^refused: .*job-2, which is processing.* Only a job that waits/,
    );
  });

  test('replaces the last one, however many come at once', async () => {
    const { clock, broker, door, request, begin } = setUp();
    broker.chaos = fates('silentStored', 'normal', 'silentLost', 'silentStored');
    const doors = [door(), door(), door()];
    const come = Array.from({ length: 12 }, (_, n) => begin(request({}, { onConflict: 'replace' }), doors[n % 3]));
    const outcomes = await clock.until(Promise.all(come));
    expect(outcomes.filter((outcome) => outcome.startsWith('refused'))).toEqual([]);
    expect(mostOpenAtOnce(broker.history())).toBe(1);
    const states = come.map((_, n) => lastOf(broker, `job-${n + 1}`).state);
    expect(states.filter((state) => state === 'cancelled')).toHaveLength(11);
  });

  test('is one with the open one where it coalesces, and a repeat finds the same though that has settled', async () => {
    const { submit, request, complete, broker } = setUp();
    const coalesce = { onConflict: 'coalesce' } as const;
    expect(await submit(request({}, coalesce))).toBe('created job-1');
    expect(await submit(request({ id: 'named' }, coalesce))).toBe('coalesced job-1');
    broker.chaos = fates('silentStored');
    expect(await submit(request({ id: 'other' }, coalesce))).toBe('coalesced job-1');
    await complete('job-1');
    expect(await submit(request({ id: 'named' }, coalesce))).toBe('coalesced job-1');
    expect(await submit(request({ id: 'other' }, coalesce))).toBe('coalesced job-1');
    expect(await submit(request({ id: 'named', name: 'changed' }, coalesce))).toMatch(/^refused: .*other content.*409/);
    expect(await submit(request({}, coalesce))).toBe('created job-7');
  });

  test('comes not before its period is over, though the one before has completed', async () => {
    const { submit, request, complete, clock } = setUp();
    const rule = { periodMs: 60_000 };
    expect(await submit(request({}, rule))).toBe('created job-1');
    await complete('job-1');
    await clock.advance(20_000);
    expect(await submit(request({}, rule))).toMatch(/^refused: .*completed.* The key is held for another 40s/);
    await clock.advance(41_000);
    expect(await submit(request({}, rule))).toBe('created job-3');
  });

  test('that is unique while it waits lets the next one in as soon as it is claimed, and its retry takes nothing back', async () => {
    const { submit, request, run } = setUp();
    const rule = { while: 'waiting' } as const;
    expect(await submit(request({}, rule))).toBe('created job-1');
    expect(await submit(request({}, rule))).toMatch(/^refused/);
    await run('job-1');
    expect(await submit(request({}, rule))).toBe('created job-3');
  });

  test('is the same by type, or by type and payload, in any order of its fields', async () => {
    const { submit, request } = setUp();
    const options = { unique: { by: 'type+payload' } as const };
    expect(await submit({ ...request(), payload: { a: 1, b: 2 }, options })).toBe('created job-1');
    expect(await submit({ ...request(), payload: { b: 2, a: 1 }, options })).toMatch(
      /^refused: .*type noop and its payl/,
    );
    expect(await submit({ ...request(), payload: { a: 2 }, options })).toBe('created job-3');
    const byType = { unique: { by: 'type' } as const };
    expect(await submit({ ...request(), payload: { a: 1 }, options: byType })).toBe('created job-4');
    expect(await submit({ ...request(), payload: { a: 2 }, options: byType })).toMatch(/^refused/);
  });
});

describe('a redrive of a job with a unique rule', () => {
  test('is refused where another one has its place, and takes it again where nobody has', async () => {
    const { submit, request, fail, complete, world, clock, commit } = setUp();
    const redrive = () =>
      clock.until(
        act({ world, clock, commit }, 'default.job-1', { verb: 'redrive' }).then(({ state }) => state, messageOf),
      );
    await submit(request());
    await fail('job-1');
    expect(await submit(request())).toBe('created job-2');
    expect(await redrive()).toMatch(
      /^Expected no other job in the place of job-1, got one: job job-2, which is pending/,
    );
    await complete('job-2');
    expect(await redrive()).toBe('pending');
    expect(await submit(request())).toMatch(/^refused: .*job-1, which is pending/);
  });

  test('and a birth at the same moment leave one of the two open', async () => {
    for (const first of ['redrive', 'birth']) {
      const { submit, begin, request, fail, clock, broker, door } = setUp();
      await submit(request());
      await fail('job-1');
      const [one, other] = [door(), door()];
      const redrive = () => act(one, 'default.job-1', { verb: 'redrive' }).then(({ state }) => state, messageOf);
      const birth = () => begin(request(), other);
      const both = first === 'redrive' ? [redrive(), birth()] : [birth(), redrive()];
      const outcomes = await clock.until(Promise.all(both));
      expect(outcomes.filter((outcome) => /^(pending|created)/.test(outcome))).toHaveLength(1);
      expect(mostOpenAtOnce(broker.history())).toBe(1);
    }
  });
});

describe('an idempotency key', () => {
  const plain = (request: Request, more: Partial<Request>): Request => ({
    ...request,
    options: { idempotencyKey: 'order-7' },
    ...more,
  });

  test('finds the job of the same content; other content, and another type too, is a conflict', async () => {
    const { submit, request } = setUp();
    const first = await submit(plain(request(), {}));
    expect(first).toMatch(/^created idem-/);
    expect(await submit(plain(request(), {}))).toBe(first.replace('created', 'found'));
    expect(await submit(plain(request(), { payload: { n: 2 } }))).toMatch(/^refused: .*\(409\)/);
    types.set('other', { type: 'other', defaults: {} });
    expect(await submit(plain(request(), { type: 'other' }))).toMatch(/^refused: .*\(409\)/);
    expect(await submit(plain(request(), { tenant: 'another' }))).toMatch(/^created/);
  });

  test('finds the job that version 0.1 made under it', async () => {
    const { submit, request, commit, clock } = setUp();
    const of = plain(request(), {});
    const record = await clock.until(admit(of, types));
    const key = formerKeyOf(of) ?? '';
    const id = key.slice('default.'.length);
    await clock.until(commit([{ key, expected: 0, record: { ...record, id, source: 'direct:before' } }]));
    expect(await submit(plain(request(), {}))).toBe(`found ${id}`);
    expect(await submit(plain(request(), { payload: { n: 2 } }))).toMatch(/^refused: .*\(409\)/);
  });
});
