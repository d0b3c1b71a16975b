/**
 * `yard job list | get | watch | why | logs`: looks at jobs. What is done to them is in `job-verb.ts`.
 */

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { JobRecord, LogLine, Why, Yard } from '../../sdk/index.ts';
import { isSettled, jobSorts } from '../job-words.ts';
import { isJson, jsonOf, listed, told } from './answer.ts';
import type { Column } from './columns.ts';
import type { CommandContext } from './command.ts';
import { exitCodes, MissingError, UsageError } from './exit.ts';
import { ending, exitCodeFor, follow } from './follow.ts';
import { interruptSignal } from './interrupt.ts';
import { type EventFlags, eventOptions, printEvents } from './job-events.ts';
import { addFilterFlags, type FilterFlags } from './job-filter.ts';
import { describe, whyText } from './job-page.ts';
import { registerVerbs } from './job-verb.ts';
import { positive } from './rejected.ts';
import { moment, relative, stateStyle } from './words.ts';

export function register(program: Command, context: CommandContext): void {
  const job = program.command('job').description('Looks at jobs, and does something to them.');
  for (const list of [job.command('list'), program.command('jobs')]) registerList(list, context);
  job
    .command('get')
    .aliases(['status', 'describe'])
    .argument('<id>')
    .description('Shows all there is to know of a job, and why it waits.')
    .action((id: string, _, command: Command) => get(command, context, id));
  addFilterFlags(job.command('watch').argument('[id]'))
    .description(
      'Draws the transitions of a job as they happen, until it is settled, and exits with 1 unless it completes; without an id those of all jobs that pass the filter, without end.',
    )
    .option('--id-prefix <start>', 'Only of jobs whose id begins so.')
    .option('--after <cursor>', 'Goes on behind this event; see `cursor` in `-o jsonl`.')
    .action((id: string | undefined, flags: EventFlags, command: Command) =>
      id === undefined ? watchAll(command, context, flags) : watch(command, context, { id, flags }),
    );
  registerVerbs(job, context);
  job
    .command('why')
    .argument('<id>')
    .description('Says why a job waits, what stands before it, and what would let it go.')
    .action((id: string, _, command: Command) => explain(command, context, id));
  job
    .command('logs')
    .argument('<id>')
    .description('Prints what the handler of a job wrote.')
    .option('-f, --follow', 'Goes on until the job is settled.')
    .option('--grep <pattern>', 'Only lines that match this regular expression.', pattern)
    .option('--tail <count>', 'Of the lines so far, only so many, the last ones.', positive)
    .option('--attempt <number>', 'Only lines of this attempt.', positive)
    .action((id: string, flags: LogFlags, command: Command) => logs(command, context, { id, ...flags }));
}

interface ListFlags extends FilterFlags {
  search?: string;
  worker?: string;
  sort?: (typeof jobSorts)[number];
  limit: number;
}

function registerList(list: Command, context: CommandContext): void {
  addFilterFlags(list.description('Lists jobs, the newest first.'))
    .option(
      '--search <words>',
      'Only with all of these words in id, name, type, tags, error or payload; `intro*` is a beginning.',
    )
    .option('--worker <name>', 'Only those that this worker holds, or held last.')
    .addOption(new Option('--sort <order>', 'In this order; `-` is downwards.').choices(jobSorts))
    .option('--limit <count>', 'At most so many.', positive, 100)
    .action((flags: ListFlags, command: Command) => showList(command, context, flags));
}

async function showList(command: Command, context: CommandContext, flags: ListFlags): Promise<void> {
  const found: JobRecord[] = [];
  const now = await context.withYard(command, async (yard) => {
    for await (const record of yard.jobs(flags)) found.push(record);
    return yard.now();
  });
  const { terminal } = context;
  listed(context, found, { shape: shape(now), none: 'No such jobs.' });
  if (found.length === flags.limit) terminal.say(`At most ${flags.limit} are shown; see \`--limit\`.`);
}

function shape(now: number): readonly Column<JobRecord>[] {
  return [
    { title: 'ID', value: ({ id }) => id },
    { title: 'TYPE', value: ({ type }) => type },
    { title: 'STATE', value: ({ state }) => state, style: ({ state }) => stateStyle(state) },
    { title: 'QUEUE', value: ({ queue }) => queue },
    { title: 'PRIORITY', value: ({ priority }) => priority },
    { title: 'ATTEMPT', value: ({ context }) => `${context.attempt}/${context.maxAttempts}`, align: 'right' },
    { title: 'CREATED', value: ({ createdAt }) => relative(createdAt, now) },
    { title: 'SINCE', value: ({ updatedAt }) => relative(updatedAt, now) },
    { title: 'WORKER', wide: true, value: ({ context }) => context.worker ?? '-' },
    { title: 'TAGS', wide: true, value: ({ tags = [] }) => tags.join(',') || '-' },
    { title: 'BORN', wide: true, value: ({ createdAt }) => moment(createdAt) },
    { title: 'NAME', shrinks: true, value: ({ name = '-' }) => name },
  ];
}

async function get(command: Command, context: CommandContext, id: string): Promise<void> {
  const { terminal, output } = context;
  const { record, why, now, names } = await context.withYard(command, async (yard) => {
    const found = await read(yard, id, { whole: isJson(output) });
    return { ...found, names: isJson(output) ? undefined : await workerNames(yard, found.record) };
  });
  const text = () => describe(record, { why, now, terminal, names });
  told(context, why === undefined ? record : { ...record, why }, { name: id, text });
}

/** What people call the workers that the leader still knows, by incarnation. */
async function workerNames(yard: Yard, { attempts }: JobRecord): Promise<ReadonlyMap<string, string>> {
  const cluster = attempts.length === 0 ? undefined : await yard.cluster();
  return new Map(cluster?.workers.map(({ incarnation, name }) => [incarnation, name]));
}

async function read(
  yard: Yard,
  id: string,
  options: { whole: boolean },
): Promise<{ record: JobRecord; why: Why | undefined; now: number }> {
  const record = await yard.job(id, options);
  if (record === undefined) throw new MissingError(`Expected a job with id ${id}, found none. See \`yard job list\`.`);
  return { record, why: isSettled(record.state) ? undefined : await yard.why(id), now: yard.now() };
}

async function watchAll(command: Command, context: CommandContext, flags: EventFlags): Promise<void> {
  const signal = interruptSignal();
  await context.withYard(command, async (yard) => printEvents(await yard.events(eventOptions(flags, signal)), context));
  signal.throwIfAborted();
}

async function watch(
  command: Command,
  context: CommandContext,
  { id, flags }: { id: string; flags: EventFlags },
): Promise<void> {
  const [flag] = Object.keys(flags);
  if (flag !== undefined)
    throw new UsageError(`Expected no \`--${flag}\` beside an id, got one. Leave the id out to watch all jobs.`);
  const { terminal, output } = context;
  const record = await context.withYard(command, (yard) =>
    follow(yard, id, { terminal, output, signal: interruptSignal() }),
  );
  if (!isJson(output)) terminal.say(ending(record));
  context.exitWith(exitCodeFor(record));
}

async function explain(command: Command, context: CommandContext, id: string): Promise<void> {
  const { record, why } = await context.withYard(command, (yard) => read(yard, id, { whole: false }));
  const { terminal, output } = context;
  if (isJson(output)) terminal.print(jsonOf(why ?? null, output));
  else if (why !== undefined) terminal.print(whyText(why));
  else if (isSettled(record.state)) terminal.print(`It is ${record.state}.`);
  if (why !== undefined || isSettled(record.state)) return;
  terminal.say('Expected a master that leads to say why, none answered. See `yard master list`.');
  context.exitWith(exitCodes.unreachable);
}

interface LogFlags {
  follow?: boolean;
  grep?: RegExp;
  tail?: number;
  attempt?: number;
}

async function logs(
  command: Command,
  context: CommandContext,
  { id, grep: search, ...flags }: LogFlags & { id: string },
): Promise<void> {
  const options = { search, ...flags, signal: flags.follow === true ? interruptSignal() : undefined };
  await context.withYard(command, async (yard) => {
    for await (const line of yard.logs(id, options)) context.terminal.print(textOf(line, context));
  });
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (cause) {
    throw new InvalidArgumentError(`Expected a regular expression, got \`${text}\` (${String(cause)}).`);
  }
}

function textOf(line: LogLine, { output, terminal }: CommandContext): string {
  if (isJson(output)) return JSON.stringify(line);
  return line.stream === 'stderr' ? terminal.style('dim', line.line) : line.line;
}
