/**
 * The contexts of the `nats` command: `~/.config/nats/context/<name>.json`, and the name of the selected one beside.
 *
 * Knows their fields and reads them; writes nothing. Promises that whoever can say `nats pub` can say `yard`.
 */

import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Fault, messageOf } from '../runtime/faults.ts';
import type { BrokerAddress, TlsFiles } from './address.ts';

/**
 * The broker's address in the context of that name, or in the selected one; empty where none is selected.
 *
 * `folder` is `$XDG_CONFIG_HOME/nats` unless given.
 *
 * @throws {Fault} `option.invalid` where a context that was asked for cannot be read.
 */
export async function readContext(options: { name?: string; folder?: string } = {}): Promise<BrokerAddress> {
  const { folder = contextsFolder() } = options;
  const name = options.name ?? (await selectedIn(folder));
  if (name === undefined) return {};
  if (!/^[\w.-]+$/.test(name))
    throw new Fault('option.invalid', `Expected the name of a NATS context, got \`${name}\`. See \`nats context ls\`.`);
  return addressIn(await contextFile(join(folder, 'context', `${name}.json`), name));
}

/** The names of all there are, and of the selected one. */
export async function listContexts(
  folder = contextsFolder(),
): Promise<{ names: readonly string[]; selected?: string | undefined }> {
  const files = await readdir(join(folder, 'context')).catch(() => []);
  const names = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));
  return { names: names.sort(), selected: await selectedIn(folder) };
}

function contextsFolder(): string {
  return join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'nats');
}

async function selectedIn(folder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(folder, 'context.txt'), 'utf8')).trim() || undefined;
  } catch {
    return undefined;
  }
}

async function contextFile(path: string, name: string): Promise<ReadonlyMap<string, unknown>> {
  try {
    const json: unknown = JSON.parse(await readFile(path, 'utf8'));
    return new Map(Object.entries(json ?? {}));
  } catch (error) {
    throw new Fault(
      'option.invalid',
      `Expected the NATS context \`${name}\` at ${path}, got: ${messageOf(error)}. See \`nats context ls\`.`,
      { cause: error },
    );
  }
}

function addressIn(context: ReadonlyMap<string, unknown>): BrokerAddress {
  const text = (field: string) => {
    const value = context.get(field);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const path = (field: string) => text(field)?.replace(/^~(?=\/)/, homedir());
  return present({
    servers: text('url'),
    credsFile: path('creds'),
    nkeyFile: path('nkey'),
    user: text('user'),
    password: text('password'),
    token: text('token'),
    inboxPrefix: text('inbox_prefix'),
    tls: tlsIn({
      caFile: path('ca'),
      certFile: path('cert'),
      keyFile: path('key'),
      handshakeFirst: context.get('tls_first') === true || undefined,
    }),
  });
}

function tlsIn(files: { [field in keyof TlsFiles]: TlsFiles[field] | undefined }): TlsFiles | undefined {
  const tls: TlsFiles = present(files);
  return Object.keys(tls).length === 0 ? undefined : tls;
}

/** The fields that are there. */
function present<T extends object>(fields: T): { [field in keyof T]?: Exclude<T[field], undefined> } {
  const kept: { [field in keyof T]?: Exclude<T[field], undefined> } = {};
  for (const field in fields) {
    const value = fields[field];
    if (isPresent(value)) kept[field] = value;
  }
  return kept;
}

function isPresent<V>(value: V): value is Exclude<V, undefined> {
  return value !== undefined;
}
