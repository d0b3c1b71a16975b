/**
 * What a person does to a job: read it, take the step, write it back if nobody was quicker; else again.
 *
 * Needs no leader. A job that a worker holds is only wished something: the wish stands in its record, and the worker
 * is told to look.
 */

import type { Commit } from '../actors/committer.ts';
import { isActive, type JobEvent } from '../machines/job.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { World } from '../runtime/ports.ts';
import type { JobRecord, Stored } from '../runtime/record.ts';
import { step } from '../runtime/step.ts';

export interface VerbOptions {
  world: World;
  clock: Clock;
  commit: Commit;
}

/**
 * Cancels a job: at once where no worker holds it, else by a wish that its worker carries out. A job that is being
 * cancelled already is left as it is.
 *
 * @throws {Fault} `job.missing`, and `job.refused` where it is settled.
 */
export async function cancel(options: VerbOptions, key: string, reason: string | undefined): Promise<JobRecord> {
  for (;;) {
    const stored = await readJob(options.world, key);
    const { record } = stored;
    if (record.state === 'cancelled') return record;
    const cancelled = record.context.cancelAt === undefined ? await move(options, key, stored, cancelEvent) : record;
    if (cancelled === undefined) continue;
    const { worker } = cancelled.context;
    if (isActive(cancelled.state) && worker !== undefined) options.world.notices.send(worker, { verb: 'look', key });
    return cancelled;
  }

  function cancelEvent(at: number): JobEvent {
    return { type: 'job.cancel', at, ...(reason === undefined ? {} : { reason }) };
  }
}

/** @throws {Fault} `job.missing` */
export async function readJob(world: World, key: string): Promise<Stored> {
  const stored = await world.store.read(key);
  if (stored !== undefined) return stored;
  const id = key.slice(key.indexOf('.') + 1);
  throw new Fault('job.missing', `Expected a job with id ${id}, found none. See \`yard job list\`.`, { facts: { id } });
}

/** The record after the step, or `undefined` where it had moved on meanwhile. */
async function move(
  { world, clock, commit }: VerbOptions,
  key: string,
  { record, revision }: Stored,
  event: (at: number) => JobEvent,
): Promise<JobRecord | undefined> {
  const wanted = event(clock.now());
  const stepped = step(record, wanted);
  if (!stepped.moved)
    throw new Fault(
      'job.refused',
      `Expected a job to which \`${wanted.type}\` can be done, got ${record.id}, which is ${record.state}.`,
      {
        facts: { id: record.id, state: record.state },
      },
    );
  const committed = await commit([{ key, expected: revision, record: stepped.record }]);
  if (committed.kind === 'conflict') return undefined;
  const { type, queue, priority } = record;
  const { transition } = stepped;
  world.events.tell({ key, type, queue, priority, revision: committed.revisions[0] ?? 0, transition });
  return stepped.record;
}
