/**
 * Contexts as people keep them: added, listed, chosen and removed, and which of them holds here and why.
 *
 * They lie under `$XDG_CONFIG_HOME/yard/` and can be read by nobody else (0600), since some hold passwords. Contexts of the
 * `nats` command are listed beside them and never written.
 */

import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { BrokerAddress } from '../nats/address.ts';
import { listContexts as natsContexts, readContext } from '../nats/context.ts';
import { Fault, messageOf } from '../runtime/faults.ts';
import {
  type ContextFile,
  type ContextOption,
  chosenContext,
  contextFolder,
  contextOptions,
  contextPath,
  expectContextName,
  readContextFile,
} from '../runtime/options/context.ts';
import { nearest } from '../runtime/options/nearest.ts';
import type { Options } from '../runtime/options.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** A context as people see it; nothing in it is secret. */
export interface ContextView {
  name: string;
  /** Whose it is. */
  of: 'yard' | 'nats';
  /** Chosen by `yard context use`; of those of `nats`, also by `nats context select` where nothing of ours is. */
  isChosen: boolean;
  /** Where the broker is; absent where it does not say, or cannot be read. */
  server?: string;
  /** How to sign in there, such as `creds` or `user mia`. */
  signIn: string;
  tenant?: string;
  prefix?: string;
  /** The context of `nats` that says what this one does not. */
  natsContext?: string;
  http?: string;
  /** Why it cannot be used. */
  flaw?: string;
}

/** Options that are paths: they must hold from every directory. */
const paths: ReadonlySet<ContextOption> = new Set(['creds', 'nkey', 'tlsCa', 'tlsCert', 'tlsKey']);

export interface ContextGiven {
  name: string;
  /** What is said by flags, environment or another context goes into it; what is default does not. */
  options: Options;
  http?: string | undefined;
  httpToken?: string | undefined;
  /** Whether one of that name may be there. */
  replace: boolean;
  directory: string;
}

/** @throws {Fault} `input.invalid` where nothing is said, or one of that name is there. */
export async function addContext(env: Env, given: ContextGiven): Promise<ContextView> {
  const { name, http, httpToken, replace } = given;
  const path = contextPath(env, expectContextName(name));
  if (!replace && readContextFile(env, name) !== undefined)
    throw new Fault(
      'input.invalid',
      `Expected a name that no context has, got ${name}. Choose another one, or overwrite it with \`--replace\`.`,
    );
  const values = saidIn(given);
  if (Object.keys(values).length === 0 && http === undefined)
    throw new Fault(
      'input.invalid',
      'Expected something to keep, such as `--nats tls://broker:4222 --creds FILE`, got nothing. Say where the cluster is.',
    );
  if (http !== undefined && !/^https?:\/\//.test(http))
    throw new Fault(
      'input.invalid',
      `Expected \`--http\` to be an address of http or https, got \`${http}\`. Correct it.`,
    );
  await writePrivate(path, `${JSON.stringify({ ...values, http, httpToken }, undefined, 2)}\n`);
  return viewOf({ name, path, values, ...(http === undefined ? {} : { http }) }, undefined);
}

function saidIn({ options, directory }: ContextGiven): Partial<Record<ContextOption, unknown>> {
  const values: Partial<Record<ContextOption, unknown>> = {};
  for (const option of contextOptions) {
    const origin = options.origins[option];
    const value = options[option];
    if (value === undefined || !/^(?:flag|env|context) /.test(origin)) continue;
    values[option] = typeof value === 'string' && paths.has(option) ? resolve(directory, value) : value;
  }
  return values;
}

/** Whole or not at all, and readable by its owner alone. */
async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, path);
}

/** Ours and those of `nats`, each by name. */
export async function listContexts(env: Env): Promise<readonly ContextView[]> {
  const chosen = chosenContext(env);
  const own = (await namesOf(env)).map((name) => ownView(env, name, chosen));
  const { names, selected } = await natsContexts();
  const hidden = new Set(own.map(({ name }) => name));
  const others = names.filter((name) => !hidden.has(name)).map((name) => natsView(name, (chosen ?? selected) === name));
  return [...own, ...(await Promise.all(others))];
}

/** Names to complete. */
export async function contextNames(env: Env): Promise<readonly string[]> {
  const { names } = await natsContexts();
  return [...new Set([...(await namesOf(env)), ...names])];
}

async function namesOf(env: Env): Promise<readonly string[]> {
  const files = await readdir(contextFolder(env).all).catch(() => []);
  return files
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

function ownView(env: Env, name: string, chosen: string | undefined): ContextView {
  try {
    const file = readContextFile(env, name);
    if (file !== undefined) return viewOf(file, chosen);
    return { name, of: 'yard', isChosen: false, signIn: 'none', flaw: 'No context can have this name.' };
  } catch (cause) {
    return { name, of: 'yard', isChosen: name === chosen, signIn: 'none', flaw: messageOf(cause) };
  }
}

function viewOf({ name, values, http }: ContextFile, chosen: string | undefined): ContextView {
  const text = (option: ContextOption) => {
    const value = values[option];
    return value === undefined ? undefined : String(value);
  };
  return {
    ...{ name, of: 'yard' as const, isChosen: name === chosen },
    ...defined({
      server: text('nats')?.replaceAll(/\/\/[^/@,]+@/g, '//***@'),
      tenant: text('tenant'),
      prefix: text('prefix'),
      natsContext: text('context'),
      http,
    }),
    signIn: signInOf({ creds: text('creds'), nkey: text('nkey'), token: text('token'), user: text('user') }),
  };
}

async function natsView(name: string, isChosen: boolean): Promise<ContextView> {
  const view = { name, of: 'nats' as const, isChosen };
  try {
    const address = await readContext({ name });
    return { ...view, ...defined({ server: serverOf(address) }), signIn: signInOf(inOurWords(address)) };
  } catch (cause) {
    return { ...view, signIn: 'none', flaw: messageOf(cause) };
  }
}

function serverOf({ servers }: BrokerAddress): string | undefined {
  const text = servers === undefined || typeof servers === 'string' ? servers : servers.join(',');
  return text?.replaceAll(/\/\/[^/@,]+@/g, '//***@');
}

function inOurWords({ credsFile: creds, nkeyFile: nkey, token, user }: BrokerAddress) {
  return { creds, nkey, token, user };
}

function signInOf(said: Readonly<Record<'creds' | 'nkey' | 'token' | 'user', string | undefined>>): string {
  if (said.creds !== undefined) return 'creds';
  if (said.nkey !== undefined) return 'nkey';
  if (said.token !== undefined) return 'token';
  return said.user === undefined ? 'none' : `user ${said.user}`;
}

function defined<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  const kept: { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } = {};
  for (const name in fields) if (fields[name] !== undefined) Object.assign(kept, { [name]: fields[name] });
  return kept;
}

/** @throws {Fault} `context.missing` */
export async function findContext(env: Env, name: string): Promise<ContextView> {
  const all = await listContexts(env);
  const found = all.find((each) => each.name === name);
  if (found !== undefined) return found;
  const meant = nearest(
    name,
    all.map((each) => each.name),
  );
  const advice = meant === undefined ? 'See `yard context list`.' : `Did you mean \`${meant}\`?`;
  throw new Fault('context.missing', `Expected a context that is there, got \`${name}\`. ${advice}`);
}

/** Chooses it for all commands to come; `undefined`: none. @throws {Fault} `context.missing` */
export async function chooseContext(env: Env, name: string | undefined): Promise<ContextView | undefined> {
  const { chosen } = contextFolder(env);
  if (name === undefined) {
    await rm(chosen, { force: true });
    return undefined;
  }
  const found = await findContext(env, name);
  await writePrivate(chosen, `${name}\n`);
  return { ...found, isChosen: true };
}

/** Removes one of ours; where it was chosen, none is. @throws {Fault} `context.missing`, `input.invalid` */
export async function removeContext(env: Env, name: string): Promise<ContextView> {
  const found = await findContext(env, name);
  if (found.of === 'nats')
    throw new Fault(
      'input.invalid',
      `Expected a context of ours, got one of the \`nats\` command. Remove it with \`nats context rm ${name}\`.`,
    );
  await rm(contextPath(env, name), { force: true });
  if (found.isChosen) await chooseContext(env, undefined);
  return found;
}

/** Where the cluster of these options serves HTTP, and the token to show there, as their context says. */
export function httpOf(env: Env, { origins }: Options): { url: string; token?: string } | undefined {
  const [, name] = contextOptions.flatMap((option) => /^context (.+)$/.exec(origins[option]) ?? []);
  const file = name === undefined ? undefined : readContextFile(env, name);
  if (file?.http === undefined) return undefined;
  return { url: file.http, ...(file.httpToken === undefined ? {} : { token: file.httpToken }) };
}
