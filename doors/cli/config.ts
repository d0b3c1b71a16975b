/**
 * `yard config show`: every option, its value, and where that came from.
 */

import type { Command } from 'commander';
import { type Explained, explainSettings } from '../../cluster/settings.ts';
import { listed } from './answer.ts';
import type { Column } from './columns.ts';
import type { CommandContext } from './command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('config')
    .description('The options of this machine and directory.')
    .command('show')
    .description('Shows every option, its value and where that came from. Secrets are not shown.')
    .action((_, command: Command) => show(command, context));
}

async function show(command: Command, context: CommandContext): Promise<void> {
  const { locate } = await import('../../cluster/locate.ts');
  const explained = explainSettings(await locate(context.settings(command, 'client'), context.directory));
  listed(context, explained, { shape, none: 'No options.' });
}

const shape: readonly Column<Explained>[] = [
  { title: 'OPTION', value: ({ name }) => name },
  { title: 'VALUE', shrinks: true, value: ({ value }) => (value === '' ? '-' : value) },
  {
    title: 'ORIGIN',
    value: ({ origin }) => origin,
    style: ({ origin }) => (origin === 'default' ? 'dim' : 'reset'),
  },
];
