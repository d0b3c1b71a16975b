/**
 * `yard worker`: a worker in this process until it is told to stop; `list`: who works; `drain` and `undrain`: whether one
 * takes jobs.
 */

import type { Command } from 'commander';
import { ownFlags } from '../../cluster/settings.ts';
import type { RunningWorker } from '../../cluster/worker.ts';
import type { WorkerView } from '../../sdk/index.ts';
import { listed, told } from './answer.ts';
import { type Column, facts } from './columns.ts';
import { addFlags, type CommandContext } from './command.ts';
import { exitCodes, MissingError, UsageError } from './exit.ts';
import { serve } from './serve.ts';
import { watchable } from './watchable.ts';
import { relative, signed } from './words.ts';
import { gpuText, slotsText, workerState } from './worker-words.ts';

export function register(program: Command, context: CommandContext): void {
  const worker = program
    .command('worker')
    .summary('Runs a worker in this process, lists all, or drains one.')
    .description(
      'Runs a worker in this process. The first interrupt lets its jobs finish, the second one hands them back at once.',
    )
    .allowExcessArguments()
    .action(() => runWorker(worker, context));
  addFlags(worker, ownFlags('worker'));
  const nodes = program.command('nodes');
  for (const listing of [worker.command('list'), nodes])
    watchable(listing.description('Lists the workers, as the leader sees them.'), context, list);
  for (const parent of [worker, nodes])
    parent
      .command('get <name>')
      .alias('describe')
      .description('Shows all there is to know of a worker, and what it runs.')
      .action((name: string, _, command: Command) => get(name, command, context));
  worker
    .command('drain <name>')
    .description('Has a worker take nothing more; what runs there ends there, and the worker stays.')
    .action((name: string, _, command: Command) => drain(name, command, context));
  worker
    .command('undrain <name>')
    .description('Has a drained worker take jobs again.')
    .action((name: string, _, command: Command) => undrain(name, command, context));
}

async function runWorker(command: Command, context: CommandContext): Promise<void> {
  const [word] = command.args;
  if (word !== undefined)
    throw new UsageError(
      `Expected \`yard worker\`, or \`list\`, \`drain\` or \`undrain\` behind it, got \`yard worker ${word}\`. See \`yard worker --help\`.`,
    );
  const [{ locate }, { loggedTelemetry, tracedAs }, { startWorker }, { serveMetrics }] = await Promise.all([
    import('../../cluster/locate.ts'),
    import('../../cluster/process-log.ts'),
    import('../../cluster/worker.ts'),
    import('../metrics.ts'),
  ]);
  const options = await locate(context.settings(command, 'worker'), context.directory);
  const withinMs = options.drainDeadline + options.cancelGrace + 3_000;
  const telemetry = loggedTelemetry({ options, role: 'worker' });
  const tracing = await tracedAs('worker', { options, env: context.env, telemetry });
  const start = async () => {
    let running: RunningWorker | undefined;
    const samples = () => running?.samples() ?? [];
    const metrics = await serveMetrics(options, { role: 'worker', telemetry, samples });
    running = await startWorker({ options, telemetry, metrics: metrics?.url }).catch(async (cause) => {
      await metrics?.close();
      throw cause;
    });
    const { drain } = running;
    return drain;
  };
  const astray = (what: string, error: string) => telemetry.tell('process.failed', { what, error });
  await serve({ start, patience: 2, withinMs, astray, runsHandlers: true }, context.terminal);
  await tracing[Symbol.asyncDispose]();
  // A handler that ignored its signal may still be at it: its job is handed back, and nobody waits for it.
  process.exit(exitCodes.ok);
}

async function list(command: Command, context: CommandContext): Promise<void> {
  const { workers, now } = await context.withYard(command, async (yard) => ({
    workers: await yard.workers(),
    now: yard.now(),
  }));
  listed(context, workers, { shape: shape(now), none: 'No workers. Start one with `yard worker`.' });
}

async function get(name: string, command: Command, context: CommandContext): Promise<void> {
  const { workers, now } = await context.withYard(command, async (yard) => ({
    workers: await yard.workers(),
    now: yard.now(),
  }));
  const worker = workers.find((each) => each.name === name || each.incarnation === name);
  if (worker === undefined)
    throw new MissingError(`Expected a worker that the leader knows, got ${name}. See \`yard worker list\`.`);
  const pairs = shape(now).map(({ title, value }) => [title.toLowerCase(), value(worker)] as const);
  const text = () =>
    facts([...pairs, ['incarnation', worker.incarnation], ['runs', worker.jobs.join(', ') || '-']], context.terminal);
  told(context, worker, { name: worker.name, text });
}

async function drain(name: string, command: Command, context: CommandContext): Promise<void> {
  const worker = await context.withYard(command, (yard) => yard.drainWorker(name));
  const left = worker.jobs.length === 0 ? 'and runs nothing' : `and runs ${worker.jobs.length} to their end`;
  say(context, worker, `${worker.name} takes nothing more, ${left}`);
}

async function undrain(name: string, command: Command, context: CommandContext): Promise<void> {
  const worker = await context.withYard(command, (yard) => yard.undrainWorker(name));
  say(context, worker, `${worker.name} takes jobs again`);
}

function say(context: CommandContext, worker: WorkerView, sentence: string): void {
  told(context, worker, { name: worker.name, text: () => sentence });
}

function shape(now: number): readonly Column<WorkerView>[] {
  return [
    { title: 'NAME', value: ({ name }) => name },
    {
      title: 'STATUS',
      value: (worker) => workerState(worker).word,
      style: (worker) => workerState(worker).style,
    },
    { title: 'SLOTS', value: slotsText, align: 'right' },
    { title: 'CPU', value: ({ load }) => `${load.cpuPercent}%`, align: 'right' },
    { title: 'MEMORY', value: ({ load }) => `${load.memoryMb}M`, align: 'right' },
    { title: 'GPU', value: gpuText },
    { title: 'CLOCK', value: ({ skewMs }) => (skewMs === undefined ? '-' : `${signed(skewMs)}ms`), align: 'right' },
    { title: 'STARTED', value: ({ startedAt }) => relative(startedAt, now) },
    { title: 'HEARD', value: ({ heardMsAgo }) => relative(now - heardMsAgo, now) },
    { title: 'HOST', wide: true, value: ({ host, pid }) => `${host}:${pid}` },
    { title: 'VERSION', wide: true, value: ({ version }) => version },
    { title: 'LABELS', wide: true, value: ({ labels }) => labelsText(labels) },
    { title: 'ENCODERS', wide: true, value: ({ encoders }) => encoders.join(',') || '-' },
    { title: 'TYPES', shrinks: true, value: ({ types }) => [...types].sort().join(',') },
  ];
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const all = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return all.join(',') || '-';
}
