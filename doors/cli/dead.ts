/**
 * `yard dead groups | list | redrive`: the dead letter, which is all jobs that have failed.
 */

import { type Command, Option } from 'commander';
import type { DeadFilter, DeadGroup, JobRecord } from '../../sdk/index.ts';
import { priorities } from '../job-words.ts';
import { listed } from './answer.ts';
import { carryOut } from './bulk-follow.ts';
import type { Column } from './columns.ts';
import type { CommandContext } from './command.ts';
import { UsageError } from './exit.ts';
import { perSecond, positive } from './rejected.ts';
import { relative } from './words.ts';

export function register(program: Command, context: CommandContext): void {
  const dead = program
    .command('dead')
    .description('The dead letter: jobs that have failed, and what to do about them.');
  const grouped = dead
    .command('groups')
    .summary('Shows what went wrong, and how often.')
    .description(
      'Groups all failed jobs by what went wrong: by type, kind, and message without numbers, ids and paths.',
    )
    .action((flags: DeadFilter, command: Command) => groups(flags, command, context));
  const list = dead
    .command('list')
    .argument('[group]', 'Only those of this group.')
    .description('Lists failed jobs, the newest first.')
    .option('--limit <count>', 'At most so many.', positive, 100)
    .action((group: string | undefined, flags: DeadFilter & { limit: number }, command: Command) =>
      showList({ group, ...flags }, command, context),
    );
  const redriven = dead
    .command('redrive')
    .argument('[group]', 'Only those of this group.')
    .summary('Has failed jobs run again.')
    .description(
      'Has failed jobs run again, with all of their attempts: all, those of a group, or a few of them to see whether it helps.',
    )
    .option('--all', 'All, where no group is given.')
    .option('--sample <count>', 'At most so many, the newest first.', positive)
    .option('--rate <jobs>', 'At most so many a second.', perSecond)
    .option('--dry-run', 'Counts them, and does nothing.')
    .option('--detach', 'Starts it, tells its id and goes: see `yard bulk`.')
    .action((group: string | undefined, flags: RedriveFlags, command: Command) =>
      redrive({ group, ...flags }, command, context),
    );
  for (const command of [grouped, list, redriven]) addFilter(command);
}

function addFilter(command: Command): void {
  command
    .option('--queue <name>', 'Only of this queue.')
    .option('--type <type>', 'Only of this type.')
    .addOption(new Option('--priority <priority>', 'Only of this priority.').choices(priorities))
    .option('--tag <tag>', 'Only with this tag.');
}

interface RedriveFlags extends DeadFilter {
  all?: true;
  sample?: number;
  rate?: number;
  dryRun?: true;
  detach?: true;
}

async function groups(filter: DeadFilter, command: Command, context: CommandContext): Promise<void> {
  const { found, now } = await context.withYard(command, async (yard) => ({
    found: await yard.deadGroups(filter),
    now: yard.now(),
  }));
  listed(context, found, { shape: groupShape(now), none: noneText(filter) });
}

function groupShape(now: number): readonly Column<DeadGroup>[] {
  return [
    { title: 'GROUP', value: ({ id }) => id },
    { title: 'JOBS', value: ({ count }) => String(count), align: 'right' },
    { title: 'TYPE', value: ({ type }) => type },
    { title: 'KIND', value: ({ kind }) => kind },
    { title: 'FIRST', value: ({ firstAt }) => relative(firstAt, now) },
    { title: 'LAST', value: ({ lastAt }) => relative(lastAt, now) },
    { title: 'PRIORITIES', value: ({ byPriority }) => counts(byPriority) },
    { title: 'FOR EXAMPLE', value: ({ sample: [first = ''] }) => first },
    { title: 'MESSAGE', value: ({ message }) => message, shrinks: true },
  ];
}

function noneText(filter: object): string {
  return Object.values(filter).every((value) => value === undefined) ? 'No job has failed.' : 'No such job has failed.';
}

function counts(byPriority: Readonly<Record<string, number>>): string {
  return priorities
    .flatMap((name) => (byPriority[name] === undefined ? [] : [`${byPriority[name]} ${name}`]))
    .join(', ');
}

async function showList(
  asked: DeadFilter & { group: string | undefined; limit: number },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const { found, now } = await context.withYard(command, async (yard) => ({
    found: await Array.fromAsync(yard.dead(asked)),
    now: yard.now(),
  }));
  listed(context, found, { shape: jobShape(now), none: noneText({ ...asked, limit: undefined }) });
}

function jobShape(now: number): readonly Column<JobRecord>[] {
  return [
    { title: 'ID', value: ({ id }) => id },
    { title: 'TYPE', value: ({ type }) => type },
    { title: 'QUEUE', value: ({ queue }) => queue },
    { title: 'PRIORITY', value: ({ priority }) => priority },
    { title: 'ATTEMPTS', value: ({ context: { attempt } }) => String(attempt), align: 'right' },
    { title: 'FAILED', value: ({ settledAt = now }) => relative(settledAt, now) },
    { title: 'KIND', value: ({ context: { error } }) => error?.kind ?? '-' },
    {
      title: 'MESSAGE',
      value: ({ context: { error } }) => (error?.message ?? '-').replaceAll(/\s+/g, ' '),
      shrinks: true,
    },
  ];
}

async function redrive(
  { group, all, sample: limit, rate, dryRun, detach, ...asked }: RedriveFlags & { group: string | undefined },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const { queue, type, priority, tag } = asked;
  const filter = { group, queue, type, priority, tag, limit };
  if (all !== true && Object.values(filter).every((value) => value === undefined))
    throw new UsageError(
      'Expected a group of `yard dead groups`, a filter such as `--queue batch`, `--sample` or `--all`, got none. `yard dead redrive --all` takes all.',
    );
  await context.withYard(command, (yard) =>
    carryOut(yard, { verb: { verb: 'redrive' }, filter: said(filter), perSecond: rate }, { dryRun, detach }, context),
  );
}

/** Without what was not asked for. */
function said<Filter extends object>(filter: Filter): Partial<Filter> {
  const pairs: Partial<Filter> = { ...filter };
  for (const name in pairs) if (pairs[name] === undefined) delete pairs[name];
  return pairs;
}
