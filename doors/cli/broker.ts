/**
 * `yard broker list`: which brokers keep the jobs, and who leads what; `restart`: one of those of `yard up`, on purpose.
 */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { BrokerView } from '../../sdk/index.ts';
import { listed, told } from './answer.ts';
import type { Column } from './columns.ts';
import type { CommandContext } from './command.ts';
import type { Style } from './terminal.ts';
import { watchable } from './watchable.ts';

export function register(program: Command, context: CommandContext): void {
  const broker = program.command('broker').description('The brokers that keep the jobs.');
  watchable(
    broker
      .command('list')
      .description('Lists the brokers: who is there and has everything, and which streams each leads.'),
    context,
    list,
  );
  broker
    .command('restart <name>')
    .description(
      'Restarts a broker of `yard up` in good order, while all others have everything; returns when it is back.',
    )
    .option('--wait <duration>', 'How long to wait for it.', '90s')
    .action((name: string, flags: { wait: string }, command: Command) => restart(name, flags, command, context));
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const { brokers } = await context.withYard(command, (yard) => yard.brokers());
  listed(context, brokers, { shape, none: 'No brokers.' });
}

async function restart(
  name: string,
  { wait }: { wait: string },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const { directory } = context;
  const [{ restartBroker }, { durationMs }] = await Promise.all([
    import('../../cluster/broker-restart.ts'),
    import('../../cluster/settings.ts'),
  ]);
  const dataDir = resolve(directory, context.settings(command, 'client').data);
  const withinMs = durationMs(wait, 'wait');
  const broker = await context.withYard(command, (yard) =>
    restartBroker({ dataDir, name, withinMs, look: () => yard.brokers() }),
  );
  told(context, broker, { name: broker.name, text: () => `${broker.name} is back and has everything` });
}

const shape: readonly Column<BrokerView>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'STATUS', value: statusOf, style: (broker) => styles[statusOf(broker)] },
  { title: 'BEHIND', value: ({ behind }) => String(behind), align: 'right' },
  { title: 'KEEPS', value: ({ keeps }) => String(keeps), align: 'right' },
  { title: 'LEADS', shrinks: true, value: ({ leads }) => leads.join(',') || '-' },
];

function statusOf({ isAway, isCurrent }: BrokerView): 'current' | 'behind' | 'away' {
  if (isAway) return 'away';
  return isCurrent ? 'current' : 'behind';
}

const styles: Readonly<Record<ReturnType<typeof statusOf>, Style>> = {
  current: 'green',
  behind: 'yellow',
  away: 'red',
};
