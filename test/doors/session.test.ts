/** Browsers that sign in: cookies over a real socket, two doors of one cluster, and pages that mean harm. */

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Listening } from '../../doors/http/listen.ts';
import { type HttpOptions, serveHttp } from '../../doors/http/serve.ts';
import { defineJob, type TokenGiven, type Yard } from '../../sdk/index.ts';
import { serveOpen, type TestCluster, testCluster } from './cluster.ts';

const echo = defineJob({ type: 'echo', payload: z.looseObject({}), run: ({ payload }) => payload });

let cluster: TestCluster;
let yard: Yard;
let here: Listening;
let there: Listening;

function served(said: Partial<HttpOptions> = {}): Promise<Listening> {
  const onError = (cause: unknown) => expect.unreachable(String(cause));
  const bare = { version: '0', auth: 'token', ratePerSecond: 0, port: 'free', isNamed: false, onError } as const;
  return serveHttp({ ...bare, open: () => cluster.yard(), ...said });
}

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.work([echo], { name: 'w' });
  yard = await cluster.yard();
  [here, there] = await Promise.all([served(), served()]);
});

afterAll(async () => {
  await here.close();
  await there.close();
  await cluster[Symbol.asyncDispose]();
});

interface Said {
  at?: Listening;
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: unknown;
}

/** As a browser sends it, which `fetch` does not: with cookies, and with what it says of the page that asks. */
async function send(path: string, { at = here, method = 'GET', headers = {}, body }: Said = {}) {
  const asked = request(`${at.url}${path}`, { method, headers });
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer]: IncomingMessage[] = await once(asked, 'response');
  const parts = await answer?.toArray();
  const text = Buffer.concat(parts ?? []).toString();
  const json: unknown = text.startsWith('{') ? JSON.parse(text) : undefined;
  return { status: answer?.statusCode, headers: answer?.headers ?? {}, json, text };
}

const marked = { 'x-yard-session': '1', 'sec-fetch-site': 'same-origin' };

async function tokenFor(given: Partial<TokenGiven> = {}) {
  return await yard.tokens.create({ label: 'ann', scopes: ['submit', 'operate'], ...given });
}

async function signedIn(given: Partial<TokenGiven> = {}, headers: Readonly<Record<string, string>> = {}) {
  const { secret, token } = await tokenFor(given);
  const answer = await send('/v1/session', { method: 'POST', body: { token: secret }, headers });
  expect(answer.status).toBe(200);
  const [set = ''] = answer.headers['set-cookie'] ?? [];
  const [cookie = ''] = set.split(';');
  return { id: token.token, secret, set, cookie, answer };
}

async function over(cookie: string, at = here): Promise<void> {
  const status = async () => (await send('/v1/jobs', { at, headers: { cookie } })).status;
  await expect.poll(status, { timeout: 30_000 }).toBe(401);
}

describe('who signs in', () => {
  test('gets a cookie that no script reads and no other site sends, and which is not the token', async () => {
    const { set, cookie, secret, answer } = await signedIn();
    for (const part of ['HttpOnly', 'SameSite=Strict', 'Path=/', 'Max-Age=4']) expect(set).toContain(part);
    expect(set).not.toMatch(/Secure|Domain/);
    expect(cookie).not.toContain(secret);
    expect(answer.text).not.toContain(secret);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json).toMatchObject({ isOpen: false, name: 'ann', scopes: ['submit', 'operate'] });
  });

  test('by TLS, as the proxy in front says, gets one that goes by TLS only', async () => {
    const secure = { 'x-forwarded-proto': 'https' };
    const { set, cookie } = await signedIn({}, secure);
    expect(set).toMatch(/^__Host-yard_session=.*; Secure/);
    expect((await send('/v1/jobs', { headers: { ...secure, cookie } })).status).toBe(200);
    // One without the prefix may be of anybody on the way.
    const plain = { cookie: cookie.replace('__Host-', '') };
    expect((await send('/v1/jobs', { headers: { ...secure, ...plain } })).status).toBe(401);
  });

  test('is known at every master, with the tenant and the scopes of the token', async () => {
    const { cookie, id } = await signedIn({ tenant: 'acme' });
    const who = await send('/v1/session', { at: there, headers: { cookie } });
    expect(who.json).toMatchObject({ token: id, tenant: 'acme', until: expect.any(Number) });
    expect((await send('/v1/workers', { at: there, headers: { cookie } })).status).toBe(403);
    const body = { type: 'echo', id: 'by-session' };
    const submitted = await send('/v1/jobs', { at: there, method: 'POST', body, headers: { cookie, ...marked } });
    expect(submitted.status).toBe(201);
    expect((await yard.ofTenant('acme').settled('by-session', { timeoutMs: 30_000 })).state).toBe('completed');
  });

  test('is kept no longer than the token', async () => {
    const { set, cookie } = await signedIn({ expiresIn: '3s' });
    expect(Number(/Max-Age=(\d+)/.exec(set)?.[1])).toBeLessThanOrEqual(3);
    await over(cookie);
  });

  test('with a session cannot make it longer, nor turn it into another token', async () => {
    const { cookie } = await signedIn();
    const secret = cookie.slice(cookie.indexOf('=') + 1);
    const until = async (answer: ReturnType<typeof send>) => z.object({ until: z.number() }).parse((await answer).json);
    const first = await until(send('/v1/session', { headers: { cookie } }));
    const again = await until(send('/v1/session', { method: 'POST', body: { token: secret } }));
    expect(again.until).toBe(first.until);
  });

  test.each([{}, { token: `yard_000000000000_${'x'.repeat(43)}` }, { token: 'some.jwt' }])(
    'with %j does not',
    async (body) => {
      const { status, headers, json } = await send('/v1/session', { method: 'POST', body });
      expect([status, json]).toMatchObject([401, { code: 'token.refused' }]);
      expect(headers['set-cookie']).toBeUndefined();
      expect((await send('/v1/session')).status).toBe(401);
    },
  );

  test('too often is told when to try again', async () => {
    const slow = await served({ ratePerSecond: 0.01 });
    const guess = () => send('/v1/session', { at: slow, method: 'POST', body: { token: 'guess' } });
    expect([(await guess()).status, (await guess()).status]).toEqual([401, 429]);
    await slow.close();
  });
});

describe('a session ends', () => {
  test.each<[string, (known: { id: string; cookie: string }) => Promise<unknown>]>([
    ['its token is revoked', ({ id }) => yard.tokens.revoke(id)],
    ['its token is changed for another one', ({ id }) => yard.tokens.rotate(id)],
    ['it is closed', ({ cookie }) => send('/v1/session', { method: 'DELETE', headers: { cookie, ...marked } })],
  ])('at every master, with the news that it listens to, when %s', async (_, end) => {
    const known = await signedIn();
    const { cookie } = known;
    const heard = send('/v1/events', { at: there, headers: { cookie } });
    expect((await send('/v1/jobs', { at: there, headers: { cookie } })).status).toBe(200);
    await end(known);
    // It would not come as long as the stream goes on.
    expect((await heard).status).toBe(200);
    await over(cookie, there);
    await over(cookie);
  });

  test('when it is closed, and the token and its other sessions go on', async () => {
    const { cookie, secret } = await signedIn();
    const other = await send('/v1/session', { method: 'POST', headers: { authorization: `Bearer ${secret}` } });
    const closed = await send('/v1/session', { method: 'DELETE', headers: { cookie, ...marked } });
    expect(closed.json).toEqual({ closed: true });
    expect(closed.headers['set-cookie']?.[0]).toContain('Max-Age=0');
    await over(cookie);
    expect((await send('/v1/jobs', { headers: { authorization: `Bearer ${secret}` } })).status).toBe(200);
    const [still = ''] = (other.headers['set-cookie']?.[0] ?? '').split(';');
    expect((await send('/v1/jobs', { headers: { cookie: still } })).status).toBe(200);
    const again = await send('/v1/session', { method: 'DELETE', headers: { cookie, ...marked } });
    expect(again.json).toEqual({ closed: false });
  });

  test('which is in the audit log, as its beginning is, without what opens anything', async () => {
    const { cookie, id, secret } = await signedIn();
    await send('/v1/session', { method: 'DELETE', headers: { cookie, ...marked } });
    const entries = (await yard.auditLog({ limit: 50 })).filter(({ target }) => target === id);
    expect(entries).toMatchObject([
      { what: 'session.close', who: `ann (${id})`, door: 'http' },
      { what: 'session.open', who: `ann (${id})`, door: 'http' },
    ]);
    for (const hidden of [secret, cookie.slice(20)]) expect(JSON.stringify(entries)).not.toContain(hidden);
  });
});

describe('a page elsewhere, from where a browser sends the cookie along', () => {
  let cookie: string;
  beforeAll(async () => ({ cookie } = await signedIn()));

  test.each<[string, Readonly<Record<string, string>>]>([
    ['of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['of a frame without origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['of another port of this machine', { origin: 'http://127.0.0.1:1', 'sec-fetch-site': 'same-site' }],
    ['which hides where it is from', { 'sec-fetch-site': 'cross-site', ...{ 'x-yard-session': '1' } }],
    ['in a browser of old, which says nothing of it', { 'content-type': 'text/plain' }],
  ])('%s has nothing done', async (_, headers) => {
    const body = { type: 'echo', id: 'forged' };
    const forged = await send('/v1/jobs', { method: 'POST', body, headers: { cookie, ...headers } });
    expect([forged.status, forged.json]).toMatchObject([403, { code: 'request.foreign' }]);
    expect((await send('/v1/session', { method: 'DELETE', headers: { cookie, ...headers } })).status).toBe(403);
    expect(await yard.job('forged')).toBeUndefined();
    expect((await send('/v1/jobs', { headers: { cookie } })).status).toBe(200);
  });

  test('asks for leave to say the header, and gets none', async () => {
    const asks = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-yard-session' };
    const headers = { origin: 'https://evil.example', ...asks };
    const answer = await send('/v1/jobs', { method: 'OPTIONS', headers });
    expect(answer.status).toBe(403);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  test('reads nothing, not even as a picture', async () => {
    const headers = { cookie, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' };
    expect((await send('/v1/jobs', { headers })).status).toBe(403);
  });
});

test('where no token is asked for, nobody has to sign in', async () => {
  const open = await serveOpen(() => cluster.yard());
  const everyone = { isOpen: true, name: 'anyone', scopes: ['read', 'submit', 'operate', 'admin'] };
  expect((await send('/v1/session', { at: open })).json).toEqual(everyone);
  const signed = await send('/v1/session', { at: open, method: 'POST', body: {} });
  expect([signed.json, signed.headers['set-cookie']]).toEqual([everyone, undefined]);
  await open.close();
});

test('every answer says what browsers may do with it', async () => {
  for (const path of ['/v1/jobs', '/v1/nothing', '/docs', '/openapi.json', '/health']) {
    const { headers } = await send(path);
    expect(headers['content-security-policy']).toBe("default-src 'none'; style-src 'self'; frame-ancestors 'none'");
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
  }
  expect((await send('/v1/jobs')).headers['cache-control']).toBe('private, no-cache');
});
