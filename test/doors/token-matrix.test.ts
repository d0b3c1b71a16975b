/**
 * Every operation of the API, with every kind of token that does not open it, at every door that asks for tokens: HTTP, the service
 * over NATS, and the streams of events. What a token lacks is known from the operation alone, so a new one is tried by itself.
 */

import type { NatsConnection } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lock, Operation } from '../../doors/api/operation.ts';
import { operations } from '../../doors/api/operations.ts';
import { subjectOf } from '../../doors/api/subject.ts';
import type { Listening } from '../../doors/http/listen.ts';
import { serveHttp } from '../../doors/http/serve.ts';
import { opens, tokenScopes } from '../../machines/rules/token.ts';
import type { TokenGiven, Yard } from '../../sdk/index.ts';
import { ApiClient } from './api-client.ts';
import { type TestCluster, testCluster } from './cluster.ts';
import { askOverNats } from './service-client.ts';

/** What can be asked for at a door. */
interface Place extends Lock {
  name: string;
  ask(secret: string | undefined): Promise<{ status: number; json: unknown }>;
}

/** Nobody gets more than one answer out of a door with this pace while the test runs. */
const slowly = 0.0001;

let cluster: TestCluster;
let yard: Yard;
let connection: NatsConnection;
const served: Listening[] = [];
let http: readonly Place[];
let nats: readonly Place[];
let streams: readonly Place[];

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.service({ auth: 'token' });
  // On subjects of its own, with the same tokens.
  await cluster.service({ auth: 'token', prefix: 'slow', ratePerSecond: slowly });
  yard = await cluster.yard();
  connection = await cluster.broker.connect();
  const { url } = await serve(0);
  http = locked().map((each) => overHttp(url, each));
  streams = eventStreams(url);
  nats = locked().map((each) => overNats('yard.api', each));
});

afterAll(async () => {
  for (const each of served) await each.close();
  await cluster?.[Symbol.asyncDispose]();
});

async function serve(ratePerSecond: number): Promise<Listening> {
  const listening = await serveHttp({
    ...{ open: () => cluster.yard(), version: '0', auth: 'token', ratePerSecond, port: 'free', isNamed: false },
    onError: (cause) => expect.unreachable(String(cause)),
  });
  served.push(listening);
  return listening;
}

function locked(): readonly Operation[] {
  return operations(yard).filter(({ needs }) => needs !== 'nothing');
}

function overHttp(
  url: string,
  { method, path, id: name, ...lock }: Pick<Operation, 'method' | 'path' | 'id' | 'needs'>,
): Place {
  const client = clientOf(url);
  const asked = path.replaceAll(/\{\w+\}/g, 'nothing');
  return { ...lock, name, ask: (token) => client.ask(asked, { token, method: method.toUpperCase() }) };
}

const clients = new Map<string, ApiClient>();

function clientOf(url: string): ApiClient {
  const client = clients.get(url) ?? new ApiClient(() => url);
  clients.set(url, client);
  return client;
}

function eventStreams(url: string): readonly Place[] {
  const lock = { method: 'get', needs: 'read', forTenants: true } as const;
  return ['/v1/events', '/v1/jobs/{id}/events'].map((path) => overHttp(url, { ...lock, path, id: path }));
}

function overNats(at: string, operation: Operation): Place {
  const { needs, forTenants, id: name } = operation;
  return {
    ...{ needs, name },
    ...(forTenants === undefined ? {} : { forTenants }),
    ask(secret) {
      const said = secret === undefined ? {} : { Authorization: `Bearer ${secret}` };
      return askOverNats(connection, subjectOf(operation), { at, said });
    },
  };
}

async function made(given: Partial<TokenGiven> = {}) {
  const { secret, token } = await yard.tokens.create({ label: 'tried', scopes: ['admin'], ...given });
  return { secret, id: token.token };
}

/** Each of them refuses it so. */
async function eachRefuses(
  places: readonly Place[],
  secret: string | undefined,
  { status, code }: { status: number; code: string },
): Promise<void> {
  expect(places.length).toBeGreaterThan(0);
  // Changes of tokens are heard within moments.
  await expect.poll(async () => (await places[0]?.ask(secret))?.status, { timeout: 30_000 }).toBe(status);
  for (const { name, ask } of places) {
    const answer = await ask(secret);
    expect([name, answer.status, answer.json]).toMatchObject([name, status, { code }]);
  }
}

const unknown = { status: 401, code: 'token.refused' };
const closed = { status: 403, code: 'scope.missing' };

describe.each<[string, () => readonly Place[]]>([
  ['HTTP', () => http],
  ['the service over NATS', () => nats],
  ['the streams of events', () => streams],
])('%s', (_, places) => {
  test.each<[string, () => Promise<string | undefined>]>([
    ['no token', async () => undefined],
    ['a token that was guessed', async () => `yard_${(await made()).id}_${'x'.repeat(43)}`],
    ['what is no token of ours', async () => 'eyJhbGciOiJub25lIn0.e30.'],
    ['a token that has expired', async () => (await made({ expiresIn: '1ms' })).secret],
    [
      'a token that was revoked',
      async () => {
        const { secret, id } = await made();
        await yard.tokens.revoke(id);
        return secret;
      },
    ],
    [
      'a token that was changed for another one',
      async () => {
        const { secret, id } = await made();
        await yard.tokens.rotate(id);
        return secret;
      },
    ],
  ])('is closed to %s', async (_name, secret) => {
    await eachRefuses(places(), await secret(), unknown);
  });

  test.each(tokenScopes)('is closed to a token for %s where that does not open it', async (scope) => {
    const shut = places().filter(({ needs }) => needs !== 'nothing' && !opens([scope], needs));
    const { secret } = await made({ scopes: [scope] });
    if (shut.length > 0) await eachRefuses(shut, secret, closed);
    expect(shut.length > 0).toBe(places().some(({ needs }) => needs !== 'nothing' && !opens([scope], needs)));
  });

  test('is closed to a token of a tenant where it is about the whole cluster', async () => {
    const shut = places().filter(({ forTenants }) => forTenants !== true);
    const { secret } = await made({ scopes: ['submit', 'operate'], tenant: 'acme' });
    // Scopes that it may not have are looked at first, and say the same.
    if (shut.length > 0) await eachRefuses(shut, secret, closed);
    expect(places().length).toBeGreaterThan(shut.length);
  });
});

test("a tenant's own subjects are closed to a token of another tenant", async () => {
  const { secret } = await made({ scopes: ['submit', 'operate'], tenant: 'acme' });
  await eachRefuses(
    locked().map((each) => overNats('yard.tenant.other.api', each)),
    secret,
    closed,
  );
});

test('who has asked as often as they may is refused by every operation, at each door', async () => {
  const { url } = await serve(slowly);
  const limited = { status: 429, code: 'rate.exceeded' };
  const { secret } = await made();
  await eachRefuses([...locked().map((each) => overHttp(url, each)), ...eventStreams(url)], secret, limited);
  const { secret: other } = await made();
  await eachRefuses(
    locked().map((each) => overNats('slow.api', each)),
    other,
    limited,
  );
});

test('of all that was refused, nothing was done', async () => {
  expect(await Array.fromAsync(yard.jobs())).toEqual([]);
  const doors = (await yard.auditLog({ limit: 1_000 })).map(({ door }) => door);
  expect([...new Set(doors)]).toEqual(['sdk']);
});
