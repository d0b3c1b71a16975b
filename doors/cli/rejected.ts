/**
 * `yard rejected list`: submissions that were refused, and why.
 */

import { type Command, InvalidArgumentError } from 'commander';
import { rejectionRedacted } from '../../cluster/redacted.ts';
import type { Rejection } from '../../sdk/index.ts';
import { listed } from './answer.ts';
import type { Column } from './columns.ts';
import type { CommandContext } from './command.ts';
import { relative } from './words.ts';

export function register(program: Command, context: CommandContext): void {
  program
    .command('rejected')
    .description('Submissions that were refused.')
    .command('list')
    .description('Lists the last submissions that were refused, the newest last, each with its reason.')
    .option('--limit <count>', 'At most so many.', positive, 100)
    .action((options: { limit: number }, command: Command) => list(command, context, options.limit));
}

/** A whole number from 1 up, for commander. */
/** A number of jobs a second. */
export function perSecond(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`Expected a number above 0, got ${text}.`);
}

export function positive(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Expected a whole number from 1 up, got ${text}.`);
}

async function list(command: Command, context: CommandContext, limit: number): Promise<void> {
  const { rejections, now } = await context.withYard(command, async (yard) => ({
    rejections: (await yard.rejected(limit)).map(rejectionRedacted),
    now: yard.now(),
  }));
  listed(context, rejections, { shape: shape(now), none: 'Nothing was refused.' });
}

function shape(now: number): readonly Column<Rejection>[] {
  return [
    { title: 'AT', value: ({ at }) => relative(at, now) },
    { title: 'SEQUENCE', value: ({ sequence }) => String(sequence), align: 'right' },
    { title: 'SUBJECT', value: ({ subject }) => subject },
    { title: 'REASON', shrinks: true, value: ({ reason }) => reason.replaceAll(/\s+/g, ' ') },
  ];
}
