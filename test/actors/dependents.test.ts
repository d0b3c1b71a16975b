import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Dependents } from '../../actors/dependents.ts';
import { whyBlocked } from '../../actors/why-blocked.ts';
import type { JobContext } from '../../machines/job.ts';
import type { After } from '../../machines/rules/after.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { born, step } from '../../runtime/step.ts';
import { endedJob, ledBoard } from './led-board.ts';
import { plainJob, specOf } from './stage.ts';

type Scene = ReturnType<typeof scene>;

const dayMs = 24 * 3_600_000;
let on: Scene;

beforeEach(() => {
  on = scene();
});
afterEach(() => on.dependents.stop());

function scene() {
  const led = ledBoard((options) => new Dependents(options));
  return { ...led, dependents: led.actor() };
}

function waiting(id: string, jobs: readonly string[], more: Partial<After> & { at?: number } = {}): JobRecord {
  const { need = 'all', when = 'success', at = on.clock.now() } = more;
  const context: JobContext = { ...plainJob(id).context, blockedBy: jobs };
  return born({ ...specOf(plainJob(id)), createdAt: at, after: { jobs, need, when } }, context);
}

function pending(id: string): JobRecord {
  return born({ ...specOf(plainJob(id)), createdAt: on.clock.now() }, plainJob(id).context);
}

async function settleDown(ms = 100): Promise<void> {
  await on.clock.advance(ms);
}

describe('a job that waits for others', () => {
  beforeEach(() => on.dependents.start());

  test('is ready once the last of them has completed, and within the same turn of news', async () => {
    await on.put(pending('a'));
    await on.put(pending('b'));
    await on.put(waiting('c', ['a', 'b']));
    await on.put(endedJob(pending('a'), 'completed', on.clock.now()));
    await settleDown();
    expect(on.last('c').state).toBe('blocked');
    await on.put(endedJob(pending('b'), 'completed', on.clock.now()));
    await settleDown();
    expect(on.last('c')).toMatchObject({ state: 'pending' });
    expect(on.last('c').context.blockedBy).toBeUndefined();
  });

  test.each([
    ['success', 'completed', 'pending'],
    ['success', 'failed', 'failed'],
    ['success', 'cancelled', 'failed'],
    ['failure', 'completed', 'failed'],
    ['failure', 'failed', 'pending'],
    ['failure', 'cancelled', 'failed'],
    ['end', 'completed', 'pending'],
    ['end', 'failed', 'pending'],
    ['end', 'cancelled', 'pending'],
  ] as const)('for %s, of one that is %s, is %s', async (when, how, state) => {
    await on.put(waiting('b', ['a'], { when }));
    await on.put(pending('a'));
    await on.put(endedJob(pending('a'), how, on.clock.now()));
    await settleDown();
    expect(on.last('b').state).toBe(state);
  });

  test('and can not be reached any more says by which one, and waits for it again once both are redriven', async () => {
    await on.put(pending('a'));
    await on.put(waiting('b', ['a']));
    await on.put(endedJob(pending('a'), 'failed', on.clock.now()));
    await settleDown();
    expect(on.last('b').context.error).toMatchObject({
      kind: 'rejected',
      message:
        'It waited for job a to complete, and that one is failed. Redrive that one where it has failed, then this one.',
    });
    const at = on.clock.now();
    await on.put(step(on.last('a'), { type: 'job.redrive', at }).record);
    await on.put(step(on.last('b'), { type: 'job.redrive', at }).record);
    await settleDown();
    expect(on.last('b').state).toBe('blocked');
    await on.put(endedJob(pending('a'), 'completed', on.clock.now()));
    await settleDown();
    expect(on.last('b').state).toBe('pending');
  });

  test('for any of several is ready once one has completed, whatever became of the others', async () => {
    for (const id of ['a', 'b', 'c']) await on.put(pending(id));
    await on.put(waiting('d', ['a', 'b', 'c'], { need: 'any' }));
    await on.put(endedJob(pending('a'), 'failed', on.clock.now()));
    await settleDown();
    expect(on.last('d').state).toBe('blocked');
    await on.put(endedJob(pending('b'), 'completed', on.clock.now()));
    await settleDown();
    expect(on.last('d').state).toBe('pending');
  });

  test('may come before them: it waits for a day for one that does not exist, and then no more', async () => {
    await on.put(waiting('early', ['a']));
    await on.put(waiting('forlorn', ['never']));
    await on.clock.advance(3_600_000);
    expect(on.last('early').state).toBe('blocked');
    await on.put(pending('a'));
    await on.put(endedJob(pending('a'), 'completed', on.clock.now()));
    await settleDown();
    expect(on.last('early').state).toBe('pending');
    await on.clock.advance(dayMs);
    expect(on.last('forlorn').context.error?.message).toMatch(/^It waited for job never, which does not exist: /);
  });

  test('in a circle fails with it, whoever comes last, and one that merely waits for the circle fails after it', async () => {
    await on.put(waiting('a', ['c']));
    await on.put(waiting('b', ['a']));
    await on.put(waiting('d', ['b']));
    await settleDown();
    await on.put(waiting('c', ['b']));
    await settleDown();
    for (const id of ['a', 'b', 'c'])
      expect(on.last(id).context.error?.message).toMatch(
        /^It waits for itself: \w waits for \w, \w for \w, \w for \w\./,
      );
    expect(on.last('d').context.error?.message).toMatch(/^It waited for job b to complete, and that one is failed\./);
  });

  test('in a circle that is one only since what else would have done has ended fails with it, once that is noted', async () => {
    await on.put(pending('x'));
    await on.put(waiting('a', ['b']));
    await on.put(waiting('b', ['x', 'a'], { need: 'any' }));
    await on.put(endedJob(pending('x'), 'cancelled', on.clock.now()));
    await settleDown();
    for (const id of ['a', 'b']) expect(on.last(id).state).toBe('blocked');
    await on.clock.advance(6 * 60_000);
    for (const id of ['a', 'b']) expect(on.last(id).context.error?.message).toMatch(/^It waits for itself: /);
  });

  test('is let go by a later tick where its news was lost, or the broker was away', async () => {
    await on.put(pending('a'));
    await on.put(waiting('b', ['a']));
    await on.put(waiting('c', ['x']));
    await on.put(endedJob(pending('x'), 'completed', on.clock.now()), { isHeard: false });
    on.goAway(true);
    await on.put(endedJob(pending('a'), 'completed', on.clock.now()));
    await settleDown();
    expect(on.last('b').state).toBe('blocked');
    on.goAway(false);
    await settleDown(11_000);
    expect(on.last('b').state).toBe('pending');
    expect(on.last('c').state).toBe('pending');
  });

  test('notes what has ended long before that is forgotten, and needs it no more then', async () => {
    await on.put(pending('a'));
    await on.put(pending('b'));
    await on.put(waiting('c', ['a', 'b']));
    await on.put(endedJob(pending('a'), 'completed', on.clock.now()));
    await on.clock.advance(4 * 60_000);
    expect(on.last('c').context.blockedBy).toEqual(['a', 'b']);
    await on.clock.advance(2 * 60_000);
    expect(on.last('c').context.blockedBy).toEqual(['b']);
    expect(on.last('c').transitions.map(({ event }) => event)).toEqual(['job.submitted', 'dependency.ended']);
    await on.put(endedJob(pending('b'), 'completed', on.clock.now()));
    await settleDown();
    expect(on.last('c').state).toBe('pending');
  });
});

test('what ended while nobody led is found at the beginning of a term', async () => {
  on.dependents.stop();
  await on.put(pending('a'));
  await on.put(waiting('b', ['a']));
  await on.put(waiting('c', ['d']));
  await on.put(waiting('d', ['c']));
  await on.put(endedJob(pending('a'), 'completed', on.clock.now()));
  await settleDown();
  expect(on.last('b').state).toBe('blocked');
  on.dependents = on.actor();
  on.dependents.start();
  await settleDown();
  expect(on.last('b').state).toBe('pending');
  expect([on.last('c').state, on.last('d').state]).toEqual(['failed', 'failed']);
});

test('why it waits names the others as they stand, and what would let it go', async () => {
  on.dependents.start();
  await on.put(pending('a'));
  await on.put(waiting('b', ['a', 'z'], { need: 'any', when: 'end' }));
  await settleDown();
  const entry = on.board.get('default.b');
  if (entry === undefined) throw new RangeError('Expected b to be on the board.');
  const awaited = await on.clock.until(on.dependents.awaited(entry));
  expect(whyBlocked(entry.rare?.after, awaited)).toEqual({
    code: 'blocked',
    sentence:
      'Waits for any of a (pending), z (not submitted yet) to end. It goes on when one of them does; z may come within a day of this one, `yard submit --id z` does it.',
  });
  expect(whyBlocked(undefined, [{ id: 'a', state: 'processing' }]).sentence).toBe(
    'Waits for a (processing) to complete. It goes on when that one does; `yard job why a` says what keeps it.',
  );
});
