/**
 * The options of one process, said again to another: as flags, so that `ps` shows them, and secrets in the
 * environment, where only their owner sees them. What is default is left out: the other one knows it too.
 */

import {
  envOf,
  flagOf,
  type Option,
  type OptionName,
  type OptionValues,
  optionNames,
  type Scope,
  options as table,
} from '../runtime/options/table.ts';
import type { Options } from '../runtime/options.ts';

export interface CommandLine {
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** What a process of this scope must be told to come to the same options. */
export function commandLine(options: Options, scope: Scope): CommandLine {
  const names = optionNames.filter((name) => table[name].scopes.includes(scope) && options.origins[name] !== 'default');
  const told = names.flatMap((name) => tell(name, options));
  return {
    args: told.flatMap(({ name, text }) => (table[name].secret === true ? [] : [`${flagOf(name)}=${text}`])),
    env: Object.fromEntries(
      told.flatMap(({ name, text }) => (table[name].secret === true ? [[envOf(name)[0] ?? '', text]] : [])),
    ),
  };
}

function tell<Name extends OptionName>(name: Name, options: OptionValues): { name: Name; text: string }[] {
  const option: Option<OptionValues[Name]> = table[name];
  const value: OptionValues[Name] = options[name];
  return value === undefined ? [] : [{ name, text: option.show(value) }];
}

/** The same options with some said otherwise, as if by a flag. */
export function saidOtherwise(options: Options, said: Partial<OptionValues>): Options {
  const origins = Object.fromEntries(Object.keys(said).map((name) => [name, 'flag']));
  return { ...options, ...said, origins: { ...options.origins, ...origins } };
}
