/**
 * An example of every operation of the API, by its id: what it does is read through another door than the one that was asked.
 */

import { expect } from 'vitest';
import type { SubmitOptions } from '../../sdk/index.ts';
import type { Doors, Example } from './operation-doors.ts';

/** A job that waits for an hour. */
async function later(doors: Doors, id: string, options: SubmitOptions = {}): Promise<{ id: string }> {
  await doors.yard.submit('echo', { of: id }, { id, delay: '1h', ...options });
  return { id };
}

async function failed(doors: Doors, id: string, options: SubmitOptions = {}): Promise<{ id: string }> {
  await doors.yard.submit('failing', { of: id }, { id, ...options });
  await doors.yard.settled(id, { timeoutMs: 30_000 });
  return { id };
}

const ids = (list: readonly { id: string }[]) => list.map(({ id }) => id);

async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(bytes)).toString();
}

const submitting: Readonly<Record<string, Example>> = {
  async submitJob(doors) {
    const body = { type: 'echo', payload: { a: 1 }, id: 'given-one', queue: 'live', tags: ['shown'] };
    const { json } = await doors.http({ body, status: 201 });
    expect(json).toMatchObject({ id: 'given-one', created: true });
    const job = await doors.nats('jobs.get', { params: { id: 'given-one' } });
    expect(job).toMatchObject({ type: 'echo', payload: { a: 1 }, queue: 'live', tags: ['shown'] });
  },
  async submitJobs(doors) {
    const body = { jobs: ['m-1', 'm-2'].map((id) => ({ type: 'echo', payload: { id }, id })) };
    expect(ids((await doors.http({ body })).json.jobs)).toEqual(['m-1', 'm-2']);
    for (const id of ['m-1', 'm-2']) expect(await doors.yard.result(id, { timeoutMs: 30_000 })).toEqual({ id });
  },
  async submitWorkflow(doors) {
    const jobs = { one: { type: 'echo', payload: { n: 1 } }, two: { type: 'echo', after: ['one'] } };
    const { json, headers } = await doors.http({ body: { id: 'flow', jobs }, status: 201 });
    expect(json).toEqual({ id: 'flow', created: true, jobs: ['flow-one', 'flow-two'] });
    expect(headers.get('location')).toBe('/v1/workflows/flow');
    expect(await doors.yard.workflows.settled('flow', { timeoutMs: 30_000 })).toMatchObject({ state: 'completed' });
  },
};

const reading: Readonly<Record<string, Example>> = {
  async listJobs(doors) {
    await later(doors, 'listed', { queue: 'shelf' });
    const { json } = await doors.http({ query: { queue: 'shelf', state: 'scheduled' } });
    expect(ids(json.jobs)).toEqual(ids(await Array.fromAsync(doors.yard.jobs({ queue: 'shelf' }))));
    expect(ids(json.jobs)).toEqual(['listed']);
  },
  async getJob(doors) {
    const { json } = await doors.http({ params: await later(doors, 'read') });
    expect(json).toEqual(await doors.yard.job('read'));
  },
  async getResult(doors) {
    await doors.yard.submit('echo', { a: 7 }, { id: 'resulting' });
    const { json } = await doors.http({ params: { id: 'resulting' }, headers: { prefer: 'wait=30' } });
    expect(json).toEqual({ a: 7 });
    expect(await doors.yard.result('resulting')).toEqual(json);
  },
  async putInput(doors) {
    const params = { id: 'filed', name: 'clip.bin' };
    const { json } = await doors.http({
      params,
      raw: 'some bytes',
      headers: { 'content-type': 'video/mp4' },
      status: 201,
    });
    expect(json).toMatchObject({ name: 'clip.bin', size: 10, type: 'video/mp4' });
    expect(await textOf((await doors.yard.files.input('filed', 'clip.bin')).bytes)).toBe('some bytes');
  },
  async getInput(doors) {
    await doors.yard.files.put('read-file', 'a.txt', new TextEncoder().encode('hello'), { type: 'text/plain' });
    const { text, headers } = await doors.http({ params: { id: 'read-file', name: 'a.txt' } });
    expect([text, headers.get('content-type'), headers.get('content-length')]).toEqual(['hello', 'text/plain', '5']);
    expect(await doors.nats('jobs.inputs', { params: { id: 'read-file', name: 'a.txt' } })).toBe(text);
  },
  async getOutput(doors) {
    await (await doors.yard.submit('writing', { text: 'made' }, { id: 'writes' })).result({ timeoutMs: 30_000 });
    const { text } = await doors.http({ params: { id: 'writes', name: 'out.txt' } });
    expect(text).toBe('made');
    expect(await textOf((await doors.yard.files.output('writes', 'out.txt')).bytes)).toBe(text);
  },
  async revealJob(doors) {
    await doors.yard.submit('echo', { apiKey: 'hush' }, { id: 'secretive', delay: '1h' });
    expect((await doors.http({ params: { id: 'secretive' } })).json).toMatchObject({ payload: { apiKey: 'hush' } });
    expect(await doors.nats('jobs.get', { params: { id: 'secretive' } })).toMatchObject({ payload: { apiKey: '•••' } });
  },
  async whyJob(doors) {
    const { json } = await doors.http({ params: await later(doors, 'wondered') });
    expect(await doors.yard.why('wondered')).toMatchObject({ code: json.code });
  },
  async getLogs(doors) {
    await doors.yard.submit('echo', { a: 7 }, { id: 'logging' });
    await doors.yard.settled('logging', { timeoutMs: 30_000 });
    const { text } = await doors.http({ params: { id: 'logging' }, query: { follow: 'true' } });
    expect(JSON.parse(text)).toMatchObject({ line: 'echoing', stream: 'stdout', attempt: 1 });
    expect(await doors.nats('jobs.logs', { params: { id: 'logging' } })).toBe(text);
  },
  async listDead(doors) {
    await failed(doors, 'dead-1', { queue: 'morgue' });
    const { json } = await doors.http({ query: { queue: 'morgue' } });
    expect(ids(json.jobs)).toEqual(['dead-1']);
    expect(ids(await Array.fromAsync(doors.yard.dead({ queue: 'morgue' })))).toEqual(['dead-1']);
  },
  async listDeadGroups(doors) {
    await failed(doors, 'dead-2', { queue: 'vault' });
    const { json } = await doors.http({ query: { queue: 'vault' } });
    expect(json.groups).toMatchObject([{ type: 'failing', count: 1, sample: ['dead-2'] }]);
    expect(await doors.yard.deadGroups({ queue: 'vault' })).toEqual(json.groups);
  },
  async listDeadOfGroup(doors) {
    await failed(doors, 'dead-3');
    const [group] = await doors.yard.deadGroups({ type: 'failing' });
    const { json } = await doors.http({ params: { group: group?.id ?? '' } });
    expect(ids(await Array.fromAsync(doors.yard.dead({ group: group?.id })))).toEqual(ids(json.jobs));
    expect(ids(json.jobs)).toContain('dead-3');
  },
  async listRejected(doors) {
    await doors.publish('submit.echo', '[]');
    const seen = async () => (await doors.http({ query: { limit: '10' } })).json.rejected;
    await expect.poll(seen, { timeout: 20_000 }).toMatchObject([{ subject: 'default/echo', body: '[]' }]);
    expect(await doors.yard.rejected()).toMatchObject(await seen());
  },
  async listWorkflows(doors) {
    await doors.yard.workflows.submit({ id: 'seen', jobs: { a: { type: 'echo' } } });
    const { json } = await doors.http({ query: { limit: '1' } });
    expect(ids(json.workflows)).toEqual(['seen']);
    expect(ids(await doors.yard.workflows.list({ limit: 1 }))).toEqual(['seen']);
    await doors.yard.workflows.submit({ id: 'seen-later', name: 'Film 9', jobs: { a: { type: 'echo' } } });
    const found = (query: Record<string, string>) => doors.http({ query }).then(({ json: page }) => page);
    const first = await found({ q: 'SEEN', limit: '1' });
    expect(ids(first.workflows)).toEqual(['seen-later']);
    expect(ids((await found({ q: 'SEEN', cursor: first.next })).workflows)).toEqual(['seen']);
    expect(ids((await found({ q: 'film' })).workflows)).toEqual(['seen-later']);
    expect(ids((await found({ q: 'seen', state: 'cancelled' })).workflows)).toEqual([]);
  },
  async getWorkflow(doors) {
    await doors.yard.workflows.submit({ id: 'wholly', jobs: { a: { type: 'echo', options: { delay: '1h' } } } });
    const { json, headers } = await doors.http({ params: { id: 'wholly' } });
    expect(await doors.nats('workflows.get', { params: { id: 'wholly' } })).toEqual(json);
    await doors.http({
      params: { id: 'wholly' },
      headers: { 'if-none-match': headers.get('etag') ?? '' },
      status: 304,
    });
    await doors.yard.workflows.cancel('wholly');
  },
};

/** A verb that is done to a job that waits. */
function verb(name: string, body: object | undefined, then: object, options: SubmitOptions = {}): Example {
  return async (doors) => {
    const params = await later(doors, `verb-${name}`, options);
    await doors.http({ params, body });
    expect(await doors.nats('jobs.get', { params })).toMatchObject(then);
  };
}

const verbs: Readonly<Record<string, Example>> = {
  cancelJob: verb('cancel', { reason: 'enough' }, { state: 'cancelled' }),
  holdJob: verb('hold', {}, { state: 'held' }),
  releaseJob: verb('release', undefined, { state: 'scheduled' }, { hold: true }),
  moveJob: verb('move', { queue: 'batch' }, { queue: 'batch' }),
  prioritiseJob: verb('prioritise', { priority: 'low' }, { priority: 'low' }),
  rescheduleJob: verb('reschedule', { dueAt: 4_000_000_000_000 }, { context: { dueAt: 4_000_000_000_000 } }),
  async retryJob(doors) {
    await doors.http({ params: await later(doors, 'verb-retry') });
    expect(await doors.yard.settled('verb-retry', { timeoutMs: 30_000 })).toMatchObject({ state: 'completed' });
  },
  async redriveJob(doors) {
    await doors.http({ params: await failed(doors, 'verb-redrive') });
    expect(await doors.yard.job('verb-redrive')).toMatchObject({ context: { generation: 2 } });
  },
  async actOnJobs(doors) {
    await later(doors, 'acted', { tags: ['all'] });
    const { json } = await doors.http({ body: { verb: 'hold', filter: { tag: 'all' } } });
    expect(json).toMatchObject({ matched: 1, done: 1 });
    expect(await doors.yard.job('acted')).toMatchObject({ state: 'held' });
  },
  async redriveDead(doors) {
    await failed(doors, 'again', { queue: 'again' });
    expect((await doors.http({ body: { queue: 'again' } })).json).toMatchObject({ matched: 1, done: 1 });
    expect(await doors.yard.job('again')).toMatchObject({ context: { generation: 2 } });
  },
  async cancelWorkflow(doors) {
    await doors.yard.workflows.submit({ id: 'stopped', jobs: { a: { type: 'echo', options: { delay: '1h' } } } });
    const { json } = await doors.http({ params: { id: 'stopped' }, body: { reason: 'enough' } });
    expect(json.done).toEqual(['stopped-a']);
    expect(await doors.yard.workflows.get('stopped')).toMatchObject({ state: 'cancelled' });
  },
  async redriveWorkflow(doors) {
    await doors.yard.workflows.submit({ id: 'retried', jobs: { a: { type: 'failing' } } });
    await doors.yard.workflows.settled('retried', { timeoutMs: 30_000 });
    expect((await doors.http({ params: { id: 'retried' } })).json.done).toEqual(['retried-a']);
    expect(await doors.yard.job('retried-a')).toMatchObject({ context: { generation: 2 } });
  },
};

const bulk: Readonly<Record<string, Example>> = {
  async startBulk(doors) {
    await later(doors, 'bulky', { queue: 'bulky' });
    const body = { verb: { verb: 'move', queue: 'moved' }, filter: { queue: 'bulky' } };
    const { json } = await doors.http({ body, headers: { prefer: 'wait=30' }, status: 200 });
    expect(await doors.yard.bulk.get(json.id)).toMatchObject({ state: 'done', done: 1 });
    expect(await doors.yard.job('bulky')).toMatchObject({ queue: 'moved' });
  },
  async countBulk(doors) {
    for (const id of ['c-1', 'c-2', 'c-3']) await later(doors, id, { queue: 'counted' });
    const body = { verb: { verb: 'hold' }, filter: { queue: 'counted', id: ['c-1', 'c-2', 'absent'] } };
    expect((await doors.http({ body })).json).toEqual({ matched: 2 });
    expect(await doors.yard.job('c-1')).toMatchObject({ state: 'scheduled' });
  },
  async listBulk(doors) {
    const { id } = await started(doors, 'b-list');
    expect(ids((await doors.http()).json.operations)).toEqual(ids(await doors.yard.bulk.list()));
    expect(ids(await doors.yard.bulk.list())).toContain(id);
  },
  async getBulk(doors) {
    const { id } = await started(doors, 'b-get');
    await doors.yard.bulk.ended(id, { timeoutMs: 30_000 });
    const { json } = await doors.http({ params: { id } });
    expect(await doors.yard.bulk.get(id)).toEqual(json);
  },
  async abortBulk(doors) {
    const { id } = await started(doors, 'b-abort', 0.01);
    await doors.http({ params: { id } });
    expect(await doors.nats('bulk.get', { params: { id } })).toMatchObject({
      state: 'aborted',
      abort: { by: 'anyone' },
    });
  },
};

async function started(doors: Doors, queue: string, perSecond?: number) {
  await later(doors, `${queue}-1`, { queue });
  await later(doors, `${queue}-2`, { queue });
  return await doors.yard.bulk.start({ verb: { verb: 'hold' }, filter: { queue }, perSecond });
}

const settings: Readonly<Record<string, Example>> = {
  async listQueues(doors) {
    const names = (list: readonly { queue: string }[]) => list.map(({ queue }) => queue);
    expect(names((await doors.http()).json.queues)).toEqual(names(await doors.yard.queues.list()));
  },
  async getQueue(doors) {
    const { json } = await doors.http({ params: { queue: 'live' } });
    expect(await doors.yard.queues.get('live')).toMatchObject({ queue: 'live', order: json.order });
  },
  async setQueue(doors) {
    await doors.http({ params: { queue: 'batch' }, body: { weight: 3, mayEvict: ['low'], maxActive: null } });
    await expect.poll(() => doors.yard.queues.get('batch')).toMatchObject({ weight: 3, mayEvict: ['low'] });
    await doors.yard.queues.set('batch', { weight: null, mayEvict: null });
  },
  async pauseQueue(doors) {
    await doors.http({ params: { queue: 'quiet' } });
    await expect.poll(() => doors.yard.queues.get('quiet')).toMatchObject({ paused: true });
  },
  async resumeQueue(doors) {
    await doors.yard.queues.pause('loud');
    await doors.http({ params: { queue: 'loud' } });
    await expect.poll(async () => (await doors.yard.queues.get('loud'))?.paused ?? false).toBe(false);
  },
  async listLimits(doors) {
    await doors.yard.limits.set('api.listed', { maxActive: 5 });
    const listed = { limit: 'api.listed', maxActive: 5, out: {} };
    await expect.poll(async () => (await doors.http()).json.limits).toContainEqual(listed);
    expect(await doors.yard.limits.list()).toContainEqual(listed);
  },
  async setLimit(doors) {
    await doors.http({ params: { limit: 'api.*' }, body: { maxActive: 7, ratePerSecond: 2 } });
    await expect.poll(() => doors.yard.limits.get('api.*')).toMatchObject({ maxActive: 7, ratePerSecond: 2 });
  },
  async deleteLimit(doors) {
    await doors.yard.limits.set('api.gone', { maxActive: 5 });
    await doors.http({ params: { limit: 'api.gone' } });
    await expect.poll(() => doors.yard.limits.get('api.gone')).toBeUndefined();
  },
  async listTenants(doors) {
    await doors.yard.tenants.set('listed', { weight: 2 });
    const listed = expect.objectContaining({ tenant: 'listed', weight: 2 });
    await expect.poll(async () => (await doors.http()).json.tenants).toContainEqual(listed);
    expect(await doors.yard.tenants.get('listed')).toMatchObject({ weight: 2 });
  },
  async setTenant(doors) {
    await doors.http({ params: { tenant: 'acme' }, body: { weight: 3, maxOpen: 50 } });
    await expect.poll(() => doors.yard.tenants.get('acme')).toMatchObject({ weight: 3, maxOpen: 50 });
  },
};

const plan = { every: '1h', type: 'echo', payload: { a: 1 } } as const;

const schedules: Readonly<Record<string, Example>> = {
  async addSchedule(doors) {
    expect((await doors.http({ params: { name: 'added' }, body: plan })).json).toMatchObject({ created: true });
    expect(await doors.yard.schedules.get('added')).toMatchObject({ plan: { everyMs: 3_600_000 } });
  },
  async listSchedules(doors) {
    await doors.yard.schedules.add('listed', plan);
    expect((await doors.http()).json.schedules).toEqual(await doors.yard.schedules.list());
  },
  async getSchedule(doors) {
    await doors.yard.schedules.add('read', plan);
    const { json } = await doors.http({ params: { name: 'read' } });
    expect(await doors.yard.schedules.get('read')).toEqual(json);
  },
  async editSchedule(doors) {
    await doors.yard.schedules.add('edited', plan);
    await doors.http({ params: { name: 'edited' }, body: { every: '2h' } });
    expect(await doors.yard.schedules.get('edited')).toMatchObject({ plan: { everyMs: 7_200_000 } });
  },
  async deleteSchedule(doors) {
    await doors.yard.schedules.add('deleted', plan);
    await doors.http({ params: { name: 'deleted' } });
    expect(await doors.yard.schedules.get('deleted')).toBeUndefined();
  },
  async pauseSchedule(doors) {
    await doors.yard.schedules.add('paused', plan);
    await doors.http({ params: { name: 'paused' } });
    expect(await doors.yard.schedules.get('paused')).toMatchObject({ state: 'paused' });
  },
  async resumeSchedule(doors) {
    await doors.yard.schedules.add('resumed', plan);
    await doors.yard.schedules.pause('resumed');
    await doors.http({ params: { name: 'resumed' } });
    expect(await doors.yard.schedules.get('resumed')).toMatchObject({ state: 'active' });
  },
  async runSchedule(doors) {
    await doors.yard.schedules.add('run', plan);
    const { json } = await doors.http({ params: { name: 'run' } });
    expect(await doors.yard.result(json.id, { timeoutMs: 30_000 })).toEqual({ a: 1 });
  },
  async scheduleHistory(doors) {
    await doors.yard.schedules.add('past', plan);
    await doors.yard.schedules.run('past');
    const { json } = await doors.http({ params: { name: 'past' } });
    expect(await doors.yard.schedules.history('past')).toEqual(json.firings);
    expect(json.firings).toMatchObject([{ outcome: 'fired', byHand: true }]);
  },
  async previewSchedule(doors) {
    const { json } = await doors.http({ body: { cron: '0 9 * * *', tz: 'Europe/Berlin', count: 3 } });
    expect(await doors.yard.schedules.preview({ cron: '0 9 * * *', tz: 'Europe/Berlin' }, 3)).toEqual(json.moments);
  },
};

const people: Readonly<Record<string, Example>> = {
  async listTokens(doors) {
    await doors.yard.tokens.create({ label: 'listed', scopes: ['read'] });
    expect((await doors.http()).json.tokens).toEqual(await doors.yard.tokens.list());
  },
  async createToken(doors) {
    const { json } = await doors.http({ body: { label: 'made', scopes: ['read'], tenant: 'acme' }, status: 201 });
    expect(await doors.yard.tokens.list()).toContainEqual(json.token);
  },
  async rotateToken(doors) {
    const { token, secret } = await doors.yard.tokens.create({ label: 'rotated', scopes: ['read'] });
    const { json } = await doors.http({ params: { id: token.token }, body: { grace: '1h' } });
    expect(json.secret).not.toBe(secret);
    const book = await doors.yard.tokens.open();
    expect(await book.identify(json.secret, 'read')).toMatchObject({ label: 'rotated' });
    await book.close();
  },
  async revokeToken(doors) {
    const { token } = await doors.yard.tokens.create({ label: 'revoked', scopes: ['read'] });
    await doors.http({ params: { id: token.token } });
    const found = (await doors.yard.tokens.list()).find((each) => each.token === token.token);
    expect(found).toMatchObject({ revokedAt: expect.any(Number) });
  },
  async listWebhooks(doors) {
    await doors.yard.webhooks.add({ url: 'https://listed.example/' });
    expect((await doors.http()).json.webhooks).toEqual(await doors.yard.webhooks.list());
  },
  async addWebhook(doors) {
    const { json } = await doors.http({ body: { url: 'https://added.example/', states: ['failed'] }, status: 201 });
    expect(await doors.yard.webhooks.get(json.webhook.webhook)).toEqual(json.webhook);
  },
  async getWebhook(doors) {
    const { webhook } = await doors.yard.webhooks.add({ url: 'https://read.example/' });
    const { json } = await doors.http({ params: { id: webhook.webhook } });
    expect(await doors.yard.webhooks.get(webhook.webhook)).toEqual(json);
  },
  async testWebhook(doors) {
    const { webhook } = await doors.yard.webhooks.add({ url: 'http://127.0.0.1:9/' });
    const { json } = await doors.http({ params: { id: webhook.webhook } });
    expect(await doors.yard.job(json.id)).toMatchObject({ type: 'webhook', queue: json.queue });
  },
  async removeWebhook(doors) {
    const { webhook } = await doors.yard.webhooks.add({ url: 'https://removed.example/' });
    await doors.http({ params: { id: webhook.webhook } });
    await expect(doors.yard.webhooks.get(webhook.webhook)).rejects.toMatchObject({ code: 'webhook.missing' });
  },
  async listAuditLog(doors) {
    await doors.yard.queues.pause('audited');
    const { json } = await doors.http({ query: { limit: '1' } });
    expect(json.entries).toMatchObject([{ what: 'queue.set', target: 'audited', door: 'sdk' }]);
    expect(await doors.yard.auditLog({ limit: 1 })).toEqual(json.entries);
  },
};

const whole: Readonly<Record<string, Example>> = {
  async health(doors) {
    expect((await doors.http()).json).toEqual(await doors.nats('health'));
  },
  async ready(doors) {
    expect((await doors.http()).json).toMatchObject({ leader: (await doors.yard.cluster())?.leader.name });
  },
  async getCluster(doors) {
    expect((await doors.http()).json.leader).toEqual((await doors.yard.cluster())?.leader);
  },
  async getBrokers(doors) {
    const { json } = await doors.http();
    expect(await doors.yard.brokers()).toMatchObject({ all: json.all, brokers: [{ name: json.brokers[0].name }] });
  },
  async listWorkers(doors) {
    const { json } = await doors.http();
    expect((await doors.yard.workers()).map(({ incarnation }) => incarnation)).toEqual(
      json.workers.map(({ incarnation }: { incarnation: string }) => incarnation),
    );
  },
  async getWorker(doors) {
    const { json } = await doors.http({ params: { name: 'w' } });
    expect(await doors.yard.worker('w')).toMatchObject({ name: 'w', incarnation: json.incarnation });
  },
  async drainWorker(doors) {
    await doors.http({ params: { name: 'spare' } });
    expect(await doors.yard.worker('spare')).toMatchObject({ status: 'draining' });
    await doors.yard.undrainWorker('spare');
  },
  async undrainWorker(doors) {
    await doors.yard.drainWorker('spare');
    await doors.http({ params: { name: 'spare' } });
    expect((await doors.yard.worker('spare')).status).not.toBe('draining');
  },
  async listTypes(doors) {
    const { json } = await doors.http();
    expect(await doors.nats('types.list')).toEqual(json);
    expect(await doors.yard.types.list()).toEqual(json.types);
    expect(json.types.length).toBeGreaterThan(0);
  },
  async getType(doors) {
    const [known] = await doors.yard.types.list();
    const { json } = await doors.http({ params: { type: known?.type ?? '' } });
    expect(json).toEqual(known);
    expect(await doors.nats('types.get', { params: { type: known?.type ?? '' } })).toEqual(json);
  },
  async listMachines(doors) {
    const { json } = await doors.http();
    expect(json.machines.map(({ name }: { name: string }) => name)).toEqual(['job', 'worker', 'schedule', 'election']);
    expect(await doors.nats('machines.list')).toEqual(json);
  },
  async getMachine(doors) {
    const { json } = await doors.http({ params: { name: 'job' } });
    expect(await doors.nats('machines.get', { params: { name: 'job' } })).toEqual(json);
    expect(json.edges).toContainEqual(expect.objectContaining({ event: 'attempt.claimed', to: 'open.active' }));
  },
  async listMasters(doors) {
    const { json } = await doors.http();
    expect((await doors.yard.masters()).map(({ incarnation }) => incarnation)).toEqual(
      json.masters.map(({ incarnation }: { incarnation: string }) => incarnation),
    );
    expect(json.masters[0]).toMatchObject({ leads: true, state: 'leading.serving' });
  },
  async listTerms(doors) {
    const { json } = await doors.http();
    expect(await doors.yard.terms()).toEqual(json.terms);
    expect(json.terms[0]).toMatchObject({ term: (await doors.yard.cluster())?.leader.term, since: expect.any(Number) });
    expect(json.terms[0].ended).toBeUndefined();
  },
  async prometheusTargets(doors) {
    expect((await doors.http()).json).toEqual(await doors.nats('prometheus.targets'));
  },
  async getStats(doors) {
    expect((await doors.http()).json).toEqual(await doors.yard.census());
  },
  async getLanes(doors) {
    await later(doors, 'laned', { queue: 'laned', priority: 'low' });
    const lane = { state: 'scheduled', queue: 'laned', priority: 'low', count: 1 };
    expect((await doors.http()).json.lanes).toContainEqual(lane);
    expect((await doors.yard.lanes()).lanes).toContainEqual(lane);
  },
  async scaleAdvice(doors) {
    expect((await doors.http({ query: { targetMs: '30000' } })).json).toMatchObject({ targetMs: 30_000 });
    expect(await doors.yard.scaleAdvice({ targetMs: 30_000 })).toMatchObject({ targetMs: 30_000 });
  },
  async audit(doors) {
    expect((await doors.http()).json).toMatchObject({ agrees: true });
    expect(await doors.yard.audit()).toMatchObject({ agrees: true });
  },
  async stepDown(doors) {
    const { json } = await doors.http();
    const leader = () => doors.yard.cluster().then((view) => view?.leader.term ?? 0);
    await expect.poll(() => leader().catch(() => 0), { timeout: 30_000 }).toBeGreaterThan(json.term);
  },
};

/** In the order in which they are tried: what ends a term comes last. */
export const examples: Readonly<Record<string, Example>> = {
  ...submitting,
  ...reading,
  ...verbs,
  ...bulk,
  ...settings,
  ...schedules,
  ...people,
  ...whole,
};
