/**
 * What no panel shows, made to happen a known number of times by a user's means, and counted from records, histories and lists: each
 * metric says so. At the end every name of the catalogue is asked for the test that compares it with what happened.
 */

import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { headers as newHeaders } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { idOfFiring } from '../../actors/scheduled-job.ts';
import { decodeOffers } from '../../nats/codec.ts';
import { names } from '../../nats/names.ts';
import type { JobRecord } from '../../runtime/record.ts';
import type { FiringOutcome, ScheduleRecord } from '../../runtime/schedule.ts';
import { connect, defineJob, type Yard } from '../../sdk/index.ts';
import { moved, newJob } from '../ports.contract.ts';
import { ApiClient } from './api-client.ts';
import { serveOpen } from './cluster.ts';
import type { Shell } from './command.ts';
import { type Bucket, Metered, type Serving, says } from './metered.ts';
import { partsOf, scraped } from './scraped.ts';

const payload = z.object({});
const inRoom = { labels: { room: 'one' } };
const isIn = (state: string) => (record: JobRecord) => record.state === state;

/** Offers that lay in mail, of whatever worker. */
let offers = 0;
let on: Metered;
let bucket: Bucket;
let yard: Yard;
let shell: Shell;
let master: Serving;
let worker: Serving;
const release = Promise.withResolvers<void>();

const definitions = [
  defineJob({ type: 'quick', payload, run: () => 'done' }),
  defineJob({
    type: 'patient',
    payload,
    run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  }),
  defineJob({ type: 'stubborn', payload, run: () => release.promise }),
];

const old = Array.from({ length: 6 }, (_, n) => `long-gone-${n}`);

beforeAll(async () => {
  on = await Metered.open();
  bucket = await on.bucket();
  for (const id of old) {
    const record = moved(newJob(id), { type: 'job.cancel', at: 1_700_000_000_001 });
    await bucket.write({ key: `default.${id}`, expected: 0, record });
  }
  await on.playGpus('0, NVIDIA A10, 23028, 18211, 93, 64, 142.07\n1, Tesla T4, 15360, 512, 7, 33, 9.81\n');
  bucket.connection.subscribe(names().allWork, {
    callback: (_, { data }) => {
      offers += decodeOffers(data).length;
    },
  });
  master = await on.master();
  worker = await on.worker(definitions, { concurrency: 2, labels: 'room=one' });
  on.atEnd(async () => release.resolve());
  [yard, shell] = [await on.yard(), on.shell()];
});

afterAll(async () => {
  await on?.[Symbol.asyncDispose]();
});

test('a submission is accepted where a job was made of it, once, and rejected where it is put aside', async () => {
  const { connection } = bucket;
  const submit = (body: string, id: string) => {
    const headers = newHeaders();
    headers.set('Job-Id', id);
    connection.publish('yard.submit.quick', body, { headers });
  };
  for (const id of ['taken-in-1', 'taken-in-2', 'taken-in-3']) submit('{}', id);
  await bucket.until('taken-in-3', isIn('completed'));
  submit('{}', 'taken-in-3');
  submit('not json', 'wrong-body');
  submit('{}', 'taken-in-4');
  await bucket.until('taken-in-4', isIn('completed'));
  const made = (await bucket.records()).filter(({ source }) => source.startsWith('submission:'));
  expect(made).toHaveLength(4);
  await says(master, 'yard_submissions_accepted_total', made.length);
  await says(master, 'yard_submissions_rejected_total', (await yard.rejected(10)).length);
  await says(master, 'yard_submissions_repeated_total', 0);
});

describe('schedules', () => {
  const seen: ScheduleRecord[] = [];
  const counted = (outcome: FiringOutcome) => seen.reduce((sum, { counts }) => sum + counts[outcome], 0);

  async function once(name: string, isSo: (schedule: ScheduleRecord) => boolean): Promise<ScheduleRecord> {
    const look = async () => {
      const schedule = await yard.schedules.get(name);
      return schedule !== undefined && isSo(schedule);
    };
    await expect.poll(look, { message: name }).toBe(true);
    return await yard.schedules.pause(name);
  }

  test('fire, late by so much, and skip while the job of the last firing is open', async () => {
    await yard.schedules.add('ticking', {
      ...{ every: '1s', overlap: 'skip', type: 'quick', payload: {} },
      options: { labels: { room: 'none' } },
    });
    await yard.schedules.run('ticking');
    seen.push(await once('ticking', ({ counts }) => counts.fired >= 1 && counts.skipped >= 1));
    expect(counted('fired')).toBeGreaterThan(0);
    await says(master, 'yard_schedule_skipped_total', counted('skipped'));
  });

  test('miss what nobody could fire in time', async () => {
    await yard.schedules.add('hourly', { cron: '0 * * * *', misfire: 'skip', type: 'quick', payload: {} });
    const key = '_schedule.default.hourly';
    const stored = await bucket.store.readSchedule(key);
    if (stored === undefined) throw new Error('Expected the schedule to be there.');
    const { schedule, revision: expected } = stored;
    const nextAt = (schedule.context.nextAt ?? 0) - 5 * 3_600_000;
    await bucket.write({ key, expected, schedule: { ...schedule, context: { ...schedule.context, nextAt } } });
    seen.push(await once('hourly', ({ counts }) => counts.missed > 0));
    // The last one may have been in time, in the first seconds of an hour.
    expect(counted('missed')).toBeGreaterThanOrEqual(4);
    await says(master, 'yard_schedule_missed_total', counted('missed'));
  });

  test('are refused where another job has the id of their firing', async () => {
    const from = Math.ceil(yard.now() / 1_000) * 1_000;
    const ids = Array.from({ length: 30 }, (_, second) => idOfFiring('refusing', from + second * 1_000));
    await yard.submitMany(ids.map((id) => ({ type: 'quick', payload: {}, options: { id } })));
    await yard.schedules.add('refusing', { cron: '* * * * * *', type: 'quick', payload: {} });
    seen.push(await once('refusing', ({ counts }) => counts.refused >= 1));
    await says(master, 'yard_schedule_refused_total', counted('refused'));
    expect(counted('refused')).toBeGreaterThan(0);
  });

  test('are as late as their histories say, those that were run by hand left out', async () => {
    const histories = await Promise.all(seen.map(({ name }) => yard.schedules.history(name)));
    const fired = histories.flat().filter(({ outcome, byHand }) => outcome === 'fired' && byHand !== true);
    expect(histories.flat().some(({ byHand }) => byHand === true)).toBe(true);
    await says(master, 'yard_schedule_firings_total', fired.length);
    const served = await scraped(master);
    expect(served.get('yard_schedule_lateness_seconds_count')).toBe(fired.length);
    const lateMs = fired.reduce((sum, { at, decidedAt }) => sum + decidedAt - at, 0);
    expect(served.get('yard_schedule_lateness_seconds_sum')).toBeCloseTo(lateMs / 1_000, 6);
    const within = (bound: number) => fired.filter(({ at, decidedAt }) => decidedAt - at <= bound * 1_000).length;
    for (const bound of [0.01, 0.1, 1, 10])
      expect(served.get(`yard_schedule_lateness_seconds_bucket{le="${bound}"}`)).toBe(within(bound));
  });
});

describe('room', () => {
  test('is made by a job that is evicted, counted by both queues', async () => {
    await yard.queues.set('batch', { evictAfterMs: 1_000 });
    const batch = await yard.submit('patient', {}, { queue: 'batch', slots: 2, ...inRoom });
    await bucket.until(batch.id, isIn('processing'));
    await yard.queues.set('live', { mayEvict: ['batch'] });
    const live = await yard.submit('quick', {}, { queue: 'live', ...inRoom });
    await bucket.until(live.id, isIn('completed'));
    const { attempts } = await bucket.until(batch.id, (record) => record.attempts[0]?.outcome === 'preempted');
    expect(attempts.length).toBeGreaterThan(0);
    await yard.cancel(batch.id);
    await bucket.until(batch.id, isIn('cancelled'));
    await says(master, 'yard_jobs_evicted_total{queue="batch",byQueue="live"}', 1);
    await says(master, 'yard_jobs_reserved_total', 0);
  });

  test('is kept for a job that needs much and has waited for long', async () => {
    await yard.queues.set('wide', { reserveAfterMs: 1_000 });
    const holder = await yard.submit('patient', {}, { queue: 'wide', ...inRoom });
    await bucket.until(holder.id, isIn('processing'));
    const wide = await yard.submit('quick', {}, { queue: 'wide', slots: 2, ...inRoom });
    const why = async () => (await yard.why(wide.id))?.sentence;
    await expect.poll(why).toContain('keeps the next room for it');
    await says(master, 'yard_jobs_reserved_total', 1);
    await holder.cancel();
    await bucket.until(wide.id, isIn('completed'));
    await bucket.until(holder.id, isIn('cancelled'));
  });
});

test('a handler that does not stop within its grace is abandoned, and counted by its worker', async () => {
  const jobs = await yard.submitMany(Array.from({ length: 2 }, () => ({ type: 'stubborn', payload: {} })));
  for (const { id } of jobs) await bucket.until(id, isIn('processing'));
  for (const { id } of jobs) await yard.cancel(id);
  for (const { id } of jobs) await bucket.until(id, isIn('cancelled'));
  await says(worker, 'yard_attempts_abandoned_total', jobs.length);
});

describe('workers', () => {
  const flags = (name: string) => ['--name', name, '--types', 'sleeper', '--metrics-port', 'free'];

  test('join, leave in good order, and fall silent', async () => {
    const [leaving, dying] = ['worker-leaving', 'worker-dying'].map((name) => shell.start('worker', ...flags(name)));
    await Promise.all([leaving?.says('worker.started'), dying?.says('worker.started')]);
    await says(master, 'yard_worker_slots{worker="worker-dying"}', 12);
    leaving?.signal('SIGTERM');
    await leaving?.ended;
    dying?.signal('SIGKILL');
    const statuses = async () => (await yard.workers()).map(({ status }) => status).sort();
    await expect.poll(statuses).toEqual(['available', 'lost', 'offline']);
    await says(master, 'yard_workers_joined_total', 3);
    await says(master, 'yard_workers_left_total', 1);
    await says(master, 'yard_workers_lost_total', 1);
    for (const [status, count] of [
      ['available', 1],
      ['lost', 1],
      ['offline', 1],
    ] as const)
      await says(master, `yard_workers{status="${status}"}`, count);
  });

  test('that are gone have no room and no load, and who left is asked for metrics no more', async () => {
    const series = [...(await scraped(master)).keys()].filter((each) => each.startsWith('yard_worker_'));
    expect(series.filter((each) => each.includes('worker-leaving'))).toEqual([]);
    expect(series.filter((each) => each.includes('worker-dying'))).toEqual([
      'yard_worker_silent_seconds{worker="worker-dying"}',
    ]);
    const http = await serveOpen(() => connect({ servers: on.broker.url }));
    const { json } = await new ApiClient(() => http.url).ask('/v1/prometheus/targets');
    await http.close();
    const asked = z.array(z.object({ labels: z.object({ process: z.string() }) })).parse(json);
    expect(asked.map(({ labels }) => labels.process).sort()).toEqual(['master-one', 'worker-dying', 'worker-one']);
  });

  test('that come back under the name of one that was killed are as they are, and no sum of both', async () => {
    const back = shell.start('worker', ...flags('worker-dying'));
    await back.says('worker.started');
    await says(master, 'yard_worker_slots{worker="worker-dying"}', 12);
    const silent = async () => (await scraped(master)).get('yard_worker_silent_seconds{worker="worker-dying"}');
    const lost = (await yard.workers()).find(({ status }) => status === 'lost');
    await expect.poll(silent).toBeLessThan((lost?.heardMsAgo ?? 0) / 2_000);
    back.signal('SIGTERM');
    await back.ended;
  });

  test('are deaf where their mailbox gives nothing out', async () => {
    const { consumers } = await jetstreamManager(bucket.connection);
    const { work } = names().streams;
    for await (const { name } of consumers.list(work))
      if (name.startsWith(`worker_${worker.incarnation}_`))
        await consumers.pause(work, name, new Date(Date.now() + 3_600_000));
    const { id } = await yard.submit('quick', {}, inRoom);
    await bucket.until(id, isIn('completed'));
    await says(master, 'yard_workers_deaf_total', 1);
  });
});

describe('what was edited by hand', () => {
  test('is repaired, and counted by what was wrong', async () => {
    const edit = async (id: string, with_: (record: JobRecord) => JobRecord) => {
      await yard.submit('quick', {}, { id, delay: '1h' });
      const stored = await bucket.store.read(`default.${id}`);
      if (stored === undefined) throw new Error('Expected the job to be there.');
      await bucket.write({ key: `default.${id}`, expected: stored.revision, record: with_(stored.record) });
    };
    const settled = (record: JobRecord) => ({ ...record, settledAt: 1 });
    const claimed = ({ context, ...record }: JobRecord) => ({ ...record, context: { ...context, worker: 'nobody' } });
    await edit('edited-by-hand-1', settled);
    await edit('edited-by-hand-2', settled);
    await edit('edited-by-hand-3', claimed);
    for (const id of ['edited-by-hand-1', 'edited-by-hand-2'])
      await bucket.until(id, ({ settledAt }) => settledAt === undefined);
    await bucket.until('edited-by-hand-3', ({ context }) => context.worker === undefined);
    await says(master, 'yard_repairs_total{what="settled and open"}', 2);
    await says(master, 'yard_repairs_total{what="worker without a claim"}', 1);
  });

  test('beyond repair is counted too, and listed by an audit', async () => {
    const kv = await new Kvm(bucket.connection).open(names().buckets.jobs);
    for (const id of ['beyond-repair-1', 'beyond-repair-2']) await kv.put(`default.${id}`, 'no record');
    await says(master, 'yard_unrepaired_total{what="cannot be read"}', 2);
    expect((await yard.audit()).jobs.unreadable).toBe(2);
    for (const id of ['beyond-repair-1', 'beyond-repair-2']) await kv.purge(`default.${id}`);
  });
});

test('a job is counted as queued once for each visit that its record tells of', async () => {
  const nowhere = { labels: { room: 'none' } };
  await yard.submitMany(Array.from({ length: 5 }, () => ({ type: 'quick', payload: {}, options: nowhere })));
  const queued = async () =>
    (await bucket.records()).flatMap(({ transitions }) => transitions).filter(({ to }) => to === 'queued').length;
  const differs = async () => {
    const counted = await queued();
    const served = await scraped(master);
    const byResult = served.get('yard_scheduler_decisions_total{result="queued"}');
    return [counted >= 5, served.get('yard_jobs_queued_total') === counted, byResult === counted];
  };
  await expect.poll(differs).toEqual([true, true, true]);
});

test('a job is counted as offered each time that it lies in mail', async () => {
  const served = async () => {
    const now = await scraped(master);
    return [now.get('yard_jobs_offered_total'), now.get('yard_scheduler_decisions_total{result="offered"}')];
  };
  await expect.poll(async () => (await served()).map((each) => each === offers)).toEqual([true, true]);
  expect(offers).toBeGreaterThan(10);
});

test('jobs that retention forgot are counted', async () => {
  const left = async () => (await bucket.store.readMany(old.map((id) => `default.${id}`))).size;
  await expect.poll(left).toBe(0);
  await says(master, 'yard_jobs_forgotten_total', old.length);
});

test('the store is as full as the broker says, by the bound that it was given', async () => {
  const { streams } = await jetstreamManager(bucket.connection);
  const { jobs } = names().streams;
  expect((await scraped(master)).has('yard_store_used_ratio')).toBe(false);
  await streams.update(jobs, { max_bytes: 4_194_304 });
  const differsBy = async () => {
    const ratio = (await scraped(master)).get('yard_store_used_ratio');
    const { state } = await streams.info(jobs);
    return Math.abs((ratio ?? Number.NaN) - state.bytes / 4_194_304);
  };
  await expect.poll(differsBy).toBeLessThan(0.02);
});

test('each process says which version it is, for how long it has lived, and how its clock is', async () => {
  const { version } = z.object({ version: z.string() }).parse((await import('../../package.json')).default);
  for (const [role, who] of [
    ['master', master],
    ['worker', worker],
  ] as const) {
    const served = await scraped(who);
    expect(served.get(`yard_build_info{version="${version}",role="${role}"}`)).toBe(1);
    expect(Math.abs((served.get('yard_process_uptime_seconds') ?? 0) - process.uptime())).toBeLessThan(5);
    expect(served.get('yard_process_failures_total')).toBe(0);
  }
  // One machine, one clock.
  expect(Math.abs((await scraped(master)).get('yard_clock_skew_seconds') ?? Number.NaN)).toBeLessThan(0.5);
});

test('GPUs are as their driver says, and the master hears of them from the worker', async () => {
  await says(worker, 'yard_gpu_memory_used_bytes{gpu="0"}', 18_211 * 1_048_576);
  await says(worker, 'yard_gpu_memory_used_bytes{gpu="1"}', 512 * 1_048_576);
  await says(master, 'yard_worker_gpu_ratio{worker="worker-one"}', 0.5);
});

test('no label of any series is or holds the id of a job, of a life of a process, or of an attempt', async () => {
  const jobs = await bucket.records();
  const incarnations = [...(await yard.workers()), ...(await yard.masters())].map(({ incarnation }) => incarnation);
  const attempts = jobs.flatMap(({ attempts }) => attempts.map(({ worker }) => worker));
  const ids = [...new Set([...jobs.map(({ id }) => id), ...incarnations, ...attempts])];
  expect(ids.length).toBeGreaterThan(40);
  const series = await Promise.all(
    [master, worker].flatMap((who) => ['text/plain', 'application/openmetrics-text'].map((as) => scraped(who, as))),
  );
  const labels = series.flatMap((each) => [...each.keys()]).flatMap((each) => partsOf(each).labels);
  expect(new Set(labels.map(([label]) => label)).size).toBeGreaterThan(10);
  const namesOne = ([label, value]: readonly [string, string]) =>
    label === 'attempt' || ids.some((id) => value.includes(id));
  expect(labels.filter(namesOne)).toEqual([]);
  expect(partsOf(`yard_jobs{state="of ${worker.incarnation}"}`).labels.filter(namesOne)).toHaveLength(1);
});
