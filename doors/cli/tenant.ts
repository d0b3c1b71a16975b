/**
 * `yard tenant list | get | set`: the part of each tenant and its limits, seen and changed while the cluster runs.
 */

import type { Command } from 'commander';
import type { TenantChange, TenantView } from '../../sdk/index.ts';
import { listed, told } from './answer.ts';
import { type Column, facts } from './columns.ts';
import type { CommandContext } from './command.ts';
import { MissingError, UsageError } from './exit.ts';
import { countText, numberOf, rateOf, rateText, setText } from './setting.ts';
import { watchable } from './watchable.ts';

export function register(program: Command, context: CommandContext): void {
  const tenant = program.command('tenant').description('Shows and sets what holds for tenants (`--tenant`).');
  watchable(
    tenant.command('list').description('Lists tenants for which something is set, or that have open jobs.'),
    context,
    list,
  );
  tenant
    .command('get <name>')
    .alias('describe')
    .description('Shows one tenant.')
    .action((name: string, _, command: Command) => get(name, command, context));
  tenant
    .command('set <name>')
    .description('Changes what holds for a tenant; masters go by it at once. `default` takes back what was set.')
    .option('--weight <number>', 'Its part of the starts among the tenants of a lane; 1 where nobody has set it.')
    .option('--max-open <count>', 'The most of its jobs that may be open; others are refused. Or `none`.')
    .option('--max-active <count>', 'The most of its jobs that workers may hold at once, or `none`.')
    .option('--rate <starts>', 'The most of its jobs that may start, such as 100/s or 30/m, or `none`.')
    .action((name: string, flags: SetFlags, command: Command) => set({ name, flags }, command, context));
}

interface SetFlags {
  weight?: string;
  maxOpen?: string;
  maxActive?: string;
  rate?: string;
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const tenants = await context.withYard(command, (yard) => yard.tenants.list());
  listed(context, tenants, { shape, none: 'No tenants.' });
}

const shape: readonly Column<TenantView>[] = [
  { title: 'TENANT', value: ({ tenant }) => tenant },
  { title: 'WEIGHT', value: ({ weight = 1 }) => String(weight), align: 'right' },
  { title: 'OPEN', value: ({ open }) => countText(open), align: 'right' },
  { title: 'MAX OPEN', value: ({ maxOpen }) => countText(maxOpen), align: 'right' },
  { title: 'OUT', value: ({ out }) => countText(out), align: 'right' },
  { title: 'MAX', value: ({ maxActive }) => countText(maxActive), align: 'right' },
  { title: 'RATE', value: rateText, align: 'right' },
];

async function get(name: string, command: Command, context: CommandContext): Promise<void> {
  const view = await context.withYard(command, (yard) => yard.tenants.get(name));
  if (view === undefined)
    throw new MissingError(`Expected a tenant that is set or has open jobs, got ${name}. See \`yard tenant list\`.`);
  const { terminal } = context;
  const pairs = shape.map(({ title, value }) => [title.toLowerCase(), value(view)] as const);
  told(context, view, { name: name, text: () => facts(pairs, terminal) });
}

async function set(
  { name, flags: { weight, maxOpen, maxActive, rate } }: { name: string; flags: SetFlags },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const change: TenantChange = {
    ...(weight === undefined ? {} : { weight: numberOf(weight, 'weight') }),
    ...(maxOpen === undefined ? {} : { maxOpen: numberOf(maxOpen, 'max-open') }),
    ...(maxActive === undefined ? {} : { maxActive: numberOf(maxActive, 'max-active') }),
    ...(rate === undefined ? {} : { ratePerSecond: rateOf(rate, 'rate') }),
  };
  if (Object.keys(change).length === 0)
    throw new UsageError('Expected something to set, such as `--weight 3`, got nothing. See `yard tenant set --help`.');
  const { tenant, ...settings } = await context.withYard(command, (yard) => yard.tenants.set(name, change));
  told(context, { tenant, ...settings }, { name: tenant, text: () => setText(`Tenant ${tenant}`, settings) });
}
