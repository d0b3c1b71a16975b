import { describe, expect, it } from 'vitest';
import { simulate } from '../../handlers/simulate.ts';
import type { JobDefinition } from '../../runtime/handler.ts';
import { Attempt, issuesOf } from './attempt.ts';
import { StillClock } from './clock.ts';

function typeOf(name: string, clock = new StillClock()): JobDefinition {
  const definition = simulate({ clock }).find(({ type }) => type === name);
  if (!definition) throw new Error(`Expected a type ${name}.`);
  return definition;
}

describe('the simulated types', () => {
  it('are noop, sleeper, flaky and always_fail', () => {
    expect(simulate({ clock: new StillClock() }).map(({ type }) => type)).toEqual([
      'noop',
      'sleeper',
      'flaky',
      'always_fail',
    ]);
  });

  it('a noop job succeeds at once, with a payload or without', async () => {
    await expect(new Attempt(typeOf('noop')).run({})).resolves.toEqual({ attempt: 1 });
    await expect(new Attempt(typeOf('noop')).run(undefined)).resolves.toEqual({ attempt: 1 });
  });

  it('a sleeper takes the time that it was told and tells how far it is', async () => {
    const clock = new StillClock();
    const attempt = new Attempt(typeOf('sleeper', clock));
    const result = attempt.run({ executionTimeMs: 4000 });
    await Promise.resolve();
    clock.pass(3999);
    expect(attempt.reports.at(-1)).toEqual({ percent: 75, etaMs: 1000 });
    expect(clock.timers).toBeGreaterThan(0);
    clock.pass(1);
    await expect(result).resolves.toEqual({ attempt: 1 });
    expect(clock.timers).toBe(0);
  });

  it('a sleeper that is told to stop stops at once and leaves no timer', async () => {
    const clock = new StillClock();
    const attempt = new Attempt(typeOf('sleeper', clock));
    const result = attempt.run({ executionTimeMs: 4000 });
    await Promise.resolve();
    attempt.abort(new Error('cancelled by a person'));
    await expect(result).rejects.toThrow('cancelled by a person');
    expect(clock.timers).toBe(0);
  });

  it.each([
    { attempt: 1, fails: true },
    { attempt: 3, fails: true },
    { attempt: 4, fails: false },
  ])('a flaky job of 3 failures at attempt $attempt fails: $fails', async ({ attempt, fails }) => {
    const result = new Attempt(typeOf('flaky'), { attempt }).run({ failAttempts: 3 });
    if (fails) await expect(result).rejects.toMatchObject({ name: 'JobError', retryable: true });
    else await expect(result).resolves.toEqual({ attempt: 4 });
  });

  it('a fail rate fails the attempts whose chance is below it, and only those', async () => {
    const clock = new StillClock([0.29, 0.31]);
    await expect(new Attempt(typeOf('noop', clock)).run({ failRate: 0.3 })).rejects.toThrow('chance of 0.3');
    await expect(new Attempt(typeOf('flaky', clock)).run({ failRate: 0.3 })).resolves.toEqual({ attempt: 1 });
  });

  it('always_fail fails, for good where the payload says so', async () => {
    const run = (payload: unknown) => new Attempt(typeOf('always_fail')).run(payload);
    await expect(run({})).rejects.toMatchObject({ retryable: true });
    await expect(run({ retryable: false })).rejects.toMatchObject({ retryable: false });
  });

  it.each([
    [{ sleepMs: 5 }, 'got sleepMs'],
    [{ executionTimeMs: -1 }, 'Expected milliseconds'],
    [{ failRate: 2 }, 'Expected a chance from 0 to 1'],
    [{ failAttempts: 1.5 }, 'Expected a whole number'],
  ])('refuses %j with a sentence', async (payload, sentence) => {
    expect((await issuesOf(typeOf('flaky'), payload)).join(' ')).toContain(sentence);
  });
});
