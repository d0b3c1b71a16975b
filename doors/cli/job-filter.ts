/**
 * The flags by which jobs are picked, the same for a list and for what is done to many.
 */

import { type Command, Option } from 'commander';
import type { JobState, Priority } from '../../sdk/index.ts';
import { jobStates, priorities } from '../job-words.ts';
import { UsageError } from './exit.ts';

export interface FilterFlags {
  state?: JobState[];
  queue?: string;
  type?: string;
  priority?: Priority;
  tag?: string;
}

export function addFilterFlags(command: Command): Command {
  return command
    .option('--state <states>', `Only in one of these states: ${jobStates.join(', ')}.`, toStates)
    .option('--queue <name>', 'Only of this queue.')
    .option('--type <type>', 'Only of this type.')
    .addOption(new Option('--priority <priority>', 'Only of this priority.').choices(priorities))
    .option('--tag <tag>', 'Only with this tag.');
}

function toStates(text: string): JobState[] {
  return text.split(',').map((word) => {
    const state = jobStates.find((each) => each === word.trim());
    if (state === undefined)
      throw new UsageError(`Expected \`--state\` to be of ${jobStates.join(', ')}, got \`${word}\`. Correct it.`);
    return state;
  });
}
