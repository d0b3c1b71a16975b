/**
 * What users of other schedulers complain of most, each as a story on a whole cluster: who starves whom, workflows that a
 * queue leaves to its handlers, and jobs that wait beside GPUs that are free. Each names the threads that it answers.
 */

import { describe, expect, test } from 'vitest';
import type { JobState } from '../../machines/job.ts';
import type { QueueSettings } from '../../machines/rules/queue.ts';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { workflows } from './person.ts';
import { Simulation, simulation } from './simulation.ts';

/** The jobs in the order in which their first attempts began. */
const begun = (sim: Simulation) => sim.runs.all.filter(({ attempt }) => attempt === 1).map(({ job }) => job);

function many(count: number, submit: (n: number) => string): readonly string[] {
  return Array.from({ length: count }, (_, n) => submit(n + 1));
}

function setQueue(sim: Simulation, queue: string, set: Omit<QueueSettings, 'queue'>): Promise<unknown> {
  return sim.clock.until(sim.broker.world().control.changeQueue(queue, (before) => ({ ...before, ...set })));
}

/** What the leader says of why a job waits. */
async function why(sim: Simulation, id: string): Promise<{ code: string; sentence: string }> {
  const { code, sentence } = Object(await sim.ask('why', `default.${id}`));
  return { code: String(code), sentence: String(sentence) };
}

describe('fairness, priority and starvation', () => {
  // graphile/worker#331, temporalio/temporal#1507
  test('who queues a thousand jobs keeps nobody else waiting for them', async () => {
    const sim = new Simulation({});
    await sim.startMaster();
    await sim.startWorker({ slots: 4 });
    const submit = (tenant: string, n: number) => {
      const id = `${tenant}-${n}`;
      sim.broker.submit({ type: 'sleeper', tenant, body: { executionTimeMs: 100 }, headers: { 'Job-Id': id } });
      return id;
    };
    many(1_000, (n) => submit('flood', n));
    await sim.until('the flood to run', () => begun(sim).length > 40);
    const before = begun(sim).length;
    const few = many(5, (n) => submit('few', n));
    await sim.until('the few to have begun', () => few.every((id) => begun(sim).includes(id)), 5_000);
    const since = begun(sim).slice(before);
    // One of each in turn, after what was under way.
    expect(Math.max(...few.map((id) => since.indexOf(id)))).toBeLessThan(2 * few.length + 8);
  });

  // hibiken/asynq#579 (refused there), #314
  test('what is urgent gets the first slot that gets free, however many wait', () =>
    simulation({}, async (sim) => {
      const low = many(200, () => sim.submit('sleeper', { executionTimeMs: 400 }, { Priority: 'low' }));
      await sim.untilState(low[20] ?? '', 'completed');
      const urgent = sim.submit('noop', {}, { Priority: 'critical' });
      await sim.until('it to be there', () => sim.find(urgent) !== undefined);
      const before = begun(sim).length;
      await sim.untilState(urgent, 'completed', 1_000);
      expect(begun(sim).indexOf(urgent) - before).toBeLessThanOrEqual(1);
    }));

  // hibiken/asynq#1079, and whoever uses strict priorities
  test('what is least urgent comes within the bound of its queue, though more urgent jobs never cease', () =>
    simulation({}, async (sim) => {
      await setQueue(sim, 'default', { agingStepMs: 10_000 });
      await sim.advance(1_000);
      const high = () => sim.submit('sleeper', { executionTimeMs: 1_000 }, { Priority: 'high', Slots: '4' });
      many(3, high);
      const low = sim.submit('noop', {}, { Priority: 'low', Slots: '4' });
      const from = sim.clock.now();
      for (let second = 0; second < 30 && !begun(sim).includes(low); second++) {
        high();
        await sim.advance(1_000);
      }
      // From low to high are two steps; then those go first that are older still.
      const at = (sim.runs.of(low)[0]?.at ?? Number.POSITIVE_INFINITY) - from;
      expect(at).toBeGreaterThan(19_000);
      expect(at).toBeLessThan(20_000 + 5_000);
    }));

  // kubernetes-sigs/kueue#14477: one admission of each queue in a cycle
  test('how many wait in a queue does not slow down how they start', () =>
    simulation({ workers: 0 }, async (sim) => {
      const jobs = many(600, () => sim.submit('sleeper', { executionTimeMs: 5_000 }));
      await sim.until('all to be there', () => jobs.every((id) => sim.find(id) !== undefined));
      for (let n = 0; n < 4; n++) await sim.startWorker({ slots: 50 });
      await sim.until('all slots to be taken', () => begun(sim).length === 200, 1_000);
      await sim.until('the next to have begun', () => begun(sim).length === 400, 6_000);
    }));

  // kubernetes-sigs/kueue#3779, #14543: who was evicted got the room again, and was evicted again
  test('who makes room does not take it back, and nobody makes room in turns for ever', () =>
    simulation({ settings: { schedulerIntervalMs: 500 } }, async (sim) => {
      await setQueue(sim, 'live', { mayEvict: ['batch'], evictAfterMs: 1_000 });
      await setQueue(sim, 'batch', { mayEvict: ['live'], evictAfterMs: 1_000 });
      const long = (executionTimeMs: number) => ({ executionTimeMs, steps: executionTimeMs / 500 });
      const batch = many(12, () => sim.submit('sleeper', long(4_000), { Queue: 'batch' }));
      await sim.until('batch to run', () => begun(sim).length === 4);
      await sim.advance(1_500);
      const live = many(2, () => sim.submit('sleeper', long(10_000), { Queue: 'live', Slots: '4' }));
      await sim.untilState(live[0] ?? '', 'processing', 3_000);
      await sim.untilSettled([...batch, ...live], 90_000);
      const preempted = (ids: readonly string[]) => ids.map((id) => sim.job(id).context.preempted ?? 0);
      expect(preempted(live)).toEqual([0, 0]);
      expect(preempted(batch)).toEqual(batch.map((_, at) => (at < 4 ? 1 : 0)));
      expect(batch.map((id) => sim.job(id).context.spent)).toEqual(batch.map(() => 1));
    }));
});

describe('workflows on top of a queue', () => {
  // hibiken/asynq#640, #729: B must wait for A, and they are pushed together
  test('jobs that are submitted together run in the order of what they wait for, whoever is idle', () =>
    simulation({ workers: 3 }, async (sim) => {
      const sleeper = { type: 'sleeper', payload: { executionTimeMs: 500 } };
      const jobs = {
        last: { ...sleeper, after: ['cut', 'sound'] },
        cut: { type: 'sleeper', each: [{ executionTimeMs: 700 }, { executionTimeMs: 300 }], after: ['probe'] },
        sound: { ...sleeper, after: ['probe'] },
        probe: sleeper,
      };
      await workflows(sim).submit({ id: 'film', jobs });
      await sim.untilSettled();
      const of = (node: string) => sim.job(`film-${node}`);
      const order: readonly [string, readonly string[]][] = [
        ['cut-1', ['probe']],
        ['cut-2', ['probe']],
        ['sound', ['probe']],
        ['last', ['cut-1', 'cut-2', 'sound']],
      ];
      for (const [node, before] of order)
        for (const other of before) expect(of(node).startedAt).toBeGreaterThanOrEqual(of(other).settledAt ?? Infinity);
      const [one = 0, other = 0] = [of('cut-1'), of('cut-2')].map(({ startedAt }) => startedAt);
      expect(Math.abs(one - other)).toBeLessThan(300);
    }));

  // hibiken/asynq#871: "what you generally want is kind of like a state machine inside a queue handler"
  test('jobs of one lane start in the order in which they came, though the leader dies amid them', () =>
    simulation({ masters: 2, workers: 0 }, async (sim) => {
      await sim.startWorker({ slots: 1 });
      const jobs = many(60, () => sim.submit('sleeper', { executionTimeMs: 50 }));
      await sim.until('some to have run', () => begun(sim).length > 20);
      sim.kill(sim.leader);
      await sim.startMaster();
      await sim.untilSettled();
      expect(begun(sim)).toEqual(jobs);
    }));

  // hibiken/asynq#244, #737: a workflow is treated as a unit, seen as one and retried as one
  test('a workflow is one thing: it fails as a whole, is seen as a whole, and goes on from where it failed', () =>
    simulation({ workers: 2 }, async (sim) => {
      const { submit, get, redrive } = workflows(sim);
      const jobs = {
        before: { type: 'noop' },
        moody: { type: 'flaky', payload: { failAttempts: 1 }, options: { maxAttempts: 1 }, after: ['before'] },
        rest: { type: 'noop', each: [{}, {}], after: ['moody'] },
        last: { type: 'noop', after: ['rest'] },
        alarm: { type: 'noop', after: { jobs: ['moody'], need: 'any' as const, when: 'failure' as const } },
      };
      await submit({ id: 'film', jobs });
      await sim.untilSettled();
      expect(await get('film')).toMatchObject({ state: 'failed', byState: { completed: 2, failed: 4 } });
      await redrive('film');
      await sim.untilSettled();
      expect(await get('film')).toMatchObject({ state: 'completed', percent: 100 });
      expect(sim.runs.of('film-before')).toHaveLength(1);
      expect(sim.runs.of('film-last')).toHaveLength(1);
    }));
});

const waiting: readonly JobState[] = ['pending', 'queued'];
const holding: readonly JobState[] = ['assigned', 'processing', 'cancelling'];
const gpusOf = ({ requirements }: JobRecord) => requirements.gpu ?? 0;

/** GPUs that are free on each of these workers, counted from the records alone; none may be had twice. */
function freeGpus(sim: Simulation, workers: ReadonlyMap<string, number>): readonly number[] {
  const free = new Map(workers);
  for (const record of sim.history.jobs().filter(({ state }) => holding.includes(state))) {
    const { worker = '' } = record.context;
    const left = free.get(worker);
    if (left !== undefined) free.set(worker, left - gpusOf(record));
  }
  for (const [worker, left] of free) expect(left, `GPUs of ${worker}`).toBeGreaterThanOrEqual(0);
  return [...free.values()];
}

/** Fails where a job has waited for half a second beside a worker with the GPUs that it needs; tells all that wait. */
function neverBesideRoom(sim: Simulation) {
  const since = new Map<string, number>();
  return (workers: ReadonlyMap<string, number>): readonly string[] => {
    const now = sim.clock.now();
    const most = Math.max(...freeGpus(sim, workers));
    const all = sim.history.jobs();
    for (const record of all) {
      const hasRoom = waiting.includes(record.state) && gpusOf(record) <= most;
      if (!hasRoom) since.delete(record.id);
      else if (!since.has(record.id)) since.set(record.id, now);
      expect(now - (since.get(record.id) ?? now), `ms of ${record.id} beside room`).toBeLessThan(500);
    }
    return all.filter(({ state }) => waiting.includes(state)).map(({ id }) => id);
  };
}

describe('there are free GPUs, why does my job wait?', () => {
  // hashicorp/nomad#25808, kubernetes-sigs/kueue#2391, volcano-sh/volcano#5330
  test('none waits beside a worker that has the GPUs it needs, though workers die; none is had twice', () =>
    simulation({ workers: 0 }, async (sim) => {
      // A job that needs much is kept room for after a while, which is a reason to wait beside free GPUs.
      await setQueue(sim, 'default', { reserveAfterMs: 0 });
      const chance = seeded(7);
      const workers = new Map<string, number>();
      const start = async (gpu: number) => workers.set(await sim.startWorker({ slots: 16, gpu }), gpu);
      for (const gpu of [2, 4, 8]) await start(gpu);
      const look = neverBesideRoom(sim);
      let asked = 0;
      for (let n = 0; n < 300; n++) {
        if (n < 150) {
          const executionTimeMs = 500 + Math.floor(chance() * 4_000);
          const Gpu = String(1 + Math.floor(chance() * 4));
          sim.submit('sleeper', { executionTimeMs }, { Gpu, 'Max-Attempts': '5' });
        }
        if (n === 60) {
          workers.delete('worker-2');
          sim.kill('worker-2');
          await start(4);
        }
        await sim.advance(100);
        const [first] = look(workers);
        if (first === undefined || n % 5 > 0) continue;
        asked++;
        expect((await why(sim, first)).code).toMatch(/^(all busy|offered|next in line)$/);
      }
      expect(asked).toBeGreaterThan(20);
    }));

  // CoreWeave's page "Why is my job PENDING"
  test('each reason is told, and what it says would let the job go, does', () =>
    simulation({ workers: 0 }, async (sim) => {
      await sim.startWorker({ slots: 4, gpu: 2, vramMb: 8_000 });
      await sim.startWorker({ slots: 4, gpu: 2, vramMb: 8_000 });
      const holder = (n: number) =>
        sim.submit('sleeper', { executionTimeMs: 600_000 }, { Gpu: String(n), Timeout: 'none' });
      const first = holder(2);
      await sim.untilState(first, 'processing');
      const second = holder(1);
      await sim.untilState(second, 'processing');

      await setQueue(sim, 'batch', { paused: true });
      const large = sim.submit('noop', {}, { Gpu: '1', Vram: '24000' });
      const both = sim.submit('noop', {}, { Gpu: '2' });
      const paused = sim.submit('noop', {}, { Queue: 'batch', Gpu: '1' });
      const all = [large, both, paused];
      await sim.until('all to be found waiting', () => all.every((id) => sim.find(id)?.state === 'queued'));
      expect(await why(sim, large)).toEqual({
        code: 'no worker has it',
        sentence: expect.stringContaining('24000 MiB of GPU memory. Start one that has'),
      });
      expect(await why(sim, both)).toEqual({
        code: 'all busy',
        sentence: expect.stringContaining('It starts when one has room, or when another one joins.'),
      });
      expect(await why(sim, paused)).toEqual({
        code: 'queue paused',
        sentence: expect.stringContaining('`yard queue resume batch`'),
      });

      // One GPU is free on one worker, so that of the two alone the one that was paused runs.
      await setQueue(sim, 'batch', { paused: false });
      await sim.untilState(paused, 'completed', 11_000);
      expect(sim.runs.of(both)).toEqual([]);
      await sim.cancel(second);
      await sim.untilState(both, 'completed', 1_000);
      expect(sim.runs.of(large)).toEqual([]);
      await sim.startWorker({ gpu: 1, vramMb: 24_000 });
      await sim.untilState(large, 'completed', 1_000);
      await sim.cancel(first);
    }));
});
