/**
 * What a person does to a job: read it, take the step, write it back if nobody was quicker; else again.
 *
 * Needs no leader. A job that a worker holds is only wished something: the wish stands in its record, and the worker
 * is told to look.
 */

import { isActive, type JobEvent, type JobState, jobStates } from '../machines/job.ts';
import type { Verb } from '../runtime/bulk.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, isFault } from '../runtime/faults.ts';
import { idIn } from '../runtime/key.ts';
import type { World } from '../runtime/ports.ts';
import type { JobRecord, Stored } from '../runtime/record.ts';
import { chartEdges } from '../runtime/record-edge.ts';
import { step } from '../runtime/step.ts';
import type { Commit } from './committer.ts';
import { claimAtRedrive } from './unique-key.ts';

export type { Verb };

export interface VerbOptions {
  world: Pick<World, 'store' | 'notices' | 'events'>;
  clock: Clock;
  commit: Commit;
  /** The bulk operation of which it is a part: it stands in the transition. */
  by?: string | undefined;
  /** Is shown what is there: where it throws, nothing is done. */
  expect?: ((now: JobRecord) => void) | undefined;
}

/** What a job must be for it, in words. */
const wants: Readonly<Record<Verb['verb'], string>> = {
  cancel: 'that is not settled',
  hold: 'that waits',
  release: 'that is held',
  retry: 'that waits for its moment',
  redrive: 'that has failed',
  move: 'that waits',
  prioritise: 'that waits',
  reschedule: 'that waits',
};

/** The states in which a job can be for it, as the chart says. */
export function statesFor({ verb }: Pick<Verb, 'verb'>): readonly JobState[] {
  const from = [...chartEdges()].map((edge) => edge.split(' ')).filter(([, event]) => event === `job.${verb}`);
  return jobStates.filter((state) => from.some(([word]) => word === state));
}

/**
 * Does something to a job. What is so already is left as it is; what a worker holds can only be cancelled, by a wish
 * that its worker carries out. Who has just read the job hands in what was `read`.
 *
 * @throws {Fault} `job.missing`, and `job.refused` where the job is in a state in which this cannot be done.
 */
export async function act(options: VerbOptions, key: string, verb: Verb, read?: Stored): Promise<JobRecord> {
  let hasTried = false;
  for (let first = read; ; first = undefined) {
    const stored = first ?? (await readJob(options.world, key));
    if (wasDoneBy(stored.record, options.by)) return stored.record;
    // What somebody did meanwhile may have been this very thing, or a write of our own that had no answer.
    if (!(hasTried && isDone(stored.record, verb))) options.expect?.(stored.record);
    hasTried = true;
    const record = isDone(stored.record, verb) ? stored.record : await move(options, key, stored, verb);
    if (record === undefined) continue;
    const { worker } = record.context;
    if (isActive(record.state) && worker !== undefined) options.world.notices.send(worker, { verb: 'look', key });
    return record;
  }
}

/** Whether `cause` only says that a verb cannot be done to this one job: others may go on. */
export function isRefusal(cause: unknown): cause is Fault {
  return isFault(cause, 'job.refused') || isFault(cause, 'job.missing');
}

/** Whether it was done to this job as a part of this bulk operation. */
export function wasDoneBy({ transitions }: JobRecord, by: string | undefined): boolean {
  return by !== undefined && transitions.some((transition) => transition.by === by);
}

/** Whether there is nothing left to do. */
function isDone({ state, queue, priority, context }: JobRecord, verb: Verb): boolean {
  switch (verb.verb) {
    case 'cancel':
      return state === 'cancelled' || context.cancelAt !== undefined;
    case 'hold':
      return state === 'held';
    case 'move':
      return queue === verb.queue;
    case 'prioritise':
      return priority === verb.priority;
    default:
      return false;
  }
}

function eventOf(verb: Verb, at: number): JobEvent {
  switch (verb.verb) {
    case 'cancel':
    case 'hold': {
      const { verb: word, reason } = verb;
      return { type: `job.${word}`, at, ...(reason === undefined ? {} : { reason }) };
    }
    case 'move':
      return { type: 'job.move', at, queue: verb.queue, reason: `to ${verb.queue}` };
    case 'prioritise':
      return { type: 'job.prioritise', at, priority: verb.priority, reason: `to ${verb.priority}` };
    case 'reschedule':
      return { type: 'job.reschedule', at, dueAt: verb.dueAt };
    default:
      return { type: `job.${verb.verb}`, at };
  }
}

/** @throws {Fault} `job.missing` */
export async function readJob(world: Pick<World, 'store'>, key: string): Promise<Stored> {
  const stored = await world.store.read(key);
  if (stored !== undefined) return stored;
  const id = idIn(key);
  throw new Fault('job.missing', `Expected a job with id ${id}, found none. See \`yard job list\`.`, { facts: { id } });
}

/** The record after the step, or `undefined` where it had moved on meanwhile. */
async function move(
  { world, clock, commit, by }: VerbOptions,
  key: string,
  { record, revision }: Stored,
  verb: Verb,
): Promise<JobRecord | undefined> {
  const stepped = step(record, eventOf(verb, clock.now()), by === undefined ? {} : { by });
  if (!stepped.moved) throw refused(record, verb);
  const claims =
    verb.verb === 'redrive' ? await claimAtRedrive(stepped.record, { store: world.store, now: clock.now() }) : [];
  const committed = await commit([{ key, expected: revision, record: stepped.record }, ...claims]);
  if (committed.kind === 'conflict') return undefined;
  const { type, queue, priority } = stepped.record;
  const { transition } = stepped;
  world.events.tell({ key, type, queue, priority, revision: committed.revisions[0] ?? 0, transition });
  return stepped.record;
}

function refused({ id, state }: JobRecord, { verb }: Verb): Fault {
  const advice = isActive(state)
    ? 'Cancel it, or wait for its end.'
    : `It can be done to jobs that are ${statesFor({ verb }).join(', ')}.`;
  return new Fault('job.refused', `Expected a job ${wants[verb]}, got ${id}, which is ${state}. ${advice}`, {
    facts: { id, state },
  });
}
