/**
 * The one list of everything that can be asked, for every door.
 */

import type { Yard } from '../../sdk/index.ts';
import { bulkOperations } from './bulk.ts';
import { clusterOperations } from './cluster.ts';
import { deadOperations } from './dead.ts';
import { fileOperations } from './files.ts';
import { typeOperations } from './job-types.ts';
import { jobOperations } from './jobs.ts';
import { limitOperations } from './limits.ts';
import { machineOperations } from './machines.ts';
import type { Operation } from './operation.ts';
import { queueOperations } from './queues.ts';
import { scheduleOperations } from './schedules.ts';
import { tokenOperations } from './tokens.ts';
import { verbOperations } from './verbs.ts';
import { webhookOperations } from './webhooks.ts';
import { workflowOperations } from './workflows.ts';

/** Everything that can be asked. */
export function operations(yard: Yard): readonly Operation[] {
  return [
    ...jobOperations(yard),
    ...fileOperations(yard),
    ...verbOperations(yard),
    ...bulkOperations(yard),
    ...workflowOperations(yard),
    ...deadOperations(yard),
    ...queueOperations(yard),
    ...limitOperations(yard),
    ...scheduleOperations(yard),
    ...clusterOperations(yard),
    ...typeOperations(yard),
    ...machineOperations(),
    ...tokenOperations(yard),
    ...webhookOperations(yard),
  ];
}

/** Operations by id, those of one face made once. */
export function operationsByFace(
  make: (yard: Yard) => readonly Operation[] = operations,
): (yard: Yard, id: string) => Operation {
  const faces = new WeakMap<Yard, ReadonlyMap<string, Operation>>();
  return (yard, id) => {
    const known = faces.get(yard) ?? new Map(make(yard).map((each) => [each.id, each]));
    faces.set(yard, known);
    const found = known.get(id);
    if (found === undefined) throw new RangeError(`Expected an operation, got ${id}.`);
    return found;
  };
}
