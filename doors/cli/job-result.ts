/**
 * `yard job result`: what the handler of a job returned, as JSON and nothing else, so that a script can go on with it.
 */

import type { Command } from 'commander';
import { durationMs } from '../../cluster/settings.ts';
import type { JobRecord } from '../../sdk/index.ts';
import { isSettled } from '../job-words.ts';
import { jsonOf } from './answer.ts';
import type { CommandContext } from './command.ts';
import { exitCodes, MissingError } from './exit.ts';
import { ending } from './follow.ts';
import { interruptSignal } from './interrupt.ts';

interface Flags {
  wait?: boolean;
  timeoutWait?: string;
}

export function registerResult(job: Command, context: CommandContext): void {
  job
    .command('result')
    .argument('<id>')
    .description('Prints what the handler of a job returned, as JSON; exits with 1 where it has not completed.')
    .option('--wait', 'Waits for its end.')
    .option('--timeout-wait <duration>', 'With --wait: gives up after so long, with exit code 6.')
    .action((id: string, flags: Flags, command: Command) => result(id, flags, command, context));
}

async function result(id: string, flags: Flags, command: Command, context: CommandContext): Promise<void> {
  const record = await read(id, flags, command, context);
  const { terminal, output } = context;
  if (record.state === 'completed') {
    terminal.print(jsonOf(record.context.result ?? null, output === 'jsonl' ? output : 'json'));
    return;
  }
  terminal.say(isSettled(record.state) ? ending(record) : `Job ${id} is ${record.state}. Wait for it with \`--wait\`.`);
  context.exitWith(exitCodes.failed);
}

function read(id: string, { wait, timeoutWait }: Flags, command: Command, context: CommandContext): Promise<JobRecord> {
  const timeoutMs = timeoutWait === undefined ? undefined : durationMs(timeoutWait, 'timeout-wait');
  return context.withYard(command, async (yard) => {
    if (wait === true)
      return await yard.settled(id, { signal: interruptSignal(), ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    const record = await yard.job(id);
    if (record !== undefined) return record;
    throw new MissingError(`Expected a job with id ${id}, found none. See \`yard job list\`.`);
  });
}
