/**
 * The jobs that a job waited for, read when one of its attempts starts: how they ended, and their results for its handler.
 *
 * Read and not copied: a result is kept once, and what has completed never changes. A replica may lag behind what let
 * the job go; so whatever it does not show as ended is read from the stream's leader.
 */

import { isSettled } from '../machines/job.ts';
import type { Clock } from '../runtime/clock.ts';
import { JobError, type Precursor } from '../runtime/handler.ts';
import type { Blobs, JobStore } from '../runtime/ports.ts';
import { type JobRecord, jobKey, type Stored } from '../runtime/record.ts';
import { resultIn } from './aside.ts';
import { patiently } from './patience.ts';
import { whereUnreadable } from './unreadable.ts';

/** As many bytes of JSON as the results of all of them may have. */
const largestBytes = 4 * 1024 * 1024;

export interface PrecursorsOptions {
  store: JobStore;
  blobs: Pick<Blobs, 'get'>;
  clock: Clock;
  isOver: () => boolean;
}

/**
 * The jobs that `record` waited for, in the order in which they were named.
 *
 * @throws {JobError} where their results are too large to be handed on; whatever keeps the broker from answering.
 */
export async function precursors(record: JobRecord, options: PrecursorsOptions): Promise<readonly Precursor[]> {
  const { after, tenant } = record;
  if (after === undefined) return [];
  const { store, clock, isOver } = options;
  const keys = after.jobs.map((id) => jobKey({ tenant, id }));
  const read = await patiently(() => store.readMany(keys), { clock, isOver });
  const all = await Promise.all(keys.map((key) => ended(key, read.get(key), options)));
  refuseLarge(all);
  const waitedFor: Precursor[] = [];
  for (const stored of all) {
    if (stored === undefined) continue;
    const result = await patiently(() => resultIn(stored.record, options.blobs), { clock, isOver });
    waitedFor.push(precursorOf(stored.record, record, result));
  }
  return waitedFor;
}

async function ended(
  key: string,
  read: Stored | undefined,
  { store, clock, isOver }: PrecursorsOptions,
): Promise<Stored | undefined> {
  if (read !== undefined && isSettled(read.record.state)) return read;
  return await patiently(() => whereUnreadable(store.read(key), undefined), { clock, isOver });
}

function refuseLarge(all: readonly (Stored | undefined)[]): void {
  const bytes = all.reduce((sum, stored) => sum + (stored === undefined ? 0 : sizeOf(stored.record)), 0);
  if (bytes <= largestBytes) return;
  throw new JobError(
    `Expected results of at most ${largestBytes} bytes of JSON from the jobs that it waited for, got ${bytes}. Have them put their results where they can be fetched, and return the addresses.`,
    { retryable: false },
  );
}

function sizeOf({ aside, context }: JobRecord): number {
  return aside?.result?.bytes ?? JSON.stringify(context.result)?.length ?? 0;
}

function precursorOf({ id, state, context, workflow }: JobRecord, by: JobRecord, result: unknown): Precursor {
  const { error } = context;
  const isOfSame = workflow !== undefined && workflow.id === by.workflow?.id;
  return {
    id,
    ...(isOfSame ? { node: workflow.node } : {}),
    ...(isOfSame && workflow.index !== undefined ? { index: workflow.index } : {}),
    state,
    ...(state === 'completed' ? { result } : {}),
    ...(state === 'failed' && error !== undefined ? { error: { kind: error.kind, message: error.message } } : {}),
  };
}

/** Their results by name; of a node that is a list, a list, with `null` for what has not completed. */
export function inputsOf(waitedFor: readonly Precursor[]): Readonly<Record<string, unknown>> {
  const inputs = new Map<string, unknown>();
  for (const { id, node = id, index, state, result = null } of waitedFor) {
    if (index === undefined && state === 'completed') inputs.set(node, result);
    if (index === undefined) continue;
    const list = inputs.get(node);
    if (Array.isArray(list)) list[index - 1] = result;
    else
      inputs.set(
        node,
        Array.from({ length: index }, (_, at) => (at === index - 1 ? result : null)),
      );
  }
  return Object.fromEntries(inputs);
}
