/**
 * `yard backup` and `yard restore`: all that must survive a cluster, in one file.
 */

import type { Command } from 'commander';
import { checkBackup } from '../../cluster/restore.ts';
import type { Backup, Restored } from '../../sdk/index.ts';
import { isJson, jsonOf } from './answer.ts';
import type { CommandContext } from './command.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('backup')
    .argument('<file>', 'Where to write it; in a directory, under a name with prefix and moment.')
    .summary('Saves the cluster into a file, while it runs.')
    .description(
      'Saves jobs, job types, submissions that wait and those that were refused into one compressed file of JSON lines, as they are at one moment, while the cluster runs.',
    )
    .option('--logs', 'Saves the logs of jobs too.')
    .action((path: string, options: { logs?: boolean }, command: Command) => save(command, context, path, options));
  program
    .command('restore')
    .argument('<file>')
    .summary('Puts a backup back into an empty cluster.')
    .description(
      'Checks that a backup is whole, then puts it back into a cluster without jobs. Jobs that ran when they were saved run again.',
    )
    .option('--merge', 'Adds what is missing to a cluster that has jobs; what is there stays as it is.')
    .action((path: string, options: { merge?: boolean }, command: Command) => putBack(command, context, path, options));
}

async function save(
  command: Command,
  context: CommandContext,
  path: string,
  options: { logs?: boolean },
): Promise<void> {
  const saved = await context.withYard(command, (yard) => yard.backup(path, options));
  show(context, saved, () => savedText(saved));
}

async function putBack(
  command: Command,
  context: CommandContext,
  path: string,
  options: { merge?: boolean },
): Promise<void> {
  await checkBackup(path);
  const restored = await context.withYard(command, (yard) => yard.restore(path, options));
  show(context, restored, () => restoredText(restored));
}

function show({ terminal, output }: CommandContext, report: Backup | Restored, inWords: () => string): void {
  terminal.print(isJson(output) ? jsonOf(report, output) : inWords());
}

function savedText({ path, jobs, submissions, rejected, logs, blobs, revision }: Backup): string {
  const also = alsoText({ logs, blobs });
  return `Saved ${jobs} jobs, ${submissions} waiting submissions and ${rejected} refused ones${also} to ${path}, as of revision ${revision}.`;
}

function alsoText({ logs, blobs }: Pick<Backup, 'logs' | 'blobs'>): string {
  const lines = logs === 0 ? '' : `, ${logs} pieces of logs`;
  return blobs === 0 ? lines : `${lines}, ${blobs} large payloads and results`;
}

function restoredText({ jobs, givenBack, submissions, rejected, logs, blobs, skipped }: Restored): string {
  const also = alsoText({ logs, blobs });
  return `Restored ${jobs} jobs (${givenBack} that ran wait again), ${submissions} waiting submissions and ${rejected} refused ones${also}; ${skipped} were there already or are too old.`;
}
