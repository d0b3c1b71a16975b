/** Who comes in by HTTP, with which token, against a real broker and a master. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { operations } from '../../doors/api/operations.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { type HttpOptions, serveHttp } from '../../doors/http/serve.ts';
import { opens, tokenScopes } from '../../machines/rules/token.ts';
import { defineJob, type TokenGiven, type TokenScope, type Yard } from '../../sdk/index.ts';
import { ApiClient, type Said } from './api-client.ts';
import { type TestCluster, testCluster } from './cluster.ts';

const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: ({ payload }) => payload });

let cluster: TestCluster;
let yard: Yard;
let server: Listening;

function served(said: Partial<HttpOptions> = {}): Promise<Listening> {
  return serveHttp({
    open: () => cluster.yard(),
    version: '0.0.0',
    auth: 'token',
    ratePerSecond: 0,
    port: 'free',
    isNamed: false,
    onError: (cause) => expect.unreachable(String(cause)),
    ...said,
  });
}

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.work([echo], { concurrency: 4, name: 'w' });
  yard = await cluster.yard();
  server = await served();
});

afterAll(async () => {
  await server.close();
  await cluster[Symbol.asyncDispose]();
});

const clients = new Map<string, ApiClient>();

async function ask(path: string, { at = server.url, ...said }: Said & { at?: string } = {}) {
  const client = clients.get(at) ?? new ApiClient(() => at);
  clients.set(at, client);
  return await client.ask(path, said);
}

async function tokenFor(...scopes: TokenScope[]): Promise<string> {
  return (await yard.tokens.create({ label: scopes.join(' '), scopes })).secret;
}

async function tokenOf(tenant: string): Promise<string> {
  return (await yard.tokens.create({ label: tenant, scopes: ['submit', 'operate'], tenant })).secret;
}

/** A path of this operation, with something in the place of each parameter. */
function somePath(path: string): string {
  return path.replaceAll(/\{\w+\}/g, 'nothing');
}

describe('every operation', () => {
  test('asks for a token, but for those that say how the process is', async () => {
    const open: string[] = [];
    for (const { method, path, id, needs } of operations(yard)) {
      const { status, headers, json } = await ask(somePath(path), { method: method.toUpperCase() });
      if (needs === 'nothing') open.push(id);
      else expect([id, status, json]).toMatchObject([id, 401, { code: 'token.refused' }]);
      if (needs !== 'nothing') expect(headers.get('www-authenticate')).toContain('Bearer');
    }
    expect(open).toEqual(['health', 'ready']);
    expect((await ask('/v1/events')).status).toBe(401);
    expect((await ask('/v1/jobs/some/events')).status).toBe(401);
  });

  test.each(tokenScopes)('opens to %s only where that is enough', async (scope) => {
    const token = await tokenFor(scope);
    const refused = operations(yard).filter(({ needs }) => needs !== 'nothing' && !opens([scope], needs));
    if (scope !== 'admin') expect(refused.length).toBeGreaterThan(5);
    for (const { method, path, id } of refused) {
      const { status, json } = await ask(somePath(path), { token, method: method.toUpperCase() });
      expect([id, status, json]).toMatchObject([id, 403, { code: 'scope.missing' }]);
    }
    if (opens([scope], 'read')) expect((await ask('/v1/jobs', { token })).status).toBe(200);
    if (opens([scope], 'submit')) expect((await ask('/v1/jobs', { token, body: { type: 'echo' } })).status).toBe(201);
  });

  test('of the whole cluster is closed to a token of a tenant', async () => {
    const token = await tokenOf('closed');
    const others = operations(yard).filter(({ needs, forTenants }) => needs !== 'nothing' && forTenants !== true);
    expect(others.map(({ id }) => id)).toContain('listWorkers');
    for (const { method, path, id } of others)
      expect([id, (await ask(somePath(path), { token, method: method.toUpperCase() })).status]).toEqual([id, 403]);
  });
});

describe('two tenants', () => {
  test('see nothing of one another: no job, list, log, event, schedule, group or sentence', async () => {
    const [acme, other] = [await tokenOf('acme'), await tokenOf('other')];
    const heard = await listen(other);
    const submitted = { type: 'echo', payload: { text: 'quince' }, id: 'mine', tags: ['quince'] };
    expect((await ask('/v1/jobs', { token: acme, body: submitted })).status).toBe(201);
    await yard.ofTenant('acme').settled('mine', { timeoutMs: 30_000 });
    await ask('/v1/jobs', { token: other, body: { type: 'echo', id: 'theirs' } });
    expect(await heard.until('theirs')).not.toContain('mine');
    for (const path of ['', '/result', '/why', '/logs', '/events'])
      expect([path, (await ask(`/v1/jobs/mine${path}`, { token: other })).status]).toEqual([path, 404]);
    for (const verb of ['cancel', 'hold', 'redrive'])
      expect((await ask(`/v1/jobs/mine/${verb}`, { token: other, body: {} })).status).toBe(404);
    for (const path of ['', '?tag=quince', '?q=quince', '?q=mine&sort=created']
      .map((query) => `/v1/jobs${query}`)
      .concat('/v1/stats/lanes', '/v1/schedules', '/v1/dead/groups')) {
      const { status, text } = await ask(path, { token: other });
      expect(status).toBe(200);
      expect(text).not.toContain('mine');
    }
    expect((await ask('/v1/jobs', { token: acme })).text).toContain('"mine"');
    expect((await ask('/v1/jobs?q=quince', { token: acme })).text).toContain('"mine"');
    // The same id is free for others.
    expect((await ask('/v1/jobs', { token: other, body: { ...submitted, payload: {} } })).status).toBe(201);
  });

  test('cannot become somebody else by what they say', async () => {
    const token = await tokenOf('honest');
    await ask('/v1/jobs', { token, body: { type: 'echo', id: 'said', tenant: 'default' } });
    expect(await yard.job('said')).toBeUndefined();
  });
});

async function listen(token: string) {
  const response = await fetch(`${server.url}/v1/events`, { headers: { authorization: `Bearer ${token}` } });
  expect(response.status).toBe(200);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  return {
    /** All that was heard until this was. */
    async until(what: string): Promise<string> {
      let heard = '';
      while (!heard.includes(what)) heard += (await reader?.read())?.value ?? '';
      await reader?.cancel();
      return heard;
    },
  };
}

describe('a token', () => {
  test('that has expired, is unknown or is none is refused, and only its owner hears which', async () => {
    const { secret, token } = await yard.tokens.create({ label: 'brief', scopes: ['read'], expiresIn: '1ms' });
    await refusedSoon(secret);
    expect((await ask('/v1/jobs', { token: secret })).text).toContain('expired');
    const guessed = `yard_${token.token}_${'x'.repeat(43)}`;
    expect((await ask('/v1/jobs', { token: guessed })).text).toContain('unknown or revoked');
    expect((await ask('/v1/jobs', { token: 'some.jwt' })).text).toContain('unknown or revoked');
  });

  test('opens nothing more once it is revoked, at a door that knew it', async () => {
    const { secret, token } = await yard.tokens.create({ label: 'gone', scopes: ['read'] });
    expect((await ask('/v1/jobs', { token: secret })).status).toBe(200);
    expect(await yard.tokens.revoke(token.token)).toMatchObject({ revokedAt: expect.any(Number) });
    await refusedSoon(secret);
    await expect(yard.tokens.rotate(token.token)).rejects.toMatchObject({ code: 'token.refused' });
  });

  test.each<[string, (id: string) => Promise<unknown>, Partial<TokenGiven>]>([
    ['is revoked', (id) => yard.tokens.revoke(id), {}],
    ['is changed for another one', (id) => yard.tokens.rotate(id), {}],
    ['expires', async () => {}, { expiresIn: '1500ms' }],
  ])('that %s ends what it opened: news of all jobs, and of one, and a log that is followed', async (_, end, more) => {
    const { secret, token } = await yard.tokens.create({ label: 'ends', scopes: ['read'], ...more });
    const { id } = await yard.submit('echo', {}, { delay: '1h' });
    const opened = ['/v1/events', `/v1/jobs/${id}/events`, `/v1/jobs/${id}/logs?follow=true`].map((path) =>
      ask(path, { token: secret }),
    );
    await expect.poll(async () => (await ask('/v1/jobs', { token: secret })).status).toBe(200);
    await end(token.token);
    // A stream that goes on keeps `fetch` from giving its text.
    for (const { status } of await Promise.all(opened)) expect(status).toBe(200);
    await refusedSoon(secret);
  });

  test('is changed for another one at once, or after a while in which both open', async () => {
    const first = await yard.tokens.create({ label: 'turned', scopes: ['read'] });
    const second = await yard.tokens.rotate(first.token.token, { grace: '1h' });
    expect((await ask('/v1/jobs', { token: second.secret })).status).toBe(200);
    expect((await ask('/v1/jobs', { token: first.secret })).status).toBe(200);
    const third = await yard.tokens.rotate(first.token.token);
    await refusedSoon(second.secret);
    expect((await ask('/v1/jobs', { token: first.secret })).status).toBe(401);
    expect((await ask('/v1/jobs', { token: third.secret })).status).toBe(200);
  });

  test('is listed without what opens it, and made over HTTP by an admin', async () => {
    const admin = await tokenFor('admin');
    const made = await ask('/v1/tokens', { token: admin, body: { label: 'ci', scopes: ['submit'], tenant: 'acme' } });
    expect(made).toMatchObject({ status: 201, json: { token: { tenant: 'acme' }, secret: expect.any(String) } });
    const { text } = await ask('/v1/tokens', { token: admin });
    expect(text).toContain('"label":"ci"');
    expect(text).not.toContain('hash');
    expect(text).not.toContain(admin);
  });

  test.each<[Partial<TokenGiven>, string]>([
    [{ label: ' ' }, 'Expected a label'],
    [{ scopes: [] }, 'Expected scopes'],
    [{ tenant: 'a b' }, 'Expected'],
    [{ tenant: 'acme', scopes: ['admin'] }, 'of the whole cluster'],
    [{ expiresIn: 'soon' }, 'to be a duration'],
  ])('is not made of %j', async (wrong, sentence) => {
    const given: TokenGiven = { label: 'wrong', scopes: ['read'], ...wrong };
    await expect(yard.tokens.create(given)).rejects.toThrow(sentence);
  });
});

/** Changes of tokens are heard within moments. */
async function refusedSoon(token: string): Promise<void> {
  await expect.poll(async () => (await ask('/v1/jobs', { token })).status, { timeout: 30_000 }).toBe(401);
}

test('who asks too often is told when to ask again, and nobody else is', async () => {
  const slow = await served({ ratePerSecond: 0.01 });
  const [one, other] = [await tokenFor('read'), await tokenFor('read')];
  expect((await ask('/v1/queues', { token: one, at: slow.url })).status).toBe(200);
  const refused = await ask('/v1/queues', { token: one, at: slow.url });
  expect(refused.json).toMatchObject({ status: 429, code: 'rate.exceeded' });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(10);
  expect((await ask('/health', { at: slow.url })).status).toBe(200);
  expect((await ask('/v1/queues', { token: other, at: slow.url })).status).toBe(200);
  await slow.close();
});

test('guesses are slowed down, and do not keep the owner of a token out', async () => {
  const slow = await served({ ratePerSecond: 0.01 });
  const guess = () => ask('/v1/jobs', { token: `yard_000000000000_${'x'.repeat(43)}`, at: slow.url });
  expect([(await guess()).status, (await guess()).status]).toEqual([401, 429]);
  expect((await ask('/v1/jobs', { token: await tokenFor('read'), at: slow.url })).status).toBe(200);
  await slow.close();
});

test('without tokens HTTP is served on loopback only', async () => {
  await expect(served({ auth: 'off', host: '0.0.0.0' })).rejects.toThrow('Expected `--http-auth token`');
  const wide = await served({ host: '0.0.0.0' });
  expect((await ask('/v1/jobs', { at: wide.url.replace('0.0.0.0', '127.0.0.1') })).status).toBe(401);
  await wide.close();
});

describe('what people do', () => {
  const newest = async (target: string) =>
    (await yard.auditLog({ limit: 200 })).filter((entry) => entry.target === target);

  test('is in the audit log before it is done, with who did it; what is refused, too', async () => {
    const { secret, token } = await yard.tokens.create({ label: 'ann', scopes: ['submit', 'operate'], tenant: 'acme' });
    await ask('/v1/jobs', { token: secret, body: { type: 'echo', id: 'heard', delay: '1h' } });
    expect(await newest('heard')).toEqual([]);
    expect((await ask('/v1/jobs/heard/cancel', { token: secret, body: { reason: 'no need' } })).status).toBe(200);
    await ask('/v1/jobs/heard/release', { token: secret, body: {} });
    const by = { who: `ann (${token.token})`, door: 'http', tenant: 'acme', target: 'heard' };
    expect(await newest('heard')).toMatchObject([
      { ...by, what: 'job.release', refused: 'job.refused' },
      { ...by, what: 'job.release' },
      { ...by, what: 'job.cancel', given: '{"reason":"no need"}' },
    ]);
    expect((await newest('heard'))[1]).not.toHaveProperty('refused');
  });

  test('is told to an admin, and to nobody else', async () => {
    await yard.queues.pause('batch');
    await yard.queues.resume('batch');
    const { json } = await ask('/v1/audit/log?limit=2', { token: await tokenFor('admin') });
    const entries = [
      { what: 'token.create', target: 'admin', door: 'sdk', who: expect.stringContaining('@') },
      { what: 'queue.set', target: 'batch', given: '{"paused":null}' },
    ];
    expect(json).toMatchObject({ entries });
    expect((await ask('/v1/audit/log', { token: await tokenFor('read', 'operate') })).status).toBe(403);
    expect((await ask('/v1/audit/log?limit=0', { token: await tokenFor('admin') })).status).toBe(422);
  });

  test('has no payload in it', async () => {
    const payload = { password: 'quince' };
    await yard.schedules.add('careful', { every: '1h', type: 'echo', payload });
    const [entry] = await newest('careful');
    expect(entry).toMatchObject({ what: 'schedule.add', given: '{"every":"1h","type":"echo"}' });
  });
});
