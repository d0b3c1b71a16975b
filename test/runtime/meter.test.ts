import { expect, test } from 'vitest';
import { Meter } from '../../runtime/telemetry/meter.ts';
import type { Sample } from '../../runtime/telemetry/sample.ts';
import { createTelemetry } from '../../runtime/telemetry/telemetry.ts';

function measured(role: 'master' | 'worker', read: () => Sample[] = () => []) {
  const telemetry = createTelemetry();
  const meter = new Meter({ telemetry, role, read });
  /** The lines of one metric, without what explains it. */
  const lines = async (name: string) =>
    (await meter.text()).text.split('\n').filter((line) => new RegExp(`^${name}(_bucket|_sum|_count)?[ {]`).test(line));
  return { telemetry, meter, lines };
}

const ended = { key: 'default.a', attempt: 1, type: 'transcode', queue: 'live', outcome: 'completed', ranMs: 1_500 };

test('a counter counts what was told, by its labels, and stands at 0 before', async () => {
  const { telemetry, lines } = measured('worker');
  expect(await lines('yard_attempts_claimed_total')).toEqual(['yard_attempts_claimed_total 0']);
  telemetry.tell('attempt.claimed', { key: 'default.a', attempt: 1 });
  telemetry.tell('attempt.ended', ended);
  telemetry.tell('attempt.ended', { ...ended, outcome: 'failed' });
  telemetry.tell('attempt.ended', ended);
  expect(await lines('yard_attempts_claimed_total')).toEqual(['yard_attempts_claimed_total 1']);
  const all = await lines('yard_attempts_ended_total');
  expect(all.filter((line) => !line.endsWith(' 0'))).toEqual([
    'yard_attempts_ended_total{type="transcode",outcome="completed"} 2',
    'yard_attempts_ended_total{type="transcode",outcome="failed"} 1',
  ]);
});

test('series of a type stand at 0 as soon as a worker brings it, in each lane that was met, and lose nothing later', async () => {
  const { telemetry, lines } = measured('master');
  expect(await lines('yard_jobs_settled_total')).toEqual([]);
  const worker = { incarnation: 'i1', name: 'w1' };
  telemetry.tell('worker.joined', { ...worker, types: 'noop,transcode' });
  const retried = (type: string, queue: string, count: number) =>
    `yard_jobs_retried_total{type="${type}",queue="${queue}",priority="medium"} ${count}`;
  expect(await lines('yard_jobs_retried_total')).toEqual([
    retried('noop', 'default', 0),
    retried('transcode', 'default', 0),
  ]);
  expect(await lines('yard_jobs_settled_total')).toHaveLength(2 * 3);
  const job = { key: 'default.a', type: 'noop', queue: 'live', priority: 'medium' };
  telemetry.tell('job.retried', job);
  telemetry.tell('job.opened', job);
  telemetry.tell('worker.joined', { ...worker, types: 'noop,other' });
  expect(await lines('yard_jobs_retried_total')).toHaveLength(3 * 2);
  expect(await lines('yard_jobs_retried_total')).toContain(retried('noop', 'live', 1));
});

test('a histogram that stood at 0 keeps what it saw when more is met', async () => {
  const { telemetry, lines } = measured('worker');
  telemetry.tell('attempt.ended', ended);
  telemetry.tell('worker.started', { incarnation: 'i1', name: 'w1', types: 'transcode,noop', slots: 1 });
  const all = await lines('yard_attempt_duration_seconds');
  expect(all).toContain('yard_attempt_duration_seconds_count{type="transcode",outcome="completed"} 1');
  expect(all).toContain('yard_attempt_duration_seconds_count{type="noop",outcome="completed"} 0');
});

test('a counter grows by its fact', async () => {
  const { telemetry, lines } = measured('master');
  telemetry.tell('jobs.takenBack', { count: 3 });
  telemetry.tell('jobs.takenBack', { count: 2 });
  expect(await lines('yard_jobs_taken_back_total')).toEqual(['yard_jobs_taken_back_total 5']);
});

test('a histogram is in seconds', async () => {
  const { telemetry, lines } = measured('worker');
  telemetry.tell('attempt.ended', ended);
  const all = await lines('yard_attempt_duration_seconds');
  expect(all).toContain('yard_attempt_duration_seconds_sum{type="transcode",outcome="completed"} 1.5');
  expect(all).toContain('yard_attempt_duration_seconds_bucket{le="1",type="transcode",outcome="completed"} 0');
  expect(all).toContain('yard_attempt_duration_seconds_bucket{le="2.5",type="transcode",outcome="completed"} 1');
});

test('what only a leader knows is absent unless this master leads', async () => {
  const { telemetry, lines } = measured('master');
  const pass = { queued: 0, offered: 0, waiting: 3, workersByStatus: { available: 2 } };
  expect([await lines('yard_types_unserved'), await lines('yard_workers')]).toEqual([[], []]);
  telemetry.tell('types.unserved', { jobs: { exotic: 1 }, types: 1 });
  telemetry.tell('scheduler.pass', { ...pass, reasons: { 'all busy': 2, paused: 1 } });
  telemetry.tell('scheduler.pass', { ...pass, reasons: { 'all busy': 3 } });
  expect(await lines('yard_types_unserved')).toEqual(['yard_types_unserved 1']);
  expect(await lines('yard_jobs_waiting')).toEqual(['yard_jobs_waiting{reason="all busy"} 3']);
  expect(await lines('yard_workers')).toEqual(['yard_workers{status="available"} 2']);
  telemetry.tell('leader.steppedDown', { term: 1, reason: 'asked' });
  for (const name of ['yard_types_unserved', 'yard_jobs_waiting', 'yard_workers'])
    expect(await lines(name)).toEqual([]);
});

test('what was read is there as long as it is read', async () => {
  let read: Sample[] = [
    { name: 'yard_jobs', labels: { state: 'queued' }, value: 7 },
    { name: 'yard_term', value: 4 },
  ];
  const { lines } = measured('master', () => read);
  expect([await lines('yard_jobs'), await lines('yard_term')]).toEqual([
    ['yard_jobs{state="queued"} 7'],
    ['yard_term 4'],
  ]);
  read = [];
  expect([await lines('yard_jobs'), await lines('yard_term')]).toEqual([[], []]);
});

test('a process serves what it can tell, and nothing of others', async () => {
  const [master, worker] = [measured('master'), measured('worker')];
  expect(await master.lines('yard_attempts_claimed_total')).toEqual([]);
  expect(await worker.lines('yard_leader')).toEqual([]);
  expect(await worker.lines('yard_broker_connected')).toHaveLength(1);
});

test('each decision is counted by what it came to, and each result is there from the start', async () => {
  const { telemetry, lines } = measured('master');
  telemetry.tell('job.offered', { key: 'default.a', worker: 'w' });
  telemetry.tell('job.queued', { key: 'default.b', reason: 'all busy' });
  telemetry.tell('job.queued', { key: 'default.c', reason: 'all busy' });
  expect(await lines('yard_scheduler_decisions_total')).toEqual([
    'yard_scheduler_decisions_total{result="offered"} 1',
    'yard_scheduler_decisions_total{result="queued"} 2',
    'yard_scheduler_decisions_total{result="reserved"} 0',
    'yard_scheduler_decisions_total{result="evicted"} 0',
  ]);
});

test('what could not be measured of a transcode is in no metric', async () => {
  const { telemetry, lines } = measured('worker');
  const done = { encoder: 'libx264', source: 'rapl', fps: 50, speed: 2, joules: 40, ssim: 0.99 };
  telemetry.tell('transcode.done', { ...done, vmaf: undefined, efficiency: undefined });
  expect(await lines('yard_transcode_energy_joules')).toContain(
    'yard_transcode_energy_joules_sum{encoder="libx264",source="rapl"} 40',
  );
  expect(await lines('yard_transcode_frames_per_second')).toContain(
    'yard_transcode_frames_per_second_sum{encoder="libx264"} 50',
  );
  expect([await lines('yard_transcode_vmaf_score'), await lines('yard_transcode_pixels_per_joule')]).toEqual([[], []]);
});

test('OpenMetrics names a job for a bucket, and the text format none', async () => {
  const { telemetry, meter } = measured('worker', () => [{ name: 'yard_process_uptime_seconds', value: 3 }]);
  telemetry.tell('attempt.ended', ended);
  const [open, plain] = [await meter.text('openmetrics'), await meter.text()];
  const bucket = 'yard_attempt_duration_seconds_bucket{le="2.5",type="transcode",outcome="completed"} 1';
  expect(open.text.split('\n').find((line) => line.startsWith(bucket))).toContain(' # {job="default.a"} 1.5 ');
  expect(open.text).toContain('yard_attempts_ended_total{type="transcode",outcome="completed"} 1');
  expect(open.text.match(/# EOF/g)).toHaveLength(1);
  expect(open.text).toMatch(/# EOF\n$/);
  expect(open.type).toContain('application/openmetrics-text');
  expect(plain.text.split('\n')).toContain(bucket);
  expect(plain.text).not.toContain('# EOF');
});

test('the names of other schedulers are there where they were asked for, with every value of their labels', async () => {
  const telemetry = createTelemetry();
  const [own, compat] = [false, true].map((compat) => new Meter({ telemetry, role: 'master', read: () => [], compat }));
  const job = { key: 'default.a', type: 'noop', queue: 'default', priority: 'high' };
  telemetry.tell('job.opened', job);
  telemetry.tell('job.retried', job);
  telemetry.tell('job.settled', { ...job, state: 'failed' });
  telemetry.tell('job.settled', { ...job, state: 'completed' });
  telemetry.tell('job.settled', { ...job, state: 'cancelled' });
  expect((await own?.text())?.text).not.toMatch(/^(jobs|tasks)_/m);
  const text = (await compat?.text())?.text.split('\n');
  for (const line of [
    'jobs_scheduled_total 1',
    'jobs_completed_total{status="success"} 1',
    'jobs_completed_total{status="failed"} 1',
    'jobs_failed_total 1',
    'job_retries_total 1',
    'tasks_enqueued_total 1',
    'tasks_succeeded_total{type="noop",priority="high"} 1',
    'tasks_failed_total{type="noop",priority="high"} 1',
    'tasks_reaped_total 0',
  ])
    expect(text).toContain(line);
  const worker = (await new Meter({ telemetry, role: 'worker', read: () => [], compat: true }).text()).text;
  for (const priority of ['high', 'medium', 'low']) {
    expect(worker).toContain(`tasks_dequeued_total{priority="${priority}"} 0`);
    expect(worker).toContain(`enqueue_to_start_seconds_count{priority="${priority}"} 0`);
  }
});
