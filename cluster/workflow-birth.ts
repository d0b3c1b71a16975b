/**
 * The birth of a workflow: all of its jobs in one batch, with the unique keys that they take, or nothing.
 *
 * Beside them lies `_workflow.<tenant>.<id>`, which points to the last job of the plan: by it a workflow is found without
 * going through all jobs. It goes when that job's record has gone (`actors/key-keeper.ts`).
 *
 * A unique key is taken as by any job (`actors/unique-key.ts`): read, then rewritten in the batch at the revision that was read. What
 * stands in the way of the batch is looked for: jobs of this very workflow are there, or somebody was quicker with a key, and all is
 * read again.
 */

import type { Commit, Committed } from '../actors/committer.ts';
import type { Quotas } from '../actors/quota.ts';
import { claimAtBirth, heldFault } from '../actors/unique-key.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, isFault, messageOf } from '../runtime/faults.ts';
import type { Entry, Head, World } from '../runtime/ports.ts';
import { type JobRecord, jobKey } from '../runtime/record.ts';
import { workflowKey } from '../runtime/workflow.ts';

export interface WorkflowBirthOptions {
  world: Pick<World, 'store' | 'events'>;
  clock: Clock;
  commit: Commit;
  quotas: Quotas;
  tenant: string;
}

/** As many as the broker takes in one batch, with room for what a quota adds. */
const writesAtMost = 990;

/**
 * Writes the records, each after all that it waits for; `false` where a job under one of their ids is there.
 *
 * @throws {Fault} `input.invalid`; `job.conflict` where a unique key is another job's; `quota.full`
 */
export async function bearWorkflow(records: readonly JobRecord[], options: WorkflowBirthOptions): Promise<boolean> {
  const { world } = options;
  expectKeysOfTheirOwn(records);
  for (let before = ''; ; ) {
    const writes = await writesOf(records, options);
    if (writes === undefined) return false;
    const { more, replaced } = writes;
    const born = records.map((record): Entry => ({ key: jobKey(record), expected: 0, record }));
    const committed = await commitAll([...more, ...born], born.length - replaced.length, { records, ...options });
    if (committed?.kind === 'stored') {
      tell(replaced, committed.revisions, world.events);
      tell(records, committed.revisions.slice(more.length), world.events);
      return true;
    }
    if (committed === undefined || (await isThere(records, options))) return false;
    const now = more.map(({ expected }) => expected).join();
    if (now === before)
      throw new Fault(
        'broker.unavailable',
        'Expected what stood in the way of the workflow, found nothing. Try again.',
      );
    before = now;
  }
}

/** `undefined` where there is no room for so many, since they are there. */
async function commitAll(
  entries: readonly Entry[],
  jobs: number,
  { records, quotas, tenant, commit, ...options }: WorkflowBirthOptions & { records: readonly JobRecord[] },
): Promise<Committed | undefined> {
  if (entries.length > writesAtMost)
    throw new Fault(
      'input.invalid',
      `Expected a workflow of at most ${writesAtMost} writes, got ${entries.length}: one for each job, and one or two for each unique key. Make several workflows of it.`,
    );
  try {
    return await quotas.commit({ tenant, jobs, entries, commit });
  } catch (cause) {
    if (isFault(cause, 'quota.full') && (await isThere(records, options))) return undefined;
    throw cause;
  }
}

interface Writes {
  /** Jobs that are replaced come first, so that no follower ever sees both open. */
  more: readonly Entry[];
  replaced: readonly JobRecord[];
}

/** What is written beside the jobs; `undefined` where a key is held, since they were there before. */
async function writesOf(
  records: readonly JobRecord[],
  { world: { store }, clock, tenant }: WorkflowBirthOptions,
): Promise<Writes | undefined> {
  const cancels: Entry[] = [];
  const keys: Entry[] = [];
  const replaced: JobRecord[] = [];
  for (const record of records) {
    if (record.unique === undefined) continue;
    const claim = await claimAtBirth(record, record.unique, { store, now: clock.now() });
    if (claim.kind === 'held') {
      if (await isThere(records, { world: { store } })) return undefined;
      const fault = heldFault(claim);
      throw new Fault(fault.code, `Node ${record.workflow?.node}: ${messageOf(fault)}`, { facts: { id: claim.id } });
    }
    if (claim.replaced !== undefined) replaced.push(claim.replaced);
    cancels.push(...claim.entries.slice(0, -1));
    keys.push(...claim.entries.slice(-1));
  }
  const last = records.at(-1);
  if (last?.workflow === undefined) return { more: [...cancels, ...keys], replaced };
  const key = workflowKey(tenant, last.workflow.id);
  const { revision } = await store.readPointer(key);
  const found: Entry = { key, expected: revision, pointer: { job: last.id, at: last.createdAt } };
  return { more: [...cancels, ...keys, found], replaced };
}

/** Whether there is a job under one of their ids. */
async function isThere(
  records: readonly JobRecord[],
  { world: { store } }: { world: Pick<World, 'store'> },
): Promise<boolean> {
  for (const record of records) if ((await store.read(jobKey(record))) !== undefined) return true;
  return false;
}

/** @throws {Fault} `input.invalid` */
function expectKeysOfTheirOwn(records: readonly JobRecord[]): void {
  const takers = new Map<string, JobRecord>();
  for (const record of records) {
    if (record.unique === undefined) continue;
    const other = takers.get(record.unique.key);
    if (other !== undefined)
      throw new Fault(
        'input.invalid',
        `Expected jobs of a workflow with unique keys of their own, got one of ${record.unique.by} for both ${other.id} and ${record.id}. Take the rule away from one of them.`,
      );
    takers.set(record.unique.key, record);
  }
}

function tell(records: readonly JobRecord[], revisions: readonly number[], events: World['events']): void {
  for (const [at, record] of records.entries()) {
    const { type, queue, priority } = record;
    const transition = record.transitions.at(-1);
    const place: Pick<Head, 'key' | 'revision'> = { key: jobKey(record), revision: revisions[at] ?? 0 };
    if (transition !== undefined) events.tell({ ...place, type, queue, priority, transition });
  }
}
