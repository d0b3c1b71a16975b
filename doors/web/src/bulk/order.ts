/**
 * What is to be done to many jobs: the verb with what it takes, which jobs, and the same as a command.
 */

import type { BulkGiven, Verb } from '../../../../sdk/index.ts';
import { statesFor } from '../part/state.tsx';

export type VerbName = Verb['verb'];

export interface Word {
  verb: VerbName;
  label: string;
  /** What it does, in a sentence. */
  does: string;
}

export const words: readonly Word[] = [
  { verb: 'hold', label: 'Hold', does: 'They do not start until they are released.' },
  { verb: 'release', label: 'Release', does: 'Held jobs go on to wait for their turn.' },
  { verb: 'retry', label: 'Run now', does: 'Jobs that wait for a moment, or out their backoff, are ready at once.' },
  { verb: 'redrive', label: 'Redrive', does: 'Failed jobs run again, with all of their attempts.' },
  { verb: 'move', label: 'Move', does: 'They wait in another queue.' },
  { verb: 'prioritise', label: 'Priority', does: 'They wait with another priority.' },
  { verb: 'reschedule', label: 'Reschedule', does: 'They do not start before another moment.' },
  { verb: 'cancel', label: 'Cancel', does: 'They are stopped for good; running handlers are told to stop.' },
];

/** Which jobs: by their ids, or all that pass what is asked for. */
export type Which = NonNullable<BulkGiven['filter']>;

/** What a verb takes beside the jobs, as it was filled in. */
export interface Filled {
  reason: string;
  queue: string;
  priority: 'critical' | 'high' | 'medium' | 'low';
  /** As an input gives it, in the reader's time zone. */
  at: string;
}

export const empty: Filled = { reason: '', queue: '', priority: 'high', at: '' };

/** The verb as the API takes it; a sentence where something is missing. */
export function verbOf(verb: VerbName, filled: Filled): Verb | string {
  const reason = filled.reason.trim();
  switch (verb) {
    case 'cancel':
    case 'hold':
      return reason === '' ? { verb } : { verb, reason };
    case 'move':
      return filled.queue === '' ? 'Choose a queue.' : { verb, queue: filled.queue };
    case 'prioritise':
      return { verb, priority: filled.priority };
    case 'reschedule': {
      const dueAt = Date.parse(filled.at);
      return Number.isFinite(dueAt) ? { verb, dueAt } : 'Choose a moment.';
    }
    default:
      return { verb };
  }
}

/** `yard job cancel --queue live --state pending,queued`. */
export function commandOf(verb: Verb, which: Which): string {
  const { id, state, queue, type, priority } = which;
  const said = { id: listed(id), state: listed(state), queue, type, priority };
  const flags = Object.entries(said).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} ${quoted(value)}`],
  );
  const name = verb.verb === 'prioritise' ? 'priority' : verb.verb;
  return ['yard job', name, ...flags, ...flagsOf(verb)].join(' ');
}

/** The same to one job. */
export function commandForOne(verb: Verb, id: string): string {
  const name = verb.verb === 'prioritise' ? 'priority' : verb.verb;
  return ['yard job', name, id, ...flagsOf(verb)].join(' ');
}

function flagsOf(verb: Verb): readonly string[] {
  switch (verb.verb) {
    case 'cancel':
    case 'hold':
      return verb.reason === undefined ? [] : [`--reason ${quoted(verb.reason)}`];
    case 'move':
      return [`--to ${verb.queue}`];
    case 'prioritise':
      return [`--to ${verb.priority}`];
    case 'reschedule':
      return [`--at ${new Date(verb.dueAt).toISOString()}`];
    default:
      return [];
  }
}

function listed(value: string | readonly string[] | undefined): string | undefined {
  return value === undefined ? undefined : [value].flat().join(',');
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w.,:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Why a verb cannot be done to jobs in the one state that was asked for. */
export function wrongState(verb: VerbName, which: Which): string | undefined {
  const asked = which.state === undefined ? [] : [which.state].flat();
  if (asked.length === 0 || asked.some((state) => statesFor(verb).includes(state))) return undefined;
  return `It is done to jobs that are ${statesFor(verb).join(', ')}; these are ${asked.join(', ')}.`;
}
