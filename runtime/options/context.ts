/**
 * Contexts: clusters under names, each a file of options that say where it is and who we are to it, in
 * `$XDG_CONFIG_HOME/yard/context/`; the name of the one that a person has chosen lies beside them.
 *
 * Knows where they lie and what they may hold; which of them is meant is the affair of others (`cluster/contexts.ts`).
 */

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Fault, messageOf } from '../faults.ts';
import type { OptionName } from './table.ts';

/** The options that a context may set. */
export const contextOptions = [
  ...(['nats', 'context', 'creds', 'nkey', 'user', 'password', 'token', 'inboxPrefix'] as const),
  ...(['tlsCa', 'tlsCert', 'tlsKey', 'tenant', 'prefix'] as const),
] as const satisfies readonly OptionName[];
export type ContextOption = (typeof contextOptions)[number];

/** One as it lies on the disk. `context` is one of the `nats` command that says what this one does not. */
export interface ContextFile {
  name: string;
  path: string;
  /** By the names of the options; not yet looked at. */
  values: Readonly<Partial<Record<ContextOption, unknown>>>;
  /** Where the cluster serves HTTP, and the token to show there. */
  http?: string;
  httpToken?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Where they lie, whether or not anything does. */
export function contextFolder(env: Env): { chosen: string; all: string } {
  const folder = join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'yard');
  return { chosen: join(folder, 'context.txt'), all: join(folder, 'context') };
}

const namePattern = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** @throws {Fault} `input.invalid` where no context can have that name. */
export function expectContextName(name: string): string {
  if (namePattern.test(name)) return name;
  throw new Fault(
    'input.invalid',
    `Expected a name of up to 64 letters, digits, \`.\`, \`_\` and \`-\`, got \`${name}\`. Choose another one.`,
  );
}

export function contextPath(env: Env, name: string): string {
  return join(contextFolder(env).all, `${name}.json`);
}

/** The name that a person has chosen; `undefined` where none is. */
export function chosenContext(env: Env): string | undefined {
  return textIn(contextFolder(env).chosen)?.trim() || undefined;
}

/**
 * The context of this name; `undefined` where there is none.
 *
 * @throws {Fault} `option.invalid` where it cannot be read, or says what it does not know.
 */
export function readContextFile(env: Env, name: string): ContextFile | undefined {
  if (!namePattern.test(name)) return undefined;
  const path = contextPath(env, name);
  const text = textIn(path);
  if (text === undefined) return undefined;
  const { http, httpToken, ...values } = fieldsIn(text, path);
  const strange = Object.keys(values).find((field) => !contextOptions.some((known) => known === field));
  if (strange !== undefined)
    throw new Fault(
      'option.invalid',
      `Expected ${path} to hold ${contextOptions.join(', ')}, http and httpToken, got \`${strange}\`. Correct it, or add it anew with \`yard context add ${name} --replace\`.`,
    );
  return {
    ...{ name, path, values },
    ...(typeof http === 'string' ? { http } : {}),
    ...(typeof httpToken === 'string' ? { httpToken } : {}),
  };
}

function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR'))
      return undefined;
    throw new Fault('option.invalid', `Expected to read ${path}, got: ${messageOf(thrown)}. Correct its permissions.`, {
      cause: thrown,
    });
  }
}

function fieldsIn(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return { ...json };
  } catch {
    // Told below, as what is JSON and no object.
  }
  throw new Fault('option.invalid', `Expected ${path} to hold one JSON object, got something else. Correct it.`);
}
