/**
 * Resolves options: a flag wins over the environment, that over the file, that over the default.
 *
 * Every value knows where it came from, so that `yard config show` can tell. What is unknown or wrong is refused
 * at once with what was expected, what was met and what to do; a secret is never shown, not even in a refusal.
 * The options themselves are in `options/table.ts`, the file is found and read by `options/file.ts`.
 */

import { Fault } from './faults.ts';
import { type ContextFile, contextOptions } from './options/context.ts';
import { edits, nearest } from './options/nearest.ts';
import {
  envOf,
  flagOf,
  isOptionName,
  type Option,
  type OptionName,
  type OptionValues,
  optionNames,
  type Scope,
  options as table,
} from './options/table.ts';

/** What a file of options held. `path` is as people should read it. */
export interface OptionFile {
  path: string;
  values: Readonly<Record<string, unknown>>;
}

/** Where options may come from. Flags are named as in the table or with hyphens; `undefined` is not given. */
export interface OptionSources {
  flags: Readonly<Record<string, unknown>>;
  env: Readonly<Record<string, string | undefined>>;
  file?: OptionFile | undefined;
}

/** Where each value came from: `flag --x`, `env YARD_X`, `context prod`, `file yardmaster.json` or `default`. */
export type Origins = { readonly [Name in OptionName]: string };

/** All options, resolved. Durations are milliseconds. */
export type Options = OptionValues & { readonly origins: Origins };

/** One line of `yard config show`. */
export interface Explained {
  name: OptionName;
  /** As a person would write it; secrets are `***`, what is absent says what that means. */
  value: string;
  origin: string;
  help: string;
}

interface Found {
  raw: unknown;
  origin: string;
}

type Mutable<Values> = { -readonly [Name in keyof Values]?: Values[Name] };

/**
 * The options that `sources` come to for a process of this scope.
 *
 * @throws {Fault} `option.invalid` where a name is unknown or a value is not what its option expects.
 * @example resolveOptions({ flags: { concurrency: '4' }, env: {} }, 'worker').concurrency // 4
 */
export function resolveOptions(sources: OptionSources, scope: Scope): Options {
  const flags = knownFlags(sources.flags, scope);
  refuseMistypedEnv(sources.env);
  for (const name of Object.keys(sources.file?.values ?? {})) refuseUnknown(name, `in ${sources.file?.path}`);

  const values: Mutable<OptionValues> = {};
  const origins: Mutable<Origins> = {};
  for (const name of optionNames) {
    const found = find(name, { ...sources, flags });
    take(values, name, found);
    origins[name] = found?.origin ?? 'default';
  }
  if (!isComplete(values) || !isComplete(origins)) throw new RangeError('Expected every option to be resolved.');
  return { ...values, origins };
}

/**
 * The options with what a context says. One that was named wins over all but flags; one that was only chosen says what nobody
 * else does. What named it is no context of the \`nats\` command then, unless it names one itself.
 *
 * @throws {Fault} `option.invalid` where a value is not what its option expects.
 */
export function withContext(options: Options, { name, values: said }: ContextFile, isNamed: boolean): Options {
  const origin = `context ${name}`;
  const values: Mutable<OptionValues> = { ...options };
  const origins: Mutable<Origins> = { ...options.origins };
  for (const option of contextOptions) {
    const raw = said[option];
    const isNaming = isNamed && option === 'context';
    const isOpen = isNaming || options.origins[option] === 'default' || (isNamed && !isFlag(options.origins[option]));
    if (!isOpen || (raw === undefined && !isNaming)) continue;
    take(values, option, raw === undefined ? undefined : { raw, origin });
    origins[option] = origin;
  }
  if (!isComplete(values) || !isComplete(origins)) throw new RangeError('Expected every option to be resolved.');
  return { ...values, origins };
}

function isFlag(origin: string): boolean {
  return origin.startsWith('flag ');
}

/** Every option with its value and where that came from, in the order of the table; secrets masked. */
export function explain(options: Options): readonly Explained[] {
  return optionNames.map((name) => ({
    name,
    value: shown(name, options),
    origin: options.origins[name],
    help: table[name].help,
  }));
}

function shown<Name extends OptionName>(name: Name, options: OptionValues): string {
  const option: Option<OptionValues[Name]> = table[name];
  const value: OptionValues[Name] = options[name];
  if (value === undefined) return `(${option.unset})`;
  return option.secret === true ? '***' : withoutPassword(option.show(value));
}

/** An address without the password or token that stands in it. */
function withoutPassword(text: string): string {
  return text.replace(/(\/\/)[^/@,]+@/g, '$1***@');
}

function find(name: OptionName, sources: OptionSources): Found | undefined {
  const flag = sources.flags[name];
  if (flag !== undefined) return { raw: flag, origin: `flag ${flagOf(name)}` };
  for (const variable of envOf(name)) {
    const raw = sources.env[variable];
    if (raw !== undefined && raw !== '') return { raw, origin: `env ${variable}` };
  }
  const raw = sources.file?.values[name];
  return raw === undefined ? undefined : { raw, origin: `file ${sources.file?.path}` };
}

function take<Name extends OptionName>(into: Mutable<OptionValues>, name: Name, found: Found | undefined): void {
  const option: Option<OptionValues[Name]> = table[name];
  into[name] = found === undefined ? option.default : accepted(name, option, found);
}

function accepted<Value>(name: OptionName, option: Option<Value>, found: Found): Value {
  const value = option.read(found.raw);
  if (value !== undefined) return value;
  const met = option.secret === true ? 'something else' : withoutPassword(quoted(found.raw));
  throw new Fault(
    'option.invalid',
    `Expected \`${name}\` to be ${option.expected}, got ${met}. Change ${found.origin}.`,
    { facts: { option: name, origin: found.origin } },
  );
}

/** Numbers are told as they are, texts too where they read as numbers; other values as JSON. */
function quoted(raw: unknown): string {
  if (typeof raw === 'string' && raw.trim() !== '' && Number.isFinite(Number(raw))) return raw;
  return JSON.stringify(raw) ?? String(raw);
}

function isComplete<Whole extends object>(values: Mutable<Whole>): values is Whole {
  return optionNames.every((name) => Object.hasOwn(values, name));
}

/** The flags that were given, under the names of the table. */
function knownFlags(flags: Readonly<Record<string, unknown>>, scope: Scope): Readonly<Record<string, unknown>> {
  const known: Record<string, unknown> = {};
  for (const [flag, raw] of Object.entries(flags)) {
    if (raw === undefined) continue;
    const name = flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    refuseUnknown(name, 'as a flag');
    refuseForeign(name, scope);
    known[name] = raw;
  }
  return known;
}

function refuseUnknown(name: string, where: string): void {
  if (isOptionName(name)) return;
  const meant = nearest(name, optionNames);
  const advice = meant === undefined ? 'See `yard config show` for all.' : `Did you mean \`${meant}\`?`;
  throw new Fault('option.invalid', `Expected the name of an option ${where}, got \`${name}\`. ${advice}`, {
    facts: { option: name },
  });
}

function refuseForeign(name: string, scope: Scope): void {
  if (!isOptionName(name) || table[name].scopes.includes(scope)) return;
  throw new Fault(
    'option.invalid',
    `Expected an option of a ${scope}, got \`${flagOf(name)}\`. It is for: ${table[name].scopes.join(', ')}.`,
    { facts: { option: name } },
  );
}

/**
 * Refuses `YARD_CONCURENCY`. A name that is near none of ours may be somebody else's: a Kubernetes service that is
 * called `yard` puts `YARD_SERVICE_HOST` and its like into every container.
 */
function refuseMistypedEnv(env: Readonly<Record<string, string | undefined>>): void {
  const known = optionNames.flatMap(envOf);
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith('YARD_') || known.includes(variable)) continue;
    const meant = nearest(variable, known);
    if (meant === undefined || edits(variable, meant) > 2) continue;
    throw new Fault(
      'option.invalid',
      `Expected the environment name of an option, got ${variable}. Did you mean ${meant}?`,
      {
        facts: { option: variable },
      },
    );
  }
}
