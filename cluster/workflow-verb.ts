/**
 * What a person does with workflows: submits one as a whole, looks at it, cancels it, has what failed run again.
 *
 * Needs no leader. Whatever moves several jobs is one atomic batch, each of them expected at the revision at which it was
 * read: all move or none does, and where one was quicker, all are read again. A workflow has no record: a key points to one of
 * its jobs (`workflow-birth.ts`), and it is seen by their records.
 */

import { admit, conflictText, isSameSubmission } from '../actors/admission.ts';
import { largePayload, PutAside } from '../actors/aside.ts';
import type { Commit } from '../actors/committer.ts';
import type { Quotas } from '../actors/quota.ts';
import { readOptions } from '../actors/request.ts';
import { Room } from '../actors/room.ts';
import { claimAtRedrive } from '../actors/unique-key.ts';
import { isActive, isSettled, type JobEvent } from '../machines/job.ts';
import { withPayloadAside } from '../runtime/aside.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault, messageOf, wrongFieldsIn } from '../runtime/faults.ts';
import type { Entry, World } from '../runtime/ports.ts';
import { type JobRecord, jobKey, type Stored, type WorkflowPart } from '../runtime/record.ts';
import { step } from '../runtime/step.ts';
import { workflowJobIds, workflowKey } from '../runtime/workflow.ts';
import { jobOptions } from './submit-options.ts';
import type { Submitter } from './submitter.ts';
import { bearWorkflow } from './workflow-birth.ts';
import { type PlannedNode, type WorkflowGiven, workflowPlan } from './workflow-given.ts';
import { type WorkflowListing, type WorkflowPage, workflowPage } from './workflow-list.ts';
import { viewOf, type WorkflowView } from './workflow-view.ts';

export interface WorkflowVerbsOptions {
  world: World;
  clock: Clock;
  commit: Commit;
  quotas: Quotas;
  submitter: Submitter;
  tenant: string;
}

/** What became of a submission: `created` is false where the very same workflow was there. */
export interface SubmittedWorkflow {
  id: string;
  created: boolean;
  /** Ids of its jobs, each after all that it waits for. */
  jobs: readonly string[];
}

/** What was done to the jobs of a workflow. */
export interface WorkflowOutcome {
  id: string;
  done: readonly string[];
}

/** Where a field of a submission stands in a node. */
function inNode(path: string): string {
  return /^\/(?:type|payload)\b/.test(path) ? path : `/options${path}`;
}

const largestBytes = 8 * 1024 * 1024;
const triesAtMost = 100;

export class WorkflowVerbs {
  readonly #options: WorkflowVerbsOptions;
  readonly #room: Room;

  constructor(options: WorkflowVerbsOptions) {
    this.#options = options;
    const { store, blobs } = options.world;
    this.#room = new Room({ store, blobs, clock: options.clock });
  }

  /**
   * @throws {Fault} `input.invalid`; `job.conflict` where one of its ids belongs to another job; `quota.full` where its
   * tenant may not have so many; `store.full`
   */
  async submit(given: WorkflowGiven): Promise<SubmittedWorkflow> {
    const { clock } = this.#options;
    const id = given.id ?? `wf-${clock.unique().slice(0, 12).toLowerCase()}`;
    const admitted = await this.#admitAll(id, given, workflowPlan(id, given));
    await this.#expectRoom(admitted);
    const { records, aside } = await this.#putAside(admitted);
    const jobs = records.map((record) => record.id);
    const created = await this.#bear(records, aside);
    if (!created) await this.#expectSame(records);
    return { id, created, jobs };
  }

  /** The whole as it is now. @throws {Fault} `workflow.missing` */
  async get(id: string): Promise<WorkflowView> {
    return viewOf(await this.#read(id));
  }

  /** Those that have jobs and pass the filter, the newest first, page by page. @throws {Fault} `input.invalid` for a cursor that is none. */
  page(list: WorkflowListing = {}): Promise<WorkflowPage> {
    const { world, tenant } = this.#options;
    return workflowPage({ store: world.store, tenant }, list);
  }

  /** Cancels all that is open of it, at once; the workers of those that run are told. @throws {Fault} `workflow.missing` */
  cancel(id: string, { reason }: { reason?: string | undefined } = {}): Promise<WorkflowOutcome> {
    const said = reason === undefined ? {} : { reason };
    return this.#moveAll(id, ({ state, context }, at) =>
      isSettled(state) || context.cancelAt !== undefined ? undefined : { type: 'job.cancel', at, ...said },
    );
  }

  /** Has all run again that has failed, or could not be reached or was stopped. @throws {Fault} `workflow.missing` */
  redrive(id: string): Promise<WorkflowOutcome> {
    return this.#moveAll(id, ({ state }, at) => (state === 'failed' ? { type: 'job.redrive', at } : undefined));
  }

  /** What jobs that are redriven have to write about their unique keys. @throws {Fault} `job.refused` */
  async #claims(moved: readonly JobRecord[]): Promise<readonly Entry[]> {
    const { world, clock } = this.#options;
    const redriven = moved.filter(({ transitions }) => transitions.at(-1)?.event === 'job.redrive');
    const claims: Entry[] = [];
    for (const record of redriven)
      claims.push(...(await claimAtRedrive(record, { store: world.store, now: clock.now() })));
    return claims;
  }

  async #admitAll(id: string, given: WorkflowGiven, plan: readonly PlannedNode[]): Promise<readonly JobRecord[]> {
    const nodes = Object.fromEntries(plan.map(({ name, given: { each } }) => [name, each?.length ?? 0]));
    const at = this.#options.clock.now();
    const source = `direct:workflow-${id}-${this.#options.clock.unique()}`;
    const records: JobRecord[] = [];
    for (const node of plan) {
      const stops = given.onFailure === 'stop' && (node.after['afterWhen'] ?? 'success') === 'success';
      for (const [place, { id: own, payload }] of node.jobs.entries()) {
        const workflow: WorkflowPart = {
          id,
          ...(given.name === undefined ? {} : { name: given.name }),
          node: node.name,
          ...(node.given.each === undefined ? {} : { index: place + 1 }),
          nodes,
          ...(stops ? { stops } : {}),
        };
        records.push(await this.#admit(node, { id: own, payload, source, at, workflow }));
      }
    }
    return records;
  }

  async #admit(
    { name, given, after }: PlannedNode,
    job: { id: string; payload: unknown; source: string; at: number; workflow: WorkflowPart },
  ): Promise<JobRecord> {
    const { tenant, submitter } = this.#options;
    const { id, ...rest } = job;
    try {
      const { type, options: said = {} } = given;
      const own = typeof type === 'string' ? { type } : { type: type.type, definition: type };
      const options = { ...jobOptions(ofMany(said)), ...readOptions(after), id };
      const request = { tenant, type: own.type, options, fallbackId: id, ...rest };
      return await admit(request, await submitter.typesFor(own), { payloadAtMost: largestBytes });
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      const fields = wrongFieldsIn(cause).map((field) => ({ ...field, path: `/jobs/${name}${inNode(field.path)}` }));
      throw new Fault(cause.code, `Node ${name}: ${messageOf(cause)}`, {
        cause,
        facts: { node: name, ...(fields.length === 0 ? {} : { fields }) },
      });
    }
  }

  /** The records as they are stored, and what of them lies aside from now on. */
  async #putAside(admitted: readonly JobRecord[]): Promise<{ records: JobRecord[]; aside: PutAside[] }> {
    const { world, clock } = this.#options;
    const records: JobRecord[] = [];
    const aside: PutAside[] = [];
    for (const record of admitted) {
      const json = largePayload(record);
      const put = json === undefined ? undefined : await PutAside.put(jobKey(record), json, { ...world, clock });
      records.push(put === undefined ? record : withPayloadAside(record, put.aside));
      if (put !== undefined) aside.push(put);
    }
    return { records, aside };
  }

  async #expectRoom(records: readonly JobRecord[]): Promise<void> {
    const sizes = records.map(({ payload }) => JSON.stringify(payload)?.length ?? 0);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (bytes > largestBytes)
      throw new Fault(
        'input.invalid',
        `Expected a workflow whose payloads have at most ${largestBytes} bytes of JSON, got ${bytes}. Put the data where workers can fetch it, and its addresses into the payloads.`,
      );
    for (const size of sizes) await this.#room.expect(size);
  }

  /** @throws {Fault} `job.conflict` where what stands in the way is not this very workflow. */
  async #expectSame(records: readonly JobRecord[]): Promise<void> {
    for (const record of records) {
      const stored = await this.#options.world.store.read(jobKey(record));
      const isSame = stored !== undefined && isSameSubmission(stored.record, record);
      if (isSame && JSON.stringify(stored.record.workflow) === JSON.stringify(record.workflow)) continue;
      const why =
        stored === undefined
          ? `Expected all jobs of workflow ${record.workflow?.id} or none, got some.`
          : conflictText(stored.record);
      throw new Fault('job.conflict', why, { facts: { id: record.id } });
    }
  }

  /** Writes them, unless some of them are there. */
  async #bear(records: readonly JobRecord[], aside: readonly PutAside[]): Promise<boolean> {
    let created = false;
    try {
      created = await bearWorkflow(records, this.#options);
    } catch (cause) {
      // Where nobody answers, the records may be stored yet.
      if (cause instanceof Fault && !cause.retryable) for (const put of aside) await put.drop();
      throw cause;
    }
    for (const put of aside) await (created ? put.keep() : put.drop());
    return created;
  }

  /** The records of its jobs, each after all that it waits for; one that is forgotten is left out. */
  async #read(id: string): Promise<readonly Stored[]> {
    const { world, tenant } = this.#options;
    const { pointer } = await world.store.readPointer(workflowKey(tenant, id));
    const jobs = pointer === null ? [] : await this.#jobsBeside(jobKey({ tenant, id: pointer.job }));
    if (jobs.length > 0) return jobs;
    const key = await this.#keyOfSome(id);
    if (key !== undefined) return await this.#jobsBeside(key);
    throw new Fault('workflow.missing', `Expected a workflow with id ${id}, found none. See \`yard workflow list\`.`, {
      facts: { id },
    });
  }

  /** All jobs of the workflow to which the one under this key belongs; none where it is not there. */
  async #jobsBeside(key: string): Promise<readonly Stored[]> {
    const { world, tenant } = this.#options;
    const part = (await world.store.read(key))?.record.workflow;
    if (part === undefined) return [];
    const all = await Promise.all(workflowJobIds(part).map((id) => world.store.read(jobKey({ tenant, id }))));
    return all.flatMap((stored) => stored ?? []);
  }

  /** Where the job to which its key points is forgotten, others may not be: by the heads of all jobs. */
  async #keyOfSome(id: string): Promise<string | undefined> {
    const { world, tenant } = this.#options;
    for await (const change of world.store.changesAfter(0)) {
      if (change.kind !== 'job' || change.head.workflow !== id) continue;
      if (change.head.key.startsWith(`${tenant}.`)) return change.head.key;
    }
    return undefined;
  }

  async #moveAll(
    id: string,
    eventOf: (record: JobRecord, at: number) => JobEvent | undefined,
  ): Promise<WorkflowOutcome> {
    const { world, clock, commit } = this.#options;
    for (let tries = 0; tries < triesAtMost; tries++) {
      const moved = (await this.#read(id)).flatMap(({ record, revision }) => {
        const event = eventOf(record, clock.now());
        const stepped = event === undefined ? undefined : step(record, event);
        return stepped?.moved === true ? [{ ...stepped, revision }] : [];
      });
      if (moved.length === 0) return { id, done: [] };
      const entries = moved.map(({ record, revision }): Entry => ({ key: jobKey(record), expected: revision, record }));
      const committed = await commit([...entries, ...(await this.#claims(moved.map(({ record }) => record)))]);
      if (committed.kind === 'conflict') continue;
      for (const [at, { record, transition }] of moved.entries()) {
        const { type, queue, priority, state, context } = record;
        const key = jobKey(record);
        world.events.tell({ key, type, queue, priority, revision: committed.revisions[at] ?? 0, transition });
        if (isActive(state) && context.worker !== undefined) world.notices.send(context.worker, { verb: 'look', key });
      }
      return { id, done: moved.map(({ record }) => record.id) };
    }
    throw new Fault(
      'commit.conflict',
      `Expected the jobs of workflow ${id} to hold still for a moment, they moved each time. Try again.`,
    );
  }
}

const ofOneAlone = ['id', 'idempotencyKey', 'after', 'afterNeed', 'afterWhen', 'ref'];

/** @throws {Fault} `input.invalid` where it is told what only one job can be told. */
function ofMany<Options extends object>(options: Options): Options {
  const wrong = ofOneAlone.find((name) => name in options);
  if (wrong === undefined) return options;
  throw new Fault(
    'input.invalid',
    `Expected options that jobs of a workflow can be told, got \`${wrong}\`. Ids are made of names, and \`after\` stands beside \`options\`.`,
  );
}
