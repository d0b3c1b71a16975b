/**
 * The machines of this build: what jobs, workers, schedules and masters may do. They are code, so whoever asks needs no broker.
 */

import { Fault } from '../runtime/faults.ts';
import { isMachine, type MachineView, machines, viewOfMachine } from '../runtime/machines.ts';
import { mermaidOf } from '../runtime/mermaid.ts';

export type { MachineView };

export function listMachines(): readonly MachineView[] {
  return Object.keys(machines).map(machineNamed);
}

/** @throws {Fault} `machine.missing` */
export function machineNamed(name: string): MachineView {
  return viewOfMachine(known(name));
}

/** As a `stateDiagram-v2`. @throws {Fault} `machine.missing` */
export function mermaidOfMachine(name: string): string {
  return `${mermaidOf(machines[known(name)].machine)}\n`;
}

function known(name: string): MachineView['name'] {
  if (isMachine(name)) return name;
  throw new Fault(
    'machine.missing',
    `Expected one of the machines ${Object.keys(machines).join(', ')}, got ${name}. Correct the name.`,
  );
}
