/** How a process comes to a broker that asks who it is. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { nkeys } from 'nats';
import { expect, test, vi } from 'vitest';
import { connectBroker } from '../../nats/connection.ts';
import { readContext } from '../../nats/context.ts';
import { names } from '../../nats/names.ts';
import { NatsStore } from '../../nats/store.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { scratch, testBroker } from './broker.ts';
import { certificates } from './certificate.ts';
import { operatorIdentity } from './identity.ts';

const asTest = { name: 'test', timeoutMs: 2_000 };

test('a user is let in with the right password, and told what to check with a wrong one', async () => {
  await using broker = await testBroker({ settings: { authorization: { user: 'ann', password: 'p@ss' } } });
  const connection = await broker.connect({ user: 'ann', password: 'p@ss' });
  expect(connection.info?.auth_required).toBe(true);
  const refused = connectBroker({ servers: broker.url, user: 'ann', password: 'wrong' }, asTest);
  await expect(refused).rejects.toMatchObject({
    code: 'broker.unauthorized',
    message: expect.stringContaining('Check user, password, token, nkey or creds file.'),
  });
  await expect(connectBroker({ servers: broker.url }, asTest)).rejects.toMatchObject({ code: 'broker.unauthorized' });
});

test('user and password may stand in the address, and are never said again', async () => {
  await using broker = await testBroker({ settings: { authorization: { user: 'ann', password: 'p@ss' } } });
  const port = new URL(broker.url).port;
  await broker.connect({ servers: `nats://ann:p%40ss@127.0.0.1:${port}` });
  const refused = connectBroker({ servers: `nats://ann:secret@127.0.0.1:${port}` }, asTest);
  await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining('secret') });
});

test('a token lets in, given by itself or in the address', async () => {
  await using broker = await testBroker({ settings: { authorization: { token: 'tok3n' } } });
  await broker.connect({ token: 'tok3n' });
  await broker.connect({ servers: broker.url.replace('//', '//tok3n@') });
  const refused = connectBroker({ servers: broker.url, token: 'other' }, asTest);
  await expect(refused).rejects.toMatchObject({ code: 'broker.unauthorized' });
});

test('an nkey lets in by its seed file, comments in it or not', async () => {
  await using folder = await scratch();
  const user = nkeys.createUser();
  const seed = Buffer.from(user.getSeed()).toString();
  await using broker = await testBroker({ settings: { authorization: { users: [{ nkey: user.getPublicKey() }] } } });
  const [plain, commented] = [join(folder.path, 'plain.nk'), join(folder.path, 'commented.nk')];
  await writeFile(plain, seed);
  await writeFile(commented, `# made by hand\n${seed}\n`);
  await broker.connect({ nkeyFile: plain });
  await broker.connect({ nkeyFile: commented });
  await writeFile(plain, Buffer.from(nkeys.createUser().getSeed()));
  const refused = connectBroker({ servers: broker.url, nkeyFile: plain }, asTest);
  await expect(refused).rejects.toMatchObject({ code: 'broker.unauthorized' });
});

test('a creds file lets into the account of an operator, JetStream included', async () => {
  await using folder = await scratch();
  const { settings, creds } = operatorIdentity();
  const credsFile = join(folder.path, 'user.creds');
  await writeFile(credsFile, creds);
  await using broker = await testBroker({ settings });
  const connection = await broker.connect({ credsFile });
  const account = await (await jetstreamManager(connection)).getAccountInfo();
  expect(account.streams).toBe(0);
  await writeFile(credsFile, operatorIdentity().creds);
  const refused = connectBroker({ servers: broker.url, credsFile }, asTest);
  await expect(refused).rejects.toMatchObject({ code: 'broker.unauthorized' });
});

test('a broker with TLS is trusted by its authority only, and may ask for a certificate of ours', async () => {
  await using folder = await scratch();
  const server = await certificates(folder.path, 'broker');
  const client = await certificates(folder.path, 'client');
  const { certFile: cert_file, keyFile: key_file } = server;
  await using broker = await testBroker({
    settings: { tls: { cert_file, key_file, ca_file: client.caFile, verify: true } },
  });
  const tls = { caFile: server.caFile, certFile: client.certFile, keyFile: client.keyFile };
  const connection = await broker.connect({ tls });
  expect(connection.info?.tls_verify).toBe(true);
  await broker.connect({ servers: broker.url.replace('nats://', 'tls://'), tls });
  const unknown = connectBroker({ servers: broker.url, tls: { ...tls, caFile: client.caFile } }, asTest);
  await expect(unknown).rejects.toMatchObject({
    code: 'broker.unauthorized',
    message: expect.stringContaining('Check `ca`, `cert` and `key`.'),
  });
});

test('a context of the nats command says where the broker is and who we are', async () => {
  await using home = await scratch();
  await using broker = await testBroker({ settings: { authorization: { user: 'ann', password: 'secret' } } });
  const folder = join(home.path, 'nats');
  await mkdir(join(folder, 'context'), { recursive: true });
  const context = {
    description: '',
    url: broker.url,
    user: 'ann',
    password: 'secret',
    inbox_prefix: '_INBOX_ann',
    ca: '',
  };
  await writeFile(join(folder, 'context', 'here.json'), JSON.stringify(context));
  vi.stubEnv('XDG_CONFIG_HOME', home.path);

  const named = await connectBroker({ context: 'here' }, asTest);
  expect(named.getServer()).toBe(new URL(broker.url).host);
  await named.close();

  await writeFile(join(folder, 'context.txt'), 'here\n');
  const selected = await connectBroker({}, asTest);
  expect(selected.getServer()).toBe(new URL(broker.url).host);
  await selected.close();

  const given = connectBroker({ context: 'here', password: 'wrong' }, asTest);
  await expect(given).rejects.toMatchObject({ code: 'broker.unauthorized' });
});

test('every field of a context that we use is read, and a home is written out', async () => {
  await using folder = await scratch();
  await mkdir(join(folder.path, 'context'));
  const context = {
    url: 'tls://a:1,tls://b:2',
    creds: '~/u.creds',
    nkey: '/n',
    token: 't',
    cert: '/c',
    key: '/k',
    ca: '/ca',
    tls_first: true,
  };
  await writeFile(join(folder.path, 'context', 'full.json'), JSON.stringify(context));
  vi.stubEnv('HOME', '/home/ann');
  expect(await readContext({ name: 'full', folder: folder.path })).toEqual({
    servers: 'tls://a:1,tls://b:2',
    credsFile: '/home/ann/u.creds',
    nkeyFile: '/n',
    token: 't',
    tls: { caFile: '/ca', certFile: '/c', keyFile: '/k', handshakeFirst: true },
  });
});

test('a context that is not there is named, and one that nobody selected is none', async () => {
  await using folder = await scratch();
  expect(await readContext({ folder: folder.path })).toEqual({});
  await expect(readContext({ name: 'nowhere', folder: folder.path })).rejects.toMatchObject({
    code: 'option.invalid',
    message: expect.stringContaining('`nowhere`'),
  });
});

test('where nobody listens, the address is named', async () => {
  await using broker = await testBroker();
  const { url } = broker;
  await broker.server.stop();
  const lost = connectBroker({ servers: url }, asTest);
  await expect(lost).rejects.toMatchObject({ code: 'broker.unreachable', message: expect.stringContaining(url) });
  await expect(connectBroker({ servers: 'http://a' }, asTest)).rejects.toMatchObject({ code: 'option.invalid' });
});

test('a connection outlives its broker, and knows the one that comes back for another', async () => {
  await using broker = await testBroker();
  const connection = await broker.connect();
  const clock = new SystemClock();
  const store = await NatsStore.open({ connection, names: names(), clock, retentionMs: 60_000 });
  const former = store.broker();
  const told = connection.status();
  await broker.kill();
  await broker.restart();
  const types: string[] = [];
  for await (const { type } of told) {
    types.push(type);
    if (type === 'reconnect') break;
  }
  expect(types[0]).toBe('disconnect');
  expect(await connection.rtt()).toBeGreaterThanOrEqual(0);
  expect(store.broker()).not.toBe(former);
});
