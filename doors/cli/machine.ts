/**
 * `yard machine list | get | diagram`: what jobs, workers, schedules and masters may do, as this command's own build has it. No broker is asked.
 */

import { type Command, Option } from 'commander';
import { listMachines, type MachineView, machineNamed, mermaidOfMachine } from '../../cluster/machines.ts';
import { type Direction, directions, pictureOfMachine } from '../machine-picture.ts';
import { listed, told } from './answer.ts';
import { type Column, columns, facts } from './columns.ts';
import type { CommandContext } from './command.ts';

const formats = ['mermaid', 'svg'] as const;

interface DiagramFlags {
  format: (typeof formats)[number];
  direction: Direction;
}

export function register(program: Command, context: CommandContext): void {
  const machine = program.command('machine').description('Shows what jobs, workers, schedules and masters may do.');
  machine
    .command('list')
    .description('Lists the machines, each a statechart.')
    .action(() => listed(context, listMachines(), { shape, none: 'There is no machine.' }));
  machine
    .command('get')
    .alias('describe')
    .argument('<name>', '`job`, `worker`, `schedule` or `election`.')
    .description('Shows a machine: its states, and each edge with its event and guard.')
    .action((name: string) => {
      const view = machineNamed(name);
      told(context, view, { name, text: () => pageOf(view, context) });
    });
  machine
    .command('diagram')
    .argument('<name>', '`job`, `worker`, `schedule` or `election`.')
    .description('Draws a machine, to standard output.')
    .addOption(
      new Option('--format <format>', 'As text that many pages draw, or as a picture.')
        .choices(formats)
        .default('mermaid'),
    )
    .addOption(
      new Option('--direction <direction>', 'Where the picture grows to.').choices(directions).default('right'),
    )
    .action(async (name: string, { format, direction }: DiagramFlags) => {
      const drawn = format === 'svg' ? await pictureOfMachine(name, direction) : mermaidOfMachine(name);
      context.terminal.print(drawn.trimEnd());
    });
}

const shape: readonly Column<MachineView>[] = [
  { title: 'MACHINE', value: ({ name }) => name },
  { title: 'VERSION', value: ({ version }) => (version === undefined ? '-' : String(version)), align: 'right' },
  { title: 'HASH', value: ({ hash }) => hash },
  { title: 'STATES', value: ({ states }) => String(states.length), align: 'right' },
  { title: 'EDGES', value: ({ edges }) => String(edges.length), align: 'right' },
  { title: 'ABOUT', value: ({ title }) => title, shrinks: true },
];

function pageOf(view: MachineView, { terminal }: CommandContext): string {
  const about = shape.map(({ title, value }) => [title.toLowerCase(), value(view)] as const);
  return [
    facts(about, terminal),
    columns(view.states, stateShape, terminal),
    columns(view.edges, edgeShape, terminal),
  ].join('\n\n');
}

const stateShape: readonly Column<MachineView['states'][number]>[] = [
  { title: 'STATE', value: ({ path }) => path },
  { title: 'MEANS', value: ({ description }) => description, shrinks: true },
];

const edgeShape: readonly Column<MachineView['edges'][number]>[] = [
  { title: 'FROM', value: ({ from }) => from },
  { title: 'EVENT', value: ({ event }) => event || 'at once' },
  { title: 'GUARD', value: ({ guard }) => guard || '-' },
  { title: 'TO', value: ({ to }) => to ?? '(stays)' },
  { title: 'MEANS', value: ({ description }) => description, shrinks: true },
];
