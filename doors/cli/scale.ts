/**
 * `yard scale advise`: how many workers are needed now, for each set of requirements.
 */

import type { Command } from 'commander';
import { needsText } from '../../cluster/needs-text.ts';
import { durationMs, durationText } from '../../cluster/settings.ts';
import type { Advice, Demand } from '../../sdk/index.ts';
import { isJson, jsonOf, listed } from './answer.ts';
import type { Column } from './columns.ts';
import type { CommandContext } from './command.ts';

export function register(program: Command, context: CommandContext): void {
  const scale = program.command('scale').description('Tells how many workers are needed.');
  scale
    .command('advise')
    .summary('Tells how many workers each kind of job needs now.')
    .description(
      'Tells, for each type and set of requirements that has jobs, how many workers it takes to start what waits in time, by how many wait, how long they have waited, and how long handlers run.',
    )
    .option('--target <duration>', 'Within what time a job shall start.', '1m')
    .action((options: { target: string }, command: Command) => advise(options.target, command, context));
}

async function advise(target: string, command: Command, context: CommandContext): Promise<void> {
  const targetMs = Math.max(1, durationMs(target, 'target'));
  const advice = await context.withYard(command, (yard) => yard.scaleAdvice({ targetMs }));
  show(advice, context);
}

function show(advice: Advice, context: CommandContext): void {
  const { terminal, output } = context;
  if (isJson(output)) return terminal.print(jsonOf(advice, output));
  listed(context, advice.demands, { shape, none: 'Nothing waits and nothing runs.' });
  if (advice.idle.length > 0) terminal.say(`Idle, and not needed now: ${advice.idle.join(', ')}.`);
}

const shape: readonly Column<Demand>[] = [
  { title: 'TYPE', value: ({ type }) => type },
  { title: 'WAITING', value: ({ waiting }) => String(waiting), align: 'right' },
  {
    title: 'OLDEST',
    value: ({ waiting, oldestMs }) => (waiting === 0 ? '-' : durationText(Math.round(oldestMs))),
    align: 'right',
  },
  { title: 'RUNNING', value: ({ running }) => String(running), align: 'right' },
  {
    title: 'RUN TIME',
    value: ({ runMs }) => (runMs === undefined ? '?' : durationText(Math.round(runMs))),
    align: 'right',
  },
  { title: 'WORKERS', value: ({ workers }) => String(workers), align: 'right' },
  { title: 'NEEDED', value: ({ needed }) => String(needed), align: 'right' },
  {
    title: 'ADVICE',
    value: (demand) => (lackOf(demand) > 0 ? `start ${lackOf(demand)}` : 'enough'),
    style: (demand) => (lackOf(demand) > 0 ? 'yellow' : 'green'),
  },
  { title: 'NEEDS', value: ({ requirements }) => needsOf(requirements), shrinks: true },
];

function lackOf({ needed, workers }: Demand): number {
  return needed - workers;
}

function needsOf(requirements: Demand['requirements']): string {
  return needsText(requirements) || 'nothing more';
}
