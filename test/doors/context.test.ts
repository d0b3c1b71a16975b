/** `yard context`: real files, real brokers, and the command that goes where a context says. */

import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { connect } from '../../sdk/index.ts';
import { type Scratch, scratch, type TestBroker, testBroker } from '../nats/broker.ts';
import { Shell } from './command.ts';

let [near, far]: TestBroker[] = [];
let directory: Scratch;
let shell: Shell;

beforeAll(async () => {
  directory = await scratch();
  near = await testBroker();
  far = await testBroker({ settings: { authorization: { users: [{ user: 'mia', password: 's3cret' }] } } });
  shell = new Shell(directory.path, {});
});

afterAll(async () => {
  await shell[Symbol.asyncDispose]();
  await Promise.all([near, far].map((broker) => broker?.[Symbol.asyncDispose]()));
  await directory[Symbol.asyncDispose]();
});

const kept = (name: string) => join(directory.path, 'yard', 'context', `${name}.json`);

async function jobsAt(broker: TestBroker | undefined, tenant: string, sign: object = {}): Promise<readonly string[]> {
  await using yard = await connect({ servers: broker?.url ?? '', tenant, ...sign });
  return (await Array.fromAsync(yard.jobs())).map(({ id }) => id);
}

test('one is kept for its owner alone, and says where, as whom and for which tenant a command goes', async () => {
  const url = near?.url ?? '';
  const added = await shell.yard(
    'context',
    'add',
    'near',
    '--nats',
    url,
    '--tenant',
    'acme',
    '--http',
    'http://127.0.0.1:1',
  );
  expect(added).toMatchObject({ code: 0, out: expect.stringContaining('yard context use near') });
  expect((await stat(kept('near'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory.path, 'yard', 'context'))).mode & 0o777).toBe(0o700);
  expect(JSON.parse(await readFile(kept('near'), 'utf8'))).toEqual({
    nats: [url],
    tenant: 'acme',
    http: 'http://127.0.0.1:1',
  });
  const again = await shell.yard('context', 'add', 'near', '--nats', url);
  expect(again).toMatchObject({ code: 2, talk: expect.stringContaining('--replace') });
  expect(await shell.yard('submit', 'noop', '--id', 'named', '--context', 'near')).toMatchObject({ code: 0 });
  expect(await jobsAt(near, 'acme')).toEqual(['named']);
});

test('secrets are used and never shown', async () => {
  const url = far?.url ?? '';
  const signed = ['--user', 'mia', '--password', 's3cret'];
  await shell.yard(
    'context',
    'add',
    'far',
    '--nats',
    url.replace('//', '//x:hidden@'),
    ...signed,
    '--http-token',
    'yard_t0ken',
  );
  await shell.yard('context', 'add', 'far', '--nats', url, ...signed, '--http-token', 'yard_t0ken', '--replace');
  expect(await readFile(kept('far'), 'utf8')).toContain('s3cret');
  const told = await Promise.all([
    shell.yard('context', 'list', '-o', 'wide'),
    shell.yard('context', 'list', '-o', 'json'),
    shell.yard('context', 'show', 'far'),
    shell.yard('context', 'show', '--context', 'far', '-o', 'json'),
    shell.yard('config', 'show', '--context', 'far'),
  ]);
  for (const { out, talk, code } of told) {
    expect(code).toBe(0);
    expect(`${out}${talk}`).not.toMatch(/s3cret|hidden|t0ken/);
  }
  expect(told[4]?.out).toMatch(/^nats +nats:\S+ +context far$/m);
  expect(await shell.yard('submit', 'noop', '--id', 'afar', '--context', 'far')).toMatchObject({ code: 0 });
  expect(await jobsAt(far, 'default', { user: 'mia', password: 's3cret' })).toEqual(['afar']);
});

test('the chosen one holds where nothing else says where the cluster is; a named one holds always, but for flags', async () => {
  const env = { NATS_URL: near?.url ?? '' };
  await using elsewhere = new Shell(directory.path, env);
  await shell.yard('context', 'use', 'far');
  const natsIn = async (in_: Shell, ...words: string[]) => {
    const { out } = await in_.yard('context', 'show', '-o', 'json', ...words);
    const said = z.array(z.object({ name: z.string(), value: z.string(), origin: z.string() })).parse(JSON.parse(out));
    return said.find(({ name }) => name === 'nats');
  };
  expect(await natsIn(shell)).toMatchObject({ value: far?.url, origin: 'context far' });
  expect(await natsIn(elsewhere)).toMatchObject({ value: near?.url, origin: 'env NATS_URL' });
  expect(await natsIn(elsewhere, '--context', 'far')).toMatchObject({ value: far?.url, origin: 'context far' });
  expect(await natsIn(shell, '--context', 'far', '--nats', 'nats://flag:1')).toMatchObject({ origin: 'flag --nats' });
  const list = await shell.yard('context', 'list');
  expect(list.out).toMatch(/^far +\* +yard +nats:\S+ +user mia/m);
  await shell.yard('context', 'use', '--none');
  expect(await natsIn(shell)).toBeUndefined();
});

test('contexts of `nats` are listed, used and built upon, and never written', async () => {
  const folder = join(directory.path, 'nats', 'context');
  await mkdir(folder, { recursive: true });
  const text = JSON.stringify({ url: far?.url, user: 'mia', password: 's3cret' });
  await writeFile(join(folder, 'theirs.json'), text);
  expect((await shell.yard('context', 'list')).out).toMatch(/^theirs +nats +nats:\S+ +user mia/m);
  await shell.yard('context', 'add', 'built', '--context', 'theirs', '--tenant', 'acme');
  expect(JSON.parse(await readFile(kept('built'), 'utf8'))).toEqual({ context: 'theirs', tenant: 'acme' });
  expect(await shell.yard('submit', 'noop', '--id', 'upon', '--context', 'built')).toMatchObject({ code: 0 });
  await shell.yard('context', 'use', 'theirs');
  expect(await shell.yard('submit', 'noop', '--id', 'chosen')).toMatchObject({ code: 0 });
  const sign = { user: 'mia', password: 's3cret' };
  expect(await jobsAt(far, 'acme', sign)).toEqual(['upon']);
  expect(await jobsAt(far, 'default', sign)).toContain('chosen');
  expect(await shell.yard('context', 'remove', 'theirs')).toMatchObject({ code: 2 });
  expect(await readFile(join(folder, 'theirs.json'), 'utf8')).toBe(text);
});

test('names are completed; one that is not there is told with the nearest, and one that is removed is chosen no more', async () => {
  expect((await shell.yard('complete', '--', 'context', 'use', 'fa')).out).toMatch(/^far\b/m);
  expect((await shell.yard('complete', '--', '--context', 'bui')).out).toMatch(/^built\b/m);
  const missing = await shell.yard('context', 'show', 'nera');
  expect(missing).toMatchObject({ code: 3, out: '', talk: expect.stringContaining('Did you mean `near`?') });
  await shell.yard('context', 'use', 'near');
  expect(await shell.yard('context', 'remove', 'near')).toMatchObject({ code: 0 });
  expect((await shell.yard('context', 'list', '-o', 'name')).out).toBe('built\nfar\ntheirs\n');
  expect(JSON.parse((await shell.yard('context', 'show', '-o', 'json')).out)).toEqual([]);
  expect(await shell.yard('context', 'add', '../evil', '--nats', 'nats://a:1')).toMatchObject({ code: 2 });
});

test('what somebody wrote wrong into one is told with the file, and the others are listed all the same', async () => {
  await writeFile(kept('spoilt'), '{"natz":"x"}');
  const listed = await shell.yard('context', 'list');
  expect(listed).toMatchObject({ code: 0, out: expect.stringContaining('got `natz`') });
  const used = await shell.yard('status', '--context', 'spoilt');
  expect(used).toMatchObject({ code: 2, talk: expect.stringContaining(kept('spoilt')) });
  const doctor = await shell.yard('doctor', 'options', '--context', 'spoilt');
  expect(doctor).toMatchObject({ code: 1, out: expect.stringContaining('natz') });
});
