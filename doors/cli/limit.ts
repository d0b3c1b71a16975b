/**
 * `yard limit list | get | set | delete`: limits of keys that jobs name, seen and changed while the cluster runs.
 */

import type { Command } from 'commander';
import type { LimitChange, LimitView } from '../../sdk/index.ts';
import { listed, told } from './answer.ts';
import { type Column, facts } from './columns.ts';
import type { CommandContext } from './command.ts';
import { MissingError, UsageError } from './exit.ts';
import { countText, numberOf, rateOf, rateText, setText } from './setting.ts';
import { watchable } from './watchable.ts';

export function register(program: Command, context: CommandContext): void {
  const limit = program.command('limit').description('Shows and sets limits for jobs that name a key (`--limit-key`).');
  watchable(
    limit.command('list').description('Lists the limits that are set, and the keys that have jobs out.'),
    context,
    list,
  );
  limit
    .command('get <name>')
    .alias('describe')
    .description('Shows one limit.')
    .action((name: string, _, command: Command) => get(name, command, context));
  limit
    .command('set <name>')
    .description('Limits a key such as `api.acme`, or each key of a family such as `api.*`; masters go by it at once.')
    .option('--max-active <count>', 'The most jobs with the key that workers may hold at once, or `none`.')
    .option('--rate <starts>', 'The most jobs with the key that may start, such as 10/s or 30/m, or `none`.')
    .action((name: string, flags: SetFlags, command: Command) => set({ name, flags }, command, context));
  limit
    .command('delete <name>')
    .description('Takes back whatever was set for it.')
    .action((name: string, _, command: Command) => remove(name, command, context));
}

interface SetFlags {
  maxActive?: string;
  rate?: string;
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const limits = await context.withYard(command, (yard) => yard.limits.list());
  listed(context, limits, { shape, none: 'No limits. Set one with `yard limit set`.' });
}

const shape: readonly Column<LimitView>[] = [
  { title: 'LIMIT', value: ({ limit }) => limit },
  { title: 'MAX', value: ({ maxActive }) => countText(maxActive), align: 'right' },
  { title: 'RATE', value: rateText, align: 'right' },
  { title: 'OUT', value: outText, shrinks: true },
];

function outText({ out }: LimitView): string {
  if (out === undefined) return '-';
  const keys = Object.entries(out).map(([key, count]) => `${key}: ${count}`);
  return keys.join(', ') || '0';
}

async function get(name: string, command: Command, context: CommandContext): Promise<void> {
  const view = await context.withYard(command, (yard) => yard.limits.get(name));
  if (view === undefined) throw missing(name);
  const { terminal } = context;
  const pairs = shape.map(({ title, value }) => [title.toLowerCase(), value(view)] as const);
  told(context, view, { name: name, text: () => facts(pairs, terminal) });
}

async function set(
  { name, flags: { maxActive, rate } }: { name: string; flags: SetFlags },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const change: LimitChange = {
    ...(maxActive === undefined ? {} : { maxActive: numberOf(maxActive, 'max-active') }),
    ...(rate === undefined ? {} : { ratePerSecond: rateOf(rate, 'rate') }),
  };
  if (Object.keys(change).length === 0)
    throw new UsageError(
      'Expected something to set, such as `--max-active 5`, got nothing. See `yard limit set --help`.',
    );
  const { limit, ...settings } = await context.withYard(command, (yard) => yard.limits.set(name, change));
  told(context, { limit, ...settings }, { name: limit, text: () => setText(`Limit ${limit}`, settings) });
}

async function remove(name: string, command: Command, context: CommandContext): Promise<void> {
  await context.withYard(command, async (yard) => {
    if ((await yard.limits.get(name)) === undefined) throw missing(name);
    await yard.limits.delete(name);
  });
  told(context, { limit: name }, { name: name, text: () => `Limit ${name} is deleted.` });
}

function missing(name: string): MissingError {
  return new MissingError(`Expected a limit that is set, got ${name}. See \`yard limit list\`.`);
}
