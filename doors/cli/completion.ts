/**
 * `yard completion`: a script that completes commands and flags in the shell, made from the commands themselves.
 *
 * What completes is loaded by those two commands only. The script asks `yard complete -- <words>` at each press of the
 * key, which is no command for people and stands in no help.
 */

import type { Command } from 'commander';
import type { CommandContext } from './command.ts';

const shells = ['bash', 'zsh', 'fish', 'powershell'];

/** The word as help shows it; carried out by `completed`, which needs all other commands. */
export function register(program: Command): void {
  program
    .command('completion')
    .argument('<shell>', `One of ${shells.join(', ')}.`)
    .summary('Prints a script that completes commands and flags in a shell.')
    .description(
      'Prints a script that completes commands and flags, such as `source <(yard completion bash)` in `~/.bashrc`.',
    );
}

/** Whether these words are for what completes. */
export function isCompletion([word]: readonly string[]): boolean {
  return word === 'completion' || word === 'complete';
}

/** Has a program with all its commands complete itself, names of contexts too. */
export async function complete(program: Command, env: CommandContext['env']): Promise<void> {
  const [{ default: tab }, { contextNames }] = await Promise.all([
    import('@bomb.sh/tab/commander'),
    import('../../cluster/contexts.ts'),
  ]);
  const names = await contextNames(env);
  const offer = (add: (name: string, what: string) => void) => names.forEach((name) => void add(name, 'context'));
  const { options, commands } = tab(program, { completionCommandName: 'completion' });
  const named = ['use', 'show', 'remove'].map((verb) => commands.get(`context ${verb}`)?.arguments.get('name'));
  for (const place of [options.get('context'), ...named]) if (place !== undefined) place.handler = offer;
}
