/**
 * The curl lines that the pages of two other schedulers print, run as they are but for host and port, against a whole cluster
 * with `--http-compat`. Where a page waits by the clock, this waits for the job.
 */

import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSettings } from '../../cluster/settings.ts';
import { type Cluster, startCluster } from '../../cluster/up.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { type HttpOptions, serveHttp } from '../../doors/http/serve.ts';
import { connect, type JobState, type TokenGiven, type Yard } from '../../sdk/index.ts';
import { type Scratch, scratch } from '../nats/broker.ts';

let folder: Scratch;
let cluster: Cluster;
let yard: Yard;
let url: string;

beforeAll(async () => {
  folder = await scratch();
  const ports = { port: 'free', mqttPort: 'free', monitorPort: 'free', httpPort: 'free', metricsPort: 'off' };
  const flags = {
    ...ports,
    data: folder.path,
    workers: 2,
    concurrency: 4,
    httpCompat: true,
    types: 'noop,sleeper,flaky,always_fail',
  };
  cluster = await startCluster({
    options: readSettings({ flags, env: {}, directory: folder.path }, 'up'),
    restart: false,
  });
  url = cluster.httpUrls[0] ?? '';
  yard = await connect({ servers: cluster.url });
});

afterAll(async () => {
  await yard.close();
  await cluster.stop();
  await folder[Symbol.asyncDispose]();
});

/** What a line of the shell prints; both pages' addresses are this cluster's. */
function shell(line: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const here = line.replaceAll(/(?:http:\/\/)?localhost:80[08]0/g, url);
  return new Promise((resolve, reject) => {
    execFile('bash', ['-c', here], { env: { ...process.env, ...env }, timeout: 30_000 }, (error, out, talk) => {
      if (error === null) resolve(out);
      else reject(new Error(`Expected ${here} to succeed, it said: ${talk}${out}`));
    });
  });
}

async function json(line: string, env?: Readonly<Record<string, string>>) {
  return JSON.parse(await shell(line, env));
}

/** Resolves once the job is in this state. */
async function comesTo(id: string, state: JobState, attempt = 1): Promise<void> {
  for await (const step of yard.watch(id)) if (step.to === state && step.attempt >= attempt) return;
  expect.unreachable(`Expected ${id} to come to ${state}.`);
}

const oneJob = `curl -s "http://localhost:8000/jobs/$JOB_ID" | jq`;
const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('the lab', () => {
  test('exercise 1: jobs are pending, run, and complete; five more print their ids; the stats are there', async () => {
    const created = await json(`curl -s -X POST http://localhost:8000/jobs \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "my-first-job",
    "job_type": "immediate",
    "payload": {"action": "compute", "value": 42},
    "execution_time_ms": 2000
  }' | jq`);
    expect(created).toMatchObject({
      ...{ id: expect.any(String), name: 'my-first-job', job_type: 'immediate', created_at: iso, scheduled_at: iso },
      ...{ payload: { action: 'compute', value: 42 }, completed_at: null, max_retries: 3, error_message: null },
    });
    expect(['pending', 'running']).toContain(created.status);
    const five = await shell(`for i in {1..5}; do
  curl -s -X POST http://localhost:8000/jobs \\
    -H "Content-Type: application/json" \\
    -d "{
      \\"name\\": \\"batch-job-$i\\",
      \\"job_type\\": \\"immediate\\",
      \\"execution_time_ms\\": 1000
    }" | jq -r '.id'
done`);
    const ids = [created.id, ...five.trim().split('\n')];
    expect(new Set(ids).size).toBe(6);
    for (const id of ids) await yard.settled(id);
    expect(await json(oneJob, { JOB_ID: created.id })).toMatchObject({
      status: 'completed',
      attempt: 1,
      completed_at: iso,
    });
    expect(await json('curl -s http://localhost:8000/stats | jq')).toEqual({
      ...{ queue_length: 0, active_workers: 2 },
      jobs_by_status: { completed: 6 },
    });
    const list = await json('curl -s http://localhost:8000/jobs?status=completed');
    expect(list.map(({ id }: { id: string }) => id).sort()).toEqual(ids.toSorted());
    expect(await json('curl -s "http://localhost:8000/jobs?status=running&job_type=delayed"')).toEqual([]);
  });

  test('exercise 2: a delayed job is pending until its moment, which the answer says', async () => {
    const created = await json(`curl -s -X POST http://localhost:8000/jobs \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "delayed-notification",
    "job_type": "delayed",
    "delay_seconds": 10,
    "payload": {"message": "This runs after 10 seconds"}
  }' | jq`);
    expect(created).toMatchObject({ status: 'pending', job_type: 'delayed', attempt: 0, started_at: null });
    expect(Date.parse(created.scheduled_at) - Date.parse(created.created_at)).toBe(10_000);
    expect(await json(`curl -s -X DELETE http://localhost:8000/jobs/${created.id}`)).toEqual({
      ...{ message: 'Job cancelled', job_id: created.id },
    });
    expect(await json(`${oneJob} .status`, { JOB_ID: created.id })).toBe('cancelled');
    const printed = await shell(`JOB_ID=$(curl -s -X POST http://localhost:8000/jobs \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "timed-job",
    "job_type": "delayed",
    "delay_seconds": 15
  }' | jq -r '.id')

echo "Created job: $JOB_ID"
curl -s "http://localhost:8000/jobs/$JOB_ID" | jq -c '{status, scheduled_at, started_at}'`);
    const [said = '', polled = ''] = printed.split('\n');
    expect(JSON.parse(polled)).toEqual({ status: 'pending', scheduled_at: iso, started_at: null });
    const id = said.replace('Created job: ', '');
    await yard.retry(id).catch(() => undefined);
    await yard.settled(id);
    expect(await json(`${oneJob} '{status, scheduled_at, started_at}'`, { JOB_ID: id })).toMatchObject({
      ...{ status: 'completed', started_at: iso },
    });
  });

  test('exercise 3: a job whose worker is killed runs on another one, where theirs stayed for ever', async () => {
    const created = await json(`JOB_ID=$(curl -s -X POST http://localhost:8000/jobs \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "long-running-job",
    "job_type": "immediate",
    "execution_time_ms": 30000,
    "max_retries": 3
  }' | jq -r '.id')
curl -s "http://localhost:8000/jobs/$JOB_ID"`);
    const JOB_ID = created.id;
    await comesTo(JOB_ID, 'processing');
    const first = await json(`${oneJob} '{status, worker_id, attempt, started_at, completed_at}'`, { JOB_ID });
    expect(first).toEqual({
      ...{ status: 'running', worker_id: expect.any(String), attempt: 1, started_at: iso, completed_at: null },
    });
    const workers = await json('curl -s http://localhost:8000/workers | jq');
    expect(workers).toHaveLength(2);
    const holder = workers.find(({ worker_id: id }: { worker_id: string }) => id === first.worker_id);
    expect(holder).toMatchObject({ health: 'active', current_job_id: JOB_ID, last_heartbeat: iso });
    await cluster.kill(holder.name);
    await comesTo(JOB_ID, 'processing', 2);
    const second = await json(`${oneJob} '{status, worker_id, attempt, error_message}'`, { JOB_ID });
    expect(second).toMatchObject({ status: 'running', attempt: 2, error_message: expect.stringContaining('lost') });
    expect(second.worker_id).not.toBe(first.worker_id);
    await yard.cancel(JOB_ID);
    await yard.settled(JOB_ID);
    await cluster.add('worker');
  });

  test('exercise 4: a job that fails is tried again 2 s later, then is failed, in the dead letter and in the metrics', async () => {
    const flaky = (rate: number, retries: number) => `JOB_ID=$(curl -s -X POST http://localhost:8000/jobs \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "flaky-job",
    "job_type": "immediate",
    "execution_time_ms": 500,
    "fail_rate": ${rate},
    "max_retries": ${retries}
  }' | jq -r '.id')
echo $JOB_ID`;
    const byChance = (await shell(flaky(0.7, 5))).trim();
    expect((await yard.job(byChance))?.context.maxAttempts).toBe(6);
    const JOB_ID = (await shell(flaky(1, 1))).trim();
    const tried = `STATUS=$(curl -s "http://localhost:8000/jobs/$JOB_ID")
  echo "Attempt $(echo $STATUS | jq -r '.attempt'), Status: $(echo $STATUS | jq -r '.status')"`;
    const seen: string[] = [];
    while (!seen.includes('Attempt 2, Status: failed\n')) {
      seen.push(await shell(tried, { JOB_ID }));
      expect(seen.at(-1)).toMatch(/^Attempt (0, Status: pending|[12], Status: (pending|running)|2, Status: failed)\n$/);
    }
    const { attempts } = await yard.settled(JOB_ID);
    expect(Number(attempts[1]?.claimedAt) - Number(attempts[0]?.endedAt)).toBeGreaterThanOrEqual(2_000);
    expect(await json(oneJob, { JOB_ID })).toMatchObject({ error_message: 'Failed on purpose, by a chance of 1.' });
    const dead = await Array.fromAsync(yard.dead());
    expect(dead.map(({ id }) => id)).toContain(JOB_ID);
    const metric = await shell('curl -s http://localhost:8000/metrics | grep job_retries');
    expect(Number(/^job_retries_total (\d+)$/m.exec(metric)?.[1])).toBeGreaterThanOrEqual(1);
    await yard.cancel(byChance).catch(() => undefined);
  });

  test('exercise 5: workers are listed, and the queue of twenty jobs is seen to fall', async () => {
    const workers = await json('curl -s http://localhost:8000/workers | jq');
    expect(workers.filter(({ health }: { health: string }) => health === 'active')).toHaveLength(2);
    await shell(`for i in {1..20}; do
  curl -s -X POST http://localhost:8000/jobs \\
    -H "Content-Type: application/json" \\
    -d "{
      \\"name\\": \\"scale-test-$i\\",
      \\"job_type\\": \\"immediate\\",
      \\"execution_time_ms\\": 2000
    }" > /dev/null
done`);
    const ids = (await Array.fromAsync(yard.jobs({ limit: 20 }))).map(({ id }) => id);
    const stats = "curl -s http://localhost:8000/stats | jq '{queue_length, active_workers, jobs_by_status}'";
    const before = await json(stats);
    expect(before).toEqual({ queue_length: expect.any(Number), active_workers: 2, jobs_by_status: expect.any(Object) });
    for (const id of ids) await yard.settled(id);
    const after = await json(stats);
    expect(after.queue_length).toBe(0);
    expect(after.jobs_by_status.completed).toBeGreaterThanOrEqual(20);
  });

  test('a recurring job is a schedule of its name, read and cancelled under it', async () => {
    const body =
      '{"name": "daily-report", "job_type": "recurring", "cron_expression": "0 2 * * *", "payload": {"to": "me"}}';
    const created = await json(`curl -s -X POST http://localhost:8000/jobs -d '${body}'`);
    expect(created).toMatchObject({
      id: 'daily-report',
      status: 'pending',
      job_type: 'recurring',
      payload: { to: 'me' },
    });
    expect(created.scheduled_at).toMatch(/T02:00:00\.000Z$/);
    const { id } = await yard.schedules.run('daily-report');
    await yard.settled(id);
    expect(await json(oneJob, { JOB_ID: id })).toMatchObject({
      ...{ status: 'completed', job_type: 'recurring', name: 'daily-report', max_retries: 3 },
    });
    expect(await json(oneJob, { JOB_ID: 'daily-report' })).toMatchObject({ id: 'daily-report', max_retries: 3 });
    await shell('curl -s -X DELETE http://localhost:8000/jobs/daily-report');
    expect(await yard.schedules.get('daily-report')).toBeUndefined();
  });
});

describe('the Go scheduler', () => {
  const demo = (payload: string) => `curl -s -X POST localhost:8080/tasks \\
     -H 'Content-Type: application/json' \\
     -d '{
           "type": "noop",
           "priority": "high",
           "payload": ${payload},
           "idempotency_key": "demo-123"
         }'`;

  test('its line makes a job, and makes none again; other content under its key is a conflict', async () => {
    const first = await json(demo('{"example": true}'));
    expect(first).toEqual({ task_id: expect.any(String), status: 'queued' });
    expect(await json(demo('{"example": true}'))).toEqual({ task_id: first.task_id, status: 'duplicate' });
    expect(await json(demo('{"example": false}'))).toMatchObject({ status: 409, code: 'job.conflict' });
    expect(await yard.settled(first.task_id)).toMatchObject({
      ...{ state: 'completed', type: 'noop', priority: 'high', payload: { input: { example: true } } },
    });
  });

  test('what its load generator sends is understood: flaky fails first, always_fail ends in the dead letter', async () => {
    const task = async (body: object) => {
      const { task_id: id } = await json(`curl -s localhost:8080/tasks -d '${JSON.stringify(body)}'`);
      return await yard.settled(id);
    };
    const flaky = await task({ type: 'flaky', priority: 'critical', payload: { fail_first_n: 1 } });
    expect(flaky).toMatchObject({ state: 'completed', priority: 'critical', context: { attempt: 2 } });
    const failed = await task({ type: 'always_fail', priority: 'low', payload: {}, max_retries: 1 });
    expect(failed).toMatchObject({ state: 'failed', context: { attempt: 2, maxAttempts: 2 } });
    const dead = await Array.fromAsync(yard.dead());
    expect(dead.map(({ id }) => id)).toContain(failed.id);
    expect(await task({ type: 'sleeper', priority: 'default', payload: { ms: 1 } })).toMatchObject({
      ...{ state: 'completed', priority: 'medium', payload: { executionTimeMs: 1 } },
    });
  });
});

describe('at the gate', () => {
  async function served(said: Partial<HttpOptions>): Promise<Listening> {
    return await serveHttp({
      ...{ open: () => connect({ servers: cluster.url }), version: '0', auth: 'token', ratePerSecond: 0 },
      ...{ port: 'free', isNamed: false, onError: (cause: unknown) => expect.unreachable(String(cause)) },
      compat: { metrics: async () => ({ type: 'text/plain', text: 'one 1\n' }) },
      ...said,
    });
  }

  async function ask(at: string, path: string, { token, body }: { token?: string; body?: string | object } = {}) {
    const response = await fetch(`${at}${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) }),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
    const type = response.headers.get('content-type') ?? '';
    const text = await response.text();
    return { status: response.status, type, json: /json/.test(type) ? JSON.parse(text) : text };
  }

  test('what is wrong is a problem that names each field, and nothing is submitted', async () => {
    const wrong: readonly [path: string, body: string | object, fields: readonly string[]][] = [
      ['/jobs', { name: '', execution_time_ms: -1, fail_rate: 2 }, ['/name', '/fail_rate', '/execution_time_ms']],
      ['/jobs', { name: 'a', job_type: 'delayed' }, ['/delay_seconds']],
      ['/jobs', { name: 'a', job_type: 'recurring' }, ['/cron_expression']],
      ['/jobs', { name: 'a', job_type: 'hourly', max_retires: 1 }, ['/job_type', '/max_retires']],
      ['/tasks', { type: 'noop', priority: 'urgent', max_retries: -1 }, ['/priority', '/max_retries']],
    ];
    for (const [path, body, fields] of wrong) {
      const { status, type, json: problem } = await ask(url, path, { body });
      expect([path, status, type]).toEqual([path, 422, 'application/problem+json']);
      expect(problem.errors.map((each: { path: string }) => each.path)).toEqual(fields);
    }
    const cron = { name: 'a', job_type: 'recurring', cron_expression: 'daily' };
    for (const body of [
      '{',
      cron,
      { name: 'no name of a schedule', job_type: 'recurring', cron_expression: '* * * * *' },
    ])
      expect(await ask(url, '/jobs', { body })).toMatchObject({ status: 422, json: { code: 'input.invalid' } });
    expect(await ask(url, '/tasks', { body: { type: 'nobody-has-this' } })).toMatchObject({ status: 422 });
    for (const id of ['nothing', '0-no-name-of-a-schedule', 'a'.repeat(64)])
      expect(await ask(url, `/jobs/${id}`)).toMatchObject({ status: 404, json: { code: 'job.missing' } });
    expect(await ask(url, '/jobs?limit=0')).toMatchObject({ status: 422 });
    expect(await Array.fromAsync(yard.jobs({ type: 'nobody-has-this' }))).toEqual([]);
  });

  test('tokens, scopes, tenants and rates are those of every route', async () => {
    const door = await served({});
    const tokenOf = async (given: Omit<TokenGiven, 'label'>) =>
      (await yard.tokens.create({ label: 'compat', ...given })).secret;
    const ours = await tokenOf({ scopes: ['submit', 'read'] });
    const acme = await tokenOf({ scopes: ['submit', 'operate'], tenant: 'acme' });
    for (const path of ['/jobs', '/jobs/a', '/workers', '/stats', '/metrics'])
      expect([path, await ask(door.url, path)]).toMatchObject([path, { status: 401 }]);
    const submitted = await ask(door.url, '/jobs', { token: ours, body: { name: 'ours', execution_time_ms: 0 } });
    expect(submitted.status).toBe(200);
    const { id } = submitted.json;
    expect(await ask(door.url, `/jobs/${id}`, { token: ours })).toMatchObject({ status: 200 });
    expect(await ask(door.url, `/jobs/${id}`, { token: acme })).toMatchObject({ status: 404 });
    expect((await ask(door.url, '/jobs', { token: acme })).json).toEqual([]);
    for (const path of ['/workers', '/stats', '/metrics'])
      expect([path, await ask(door.url, path, { token: acme })]).toMatchObject([path, { status: 403 }]);
    expect(await ask(door.url, '/metrics', { token: ours })).toMatchObject({ status: 200, json: 'one 1\n' });
    const nightly = { name: 'nightly', job_type: 'recurring', cron_expression: '0 3 * * *' };
    expect(await ask(door.url, '/jobs', { token: ours, body: nightly })).toMatchObject({ status: 403 });
    const escaped = JSON.stringify(nightly).replace('recurring', '\\u0072ecurring');
    expect(await ask(door.url, '/jobs', { token: ours, body: escaped })).toMatchObject({ status: 403 });
    expect(await ask(door.url, '/jobs', { token: acme, body: nightly })).toMatchObject({ status: 200 });
    expect(await yard.ofTenant('acme').schedules.delete('nightly')).toMatchObject({ name: 'nightly' });
    await door.close();
    const slow = await served({ ratePerSecond: 0.001 });
    await ask(slow.url, '/jobs', { token: ours });
    expect(await ask(slow.url, '/stats', { token: ours })).toMatchObject({ status: 429 });
    await slow.close();
  });

  test('they are described where they are served, and are not there unless they are asked for', async () => {
    const { json: described } = await ask(url, '/openapi.json');
    expect(Object.keys(described.paths)).toEqual(expect.arrayContaining(['/jobs', '/jobs/{id}', '/tasks', '/stats']));
    const plain = await served({ auth: 'off', compat: undefined });
    for (const path of ['/jobs', '/workers', '/stats', '/metrics'])
      expect([path, await ask(plain.url, path)]).toMatchObject([
        path,
        { status: 404, json: { code: 'route.missing' } },
      ]);
    await plain.close();
  });
});
