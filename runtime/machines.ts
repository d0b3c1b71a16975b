/**
 * The machines that there are, by name, and what each of them says as plain data: the one list for pages, pictures and the API.
 *
 * The hash is of all that a machine says, so that two builds whose machines differ in anything do not have the same.
 */

import { createHash } from 'node:crypto';
import type { AnyStateMachine } from 'xstate';
import { electionMachine } from '../machines/election.ts';
import { jobMachine, jobMachineVersion } from '../machines/job.ts';
import { scheduleMachine, scheduleMachineVersion } from '../machines/schedule.ts';
import { workerMachine } from '../machines/worker.ts';
import { type ChartEdge, type ChartState, edgesOf, statesOf } from './chart.ts';

export type MachineName = 'job' | 'worker' | 'schedule' | 'election';

interface Kept {
  title: string;
  machine: AnyStateMachine;
  /** That of records which it moves; absent where no record of it is stored. */
  version?: number;
}

export const machines: Readonly<Record<MachineName, Kept>> = {
  job: { title: 'The life of a job', machine: jobMachine, version: jobMachineVersion },
  worker: { title: 'The life of a worker', machine: workerMachine },
  schedule: { title: 'The life of a schedule', machine: scheduleMachine, version: scheduleMachineVersion },
  election: { title: 'The election, as each master lives it', machine: electionMachine },
};

export interface MachineView {
  name: MachineName;
  title: string;
  version?: number;
  hash: string;
  /** The path of the state that is entered first. */
  initial: string;
  states: readonly ChartState[];
  /** What it can be told, in alphabetical order. */
  events: readonly string[];
  guards: readonly string[];
  edges: readonly ChartEdge[];
}

export function isMachine(name: string): name is MachineName {
  return Object.hasOwn(machines, name);
}

export function viewOfMachine(name: MachineName): MachineView {
  const { machine, ...about } = machines[name];
  const edges = edgesOf(machine);
  return {
    ...{ name, ...about, hash: hashOf(machine) },
    initial: machine.root.initial.target[0]?.path.join('.') ?? '',
    states: statesOf(machine),
    events: distinct(edges.map(({ event }) => event)),
    guards: distinct(edges.map(({ guard }) => guard)),
    edges,
  };
}

export function hashOf(machine: AnyStateMachine): string {
  const said = JSON.stringify([statesOf(machine), edgesOf(machine)]);
  return createHash('sha256').update(said).digest('hex').slice(0, 12);
}

function distinct(words: readonly string[]): readonly string[] {
  return [...new Set(words)].filter((word) => word !== '').sort();
}
