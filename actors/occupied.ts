/**
 * The states that jobs are in, held against the chart: a master whose chart lacks one of them could never move those
 * jobs again, so it does not stand for election.
 *
 * That happens when a release drops a state that is still in use, or when an older release is started again after a newer
 * one has put jobs into a state of its own.
 */

import { type JobState, jobStates } from '../machines/job.ts';
import { Fault } from '../runtime/faults.ts';

/** @throws {Fault} `states.unknown`, with how many jobs are in each state that the chart does not have. */
export function expectKnownStates(jobs: Iterable<{ state: JobState }>): void {
  const unknown: Record<string, number> = {};
  for (const { state } of jobs) if (!jobStates.includes(state)) unknown[state] = (unknown[state] ?? 0) + 1;
  const found = Object.entries(unknown).map(([state, count]) => `${count} in \`${state}\``);
  if (found.length === 0) return;
  throw new Fault(
    'states.unknown',
    `Expected jobs in states that the chart of this master has, found ${found.join(', ')}. Start a version that has these states, or bring those jobs to rest with it before this one is started.`,
    { facts: { states: unknown } },
  );
}
