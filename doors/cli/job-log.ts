/**
 * `yard job logs`: what the handler of a job wrote, so far or as it goes on.
 *
 * A pattern is looked for here, on the machine of whoever asks: what it costs is theirs.
 */

import { type Command, InvalidArgumentError } from 'commander';
import type { LogLine } from '../../sdk/index.ts';
import { isJson } from './answer.ts';
import type { CommandContext } from './command.ts';
import { interruptSignal } from './interrupt.ts';
import { positive } from './rejected.ts';

export function registerLogs(job: Command, context: CommandContext): void {
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
