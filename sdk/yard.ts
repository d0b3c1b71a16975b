/**
 * The verbs of the face. Each says what it promises; `cluster/client.ts` keeps it.
 */

import type { Author } from '../cluster/audited.ts';
import type { Backup } from '../cluster/backup.ts';
import type { Bulk, BulkOutcome } from '../cluster/bulk.ts';
import type {
  Advice,
  AuditReport,
  BrokersView,
  Client,
  ClusterView,
  MasterView,
  SteppedDown,
  Why,
  WorkerView,
} from '../cluster/client.ts';
import type { DeadFilter, DeadGroup, DeadShown, RedriveOptions } from '../cluster/dead-letter.ts';
import type { EventOptions, JobEvents } from '../cluster/job-events.ts';
import type { JobPage, LaneCounts } from '../cluster/job-list.ts';
import type { Census } from '../cluster/listing.ts';
import type { LogOptions } from '../cluster/log-reader.ts';
import type { Expecting } from '../cluster/queues.ts';
import type { Restored } from '../cluster/restore.ts';
import { jobOptions, type ReadOptions, type SubmitOptions } from '../cluster/submit-options.ts';
import type { Item } from '../cluster/submitter.ts';
import type { WaitOptions } from '../cluster/watch.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import type { Verb } from '../runtime/bulk.ts';
import type { JobDefinition } from '../runtime/handler.ts';
import type {
  AuditQuery,
  JobEventMessage,
  KeptAuditEntry,
  LogLine,
  Rejection,
  Stop,
  TermRecord,
} from '../runtime/ports.ts';
import type { JobRecord, Progress, Transition } from '../runtime/record.ts';
import type { ListOptions } from '../runtime/view.ts';
import { BulkOperations } from './bulk.ts';
import type { DefinedJob } from './define-job.ts';
import { Files } from './files.ts';
import { resultOf } from './job-failed.ts';
import { JobHandle } from './job-handle.ts';
import { Types } from './job-types.ts';
import { Limits } from './limits.ts';
import { Queues } from './queues.ts';
import { Schedules } from './schedules.ts';
import { Tenants } from './tenants.ts';
import { Tokens } from './tokens.ts';
import { Webhooks } from './webhooks.ts';
import { Workflows } from './workflows.ts';

/** One job to submit, among others. */
export interface Submission {
  type: string | JobDefinition;
  payload?: unknown;
  options?: SubmitOptions | ReadOptions;
}

/** A connection to a cluster. Made by `connect`; close it, or declare it with `await using`. */
export class Yard implements AsyncDisposable {
  /** Queues at run time. */
  readonly queues: Queues;
  /** Limits of keys that jobs name, at run time. */
  readonly limits: Limits;
  /** Job types that workers have made known. */
  readonly types: Types;
  /** Tenants at run time. */
  readonly tenants: Tenants;
  /** Who may come in by HTTP. */
  readonly tokens: Tokens;
  /** Who is told of jobs that settle. */
  readonly webhooks: Webhooks;
  /** What is too large for payloads and results. */
  readonly files: Files;
  readonly #client: Client;
  /** Jobs that recur. */
  readonly schedules: Schedules;
  /** Jobs that are given at once and wait for one another. */
  readonly workflows: Workflows;
  /** What is done to many jobs at once. */
  readonly bulk: BulkOperations;

  constructor(client: Client) {
    this.#client = client;
    this.queues = new Queues(client);
    this.limits = new Limits(client);
    this.types = new Types(client);
    this.tenants = new Tenants(client);
    this.tokens = new Tokens(client);
    this.webhooks = new Webhooks(client);
    this.files = new Files(client);
    this.schedules = new Schedules(client);
    this.workflows = new Workflows(client);
    this.bulk = new BulkOperations(client);
  }

  /** The same connection, for the jobs of another tenant; it need not be closed. */
  ofTenant(tenant: string): Yard {
    return new Yard(this.#client.on({ tenant }));
  }

  /** The same connection, on behalf of somebody else, as the audit log names them; it need not be closed. */
  as(by: Author): Yard {
    return new Yard(this.#client.on({ by }));
  }

  /**
   * What people did to jobs and to the cluster, the newest first: who, when, what to what, and whether it was refused.
   * Submissions are none of it. Pages: `before` is the `place` of the last one that is known.
   *
   * @example const [newest] = await yard.auditLog({ limit: 1 });
   */
  auditLog({ limit = 100, ...query }: Partial<AuditQuery> = {}): Promise<readonly KeptAuditEntry[]> {
    return this.#client.auditLog({ limit, ...query });
  }

  /**
   * Submits a job; durable once the promise resolves, whether or not a master runs.
   *
   * With an `id` or an `idempotencyKey`, a repeat with the same content finds the job that is there.
   *
   * @throws {Fault} `input.invalid` where type, payload or options are not what was expected; `job.conflict` where
   * the id belongs to a job with other content.
   * @example const job = await yard.submit('transcode', { input: 'a.mov', output: 'a.mp4' }, { priority: 'high' });
   */
  submit<Input, Payload, Result>(
    type: DefinedJob<Input, Payload, Result>,
    payload: Input,
    options?: SubmitOptions | ReadOptions,
  ): Promise<JobHandle<Result>>;
  submit(type: string, payload?: unknown, options?: SubmitOptions | ReadOptions): Promise<JobHandle>;
  async submit(
    type: string | JobDefinition,
    payload?: unknown,
    options: SubmitOptions | ReadOptions = {},
  ): Promise<JobHandle> {
    const [handle] = await this.submitMany([{ type, payload, options }]);
    if (handle === undefined) throw new RangeError('Expected one job of one submission, got none.');
    return handle;
  }

  /**
   * Submits many jobs at once; all are checked before the first is written, then each stands for itself.
   *
   * @throws {Fault} `input.invalid`: nothing was submitted. `job.conflict`: the other ones were.
   */
  async submitMany(submissions: readonly Submission[]): Promise<readonly JobHandle[]> {
    const submitted = await this.#client.submit(submissions.map(itemOf));
    const { durability } = this.#client;
    return submitted.map(
      ({ id, created, coalesced }) => new JobHandle(this.#client, { id, created, coalesced, durability }),
    );
  }

  /**
   * The record of a job: its state, its attempts, its transitions, its result or error. A payload or result that lies
   * aside, being larger than 64 KiB, is fetched into its place, unless `whole` is `false`; `null` where it is lost.
   */
  job(id: string, options: { whole?: boolean } = {}): Promise<JobRecord | undefined> {
    return this.#client.job(id, options);
  }

  /**
   * The same, for people: that somebody looked is in the audit log. Doors hide what is secret in payloads everywhere else.
   *
   * @throws {Fault} `job.missing`
   */
  reveal(id: string): Promise<JobRecord> {
    return this.#client.reveal(id);
  }

  /**
   * Jobs that pass the filter, the newest first unless `sort` says otherwise, without what lies aside of them. Goes through as
   * many pages as it takes.
   *
   * @throws {Fault} `input.invalid`; `broker.unavailable` where words, ranges, a worker or another order are asked for and no
   * master answers.
   * @example for await (const { id } of yard.jobs({ search: 'intro.mov', state: 'failed' })) console.log(id);
   */
  jobs(list: ListOptions = {}): AsyncIterable<JobRecord> {
    return this.#client.jobs(list);
  }

  /** One page of them, at most `limit` (100); where there are more, `next` is the `cursor` of the next page. @throws {Fault} as `jobs`. */
  jobPage(list: ListOptions = {}): Promise<JobPage> {
    return this.#client.jobPage(list);
  }

  /** How many jobs of the tenant there are, settled ones too, by state, queue and priority. @throws {Fault} `broker.unavailable` */
  lanes(): Promise<LaneCounts> {
    return this.#client.lanes();
  }

  /**
   * How many jobs there are, of all tenants and settled ones too: in each state, by queue and by priority. Of many jobs by the
   * view of a master, and then `view` says how old that is; else by the heads of all.
   */
  census(): Promise<Census> {
    return this.#client.census();
  }

  /** Every transition once and in order, from the first that its record keeps to the one that settles the job. */
  watch(id: string, options: { signal?: AbortSignal } = {}): AsyncIterable<Transition> {
    return this.#client.watch(id, options);
  }

  /** The record of a job, as `job` reads it, once it is settled. @throws {Fault} `job.missing`, `wait.timedOut` */
  settled(id: string, options: WaitOptions = {}): Promise<JobRecord> {
    return this.#client.settled(id, options);
  }

  /** What the handler returned, once it has. @throws {JobFailed} {Fault} `job.missing`, `blob.missing`, `wait.timedOut` */
  async result(id: string, options: WaitOptions = {}): Promise<unknown> {
    return resultOf(await this.#client.outcome(id, options));
  }

  /**
   * Cancels a job: at once where no worker holds it; else the wish stands in its record and its worker is told.
   *
   * @throws {Fault} `job.missing`; `job.refused` where it has completed or failed.
   */
  cancel(id: string, { reason }: { reason?: string | undefined } = {}): Promise<JobRecord> {
    return this.#client.act(id, { verb: 'cancel', reason });
  }

  /** Has a job that waits not start until it is released. @throws {Fault} `job.missing`, `job.refused` */
  hold(id: string, { reason }: { reason?: string | undefined } = {}): Promise<JobRecord> {
    return this.#client.act(id, { verb: 'hold', reason });
  }

  /** Lets a job go that is held. @throws {Fault} `job.missing`, `job.refused` */
  release(id: string): Promise<JobRecord> {
    return this.#client.act(id, { verb: 'release' });
  }

  /** Has a job run now that waits for its moment or out its backoff. @throws {Fault} `job.missing`, `job.refused` */
  retry(id: string): Promise<JobRecord> {
    return this.#client.act(id, { verb: 'retry' });
  }

  /** Has a job that has failed run again, with all of its attempts. @throws {Fault} `job.missing`, `job.refused` */
  redrive(id: string): Promise<JobRecord> {
    return this.#client.act(id, { verb: 'redrive' });
  }

  /** Puts a job that waits into another queue. @throws {Fault} `input.invalid`, `job.missing`, `job.refused` */
  move(id: string, queue: string): Promise<JobRecord> {
    return this.#client.act(id, { verb: 'move', queue });
  }

  /** Gives a job that waits another priority. @throws {Fault} `job.missing`, `job.refused` */
  prioritise(id: string, priority: Priority): Promise<JobRecord> {
    return this.#client.act(id, { verb: 'prioritise', priority });
  }

  /** Has a job that waits not run before another moment. @throws {Fault} `job.missing`, `job.refused` */
  reschedule(id: string, at: Date | number): Promise<JobRecord> {
    return this.#client.act(id, { verb: 'reschedule', dueAt: Number(at) });
  }

  /** Does to a job what is said; the verbs above are this with a name. @throws {Fault} as they do. */
  act(id: string, verb: Verb, expecting?: Expecting<JobRecord>): Promise<JobRecord> {
    return this.#client.act(id, verb, expecting);
  }

  /**
   * Starts a bulk operation (`bulk.start`) and waits for its end: does something to all jobs that pass a filter, each by
   * itself; where the filter names no state, to those in a state in which it can be done. Resolves with how many there were,
   * were done, and were refused and why. Waits for a master where none runs; the signal aborts the operation.
   *
   * @throws {Fault} `input.invalid`; `bulk.failed`; where the broker is away, it goes on without the caller.
   * @example await yard.actOnAll({ verb: { verb: 'cancel' }, filter: { queue: 'batch' }, dryRun: true });
   */
  actOnAll(bulk: Bulk): Promise<BulkOutcome> {
    return this.#client.actOnAll(bulk);
  }

  /** Failed jobs, grouped by what went wrong: type, kind and message without numbers, ids and paths. Largest first. */
  deadGroups(filter: DeadFilter = {}): Promise<readonly DeadGroup[]> {
    return this.#client.deadGroups(filter);
  }

  /** Failed jobs, the newest first; those of one group where its id is given. @throws {Fault} `group.missing` */
  dead(options: DeadFilter & DeadShown = {}): AsyncIterable<JobRecord> {
    return this.#client.dead(options);
  }

  /**
   * Has failed jobs run again, with all of their attempts: all, those of a group, a queue, a type or a priority, or the newest
   * few as a sample. It is a bulk operation that is waited for, as `actOnAll`.
   *
   * @throws {Fault} `group.missing`
   * @example await yard.redriveDead({ group, sample: 5 });
   */
  redriveDead(options: RedriveOptions = {}): Promise<BulkOutcome> {
    return this.#client.redriveDead(options);
  }

  /**
   * What the handler logged so far, or its last lines (`tail`); with `follow`, then what it logs until the job is settled. Of that,
   * what is asked for: lines that contain `search`, of one attempt, of one stream.
   *
   * @example for await (const { line } of yard.logs(id, { search: 'error', tail: 20, follow: true })) console.log(line);
   */
  logs(id: string, options: LogOptions = {}): AsyncIterable<LogLine> {
    return this.#client.logs(id, options);
  }

  /** The workers, as the leader sees them. @throws {Fault} `broker.unavailable` where nobody leads. */
  workers(): Promise<readonly WorkerView[]> {
    return this.#client.workers();
  }

  /** A worker by its name or its incarnation. @throws {Fault} `worker.missing`; `broker.unavailable` where nobody leads. */
  worker(name: string): Promise<WorkerView> {
    return this.#client.worker(name);
  }

  /**
   * Has a worker take nothing more: what runs there ends there, and the worker stays. Resolves once it obeys.
   *
   * @param worker its name or its incarnation.
   * @throws {Fault} `worker.missing`; `wait.timedOut`; `broker.unavailable` where nobody leads.
   */
  drainWorker(worker: string): Promise<WorkerView> {
    return this.#client.tellWorker(worker, 'drain');
  }

  /** Has a drained worker take jobs again. @throws {Fault} as `drainWorker`. */
  undrainWorker(worker: string): Promise<WorkerView> {
    return this.#client.tellWorker(worker, 'undrain');
  }

  /** The cluster as its leader sees it; `undefined` where nobody leads. */
  cluster(): Promise<ClusterView | undefined> {
    return this.#client.cluster();
  }

  /** How many brokers keep the jobs, and how many of them have them now. @throws {Fault} `broker.unavailable` */
  brokers(): Promise<BrokersView> {
    return this.#client.brokers();
  }

  /** The masters that answer, who leads first. Each speaks for itself, so no leader is needed. */
  masters(): Promise<readonly MasterView[]> {
    return this.#client.masters();
  }

  /** Who has led of late, the newest term first; 50 at most. */
  terms(): Promise<readonly TermRecord[]> {
    return this.#client.terms();
  }

  /**
   * Asks the leader to give its lease up; resolves when it has. Another master leads at once; where there is none, the
   * same one does after three seconds.
   *
   * @throws {Fault} `broker.unavailable` where nobody leads.
   */
  stepDown(): Promise<SteppedDown> {
    return this.#client.stepDown();
  }

  /** Why a job does not run now; `undefined` where it is settled or nobody leads. */
  why(id: string): Promise<Why | undefined> {
    return this.#client.why(id);
  }

  /**
   * How many workers each set of requirements needs now, so that jobs start within `targetMs` (a minute), by how many
   * wait, how long the first has waited, and how long handlers run. For autoscalers.
   *
   * @throws {Fault} `broker.unavailable` where nobody leads.
   * @example const { demands } = await yard.scaleAdvice({ targetMs: 30_000 });
   */
  scaleAdvice(options: { targetMs?: number } = {}): Promise<Advice> {
    return this.#client.scaleAdvice(options);
  }

  /** The last submissions that were refused, the oldest of them first. */
  rejected(limit = 100): Promise<readonly Rejection[]> {
    return this.#client.rejected(limit);
  }

  /**
   * Saves jobs, job types, submissions that wait and those that were refused into a file, exactly as they are at one
   * revision of the bucket of jobs, while the cluster runs.
   *
   * @throws {Fault} where the broker cannot be read; `Error` where the file cannot be written.
   */
  backup(path: string, options: { logs?: boolean } = {}): Promise<Backup> {
    return this.#client.backup({ path, ...options });
  }

  /**
   * Puts a backup back into a cluster without jobs; with `merge`, what is missing into one that has some. Ids, states and
   * numbers of attempts stay; a job that ran waits to run again, at no cost.
   *
   * @throws {Fault} `backup.unreadable`, `record.unreadable`, `cluster.occupied`: nothing was written.
   */
  restore(path: string, options: { merge?: boolean } = {}): Promise<Restored> {
    return this.#client.restore({ path, ...options });
  }

  /**
   * Holds all that is kept against itself: each submission has a job, a rejection, or has expired, and each record is
   * one that the chart can bring about. Reads everything once, in bounded memory, while the cluster runs.
   *
   * @example const { agrees, discrepancies } = await yard.audit();
   */
  audit(): Promise<AuditReport> {
    return this.#client.audit();
  }

  /**
   * What happens to jobs, each transition once and in one order, from now on or from a cursor: that of the last event which is
   * known, of whichever connection or process. What cannot be told any more is an event of the kind `gap`. Resolves when it
   * listens; goes on until `signal` fires or the loop is left, and at its own pace: whoever is slow misses nothing.
   *
   * @throws {Fault} `input.invalid` for a cursor that is none.
   * @example for await (const event of await yard.events({ type: 'transcode', after })) after = event.cursor ?? after;
   */
  events(options: EventOptions = {}): Promise<JobEvents> {
    return this.#client.events(options);
  }

  /**
   * The cursor that was saved last under this name, at the cluster, for whichever process goes on with it; `undefined` where none was.
   *
   * @throws {Fault} `input.invalid` for what can be no name.
   */
  bookmark(name: string): Promise<string | undefined> {
    return this.#client.bookmark(name);
  }

  /**
   * Keeps a cursor under a name, once all up to it is done with: whoever goes on there (`bookmark`) misses nothing, and hears again
   * only what was told since it was saved.
   *
   * @throws {Fault} `input.invalid` for what can be no name, or is no cursor.
   * @example
   * for await (const event of await yard.events({ after: await yard.bookmark('billing') })) {
   *   await bill(event);
   *   if (event.cursor !== undefined) await yard.setBookmark('billing', event.cursor);
   * }
   */
  setBookmark(name: string, cursor: string): Promise<void> {
    return this.#client.setBookmark(name, cursor);
  }

  /** Calls back with each transition of every job from now on. Live news, best effort: `watch` misses nothing. */
  onTransition(listener: (event: JobEventMessage) => void): Promise<Stop> {
    return this.#client.onTransition(listener);
  }

  /** Calls back with each report of progress, of one job or of all, from now on; best effort. */
  onProgress(listener: (id: string, progress: Progress) => void, of: { id?: string } = {}): Promise<Stop> {
    return this.#client.onProgress(listener, of);
  }

  /** Broker time, epoch ms: what the moments in records are measured by. */
  now(): number {
    return this.#client.now();
  }

  close(): Promise<void> {
    return this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}

function itemOf({ type, payload, options = {} }: Submission): Item {
  const definition = typeof type === 'string' ? {} : { definition: type };
  return { type: typeof type === 'string' ? type : type.type, payload, options: jobOptions(options), ...definition };
}
