/**
 * `yard doctor`: what is wrong with this cluster, and what to do about it. It changes nothing, needs no master, and says
 * what it can where no broker answers.
 */

import type { Command } from 'commander';
import { type Options, ownFlags } from '../../cluster/settings.ts';
import { isJson, jsonOf } from './answer.ts';
import { addFlags, type CommandContext } from './command.ts';
import { counted, type Result, type Status } from './doctor/check.ts';
import { exitCodes } from './exit.ts';
import type { Style, Terminal } from './terminal.ts';

export function register(program: Command, context: CommandContext): void {
  const doctor = program
    .command('doctor')
    .argument('[check...]', 'Only these checks, or those of an area: machine, broker, masters, workers, jobs, doors.')
    .summary('Tells what is wrong, and what to do about it.')
    .description(
      'Looks at machine, broker, masters, workers, jobs and doors, and tells what is wrong and what to do about it. Changes nothing. Exits with 1 where a check has failed; warnings fail nothing.',
    );
  const monitoring = ownFlags('master').filter(({ name }) => name === 'natsMonitoring');
  addFlags(doctor, monitoring).action((words: readonly string[]) => run(words, doctor, context));
}

async function run(words: readonly string[], command: Command, context: CommandContext): Promise<void> {
  const [{ checksNamed, examine }, { look }, { httpOf }, { locate }, { version }] = await Promise.all([
    import('./doctor/examine.ts'),
    import('./doctor/findings.ts'),
    import('../../cluster/contexts.ts'),
    import('../../cluster/locate.ts'),
    import('../../cluster/version.ts'),
  ]);
  const which = checksNamed(words);
  const { directory } = context;
  const found = await look({
    version,
    options: async () => locate(optionsOf(command, context), directory),
    directory,
    http: (options) => httpOf(context.env, options),
    open: () => context.connect(command),
  });
  const results = examine(found, which);
  show(results, context);
  if (results.some(({ status }) => status === 'fail')) context.exitWith(exitCodes.failed);
}

/** Those of whoever asks, and where monitoring answers, which else only masters are told. */
function optionsOf(command: Command, context: CommandContext): Options {
  const { natsMonitoring } = context.settings(command, 'master');
  return { ...context.settings(command, 'client'), natsMonitoring };
}

function show(results: readonly Result[], { terminal, output }: CommandContext): void {
  if (output === 'jsonl') return results.forEach((result) => void terminal.print(jsonOf(result, output)));
  if (isJson(output)) return terminal.print(jsonOf(results, output));
  const wrong = results.filter(({ status }) => isWrong(status));
  if (output === 'name') return wrong.forEach(({ name }) => void terminal.print(name));
  terminal.print(page(results, terminal, output === 'wide'));
}

function isWrong(status: Status): boolean {
  return status === 'warn' || status === 'fail';
}

const marks: Readonly<Record<Status, readonly [mark: string, style: Style]>> = {
  ok: ['✓', 'green'],
  warn: ['!', 'yellow'],
  fail: ['✗', 'red'],
  skip: ['-', 'dim'],
};

/** Each area with its checks; of those that are well one line. */
function page(results: readonly Result[], terminal: Terminal, isWide: boolean): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  const areas = [...new Set(results.map(({ area }) => area))];
  const blocks = areas.map((area) => {
    const own = results.filter((each) => each.area === area);
    return [terminal.style('bold', area), ...own.map((each) => entry(each, { terminal, width, isWide }))].join('\n');
  });
  return [...blocks, summary(results, terminal)].join('\n\n');
}

interface Shape {
  terminal: Terminal;
  width: number;
  isWide: boolean;
}

function entry({ status, name, expected, met, cure }: Result, { terminal, width, isWide }: Shape): string {
  const [mark, style] = marks[status];
  const indent = ' '.repeat(width + 6);
  const first = `  ${terminal.style(style, mark)} ${name.padEnd(width)}  ${status === 'skip' ? terminal.style('dim', met) : met}`;
  const isExplained = isWide || isWrong(status);
  const why = isExplained ? [`${indent}${terminal.style('dim', 'expected')} ${expected}`] : [];
  const what = cure === undefined ? [] : [`${indent}${terminal.style('dim', '→')} ${terminal.style('cyan', cure)}`];
  return [first, ...why, ...what].join('\n');
}

function summary(results: readonly Result[], terminal: Terminal): string {
  const count = (status: Status) => results.filter((each) => each.status === status).length;
  const [failed, warned, skipped] = [count('fail'), count('warn'), count('skip')];
  const parts = [
    `${count('ok')} well`,
    ...(warned === 0 ? [] : [terminal.style('yellow', counted(warned, 'warning'))]),
    ...(failed === 0 ? [] : [terminal.style('red', `${failed} failed`)]),
    ...(skipped === 0 ? [] : [terminal.style('dim', `${skipped} skipped`)]),
  ];
  return `${counted(results.length, 'check')}: ${parts.join(', ')}`;
}
