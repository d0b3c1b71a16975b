/**
 * The options of a process as its doors meet them: flags, environment and file in, one resolved set out.
 */

import { resolve } from 'node:path';
import { formatDuration, parseDuration } from '../machines/rules/duration.ts';
import { Fault } from '../runtime/faults.ts';
import { readContextFile } from '../runtime/options/context.ts';
import { readOptionFile } from '../runtime/options/file.ts';
import { type Flag, flagsOf } from '../runtime/options/page.ts';
import type { Scope } from '../runtime/options/table.ts';
import { type Explained, explain, type Options, resolveOptions, withContext } from '../runtime/options.ts';

export type { Explained, Flag, Options, Scope };

export interface SettingsSources {
  /** By the names of the table; names of other commands' flags are passed over. */
  flags: Readonly<Record<string, unknown>>;
  env: Readonly<Record<string, string | undefined>>;
  directory: string;
}

/**
 * The options for a process of this scope.
 *
 * @throws {Fault} `option.invalid`
 */
export function readSettings({ flags, env, directory }: SettingsSources, scope: Scope): Options {
  const own = flagsOf(scope).flatMap(({ name }) => (flags[name] === undefined ? [] : [[name, flags[name]]]));
  const known: Record<string, unknown> = Object.fromEntries(own);
  const file = readOptionFile({ flags: known, env }, resolve(directory));
  const options = resolveOptions({ flags: known, env, file }, scope);
  const named = namedContext(options, env);
  return named === undefined ? options : withContext(options, named, true);
}

/** The one of ours that was named; the variable of the `nats` command names none of ours. */
function namedContext({ context, origins }: Options, env: SettingsSources['env']) {
  const isOfNats = origins.context === 'env NATS_CONTEXT';
  return context === undefined || isOfNats ? undefined : readContextFile(env, context);
}

/** The flags that every command understands. */
export function commonFlags(): readonly Flag[] {
  return flagsOf('client');
}

/** The flags that a process of this scope has beside the common ones. */
export function ownFlags(scope: Scope): readonly Flag[] {
  const common = new Set(commonFlags().map(({ name }) => name));
  return flagsOf(scope).filter(({ name }) => !common.has(name));
}

/** Every option with its value and origin; secrets masked. */
export function explainSettings(options: Options): readonly Explained[] {
  return explain(options);
}

/**
 * The milliseconds that `text` means.
 *
 * @throws {Fault} `input.invalid`
 */
export function durationMs(text: string, name: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new Fault(
    'input.invalid',
    `Expected \`${name}\` to be a duration such as 500ms, 10s or 1h30m, got \`${text}\`. Write, for example, \`30s\`.`,
  );
}

/** A span of time as people read it: `450ms`, `1.5s`, `2m05s`, `3h20m`. */
export function durationText(ms: number): string {
  return formatDuration(ms);
}
