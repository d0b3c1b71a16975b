/**
 * `yard worker`: a worker in this process until it is told to stop; `yard worker list`: who works.
 */

import type { Command } from 'commander';
import { ownFlags } from '../../cluster/settings.ts';
import type { WorkerStatus, WorkerView } from '../../sdk/index.ts';
import { type Column, columns } from './columns.ts';
import { addFlags, type CommandContext } from './command.ts';
import { exitCodes, UsageError } from './exit.ts';
import { serve } from './serve.ts';
import type { Style } from './terminal.ts';
import { relative } from './words.ts';

export function register(program: Command, context: CommandContext): void {
  const worker = program
    .command('worker')
    .summary('Runs a worker in this process, or lists all.')
    .description(
      'Runs a worker in this process. The first interrupt lets its jobs finish, the second one hands them back at once.',
    )
    .allowExcessArguments()
    .action(() => runWorker(worker, context));
  addFlags(worker, ownFlags('worker'));
  const describe = (command: Command) => command.description('Lists the workers, as the leader sees them.');
  describe(worker.command('list')).action((_, command: Command) => list(command, context));
  worker
    .command('drain <name>')
    .description('Asks a worker, by name or incarnation, to take nothing more; it finishes what runs, and stays.')
    .action((name: string, _, command: Command) => tell(name, 'drain', command, context));
  worker
    .command('undrain <name>')
    .description('Asks a drained worker to take jobs again.')
    .action((name: string, _, command: Command) => tell(name, 'undrain', command, context));
  describe(program.command('nodes')).action((_, command: Command) => list(command, context));
}

async function runWorker(command: Command, context: CommandContext): Promise<void> {
  const [word] = command.args;
  if (word !== undefined)
    throw new UsageError(
      `Expected \`yard worker\` or \`yard worker list\`, got \`yard worker ${word}\`. See \`yard worker --help\`.`,
    );
  const [{ locate }, { loggedTelemetry }, { startWorker }] = await Promise.all([
    import('../../cluster/locate.ts'),
    import('../../cluster/process-log.ts'),
    import('../../cluster/worker.ts'),
  ]);
  const options = await locate(context.settings(command, 'worker'), context.directory);
  const withinMs = options.drainDeadline + options.cancelGrace + 3_000;
  const start = async () => {
    const running = await startWorker({ options, telemetry: loggedTelemetry({ options, role: 'worker' }) });
    return () => running.drain();
  };
  await serve({ start, patience: 2, withinMs }, context.terminal);
  // A handler that ignored its signal may still be at it: its job is handed back, and nobody waits for it.
  process.exit(exitCodes.ok);
}

async function tell(name: string, verb: 'drain' | 'undrain', command: Command, context: CommandContext): Promise<void> {
  const told = await context.withYard(command, (yard) =>
    verb === 'drain' ? yard.drainWorker(name) : yard.undrainWorker(name),
  );
  for (const worker of told) context.terminal.say(`Asked ${worker.name} (${worker.incarnation}) to ${verb}.`);
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const { terminal, output } = context;
  const { workers, now } = await context.withYard(command, async (yard) => ({
    workers: await yard.workers(),
    now: yard.now(),
  }));
  if (output === 'json') terminal.print(JSON.stringify(workers, undefined, 2));
  else if (workers.length === 0) terminal.say('No workers. Start one with `yard worker`.');
  else terminal.print(columns(workers, shape(now), terminal));
}

const styles: Readonly<Record<WorkerStatus, Style>> = {
  starting: 'blue',
  available: 'green',
  busy: 'yellow',
  draining: 'magenta',
  offline: 'dim',
  lost: 'red',
};

export function workerStyle(status: WorkerStatus): Style {
  return styles[status];
}

function shape(now: number): readonly Column<WorkerView>[] {
  return [
    { title: 'NAME', value: ({ name }) => name },
    {
      title: 'STATUS',
      value: ({ status, isHung }) => (isHung ? 'hung' : status),
      style: ({ status, isHung }) => (isHung ? 'red' : workerStyle(status)),
    },
    { title: 'SLOTS', value: ({ used, slots }) => `${used}/${slots}`, align: 'right' },
    { title: 'CPU', value: ({ load }) => `${load.cpuPercent}%`, align: 'right' },
    { title: 'MEMORY', value: ({ load }) => `${load.memoryMb}M`, align: 'right' },
    { title: 'GPU', value: gpuOf },
    { title: 'STARTED', value: ({ startedAt }) => relative(startedAt, now) },
    { title: 'HEARD', value: ({ heardMsAgo }) => relative(now - heardMsAgo, now) },
    { title: 'TYPES', shrinks: true, value: ({ types }) => [...types].sort().join(',') },
  ];
}

/** What was declared and not measured says so. */
function gpuOf({ gpu, vramMb, declared }: WorkerView): string {
  if (gpu === 0) return '-';
  const memory = vramMb > 0 ? ` ${vramMb}M` : '';
  return `${gpu}${memory}${declared.includes('gpu') ? ' (declared)' : ''}`;
}
