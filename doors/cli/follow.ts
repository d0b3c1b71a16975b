/**
 * Follows a job as it happens: one line per transition, and between them, on a terminal, how far it has come.
 */

import { durationText } from '../../cluster/settings.ts';
import type { JobRecord, Progress, Stop, Transition, Yard } from '../../sdk/index.ts';
import { isJson } from './answer.ts';
import type { Output } from './command.ts';
import { type ExitCode, exitCodes } from './exit.ts';
import type { Terminal } from './terminal.ts';
import { moment, stateStyle } from './words.ts';

export interface FollowOptions {
  terminal: Terminal;
  output: Output;
  signal: AbortSignal;
}

/** Draws every transition of the job until it is settled; JSON is one object a line. */
export async function follow(yard: Yard, id: string, { terminal, output, signal }: FollowOptions): Promise<JobRecord> {
  const isDrawing = !isJson(output) && terminal.isInteractive;
  const draw = (_: string, progress: Progress) => drawProgress(progress, terminal);
  const stop: Stop = isDrawing ? await yard.onProgress(draw, { id }) : async () => {};
  try {
    let before: number | undefined;
    for await (const transition of yard.watch(id, { signal })) {
      if (isJson(output)) terminal.print(JSON.stringify({ id, ...transition }));
      else terminal.print(`${isDrawing ? clearLine : ''}${lineOf(transition, before, terminal)}`);
      before = transition.at;
    }
    return await yard.settled(id, { signal });
  } finally {
    await stop();
  }
}

/** What a command ends with that waited for this job. */
export function exitCodeFor({ state }: JobRecord): ExitCode {
  return state === 'completed' ? exitCodes.ok : exitCodes.failed;
}

/** How it ended, in a sentence for people. */
export function ending({ id, state, context, createdAt, settledAt = createdAt }: JobRecord): string {
  const took = durationText(Math.max(0, settledAt - createdAt));
  const attempts = `${context.attempt} ${context.attempt === 1 ? 'attempt' : 'attempts'}`;
  const reason = state === 'failed' && context.error !== undefined ? `: ${context.error.message}` : '.';
  return `Job ${id} is ${state} after ${took} and ${attempts}${reason}`;
}

const clearLine = '\r\u001B[K';

function drawProgress({ percent, etaMs, message }: Progress, terminal: Terminal): void {
  const width = 24;
  const done = percent === undefined ? undefined : Math.round((Math.min(100, percent) / 100) * width);
  const bar = done === undefined ? '' : `${'█'.repeat(done)}${'░'.repeat(width - done)} ${Math.floor(percent ?? 0)}%`;
  const rest = [bar, etaMs === undefined ? '' : `${durationText(etaMs)} left`, message ?? ''].filter(Boolean);
  terminal.draw(`${clearLine}  ${rest.join('  ').slice(0, Math.max(0, terminal.columns - 3))}`);
}

/** `2026-11-21 12:00:00.123  +1.2s  processing → completed  attempt 1  attempt.completed`. */
export function lineOf(transition: Transition, before: number | undefined, terminal: Terminal): string {
  const { at, from, to, event, attempt, reason } = transition;
  const since = before === undefined ? '' : `+${durationText(Math.max(0, at - before))}`;
  const path = `${from.padStart(10)} → ${terminal.style(stateStyle(to), to.padEnd(10))}`;
  const why = reason === undefined ? '' : `: ${reason}`;
  const number = attempt === 0 ? '' : `attempt ${attempt}`;
  return `${terminal.style('dim', moment(at))}  ${since.padStart(7)}  ${path}  ${number.padEnd(9)}  ${terminal.style('dim', `${event}${why}`)}`.trimEnd();
}
