/**
 * What every command is handed, and the shape in which each file adds its own to `yard`.
 *
 * A file of commands exports `register(program, context)`. It declares words, flags and help at once, and imports
 * what does the work only when it runs, so that `yard --help` stays quick. Global flags (connection, `--prefix`,
 * `--log-level`, `--output`) are declared in `main.ts` and understood before and after every command.
 */

import type { Command } from 'commander';
import type { Flag, Options, Scope } from '../../cluster/settings.ts';
import type { Yard } from '../../sdk/index.ts';
import type { ExitCode } from './exit.ts';
import type { Terminal } from './terminal.ts';

/** How answers are written (`answer.ts`). */
export const outputs = ['table', 'wide', 'json', 'jsonl', 'name'] as const;
export type Output = (typeof outputs)[number];

export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working directory, absolute. */
  readonly directory: string;
  /** What `--output` says. */
  readonly output: Output;
  /**
   * The options of `command` for a process of this scope: its flags and the global ones, environment, file, defaults.
   *
   * @throws {Fault} `option.invalid`
   */
  settings(command: Command, scope: Scope): Options;
  /** A connection to the cluster that flags, environment or a local `yard up` name; the caller closes it. */
  connect(command: Command): Promise<Yard>;
  /** Does `what` with such a connection, which is closed at the end. */
  withYard<Result>(command: Command, what: (yard: Yard) => Promise<Result>): Promise<Result>;
  /** Sends traces of this process, where the environment says where to; disposed of once all is told. */
  startTracing(command: Command): Promise<AsyncDisposable>;
  /** What the process ends with; 0 where nobody says. The last one counts. */
  exitWith(code: ExitCode): void;
}

/** Adds commands to `yard`. */
export type Register = (program: Command, context: CommandContext) => void;

/** Declares the flags of a table on a command. */
export function addFlags(command: Command, flags: readonly Flag[]): Command {
  for (const { usage, help } of flags) command.option(usage, help);
  return command;
}
