/**
 * `yard workflow submit | list | get | follow | cancel | redrive`: jobs that are given at once and wait for one another.
 */

import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { workflowOf } from '../../cluster/workflow-given.ts';
import type { WorkflowState, WorkflowView, Yard } from '../../sdk/index.ts';
import { idIn, workflowStates } from '../job-words.ts';
import { isJson, jsonOf, listed, told } from './answer.ts';
import type { CommandContext } from './command.ts';
import { exitCodes, MissingError } from './exit.ts';
import { interruptSignal } from './interrupt.ts';
import { positive } from './rejected.ts';
import { readPayload } from './submit.ts';
import { stateStyle } from './words.ts';
import { describeWorkflow, workflowShape } from './workflow-page.ts';

interface ListFlags {
  state?: WorkflowState;
  search?: string;
  limit: number;
  cursor?: string;
}

export function register(program: Command, context: CommandContext): void {
  const workflow = program
    .command('workflow')
    .description('Submits jobs that wait for one another, and looks after them.');
  workflow
    .command('submit <file>')
    .description('Submits a workflow, all of its jobs or none, and prints its id; `-` reads it from standard input.')
    .option('--wait', 'Follows it until all is settled; the exit code is 1 where it did not complete.')
    .action((file: string, flags: { wait?: boolean }, command: Command) =>
      submit({ file, ...flags }, command, context),
    );
  workflow
    .command('list')
    .description('Lists workflows, the newest first.')
    .addOption(new Option('--state <state>', 'Only in this state.').choices(workflowStates))
    .option('--search <text>', 'Only with this in id or name.')
    .option('--limit <count>', 'At most so many.', positive, 20)
    .option('--cursor <cursor>', 'Goes on where a list with the same filter ended, which said so.')
    .action((flags: ListFlags, command: Command) => list(flags, command, context));
  workflow
    .command('get <id>')
    .alias('describe')
    .description('Shows a workflow as a whole: its nodes, its jobs, and how they stand.')
    .action((id: string, _, command: Command) => get(id, command, context));
  workflow
    .command('follow <id>')
    .description('Shows what happens to its jobs until all are settled; the exit code is 1 where it did not complete.')
    .action((id: string, _, command: Command) => context.withYard(command, (yard) => follow(yard, id, context)));
  workflow
    .command('cancel <id>')
    .description('Cancels all of it that is open, at once.')
    .option('--reason <text>', 'Stands in the history of its jobs.')
    .action((id: string, flags: { reason?: string }, command: Command) =>
      act(context, command, (yard) => yard.workflows.cancel(id, flags), {
        done: 'cancelled, or their workers told',
        none: `Nothing of ${id} is open.`,
      }),
    );
  workflow
    .command('redrive <id>')
    .description('Has all of it run again that failed, or could not be reached.')
    .action((id: string, _, command: Command) =>
      act(context, command, (yard) => yard.workflows.redrive(id), {
        done: 'run again, or wait again',
        none: `Nothing of ${id} has failed.`,
      }),
    );
}

async function submit(
  { file, wait = false }: { file: string; wait?: boolean },
  command: Command,
  context: CommandContext,
): Promise<void> {
  const given = workflowOf(await readPayload(file === '-' ? '-' : await textOf(file)));
  const { terminal, output } = context;
  await context.withYard(command, async (yard) => {
    const submitted = await yard.workflows.submit(given);
    if (!submitted.created) terminal.say('It had been submitted before.');
    if (!isJson(output) || !wait) terminal.print(isJson(output) ? jsonOf(submitted, output) : submitted.id);
    if (wait) await follow(yard, submitted.id, context);
  });
}

/** @throws {MissingError} where there is no such file. */
async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw new MissingError(`Expected a file with a workflow, found none at ${file}. Name one, or \`-\`.`);
  }
}

async function list(flags: ListFlags, command: Command, context: CommandContext): Promise<void> {
  const { page, now } = await context.withYard(command, async (yard) => ({
    page: await yard.workflows.page(flags),
    now: yard.now(),
  }));
  listed(context, page.workflows, { shape: workflowShape(now), none: 'There is no such workflow.' });
  if (page.next !== undefined) context.terminal.say(`There are more: go on with \`--cursor ${page.next}\`.`);
}

async function get(id: string, command: Command, context: CommandContext): Promise<void> {
  const { view, now } = await context.withYard(command, async (yard) => ({
    view: await yard.workflows.get(id),
    now: yard.now(),
  }));
  show(view, now, context);
}

function show(view: WorkflowView, now: number, context: CommandContext): void {
  told(context, view, { name: view.id, text: () => describeWorkflow(view, { now, terminal: context.terminal }) });
}

/** What happens as talk, best effort; the settled whole is the answer. */
async function follow(yard: Yard, id: string, context: CommandContext): Promise<void> {
  const { terminal, output } = context;
  const ids = new Set((await yard.workflows.get(id)).jobs.map(({ id: job }) => job));
  const stop = await yard.onTransition(({ key, transition }) => {
    const job = idIn(key);
    if (!ids.has(job) || isJson(output)) return;
    terminal.say(`${job}  ${transition.from} → ${terminal.style(stateStyle(transition.to), transition.to)}`);
  });
  try {
    const view = await yard.workflows.settled(id, { signal: interruptSignal() });
    show(view, yard.now(), context);
    if (view.state !== 'completed') context.exitWith(exitCodes.failed);
  } finally {
    await stop();
  }
}

async function act(
  { terminal, output, withYard }: CommandContext,
  command: Command,
  how: (yard: Yard) => Promise<{ id: string; done: readonly string[] }>,
  words: { done: string; none: string },
): Promise<void> {
  const outcome = await withYard(command, how);
  const { id, done } = outcome;
  const told = done.length === 0 ? words.none : `${done.length} of ${id}: ${words.done}.`;
  terminal.print(isJson(output) ? jsonOf(outcome, output) : told);
}
