/**
 * `yard job watch` without an id: the transitions of all jobs that pass a filter, as they happen, a line each.
 *
 * With `--after` it goes on behind an event that was seen, at whatever door; what cannot be told any more is said. As JSON each
 * line has a `cursor` to go on from.
 */

import type { EventOptions, JobEvent } from '../../sdk/index.ts';
import { isJson } from './answer.ts';
import type { CommandContext } from './command.ts';
import type { FilterFlags } from './job-filter.ts';
import { moment, stateStyle } from './words.ts';

export interface EventFlags extends FilterFlags {
  idPrefix?: string;
  after?: string;
}

/** Prints events until `signal` fires. */
export async function printEvents(
  events: AsyncIterable<JobEvent>,
  { terminal, output }: Pick<CommandContext, 'terminal' | 'output'>,
): Promise<void> {
  for await (const event of events) {
    if (isJson(output)) terminal.print(JSON.stringify(event));
    else if (event.kind === 'gap') terminal.say(gapText(event));
    else terminal.print(lineOf(event, terminal));
  }
}

export function eventOptions({ idPrefix: prefix, ...flags }: EventFlags, signal: AbortSignal): EventOptions {
  return { ...flags, prefix, signal };
}

const why: Readonly<Record<Extract<JobEvent, { kind: 'gap' }>['why'], string>> = {
  dropped: 'its record keeps only the last transitions',
  removed: 'somebody removed its record',
  unreadable: 'only a newer version can read its record',
  'rolled back': 'the stream of jobs is another one, or has lost its end',
  forgotten: 'jobs that have settled since may have been forgotten',
};

export function gapText({ id, atMost, ...gap }: Extract<JobEvent, { kind: 'gap' }>): string {
  const what = atMost === undefined ? 'Something' : `Up to ${atMost} transitions`;
  return `${what} of ${id === undefined ? 'all jobs' : `job ${id}`} may be missing: ${why[gap.why]}.`;
}

function lineOf(
  { id, type, transition }: Extract<JobEvent, { kind: 'transition' }>,
  terminal: CommandContext['terminal'],
): string {
  const { at, from, to, event, reason } = transition;
  const path = `${from.padStart(10)} → ${terminal.style(stateStyle(to), to.padEnd(10))}`;
  const because = reason === undefined ? '' : `: ${reason}`;
  return `${terminal.style('dim', moment(at))}  ${path}  ${id}  ${type}  ${terminal.style('dim', `${event}${because}`)}`;
}
