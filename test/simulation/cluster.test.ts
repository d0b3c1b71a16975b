import { describe, expect, test } from 'vitest';
import { type Simulation, simulation } from './simulation.ts';

/** When each attempt of a job started, ms since the beginning of the first. */
function gaps(sim: Simulation, id: string): number[] {
  const starts = sim.runs.of(id).map(({ at }) => at);
  return starts.slice(1).map((at, n) => at - (starts[n] ?? 0));
}

const statesOf = (sim: Simulation, id: string) => sim.job(id).transitions.map(({ to }) => to);
const workersOf = (sim: Simulation, id: string) => sim.runs.of(id).map(({ worker }) => worker);

/** A job that takes its time, and the worker that has it. */
async function running(sim: Simulation, headers: Record<string, string> = {}, executionTimeMs = 3_000) {
  const id = sim.submit('sleeper', { executionTimeMs }, headers);
  await sim.untilState(id, 'processing');
  return { id, worker: sim.job(id).context.worker ?? 'nobody' };
}

describe('a job', () => {
  test('runs', () =>
    simulation({}, async (sim) => {
      const id = sim.submit('noop');
      await sim.untilSettled();
      expect(statesOf(sim, id)).toEqual(['pending', 'assigned', 'processing', 'completed']);
    }));

  test('that was submitted while no master ran, runs when one comes', () =>
    simulation({ masters: 0 }, async (sim) => {
      const id = sim.submit('noop');
      await sim.advance(20_000);
      expect(sim.find(id)).toBeUndefined();
      await sim.startMaster();
      await sim.untilState(id, 'completed', 3_000);
    }));

  test('waits for the moment it was put off to', () =>
    simulation({}, async (sim) => {
      const id = sim.submit('noop', {}, { Delay: '10s' });
      await sim.untilSettled();
      const { createdAt, startedAt = 0 } = sim.job(id);
      expect(startedAt - createdAt).toBeGreaterThanOrEqual(10_000);
      expect(startedAt - createdAt).toBeLessThan(10_100);
    }));

  test('that was not started before its expiry does not start any more', () =>
    simulation({ workers: 0 }, async (sim) => {
      const id = sim.submit('noop', {}, { 'Expires-In': '8s' });
      await sim.untilState(id, 'failed');
      expect(sim.job(id).context.error?.kind).toBe('expired');
      await sim.startWorker();
      await sim.advance(10_000);
      expect(sim.runs.all).toEqual([]);
    }));

  test('that fails is tried again when its backoff is over, and no sooner', () =>
    simulation({}, async (sim) => {
      const id = sim.submit('flaky', { failAttempts: 3 }, { Backoff: 'exponential(1s, x2)' });
      await sim.untilState(id, 'completed');
      for (const [n, gap] of gaps(sim, id).entries()) {
        expect(gap).toBeGreaterThanOrEqual(1_000 * 2 ** n);
        expect(gap).toBeLessThan(1_000 * 2 ** n + 100);
      }
      expect(gaps(sim, id)).toHaveLength(3);
    }));

  test('that fails each time comes to the dead letter after its last attempt', () =>
    simulation({}, async (sim) => {
      const id = sim.submit('always_fail', {}, { 'Max-Attempts': '3', Backoff: 'fixed(100ms)' });
      await sim.untilState(id, 'failed');
      expect(sim.runs.of(id).map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    }));

  test('that failed for good is not tried again', () =>
    simulation({}, async (sim) => {
      const id = sim.submit('picky');
      await sim.untilState(id, 'failed');
      expect(sim.runs.of(id)).toHaveLength(1);
    }));

  test('that takes longer than its timeout is stopped and tried again', () =>
    simulation({}, async (sim) => {
      const headers = { Timeout: '2s', 'Max-Attempts': '2', Backoff: 'fixed(1s)' };
      const id = sim.submit('sleeper', { executionTimeMs: 60_000 }, headers);
      await sim.untilState(id, 'failed');
      expect(sim.runs.of(id).map(({ stopped }) => stopped)).toEqual(Array(2).fill(expect.stringContaining('2s')));
      expect(sim.job(id).context.error).toMatchObject({ kind: 'timeout' });
    }));

  test('that gives no sign of life is given up', () =>
    simulation({}, async (sim) => {
      const headers = { 'Stale-After': '3s', 'Max-Attempts': '1' };
      const id = sim.submit('stubborn', { executionTimeMs: 600_000 }, headers);
      await sim.untilState(id, 'failed');
      expect(sim.job(id).context.error?.message).toContain('no sign of life');
      const { startedAt = 0, settledAt = 0 } = sim.job(id);
      expect(settledAt - startedAt).toBeLessThan(3_000 + 10_000 + 200);
    }));

  test('that is cancelled while it waits never runs', () =>
    simulation({ workers: 0 }, async (sim) => {
      const id = sim.submit('noop');
      await sim.untilState(id, 'pending');
      await sim.cancel(id);
      await sim.untilState(id, 'cancelled', 1_000);
      await sim.startWorker();
    }));

  test('that is cancelled while it runs is told to stop', () =>
    simulation({}, async (sim) => {
      const { id } = await running(sim, {}, 60_000);
      await sim.cancel(id);
      await sim.untilState(id, 'cancelled', 1_000);
      expect(sim.runs.of(id)[0]?.stopped).toContain('cancelled');
    }));

  test('that ignores being cancelled is abandoned after its grace, and its slot is free', () =>
    simulation({}, async (sim) => {
      await sim.startWorker({ slots: 1, labels: { small: 'yes' } });
      const id = sim.submit('stubborn', { executionTimeMs: 120_000 }, { Labels: 'small=yes' });
      await sim.untilState(id, 'processing');
      await sim.cancel(id);
      const next = sim.submit('noop', {}, { Labels: 'small=yes' });
      await sim.untilState(id, 'cancelled', 11_000);
      await sim.untilState(next, 'completed', 1_000);
    }));
});

describe('among jobs that wait', () => {
  const slow = { executionTimeMs: 100 };

  test('the better lane goes first, and in a lane who came first', () =>
    simulation({ workers: 0 }, async (sim) => {
      const lanes = [
        ['batch', 'critical'],
        ['default', 'low'],
        ['live', 'low'],
        ['default', 'high'],
        ['live', 'critical'],
        ['other', 'critical'],
      ];
      for (const round of [1, 2])
        for (const [Queue = '', Priority = ''] of lanes)
          sim.submit('sleeper', slow, { Queue, Priority, 'Job-Id': `${Queue}-${Priority}-${round}` });
      await sim.advance(7_000);
      await sim.startWorker({ slots: 1 });
      await sim.untilSettled();
      const order = ['live-critical', 'live-low', 'default-high', 'default-low', 'batch-critical', 'other-critical'];
      expect(sim.runs.all.map(({ job }) => job)).toEqual(order.flatMap((lane) => [`${lane}-1`, `${lane}-2`]));
    }));

  test.each([5, 10, 20, 40])(
    'the urgent are next, even while it is written down that they wait, in %d ms',
    (latencyMs) =>
      simulation({ workers: 0, settings: { schedulerIntervalMs: 50 } }, async (sim) => {
        sim.broker.chaos = { ...sim.broker.chaos, latencyMs: () => latencyMs };
        await sim.startWorker({ slots: 1 });
        const low = Array.from({ length: 6 }, () => sim.submit('sleeper', slow, { Priority: 'low' }));
        await sim.untilState(low[0] ?? '', 'processing');
        const high = Array.from({ length: 6 }, () => sim.submit('sleeper', slow, { Priority: 'high' }));
        await sim.until('the urgent to be there', () => high.every((id) => sim.find(id) !== undefined));
        const before = sim.runs.all.length;
        await sim.untilSettled();
        const jobs = sim.runs.all.map(({ job }) => job);
        const first = jobs.findIndex((job) => high.includes(job));
        expect(jobs.slice(first, first + 6)).toEqual(high);
        expect(first).toBeLessThanOrEqual(before + 1);
      }),
  );

  test('one that no worker can take is queued with the reason within an interval, and lets others pass', () =>
    simulation({}, async (sim) => {
      const id = sim.submit('noop', {}, { Gpu: '1', Priority: 'critical' });
      const other = sim.submit('noop', {}, { Priority: 'low' });
      await sim.untilState(other, 'completed', 1_000);
      await sim.untilState(id, 'queued', 5_100);
      expect(sim.job(id).transitions.at(-1)?.reason).toBe('no worker has it');
      expect(await sim.ask('why', `default.${id}`)).toMatchObject({ code: 'no worker has it', ahead: 0 });
      await sim.advance(20_000);
      expect(sim.runs.of(id)).toEqual([]);
      const gpu = await sim.startWorker({ gpu: 1 });
      await sim.untilState(id, 'completed', 1_000);
      expect(workersOf(sim, id)).toEqual([gpu]);
    }));
});

describe('when a worker', () => {
  test('dies, its job runs elsewhere within five seconds', () =>
    simulation({ workers: 2 }, async (sim) => {
      const { id, worker } = await running(sim);
      sim.kill(worker);
      const at = sim.clock.mono();
      await sim.until('a second attempt', () => sim.runs.of(id).length === 2, 5_000);
      expect(sim.clock.mono() - at).toBeGreaterThan(3_000);
      await sim.untilState(id, 'completed');
      expect(new Set(workersOf(sim, id)).size).toBe(2);
    }));

  test('dies with a job that has taken others with it, the job is quarantined', () =>
    simulation({ workers: 5 }, async (sim) => {
      const id = sim.submit('sleeper', { executionTimeMs: 60_000 }, { 'Max-Attempts': '10' });
      for (let n = 0; n < 3; n++) {
        await sim.untilState(id, 'processing');
        sim.kill(sim.job(id).context.worker ?? '');
        await sim.until('it to be taken back', () => sim.find(id)?.state !== 'processing');
      }
      expect(sim.job(id).state).toBe('failed');
      expect(sim.job(id).context.error?.message).toContain('Quarantined');
    }));

  test('stands still for too long, its job runs elsewhere and its own result is dropped', () =>
    simulation({ workers: 2 }, async (sim) => {
      const { id, worker } = await running(sim);
      sim.freeze(worker);
      await sim.until('a second attempt', () => sim.runs.of(id).length === 2, 6_000);
      sim.thaw(worker);
      await sim.untilState(id, 'completed');
      expect(sim.job(id)).toMatchObject({ context: { attempt: 2, result: { attempt: 2 } } });
    }));

  test('stands still for a moment, nothing is lost', () =>
    simulation({ workers: 2 }, async (sim) => {
      const { id, worker } = await running(sim);
      sim.freeze(worker);
      await sim.advance(2_500);
      sim.thaw(worker);
      await sim.untilState(id, 'completed');
      expect(sim.job(id).context).toMatchObject({ attempt: 1, losses: 0 });
    }));

  test('is cut off, its job runs elsewhere, and its handler is told to stop when it hears again', () =>
    simulation({ workers: 2 }, async (sim) => {
      const { id, worker } = await running(sim, {}, 20_000);
      sim.cut(worker);
      await sim.until('a second attempt', () => sim.runs.of(id).length === 2, 6_000);
      sim.heal(worker);
      await sim.until('the first one to be told', () => sim.runs.of(id)[0]?.stopped !== undefined, 8_000);
      expect(sim.runs.of(id)[0]?.stopped).toContain('no longer holds');
      await sim.untilState(id, 'completed');
    }));

  test('leaves, what it has not finished by its deadline goes to others and costs no attempt', () =>
    simulation({ workers: 2 }, async (sim) => {
      const { id, worker } = await running(sim, {}, 40_000);
      await sim.drain(worker);
      await sim.untilState(id, 'completed', 60_000);
      expect(sim.job(id).context).toMatchObject({ attempt: 2, spent: 1 });
      expect(workersOf(sim, id)).toHaveLength(2);
    }));
});

describe('when the leader', () => {
  test('dies, another one dispatches within a second and a half', () =>
    simulation({ masters: 2 }, async (sim) => {
      await sim.advance(3_000);
      const former = sim.leader;
      sim.kill(former);
      const id = sim.submit('noop');
      await sim.untilState(id, 'completed', 1_500);
      expect(sim.leader).not.toBe(former);
    }));

  test('steps down, another one dispatches at once', () =>
    simulation({ masters: 2 }, async (sim) => {
      await sim.advance(3_000);
      await sim.stop(sim.leader);
      const id = sim.submit('noop');
      await sim.untilState(id, 'completed', 200);
    }));

  test('stands still and wakes, the other one goes on leading', () =>
    simulation({ masters: 2, workers: 2 }, async (sim) => {
      const former = sim.leader;
      const ids = Array.from({ length: 12 }, () => sim.submit('sleeper', { executionTimeMs: 700 }));
      await sim.advance(200);
      sim.freeze(former);
      await sim.advance(3_000);
      const next = sim.leader;
      sim.thaw(former);
      await sim.untilSettled(ids);
      await sim.advance(3_000);
      expect(next).not.toBe(former);
      expect(sim.leader).toBe(next);
      expect(ids.every((id) => sim.runs.of(id).length === 1)).toBe(true);
    }));

  test('is cut off, the other one takes over, and no attempt is lost', () =>
    simulation({ masters: 2, workers: 2 }, async (sim) => {
      const former = sim.leader;
      const { id } = await running(sim, {}, 10_000);
      sim.cut(former);
      await sim.advance(6_000);
      expect(sim.leader).not.toBe(former);
      sim.heal(former);
      await sim.untilState(id, 'completed');
      expect(sim.job(id).context).toMatchObject({ attempt: 1, losses: 0 });
    }));

  test('changes, who retries and who is delayed is not forgotten', () =>
    simulation({ masters: 3 }, async (sim) => {
      const later = sim.submit('noop', {}, { Delay: '5s' });
      const again = sim.submit('flaky', { failAttempts: 1 }, { Backoff: 'fixed(5s)' });
      await sim.untilState(again, 'retrying');
      sim.kill(sim.leader);
      await sim.untilSettled([later, again], 6_000);
    }));
});

describe('when the broker', () => {
  test('is away for ten seconds, what runs goes on, and no attempt is lost', () =>
    simulation({ masters: 2, workers: 3 }, async (sim) => {
      const short = await running(sim, {}, 3_000);
      const long = await running(sim, {}, 30_000);
      sim.broker.stop();
      await sim.advance(10_000);
      sim.broker.start();
      await sim.untilSettled();
      for (const { id } of [short, long]) expect(sim.job(id).context).toMatchObject({ attempt: 1, losses: 0 });
    }));

  test('comes back, jobs that wait are dispatched within a second', () =>
    simulation({ masters: 2 }, async (sim) => {
      const id = sim.submit('noop', {}, { Delay: '3s' });
      await sim.untilState(id, 'scheduled');
      sim.broker.stop();
      await sim.advance(10_000);
      sim.broker.start();
      await sim.untilState(id, 'completed', 3_500);
    }));

  test('loses the end of what it had stored, the cluster goes on from what is left', () =>
    simulation({ masters: 2, workers: 2 }, async (sim) => {
      const ids = Array.from({ length: 8 }, () => sim.submit('noop', {}, { Delay: '2s' }));
      await sim.until('all to be there', () => ids.every((id) => sim.find(id) !== undefined));
      await sim.advance(1_000);
      sim.cutPower({ writes: 3, submissions: 0 });
      sim.broker.start();
      await sim.untilSettled(ids);
    }));
});

describe('in spite of', () => {
  const work = (sim: Simulation) => Array.from({ length: 30 }, (_, n) => sim.submit(n % 3 === 0 ? 'flaky' : 'noop'));

  test('writes whose outcome nobody learns, every job runs to its end', () =>
    simulation(
      { masters: 2, workers: 3, odds: { silentStored: 0.15, silentLate: 0.15, silentLost: 0.15, busy: 0.1 } },
      async (sim) => {
        const ids = work(sim);
        await sim.untilSettled(ids, 300_000);
        expect(ids.map((id) => sim.job(id).state)).toEqual(ids.map(() => 'completed'));
      },
    ));

  test('gaps in the feed, also at its end, no job is overlooked', () =>
    simulation({ masters: 2, workers: 3, odds: { lost: { change: 0.3 } } }, async (sim) => {
      const ids = work(sim);
      await sim.advance(300);
      sim.broker.mute(5);
      ids.push(sim.submit('noop', {}, { Delay: '1s' }));
      await sim.untilSettled(ids, 30_000);
    }));

  test('news, mail and messages that come twice, each attempt runs once', () =>
    simulation(
      { masters: 2, workers: 3, odds: { duplicated: { change: 0.5, mail: 0.5, message: 0.5 }, latencyMs: [0, 30] } },
      async (sim) => {
        const ids = work(sim);
        await sim.untilSettled(ids);
        for (const id of ids) expect(sim.runs.of(id)).toHaveLength(sim.job(id).context.attempt);
      },
    ));

  test('mail and messages that are lost, every job runs', () =>
    simulation({ masters: 2, workers: 3, odds: { lost: { mail: 0.4, message: 0.4 } } }, async (sim) => {
      await sim.untilSettled(work(sim), 180_000);
    }));

  test('replicas that lag, every job runs', () =>
    simulation({ masters: 2, workers: 3, odds: { staleReads: 0.5, staleByAtMost: 30 } }, async (sim) => {
      sim.submit('noop', {}, { Delay: '100ms' });
      await sim.untilSettled(work(sim));
    }));
});

test('a worker that leaves while the cancelling of its job is being written hands back one that is cancelled', () =>
  simulation({ workers: 2, drainDeadlineMs: 300 }, async (sim) => {
    const { id, worker } = await running(sim, {}, 20_000);
    sim.cut(worker);
    await sim.cancel(id);
    const drained = sim.drain(worker);
    await sim.advance(1_000);
    sim.heal(worker);
    await drained;
    await sim.untilState(id, 'cancelled', 3_000);
    expect(sim.job(id).transitions.at(-1)).toMatchObject({
      event: 'attempt.drained',
      from: 'processing',
      to: 'cancelled',
    });
  }));

test('bad input is rejected with a sentence and stops nothing', () =>
  simulation({}, async (sim) => {
    const bad = sim.submit('noop', {}, { Priority: 'urgent' });
    const unknown = sim.submit('nop');
    const good = sim.submit('noop');
    await sim.untilState(good, 'completed', 1_000);
    const reasons = (await sim.rejections()).map(({ headers, reason }) => [headers['job-id'], reason]);
    expect(reasons).toEqual([
      [bad, expect.stringContaining('Expected `Priority` to be critical, high, medium or low, got `urgent`.')],
      [unknown, expect.stringContaining('Did you mean noop?')],
    ]);
  }));
