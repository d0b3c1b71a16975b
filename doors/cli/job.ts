/**
 * `yard job get | watch | why`: looks at jobs. Lists, logs and results are in `job-list.ts`, `job-log.ts` and `job-result.ts`, what is done
 * to jobs in `job-verb.ts`.
 */

import type { Command } from 'commander';
import { redacted } from '../../cluster/redacted.ts';
import type { JobRecord, Why, Yard } from '../../sdk/index.ts';
import { isSettled } from '../job-words.ts';
import { isJson, jsonOf, told } from './answer.ts';
import type { CommandContext } from './command.ts';
import { exitCodes, MissingError, UsageError } from './exit.ts';
import { ending, exitCodeFor, follow } from './follow.ts';
import { interruptSignal } from './interrupt.ts';
import { type EventFlags, eventOptions, printEvents } from './job-events.ts';
import { addFilterFlags } from './job-filter.ts';
import { registerList } from './job-list.ts';
import { registerLogs } from './job-log.ts';
import { describe, whyText } from './job-page.ts';
import { registerResult } from './job-result.ts';
import { registerVerbs } from './job-verb.ts';

export function register(program: Command, context: CommandContext): void {
  const job = program.command('job').description('Looks at jobs, and does something to them.');
  for (const list of [job.command('list'), program.command('jobs')]) registerList(list, context);
  job
    .command('get')
    .aliases(['status', 'describe'])
    .argument('<id>')
    .description('Shows all there is to know of a job, and why it waits.')
    .option('--secrets', 'Also what is secret in its payload; the audit log says that somebody looked.')
    .action((id: string, flags: { secrets?: boolean }, command: Command) => get(command, context, { id, ...flags }));
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
  registerResult(job, context);
  job
    .command('why')
    .argument('<id>')
    .description('Says why a job waits, what stands before it, and what would let it go.')
    .action((id: string, _, command: Command) => explain(command, context, id));
  registerLogs(job, context);
}

async function get(
  command: Command,
  context: CommandContext,
  { id, secrets = false }: { id: string; secrets?: boolean },
): Promise<void> {
  const { terminal, output } = context;
  const { record, why, now, names } = await context.withYard(command, async (yard) => {
    const found = await read(yard, id, { whole: isJson(output), secrets });
    return { ...found, names: isJson(output) ? undefined : await workerNames(yard, found.record) };
  });
  const text = () => describe(secrets ? record : redacted(record), { why, now, terminal, names });
  told(context, why === undefined ? record : { ...record, why }, { name: id, text, secrets });
}

/** What people call the workers that the leader still knows, by incarnation. */
async function workerNames(yard: Yard, { attempts }: JobRecord): Promise<ReadonlyMap<string, string>> {
  const cluster = attempts.length === 0 ? undefined : await yard.cluster();
  return new Map(cluster?.workers.map(({ incarnation, name }) => [incarnation, name]));
}

async function read(
  yard: Yard,
  id: string,
  { whole, secrets = false }: { whole: boolean; secrets?: boolean },
): Promise<{ record: JobRecord; why: Why | undefined; now: number }> {
  const record = await (secrets ? yard.reveal(id) : yard.job(id, { whole }));
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
