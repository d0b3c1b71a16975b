/**
 * What a person does to one job, or to all that pass a filter: `yard job cancel | hold | release | retry | redrive |
 * move | priority | reschedule`.
 *
 * Of many it is a bulk operation (`bulk-follow.ts`): a master carries it out, this command follows it or leaves it be
 * (`--detach`). `--dry-run` counts and does nothing. What is done is done: aborted and typed again, it finds what was left.
 */

import { type Command, Option } from 'commander';
import { durationMs } from '../../cluster/settings.ts';
import type { JobRecord, Priority, Verb, Yard } from '../../sdk/index.ts';
import { told } from './answer.ts';
import { carryOut } from './bulk-follow.ts';
import type { CommandContext } from './command.ts';
import { UsageError } from './exit.ts';
import { addFilterFlags, type FilterFlags } from './job-filter.ts';
import { perSecond, positive } from './rejected.ts';

interface VerbFlags extends FilterFlags {
  id?: string[];
  limit?: number;
  all?: true;
  dryRun?: true;
  rate?: number;
  detach?: true;
  reason?: string;
  to?: string;
  at?: string;
  delay?: string;
}

/** A verb as it is typed: its help, its own flags, and what they mean. */
interface Word {
  name: string;
  help: string;
  flag?: (command: Command) => Command;
  verb: (flags: VerbFlags, now: number) => Verb;
  /** What became of one job. */
  told: (record: JobRecord) => string;
}

const reason = (command: Command) => command.option('--reason <text>', 'Stands in the history of the job.');

const words: readonly Word[] = [
  {
    name: 'cancel',
    help: 'Cancels a job; a running handler is told to stop.',
    flag: reason,
    verb: (flags) => ({ verb: 'cancel', reason: flags.reason }),
    told: ({ id, state }) =>
      state === 'cancelled'
        ? `Job ${id} is cancelled.`
        : `Job ${id} is ${state}; its worker is told to stop it. See \`yard job watch ${id}\`.`,
  },
  {
    name: 'hold',
    help: 'Has a job that waits not start until it is released.',
    flag: reason,
    verb: (flags) => ({ verb: 'hold', reason: flags.reason }),
    told: stateOf,
  },
  { name: 'release', help: 'Lets a job go that is held.', verb: () => ({ verb: 'release' }), told: stateOf },
  {
    name: 'retry',
    help: 'Has a job run now that waits for its moment or out its backoff.',
    verb: () => ({ verb: 'retry' }),
    told: stateOf,
  },
  {
    name: 'redrive',
    help: 'Has a job that has failed run again, with all of its attempts.',
    verb: () => ({ verb: 'redrive' }),
    told: stateOf,
  },
  {
    name: 'move',
    help: 'Puts a job that waits into another queue.',
    flag: (command) => command.requiredOption('--to <queue>', 'The queue.'),
    verb: ({ to = '' }) => ({ verb: 'move', queue: to }),
    told: ({ id, queue }) => `Job ${id} is in queue ${queue}.`,
  },
  {
    name: 'priority',
    help: 'Gives a job that waits another priority.',
    flag: (command) =>
      command.addOption(
        new Option('--to <priority>', 'The priority; default and normal mean medium.')
          .choices([...spoken.keys()])
          .makeOptionMandatory(),
      ),
    verb: ({ to = '' }) => ({ verb: 'prioritise', priority: spoken.get(to) ?? 'medium' }),
    told: ({ id, priority }) => `Job ${id} is of priority ${priority}.`,
  },
  {
    name: 'reschedule',
    help: 'Has a job that waits not run before another moment.',
    flag: (command) =>
      command
        .option('--at <moment>', 'The moment, such as 2027-01-01T06:00:00Z.')
        .option('--delay <duration>', 'The moment, from now on.'),
    verb: (flags, now) => ({ verb: 'reschedule', dueAt: momentOf(flags, now) }),
    told: ({ id, state, context }) =>
      `Job ${id} is ${state}, and not to run before ${new Date(context.dueAt ?? 0).toISOString()}.`,
  },
];

const spoken: ReadonlyMap<string, Priority> = new Map([
  ['critical', 'critical'],
  ['high', 'high'],
  ['medium', 'medium'],
  ['low', 'low'],
  ['default', 'medium'],
  ['normal', 'medium'],
]);

function stateOf({ id, state }: JobRecord): string {
  return `Job ${id} is ${state}.`;
}

function momentOf({ at, delay }: VerbFlags, now: number): number {
  if ((at === undefined) === (delay === undefined))
    throw new UsageError('Expected `--at` or `--delay`, got both or none. Give one, such as `--delay 10m`.');
  if (delay !== undefined) return now + durationMs(delay, 'delay');
  const moment = Date.parse(at ?? '');
  if (Number.isFinite(moment)) return moment;
  throw new UsageError(`Expected \`--at\` to be a moment in ISO 8601, got \`${at}\`. Write 2027-01-01T06:00:00Z.`);
}

/** Adds every verb to `yard job`. */
export function registerVerbs(job: Command, context: CommandContext): void {
  for (const word of words) {
    const command = job.command(word.name).argument('[id]').description(word.help);
    word.flag?.(command);
    addFilterFlags(command)
      .option('--id <ids>', 'Only these, with commas between.', toIds)
      .option('--limit <count>', 'At most so many, the newest first.', positive)
      .option('--all', 'All to which it can be done, where no filter is given.')
      .option('--dry-run', 'Counts the jobs that pass the filter, and does nothing.')
      .option('--rate <jobs>', 'Of many, at most so many a second.', perSecond)
      .option('--detach', 'Of many, starts it, tells its id and goes: see `yard bulk`.')
      .action((id: string | undefined, flags: VerbFlags) => act({ word, id, flags }, command, context));
  }
}

function toIds(text: string): string[] {
  return text
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '');
}

interface Typed {
  word: Word;
  id: string | undefined;
  flags: VerbFlags;
}

async function act({ word, id, flags }: Typed, command: Command, context: CommandContext): Promise<void> {
  const { all, dryRun, detach, rate, limit, id: ids, state, queue, type, priority, tag } = flags;
  const filter = Object.fromEntries(
    Object.entries({ id: ids, state, queue, type, priority, tag }).filter(([, value]) => value !== undefined),
  );
  const isMany = all === true || limit !== undefined || Object.keys(filter).length > 0;
  if (id !== undefined && !isMany && (dryRun || detach || rate !== undefined))
    throw new UsageError(
      'Expected a filter beside `--dry-run`, `--rate` and `--detach`, got the id of one job. Leave them out, or name a filter such as `--queue batch`.',
    );
  if ((id === undefined) !== isMany)
    throw new UsageError(
      `Expected the id of a job, or a filter such as \`--queue batch\`, got ${id === undefined ? 'neither' : 'both'}. \`--all\` is a filter that all pass.`,
    );
  if (id !== undefined) return actOnOne({ word, id, flags }, command, context);
  await context.withYard(command, (yard) =>
    carryOut(
      yard,
      { verb: word.verb(flags, yard.now()), filter: { ...filter, limit }, perSecond: rate },
      { dryRun, detach },
      context,
    ),
  );
}

async function actOnOne(
  { word, id, flags }: Typed & { id: string },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const record = await context.withYard(command, (yard: Yard) => yard.act(id, word.verb(flags, yard.now())));
  told(context, record, { name: record.id, text: () => word.told(record) });
}
