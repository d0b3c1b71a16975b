/**
 * A process that asks: submits, looks, waits and cancels. It takes no jobs and leads nothing.
 *
 * Every verb of the SDK and of the doors is here. Jobs are named by id; keys and revisions stay inside.
 */

import { idPattern } from '../actors/admission.ts';
import { resultIn, whole } from '../actors/aside.ts';
import { Committer } from '../actors/committer.ts';
import type { ClusterView, WorkerView } from '../actors/desk.ts';
import type { Advice, Demand } from '../actors/scale.ts';
import { act, readJob, type Verb } from '../actors/verb.ts';
import type { Why } from '../actors/why.ts';
import { wrongInQueue } from '../machines/rules/queue.ts';
import type { BrokersView, BrokerView } from '../nats/brokers.ts';
import type { NatsWorld } from '../nats/world.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { idIn, tenantIn } from '../runtime/key.ts';
import type { Options } from '../runtime/options.ts';
import type {
  AuditQuery,
  Durability,
  JobEventMessage,
  KeptAuditEntry,
  LogLine,
  Rejection,
  Stop,
  TermRecord,
  World,
} from '../runtime/ports.ts';
import { type JobRecord, jobKey, type Progress, type Transition } from '../runtime/record.ts';
import { createTelemetry, type Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { ListOptions } from '../runtime/view.ts';
import { type AuditReport, audit } from './audit.ts';
import { Audited, type Author, type Deed, processAuthor } from './audited.ts';
import { type Backup, type BackupOptions, backup } from './backup.ts';
import { expectBookmark } from './bookmark.ts';
import { type Bulk, type BulkOutcome, BulkVerbs } from './bulk.ts';
import {
  type DeadFilter,
  type DeadGroup,
  type DeadShown,
  deadOf,
  groupDead,
  type RedriveOptions,
  redriveBulk,
} from './dead-letter.ts';
import { askCluster, askScale, askWhy } from './desk-answer.ts';
import { doorQuotas } from './door-quota.ts';
import { FileVerbs } from './files.ts';
import { type EventOptions, expectCursor, JobEvents } from './job-events.ts';
import { census, type JobListOptions, type JobPage, jobPage, jobsOf, type LaneCounts, laneCounts } from './job-list.ts';
import { listTypes, type TypeView, typeNamed } from './job-types.ts';
import {
  type LimitChange,
  type LimitSettings,
  type LimitView,
  listLimits,
  listTenants,
  setLimit,
  setTenant,
  type TenantChange,
  type TenantSettings,
  type TenantView,
} from './limits.ts';
import { link } from './link.ts';
import type { Census } from './listing.ts';
import { type LogOptions, readLog } from './log-reader.ts';
import { askMasters, askToStepDown, type MasterView, type SteppedDown } from './masters.ts';
import {
  type Expecting,
  listQueues,
  type QueueChange,
  type QueueSettings,
  type QueueView,
  queueSettings,
  setQueue,
} from './queues.ts';
import { type Restored, type RestoreOptions, restore } from './restore.ts';
import { ScheduleVerbs } from './schedule-verb.ts';
import { type Item, type Submitted, Submitter } from './submitter.ts';
import { TokenVerbs } from './tokens.ts';
import { type WaitOptions, Watches } from './watch.ts';
import { WebhookVerbs } from './webhooks.ts';
import { tellWorker, type WorkerVerb, workerNamed } from './worker-verb.ts';
import { WorkflowVerbs } from './workflow-verb.ts';

export type {
  Advice,
  AuditReport,
  BrokersView,
  BrokerView,
  ClusterView,
  Demand,
  MasterView,
  SteppedDown,
  Why,
  WorkerView,
};

export interface ClientOptions {
  options: Options;
  telemetry?: Telemetry;
  /** What the broker calls this connection. */
  role?: string;
  /** On whose behalf it does something; whoever runs this process unless given. */
  by?: Author;
}

/** A client's way to its cluster. Where the cluster lives in this process there is nothing to save and to audit. */
export interface ClientLink extends AsyncDisposable {
  readonly clock: Clock;
  readonly world: World & Partial<Pick<NatsWorld, 'archive' | 'books' | 'tail'>>;
  readonly incarnation: string;
  readonly durability: Durability;
  brokers(): Promise<BrokersView>;
}

/** Longer than brokers take to elect a leader. */
const answersWithinMs = 20_000;

export class Client implements AsyncDisposable {
  readonly #link: ClientLink;
  readonly #committer: Committer;
  readonly #submitter: Submitter;
  readonly #watches: Watches;
  readonly #tenant: string;
  readonly #listed: readonly string[];
  readonly schedules: ScheduleVerbs;
  readonly workflows: WorkflowVerbs;
  readonly bulk: BulkVerbs;
  readonly tokens: TokenVerbs;
  readonly webhooks: WebhookVerbs;
  readonly files: FileVerbs;
  readonly #kept: { retentionMs: number; keepAtMost: number };
  readonly #shortestMs: number;
  readonly #telemetry: Telemetry;
  readonly #options: Options;
  readonly #audited: Audited;
  readonly #by: Author;

  /** @throws {Fault} `broker.unreachable`, `broker.unauthorized`, … */
  static async open({
    options,
    telemetry = createTelemetry(),
    role = 'yard client',
    by = processAuthor('sdk'),
  }: ClientOptions): Promise<Client> {
    const to = await link({ settings: options, telemetry, role, withFeed: false });
    return new Client(to, { telemetry, options, by });
  }

  /** Over a way that is there; it is closed with the client. */
  static over(
    to: ClientLink,
    { options, telemetry = createTelemetry(), by = processAuthor('sdk') }: ClientOptions,
  ): Client {
    return new Client(to, { telemetry, options, by });
  }

  private constructor(
    to: ClientLink,
    { telemetry, options, by }: { telemetry: Telemetry; options: Options; by: Author },
  ) {
    const { world, clock, incarnation } = to;
    const { tenant } = options;
    this.#link = to;
    this.#telemetry = telemetry;
    this.#options = options;
    this.#by = by;
    this.#audited = new Audited({ log: world.auditLog, clock, tenant, by });
    this.#tenant = tenant;
    this.#listed = options.queues;
    this.#kept = { retentionMs: options.retention, keepAtMost: options.retentionCount };
    this.#shortestMs = Math.min(...retentionsOf(options));
    this.#committer = new Committer({ store: world.store, clock, telemetry, patienceMs: answersWithinMs });
    const { commit } = this.#committer;
    const given = { world, clock, tenant, commit, quotas: doorQuotas({ world, clock }) };
    this.#submitter = new Submitter({ ...given, incarnation });
    this.schedules = new ScheduleVerbs({ ...given, submitter: this.#submitter });
    this.workflows = new WorkflowVerbs({ ...given, submitter: this.#submitter });
    this.bulk = new BulkVerbs({ world, clock, tenant, by: by.who });
    this.webhooks = new WebhookVerbs({ world, clock, tenant, submitter: this.#submitter });
    this.files = new FileVerbs({ world, clock, tenant });
    this.tokens = new TokenVerbs({ control: world.control, clock });
    this.#watches = new Watches({ store: world.store, events: world.events, clock });
  }

  /** Another one, on this one's connection, for the jobs of that tenant or for somebody else: to be closed before this one. */
  on({ tenant = this.#tenant, by = this.#by }: { tenant?: string | undefined; by?: Author | undefined }): Client {
    const unowned = { ...this.#link, [Symbol.asyncDispose]: async () => {} };
    return new Client(unowned, { telemetry: this.#telemetry, options: { ...this.#options, tenant }, by });
  }

  /** Does something once it stands in the audit log. @throws {Fault} as `run` does, and where it could not be written. */
  done<Result>(deed: Deed, run: () => Promise<Result>): Promise<Result> {
    return this.#audited.done(deed, run);
  }

  /** What people did, the newest first; of a tenant what is about its jobs, and all of it of `default`. */
  auditLog(query: AuditQuery): Promise<readonly KeptAuditEntry[]> {
    return this.#link.world.auditLog.newest(query);
  }

  /** Broker time, epoch ms. */
  now(): number {
    return this.#link.clock.now();
  }

  /** What an acknowledged submission survives here. */
  get durability(): Durability {
    return this.#link.durability;
  }

  submit(items: readonly Item[]): Promise<readonly Submitted[]> {
    return this.#submitter.submit(items);
  }

  /** With what is put aside in its place, unless who asks needs only the record. */
  async job(
    id: string,
    { whole: isWhole = true }: { whole?: boolean | undefined } = {},
  ): Promise<JobRecord | undefined> {
    const { store, blobs } = this.#link.world;
    const record = (await store.read(this.#keyOf(id)))?.record;
    return record === undefined || !isWhole ? record : await whole(record, blobs);
  }

  /** @throws {Fault} `job.missing` */
  reveal(id: string): Promise<JobRecord> {
    return this.done({ what: 'job.reveal', target: id }, async () => {
      const { record } = await readJob(this.#link.world, this.#keyOf(id));
      return await whole(record, this.#link.world.blobs);
    });
  }

  jobs(list: ListOptions = {}): AsyncGenerator<JobRecord> {
    return jobsOf(this.#list(), list);
  }

  /** @throws {Fault} `input.invalid`; `broker.unavailable` where it takes a view and none answers. */
  jobPage(list: ListOptions = {}): Promise<JobPage> {
    return jobPage(this.#list(), list);
  }

  /** @throws {Fault} `broker.unavailable` where no view answers. */
  lanes(): Promise<LaneCounts> {
    return laneCounts(this.#list());
  }

  #list(): JobListOptions {
    const incarnationsOf = async (worker: string) =>
      ((await this.cluster())?.workers ?? [])
        .filter(({ name }) => name === worker)
        .map(({ incarnation }) => incarnation);
    return { world: this.#link.world, tenant: this.#tenant, incarnationsOf };
  }

  census(): Promise<Census> {
    return census(this.#link.world);
  }

  watch(id: string, options: { signal?: AbortSignal | undefined } = {}): AsyncGenerator<Transition> {
    return this.#watches.transitions(this.#keyOf(id), options);
  }

  async settled(id: string, options: WaitOptions = {}): Promise<JobRecord> {
    return await whole(await this.#watches.settled(this.#keyOf(id), options), this.#link.world.blobs);
  }

  /** As `settled`, with the result in its place, and not the payload. @throws {Fault} `blob.missing` */
  async outcome(id: string, options: WaitOptions = {}): Promise<JobRecord> {
    const record = await this.#watches.settled(this.#keyOf(id), options);
    if (record.aside?.result === undefined) return record;
    const result = await resultIn(record, this.#link.world.blobs);
    return { ...record, context: { ...record.context, result } };
  }

  /** @throws {Fault} `input.invalid`, `job.missing`, `job.refused` */
  async act(id: string, verb: Verb, { expect }: Expecting<JobRecord> = {}): Promise<JobRecord> {
    const { world, clock } = this.#link;
    const { verb: what, ...given } = checked(verb);
    const key = this.#keyOf(id);
    return await this.done({ what: `job.${what}`, target: id, given }, () =>
      act({ world, clock, commit: this.#committer.commit, expect }, key, verb),
    );
  }

  actOnAll(bulk: Bulk): Promise<BulkOutcome> {
    return this.done({ what: 'bulk.start', target: bulk.verb.verb, given: bulk }, () => this.bulk.carryOut(bulk));
  }

  deadGroups(filter: DeadFilter = {}): Promise<readonly DeadGroup[]> {
    return groupDead(this.jobs({ ...filter, state: 'failed' }));
  }

  async *dead({ group, limit, ...filter }: DeadFilter & DeadShown): AsyncGenerator<JobRecord> {
    let left = limit ?? Number.POSITIVE_INFINITY;
    for await (const record of deadOf(this.jobs({ ...filter, state: 'failed' }), group)) {
      if (left-- <= 0) return;
      yield record;
    }
  }

  redriveDead(options: RedriveOptions): Promise<BulkOutcome> {
    return this.actOnAll(redriveBulk(options));
  }

  async *logs(id: string, options: LogOptions = {}): AsyncGenerator<LogLine> {
    const { world, clock } = this.#link;
    const { record } = await readJob(world, this.#keyOf(id));
    yield* readLog({ logs: world.logs, watches: this.#watches, clock }, jobKey(record), options);
  }

  /** @throws {Fault} `broker.unavailable` where nobody leads. */
  async workers(): Promise<readonly WorkerView[]> {
    return ((await this.cluster()) ?? nobodyLeads()).workers;
  }

  /** @throws {Fault} `worker.missing`; `broker.unavailable` where nobody leads. */
  async worker(name: string): Promise<WorkerView> {
    return workerNamed(await this.workers(), name);
  }

  /** @throws {Fault} `broker.unavailable` where nobody leads. */
  async scaleAdvice({ targetMs = 60_000 }: { targetMs?: number | undefined } = {}): Promise<Advice> {
    return (await askScale(this.#link.world.desk, targetMs)) ?? nobodyLeads();
  }

  async tellWorker(worker: string, verb: WorkerVerb['verb']): Promise<WorkerView> {
    const { world, clock } = this.#link;
    return await this.done({ what: `worker.${verb}`, target: worker }, () =>
      tellWorker({ worker, verb, notices: world.notices, clock, look: () => this.workers() }),
    );
  }

  cluster(): Promise<ClusterView | undefined> {
    return askCluster(this.#link.world.desk);
  }

  queues(): Promise<readonly QueueView[]> {
    return listQueues(this.#link.world, this.#listed);
  }

  /** What is set for it, whoever leads. */
  async queueSettings(queue: string): Promise<QueueSettings> {
    return await queueSettings(this.#link.world, queue);
  }

  setQueue(queue: string, change: QueueChange, expecting: Expecting<QueueSettings> = {}): Promise<QueueSettings> {
    return this.done({ what: 'queue.set', target: queue, given: change }, () =>
      setQueue(this.#link.world, queue, { ...expecting, change }),
    );
  }

  types(): Promise<readonly TypeView[]> {
    return listTypes(this.#link.world);
  }

  /** @throws {Fault} `type.missing` */
  type(name: string): Promise<TypeView> {
    return typeNamed(this.#link.world, name);
  }

  limits(): Promise<readonly LimitView[]> {
    return listLimits(this.#link.world);
  }

  setLimit(limit: string, change: LimitChange): Promise<LimitSettings> {
    return this.done({ what: 'limit.set', target: limit, given: change }, () =>
      setLimit(this.#link.world, limit, change),
    );
  }

  tenants(): Promise<readonly TenantView[]> {
    return listTenants(this.#link.world);
  }

  setTenant(tenant: string, change: TenantChange): Promise<TenantSettings> {
    return this.done({ what: 'tenant.set', target: tenant, given: change }, () =>
      setTenant(this.#link.world, tenant, change),
    );
  }

  brokers(): Promise<BrokersView> {
    return this.#link.brokers();
  }

  masters(): Promise<readonly MasterView[]> {
    return askMasters(this.#link.world.desk);
  }

  terms(): Promise<readonly TermRecord[]> {
    return this.#link.world.control.terms.all();
  }

  /** @throws {Fault} `broker.unavailable` where nobody leads. */
  stepDown(): Promise<SteppedDown> {
    return this.done({ what: 'master.step-down', target: 'leader' }, () => askToStepDown(this.#link.world.desk));
  }

  async why(id: string): Promise<Why | undefined> {
    return await askWhy(this.#link.world.desk, this.#keyOf(id));
  }

  rejected(limit: number): Promise<readonly Rejection[]> {
    return this.#link.world.submissions.rejections(limit);
  }

  async backup(options: BackupOptions): Promise<Backup> {
    const { archive = notInMemory('a backup') } = this.#link.world;
    return await backup(archive, this.now(), options);
  }

  async restore(options: RestoreOptions): Promise<Restored> {
    const { world, clock } = this.#link;
    const { archive = notInMemory('a backup'), store } = world;
    return await this.done({ what: 'cluster.restore', target: options.path, given: options }, () =>
      restore({ archive, store, clock, commit: this.#committer.commit }, options),
    );
  }

  async audit(): Promise<AuditReport> {
    const { books = notInMemory('an audit'), blobs } = this.#link.world;
    return await audit({ books, blobs, now: this.now(), ...this.#kept });
  }

  /** @throws {Fault} `input.invalid` for a cursor that is none. */
  events(options: EventOptions = {}): Promise<JobEvents> {
    const { world, clock } = this.#link;
    const { store, tail = notInMemory('news that go on where one stopped') } = world;
    const kept = { keptForMs: this.#shortestMs, keptAtMost: this.#kept.keepAtMost };
    return JobEvents.open({ world: { store, tail }, clock, tenant: this.#tenant, ...kept }, options);
  }

  /** How far whoever listens under this name has come; `undefined` where nobody has saved that yet. */
  async bookmark(name: string): Promise<string | undefined> {
    const { cursor } = await this.#link.world.control.bookmarks.of(expectBookmark(this.#tenant, name));
    return cursor === '' ? undefined : cursor;
  }

  /** @throws {Fault} `input.invalid`, and where the broker is away */
  async setBookmark(name: string, cursor: string): Promise<void> {
    const savedAt = this.#link.clock.now();
    await this.#link.world.control.bookmarks.change(expectBookmark(this.#tenant, name), (set) => ({
      ...{ ...set, cursor: expectCursor(cursor), savedAt },
    }));
  }

  /** Calls back with each transition of every job of the tenant from now on; best effort. */
  onTransition(listener: (event: JobEventMessage) => void): Promise<Stop> {
    return this.#link.world.events.listen({}, (event) => {
      if (tenantIn(event.key) === this.#tenant) listener(event);
    });
  }

  /** Calls back with each report of progress, of one job or of all of the tenant, from now on; best effort. */
  async onProgress(listener: (id: string, progress: Progress) => void, of: { id?: string } = {}): Promise<Stop> {
    const key = of.id === undefined ? {} : { key: this.#keyOf(of.id) };
    return await this.#link.world.events.listenProgress(key, (from, progress) => {
      if (tenantIn(from) === this.#tenant) listener(idIn(from), progress);
    });
  }

  #keyOf(id: string): string {
    return keyOf(this.#tenant, id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#committer.close();
    await this.#link[Symbol.asyncDispose]();
  }
}

/** For how long jobs are kept, by the state in which they settled. */
function retentionsOf({ retention, retentionCompleted, retentionCancelled, retentionFailed }: Options): number[] {
  return [retentionCompleted, retentionCancelled, retentionFailed].map((each) => each ?? retention);
}

function nobodyLeads(): never {
  throw new Fault(
    'broker.unavailable',
    'Expected a master that leads to answer, none did. Start one with `yard master`, or wait for it.',
  );
}

function notInMemory(what: string): never {
  throw new Fault('broker.refused', `Expected a broker for ${what}, got a cluster in memory. Try it with \`yard up\`.`);
}

function keyOf(tenant: string, id: string): string {
  if (idPattern.test(id)) return jobKey({ tenant, id });
  throw new Fault(
    'input.invalid',
    `Expected a job id of 1 to 64 letters, digits, \`_\` and \`-\`, got \`${id}\`. See \`yard job list\`.`,
  );
}

function checked(verb: Verb): Verb {
  const wrong = verb.verb === 'move' ? wrongInQueue(verb.queue, {}) : undefined;
  if (wrong !== undefined) throw new Fault('input.invalid', wrong);
  return verb;
}
