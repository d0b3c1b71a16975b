/**
 * Tells a person what went wrong: one line, and where it helps what to do; the stack only to who debugs.
 */

import { type Command, CommanderError } from 'commander';
import { type ExitCode, exitCodeOf, exitCodes, faultCodeOf } from './exit.ts';
import { Interrupted } from './interrupt.ts';
import type { Terminal } from './terminal.ts';
import { asTyped } from './typed.ts';

const hints: ReadonlyMap<string, string> = new Map([
  [
    'broker.unreachable',
    'Start a cluster here with `yard up`, or say where one is with `--nats URL`, NATS_URL or `yard context use NAME`. `yard doctor` tells more.',
  ],
  ['broker.unauthorized', 'Sign in with `--creds FILE`, `--nkey FILE`, `--user`, `--token` or `--context NAME`.'],
]);

export interface Trouble {
  terminal: Terminal;
  isDebugging: boolean;
  /** The command that ran into it, where one ran. */
  command: Command | undefined;
}

/** Tells of `thrown` and says what the process should end with. */
export function tell(thrown: unknown, { terminal, isDebugging, command }: Trouble): ExitCode {
  if (thrown instanceof CommanderError) return tellUsage(thrown, terminal);
  if (thrown instanceof Interrupted) return exitCodeOf(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  terminal.say(`yard: ${asTyped(message, command)}`);
  const hint = hints.get(faultCodeOf(thrown) ?? '');
  if (hint !== undefined) terminal.say(hint);
  if (isDebugging && thrown instanceof Error) tellStack(thrown, terminal);
  return exitCodeOf(thrown);
}

/** Help and version were asked for; all else that commander ends with is a mistake in what was typed. */
function tellUsage({ code, message }: CommanderError, terminal: Terminal): ExitCode {
  if (code === 'commander.helpDisplayed' || code === 'commander.version') return exitCodes.ok;
  if (code !== 'commander.help') {
    const sentence = message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
    terminal.say(`yard: ${sentence.replace(/\.?$/, '.').replace('?).', '?)')} See \`yard --help\`.`);
  }
  return exitCodes.usage;
}

function tellStack(thrown: Error, terminal: Terminal): void {
  for (let each: unknown = thrown; each instanceof Error; each = each.cause) terminal.say(each.stack ?? each.message);
}
