/**
 * What the actors need of the world, one interface a thing. `nats/` keeps these promises with a real broker,
 * `runtime/memory/` in memory; `test/ports.contract.ts` holds both to them.
 *
 * Names and texts here are ours, not the broker's: a key, a revision, a head. A revision is the sequence of the
 * write in the one stream in which everything that must agree lies; revisions of all keys share one line of numbers.
 */

import type { JobState } from '../machines/job.ts';
import type { After } from '../machines/rules/after.ts';
import type { Capacity, Requirements } from '../machines/rules/capability.ts';
import type { Priority } from '../machines/rules/lanes.ts';
import type { LimitSettings } from '../machines/rules/limit.ts';
import type { QueueSettings } from '../machines/rules/queue.ts';
import type { TenantSettings } from '../machines/rules/tenant.ts';
import type { TokenRecord } from '../machines/rules/token.ts';
import type { WebhookRecord } from '../machines/rules/webhook.ts';
import type { BulkRecord, StoredBulk } from './bulk.ts';
import type { Fault } from './faults.ts';
import type { JobRecord, Progress, Stored, Transition } from './record.ts';
import type { ScheduleHead, ScheduleRecord, StoredSchedule } from './schedule.ts';

export type { BulkRecord, LimitSettings, QueueSettings, StoredBulk, TenantSettings, TokenRecord, WebhookRecord };

/** Stops whatever it came from; resolves when nothing more will be delivered. */
export type Stop = () => Promise<void>;

// ---- the bucket of jobs ------------------------------------------------------------------------------------

/** The lease: who leads. `term` is the revision of the write that won; 0 in that very write. */
export interface Lease {
  holder: string;
  /** A name for people, host and process. */
  name: string;
  term: number;
  /** Counts the batches of this term, so that a holder recognises a write of its own. */
  batch: number;
}

/**
 * Where the picture of all open jobs was saved, for whoever starts. It is told in the stream of the jobs themselves: as
 * long as this write is there, so is everything that was written before it.
 */
export interface SavedPicture {
  /** The name under which it lies (`Blobs`), and the digest of what was put there. */
  blob: string;
  digest: string;
  /** When the stream was created that it is of, epoch ms. */
  createdAt: number;
  /** All up to this revision is in it, and some of what came later may be. */
  revision: number;
  /** When it was complete up to there, epoch ms. */
  savedAt: number;
  /** How it is written, and what versions of record and chart its writer knew: only their like reads it. */
  version: string;
}

/**
 * Which job stands behind a key that is none of a job: who took a unique key last (`_unique.…`, kept until it is
 * forgotten), or which job a submission came to that made none of its own (`_idem.…`, kept as long as a settled job).
 */
export interface Pointer {
  /** Id of the job, of the same tenant. */
  job: string;
  /** When it took the key, or was found, epoch ms. */
  at: number;
  /** It holds the key until then in any case. */
  until?: number;
  /** Of the submission that came to it; absent in a unique key. */
  source?: string;
  contentHash?: string;
}

/** One write: lands only if the key's revision is still `expected` (0: the key must not exist). */
export type Entry =
  /** Where its job is settled, it is kept for `keepMs`, else for as long as retention says. */
  | { key: string; expected: number; record: JobRecord; keepMs?: number }
  | { key: string; expected: number; schedule: ScheduleRecord }
  | { key: '_leader'; expected: number; lease: Lease | null }
  | { key: '_picture'; expected: number; picture: SavedPicture }
  | { key: string; expected: number; pointer: Pointer };

/** What a batch of writes came to. It is all or nothing. */
export type WriteOutcome =
  /** Stored; one revision for each entry, in order. */
  | { kind: 'accepted'; revisions: readonly number[] }
  /** At least one `expected` was wrong, or the broker refused for good; `reason` says which. */
  | { kind: 'refused'; reason: 'conflict' }
  /** Nothing was stored, and the same batch may be accepted in a moment. */
  | { kind: 'busy' }
  /** Nothing was stored for want of room, and the same batch may be accepted when somebody has made some. */
  | { kind: 'full'; cause: Fault }
  /** Nothing was stored: the broker does not let this user write there. */
  | { kind: 'forbidden'; cause: Fault }
  /** No answer: it may be stored now, later or never. Only a repeated write settles it. */
  | { kind: 'unknown'; cause: unknown };

/** What a follower needs of a record, without its body. */
export interface Head {
  key: string;
  revision: number;
  state: JobState;
  type: string;
  queue: string;
  priority: Priority;
  requirements: Requirements;
  /** What it is counted under beside its queue and its tenant, while it is open. */
  limitKeys?: readonly string[];
  createdAt: number;
  /** Since when it is in this state. */
  updatedAt: number;
  /** Since when it is ready, where it is and that is longer than it is in this state. */
  readyAt?: number;
  attempt: number;
  /** Incarnation that holds the claim. */
  worker?: string;
  dueAt?: number;
  expiresAt?: number;
  /** How long the handler of the attempt that has just ended ran. */
  ranMs?: number;
  /** An attempt that has not ended this long after its start is the leader's to end. */
  timeoutMs?: number;
  /** What it waits for, while it does. */
  after?: After;
  /** The workflow that it belongs to. */
  workflow?: string;
  /** Since when it is to stop with its workflow, where it is. */
  stopsSince?: number;
  /** Since when it is to make room for another job. */
  preemptAt?: number;
  /** How often it has made room, where it has. */
  preempted?: number;
  /** When the handler of an active job, or the one before it, last saved what it had. */
  savedAt?: number;
  /** The memory of each GPU that an active job has, MiB, on a worker whose GPUs differ. */
  vramsMb?: readonly number[];
  /** Their names, on a worker whose GPUs differ in maker or encoders. */
  devices?: readonly string[];
  /** The `traceparent` of a ready job whose trace somebody records. */
  trace?: string;
  /** What the record is written in, where that is not the first version: who is older leaves it alone. */
  version?: number;
  machine?: number;
}

/** Something that was written into the bucket of jobs: the head of a job or of a schedule, or the lease. */
export type Change =
  /** `isKeptWrong`: the broker keeps a settled one for ever, or an open one only for a while. */
  | { kind: 'job'; head: Head; isKeptWrong?: true }
  | { kind: 'lease'; revision: number; lease: Lease | null }
  | { kind: 'schedule'; revision: number; head: ScheduleHead }
  /** A write that has no head: not by a process of ours, or of a key that is no job. */
  | { kind: 'other'; revision: number; key: string };

/** Where the stream stands: another `createdAt` or a smaller `lastRevision` means it was rolled back. */
export interface StoreState {
  createdAt: number;
  lastRevision: number;
  /** How many keys there are, those of settled jobs too. */
  keys: number;
  /** How many bytes they take, and how many they may; absent where nothing limits them. */
  space?: StoreSpace;
}

/** How many bytes the bucket of jobs takes, and how many it may: by its bound, or by what its broker's disk has left. */
export interface StoreSpace {
  bytes: number;
  most: number;
  by?: 'disk';
}

/** A key at one of its revisions. */
export interface Revision {
  key: string;
  revision: number;
}

export interface JobStore {
  /**
   * The broker that it speaks with, as far as it knows: another name after it was started anew. Then it may have lost
   * the end of what it had and given the same revisions to other writes, so that those read before are void. Of several
   * brokers it is the same name as long as none of them can have done that.
   */
  broker(): string;
  /** Writes all of `entries` or none. Never throws for what a broker may do in a day's work. */
  write(entries: readonly Entry[]): Promise<WriteOutcome>;
  /** The record under `key`, from the stream's leader: never stale. @throws {Fault} `record.unreadable` */
  read(key: string): Promise<Stored | undefined>;
  /**
   * The records under `keys`; may be slightly stale, so only for what a CAS will prove. Absent keys are left out, and
   * so is what cannot be read as a record, such as one of a newer version, which must not keep anybody from the others.
   */
  readMany(keys: readonly string[]): Promise<ReadonlyMap<string, Stored>>;
  /** The lease as the stream's leader has it; revision 0 where there never was one. */
  readLease(): Promise<{ revision: number; lease: Lease | null }>;
  /** Where a picture was saved last, as the stream's leader has it; revision 0 where there never was one. */
  readPicture(): Promise<{ revision: number; picture: SavedPicture | null }>;
  /** Everything whose newest write is after `revision`, in order of revisions. */
  changesAfter(revision: number): AsyncIterable<Change>;
  /** Whole records that can be read, in order of revisions. For listings; not on any hot path. */
  records(filter?: { tenant?: string }): AsyncIterable<Stored>;
  state(): Promise<StoreState>;
  /** The schedule under `key`, from the stream's leader. @throws {Fault} `record.unreadable` */
  readSchedule(key: string): Promise<StoredSchedule | undefined>;
  /** What `key` points to, as the stream's leader has it; `null` where that is nothing. */
  readPointer(key: string): Promise<{ revision: number; pointer: Pointer | null }>;
  /** All unique keys, in order of revisions; `null` for what cannot be read. Not on any hot path. */
  uniqueKeys(): AsyncIterable<Revision & { pointer: Pointer | null }>;
  /** The keys that point to jobs of workflows, of one tenant where one is given. */
  workflowKeys(tenant?: string): AsyncIterable<Revision & { pointer: Pointer | null }>;
  /** All schedules that can be read, deleted ones too, in order of revisions. For listings. */
  schedules(): AsyncIterable<StoredSchedule>;
  /**
   * Forgets keys for good, each only if it is still at this revision; resolves with how many were forgotten. The feed
   * says nothing of it, so it is only for what no follower needs: jobs that settled long ago.
   */
  forget(revisions: readonly Revision[]): Promise<number>;
}

/** Live news of the bucket of jobs. Best effort: `actors/follower.ts` finds and mends the gaps. */
export interface Feed {
  follow(onChange: (change: Change) => void): Promise<Stop>;
}

// ---- what is too large for a record ------------------------------------------------------------------------

export interface Blob {
  bytes: Uint8Array;
  /** Of the bytes; equal ones have equal digests. */
  digest: string;
}

/** What is known of a blob without reading it. */
export interface BlobInfo {
  name: string;
  size: number;
  digest: string;
  /** When it was put, epoch ms. */
  at: number;
  /** Where it stands in the order in which they were put. */
  place: number;
  /** Its media type, where who put it said so. */
  type?: string;
}

export interface Blobs {
  /** Keeps `bytes` under `name`, in place of what was there; resolves with their digest once they are stored. */
  put(name: string, bytes: Uint8Array): Promise<string>;
  /** What is said of the blob under `name`, never stale; `undefined` where there is none. */
  find(name: string): Promise<BlobInfo | undefined>;
  /** All behind a place, in the order in which they were put. */
  list(after: number): AsyncIterable<BlobInfo>;
  /** How many bytes they take, and how many they may; `undefined` where nothing limits them. */
  space(): Promise<StoreSpace | undefined>;
  /** Forgets the parts of what was begun and not gone on with since `before`, epoch ms; resolves with how many there were. */
  removeTorn(before: number): Promise<number>;
  /** What lies under `name`, whole; `undefined` where there is nothing, or less than was put. May be slightly stale. */
  get(name: string): Promise<Blob | undefined>;
  /**
   * As `put`, of bytes that come in pieces, never many of them in memory; resolves once all are stored. Where the pieces fail, nothing
   * of them is kept, and what was there stays.
   */
  putStream(name: string, pieces: AsyncIterable<Uint8Array>, options: { type: string }): Promise<BlobInfo>;
  /** As `get`, piece by piece, at the pace at which they are taken. Throws `blob.missing` at its end where they are not what was put. */
  getStream(name: string): Promise<{ info: BlobInfo; bytes: AsyncIterable<Uint8Array> } | undefined>;
  /** Forgets what lies under `name`, where there is something. */
  remove(name: string): Promise<void>;
}

// ---- submissions -------------------------------------------------------------------------------------------

/** What somebody published on `submit.<type>`, as it lies in the stream. */
export interface Submission {
  sequence: number;
  /** When the stream was created, epoch ms: with the sequence it makes a job id that is never used twice. */
  streamCreatedAt: number;
  tenant: string;
  type: string;
  /** Header names in lower case. */
  headers: ReadonlyMap<string, string>;
  body: Uint8Array;
  /** When it was stored, epoch ms. */
  at: number;
  /** 1 on the first delivery. */
  deliveries: number;
  /** It had been taken in, and the broker may have forgotten what became of it. */
  wasDone?: boolean;
}

/** A submission that was not accepted, as `yard rejected list` shows it. */
export interface Rejection {
  at: number;
  subject: string;
  sequence: number;
  /** What was expected, what was met, what to do. */
  reason: string;
  /** The beginning of the body, as text. */
  body: string;
  headers: Readonly<Record<string, string>>;
}

export interface Submissions {
  /**
   * Hands over submissions in order; those of a batch count as done when the promise resolves. Where the broker may
   * have lost the end of its memory, the last of what was done before comes once more, beside them.
   */
  consume(onBatch: (batch: readonly Submission[]) => Promise<void>): Promise<Stop>;
  /** Keeps a rejection; of the same submission, told again within a minute, the first one. */
  reject(rejection: Rejection): Promise<void>;
  rejections(limit: number): Promise<readonly Rejection[]>;
}

/** What an acknowledged write survives, checked against the broker: `docs/guarantees.md` says what each class means. */
export type Durability = 'fast' | 'replicated' | 'fsync';

/** What became of a submission, told on `ack.<ref>`, of another tenant than `default` on `tenant.<tenant>.ack.<ref>`: a hint for the submitter, no promise. */
export type SubmitAck =
  /** `coalesced`: there is no second job by its unique rule; `id` is of the one that is there. */
  | { ref: string; id: string; tenant: string; state: JobState; durability?: Durability; coalesced?: true }
  | { ref: string; tenant: string; rejected: string };

// ---- the books, for an audit -------------------------------------------------------------------------------

/** How far submissions have come: the stream holds some of `first` to `last`, all up to `floor` have been decided. */
export interface SubmitState {
  createdAt: number;
  first: number;
  last: number;
  floor: number;
}

/** What lies under a key of the bucket of jobs, exactly as it lies there. */
export type Page =
  | { kind: 'record'; key: string; revision: number; record: JobRecord; head?: Head; ttlMs?: number }
  | { kind: 'lease'; key: string; revision: number; lease: Lease | null }
  | { kind: 'schedule'; key: string; revision: number; schedule: ScheduleRecord }
  /** A key of ours that is no job. */
  | { kind: 'reserved'; key: string; revision: number }
  /** Somebody took the record away and left a mark. */
  | { kind: 'removed'; key: string; revision: number }
  | { kind: 'unreadable'; key: string; revision: number; why: string };

/** Everything that is kept, a piece at a time. Read without any hurry, and by nobody but an audit. */
export interface Books {
  submitState(): Promise<SubmitState>;
  /** What is left of the stream of submissions up to `last`, in its order. */
  submissions(last: number): AsyncIterable<Submission>;
  rejections(): AsyncIterable<Rejection>;
  /**
   * The newest of every key, in order of revisions; a key that is written meanwhile may come twice. May be slightly stale.
   * With a span, only those behind `after`, until one is at `through` or beyond, or there are no more.
   */
  pages(span?: { after: number; through: number }): AsyncIterable<Page>;
  /** What lies under `key` now, from the stream's leader. */
  page(key: string): Promise<Page | undefined>;
}

/** From where, and of which jobs. */
export interface TailOptions {
  /** Begins behind this revision. */
  after: number;
  tenant?: string | undefined;
  id?: string | undefined;
  /** Ends the reading. */
  signal?: AbortSignal | undefined;
}

export interface TailedPage {
  page: Page;
  /** When it was handed over, nothing of these jobs was behind it. */
  isNewest: boolean;
}

/** What lies under the keys of jobs, and what is written there from then on. */
export interface Tail {
  /**
   * The newest of every key in order of revisions, without end. A key that is written meanwhile comes again; what was
   * written over before it was read does not come. @throws {Fault} where something may have been missed.
   */
  read(options: TailOptions): AsyncIterable<TailedPage>;
}

// ---- workers -----------------------------------------------------------------------------------------------

/** A job offered to a worker: valid for one revision, until `expiresAt` (broker time). */
export interface Offer {
  key: string;
  revision: number;
  expiresAt: number;
  /** Something that it is counted under is limited: a claim that is answered later than `expiresAt` is given back before its handler starts. */
  isLimited?: true;
  /** The `traceparent` of what offers it, where that is recorded: the attempt goes on from there. */
  trace?: string;
  /** The record, where it is small enough to travel. */
  record?: JobRecord;
}

export interface Mail {
  /** Sends offers to the worker of this incarnation. Best effort: offers expire and are made again. */
  send(incarnation: string, offers: readonly Offer[]): void;
  receive(incarnation: string, onOffers: (offers: readonly Offer[]) => void): Promise<Stop>;
}

export const workerStatuses = ['starting', 'available', 'busy', 'draining', 'offline', 'lost'] as const;
export type WorkerStatus = (typeof workerStatuses)[number];

/** A worker's sign of life, once a second from a thread of its own. */
export interface Pulse {
  incarnation: string;
  name: string;
  host: string;
  pid: number;
  version: string;
  status: WorkerStatus;
  capacity: Capacity;
  /** Names of what was declared by the operator, not measured: `gpu`, `encoder`, … */
  declared: readonly string[];
  startedAt: number;
  /** Milliseconds since the main loop last turned. */
  loopLagMs: number;
  claims: { count: number; hash: number };
  load: { cpuPercent: number; memoryMb: number; gpuPercent?: number };
  /** How far its machine's clock is ahead of the broker's, ms; absent where it does not say. */
  skewMs?: number;
  /** Where it serves its metrics. */
  metrics?: string;
}

export interface Pulses {
  /** Sends `pulse` at once and then every second, from a thread of its own, until stopped. */
  beat(pulse: Pulse): Promise<{ update(pulse: Pulse): void; stop: Stop }>;
  /**
   * Hears every pulse. As long as it can, `onEcho` is called about twice a second: a word of its own went the way of
   * the pulses.
   */
  listen(onPulse: (pulse: Pulse) => void, onEcho?: () => void): Promise<Stop>;
}

/** A hint to look at the record: only the record is believed. */
export type Notice =
  | { verb: 'look'; key: string }
  /** Look at each job that you hold: the leader knows of others. */
  | { verb: 'recount' }
  /** Offers to you expire one after another, though you are there: open your mailbox anew. */
  | { verb: 'deaf' }
  /** The leader has taken this incarnation for dead and takes its jobs back: it is over. */
  | { verb: 'lost' }
  /** Take nothing more, finish what runs, and stay. */
  | { verb: 'drain' }
  /** Take jobs again. */
  | { verb: 'undrain' };

export interface Notices {
  send(incarnation: string, notice: Notice): void;
  receive(incarnation: string, onNotice: (notice: Notice) => void): Promise<Stop>;
}

// ---- what people see ---------------------------------------------------------------------------------------

export interface LogLine {
  at: number;
  attempt: number;
  stream: 'stdout' | 'stderr';
  line: string;
}

export interface Logs {
  /** Appends lines to the log of a job. Best effort, in order. */
  append(key: string, lines: readonly LogLine[]): void;
  /** The lines of a job so far; with `follow`, then those to come. */
  read(key: string, options: { follow: boolean; signal?: AbortSignal }): AsyncIterable<LogLine>;
}

/** One transition, told to whoever listens. Derivable from the record: (job, `transition.n`) names it. */
export interface JobEventMessage {
  key: string;
  type: string;
  queue: string;
  priority: Priority;
  revision: number;
  transition: Transition;
}

export interface Events {
  tell(event: JobEventMessage): void;
  /** Transitions of all jobs, or of the one under `key`. */
  listen(options: { key?: string }, onEvent: (event: JobEventMessage) => void): Promise<Stop>;
  progress(key: string, progress: Progress): void;
  listenProgress(options: { key?: string }, onProgress: (key: string, progress: Progress) => void): Promise<Stop>;
  ack(ack: SubmitAck): void;
  listenAck(ref: string, onAck: (ack: SubmitAck) => void): Promise<Stop>;
}

// ---- what people set, and ask ------------------------------------------------------------------------------

/** A job type as workers have made it known: what the cluster may accept. */
export interface TypeEntry {
  type: string;
  description?: string;
  defaults: import('./handler.ts').JobDefaults;
  /** What its payload may hold, where its worker can say it. */
  schema?: import('./payload-schema.ts').JsonSchema;
}

/** What people set for things of one kind, each under its name. */
export interface Settings<Set> {
  /** What is set, as it lies there; none of what nobody has ever set. */
  all(): Promise<readonly Set[]>;
  /** What is set under a name; nothing but the name where nobody ever has. */
  of(name: string): Promise<Set>;
  /** Changes what is set under a name, whoever else changes it; resolves with what is set then. */
  change(name: string, change: (set: Set) => Set): Promise<Set>;
  /** Calls back with what is set under each name, now and whenever it changes. */
  watch(onSet: (set: Set) => void): Promise<Stop>;
}

/** Up to where somebody who listens to the events of a tenant has done with them: a process that takes over goes on from there. */
export interface BookmarkRecord {
  bookmark: string;
  /** Of the last event (`cluster/job-events.ts`); empty where there is none. */
  cursor: string;
  /** Epoch ms. */
  savedAt: number;
}

/** A time in which one master led. */
export interface TermRecord {
  /** Grows from term to term; a revision of the lease, so there are gaps. */
  term: number;
  name: string;
  incarnation: string;
  /** When it was elected, epoch ms. */
  since: number;
  /** When and why it ended; absent of who leads now. */
  ended?: { at: number; reason: string };
}

export interface Control {
  /** Makes a type known to all masters and doors; last writer wins. */
  registerType(entry: TypeEntry): Promise<void>;
  types(): Promise<readonly TypeEntry[]>;
  /** Calls back with each entry there is and each that comes. */
  watchTypes(onType: (entry: TypeEntry) => void): Promise<Stop>;
  /** Changes what is set for a queue, whoever else changes it; resolves with what is set then. */
  changeQueue(queue: string, change: (set: QueueSettings) => QueueSettings): Promise<QueueSettings>;
  /** What is set for queues, as it lies there; none of one that nobody has ever set. */
  queues(): Promise<readonly QueueSettings[]>;
  /** Calls back with what is set for each queue, now and whenever it changes. */
  watchQueues(onQueue: (settings: QueueSettings) => void): Promise<Stop>;
  /** Of limit keys. */
  readonly limits: Settings<LimitSettings>;
  readonly tenants: Settings<TenantSettings>;
  /** Who may come in by HTTP. */
  readonly tokens: Settings<TokenRecord>;
  /** Who is told of jobs that settle. */
  readonly webhooks: Settings<WebhookRecord>;
  /** The same for a worker, which may read them one by one and nothing else; what it reads may be behind. */
  readonly deliverable: Pick<Settings<WebhookRecord>, 'of' | 'change'>;
  /** How far who listens to events has come. */
  readonly bookmarks: Settings<BookmarkRecord>;
  /** Who has led of late, the newest first. */
  readonly terms: {
    all(): Promise<readonly TermRecord[]>;
    /** Changes them, whoever else does. */
    change(change: (terms: readonly TermRecord[]) => readonly TermRecord[]): Promise<void>;
  };
  bulk: BulkShelf;
}

/** The bulk operations that run or ran, in the same bucket. */
export interface BulkShelf {
  /** The revision under which it lies then; `undefined` where it was no more at `expected` (0: not there), or no less. */
  write(operation: BulkRecord, expected: number): Promise<number | undefined>;
  /** What lies under its id, never stale. */
  read(id: string): Promise<StoredBulk | undefined>;
  list(): Promise<readonly BulkRecord[]>;
  /** Calls back with each there is, and whenever one changes. */
  watch(onBulk: (operation: BulkRecord) => void): Promise<Stop>;
  /** Forgets one for good, where it is still at this revision. */
  forget(id: string, revision: number): Promise<void>;
}

/** Questions that the leader answers from its board, and some that every master answers. */
export interface Desk {
  answer(question: string, how: (ask: unknown) => unknown): Promise<Stop>;
  /** The leader's answer, or `undefined` where no leader answers within `timeoutMs`. */
  ask(question: string, ask: unknown, timeoutMs: number): Promise<unknown>;
  /** Every answer that comes within `withinMs`, or as long as one still follows another; none where nobody answers. */
  askAll(question: string, ask: unknown, withinMs: number): Promise<readonly unknown[]>;
}

/** The whole world, as a process is handed it. */
/** Something that somebody did, or wanted to do, to jobs or to the cluster. */
export interface AuditEntry {
  /** Broker time, epoch ms. */
  at: number;
  who: string;
  /** How they came in: `cli`, `sdk`, `http`, `nats`. */
  door: string;
  /** Whose jobs it is about. */
  tenant: string;
  /** Noun and verb, as `job.cancel`. */
  what: string;
  /** The name or id of what it was done to. */
  target: string;
  /** What was asked for beside that, as JSON. */
  given: string;
  /** It was not done: the code of the fault. Written behind an entry that says that it was asked for. */
  refused?: string;
}

export interface KeptAuditEntry extends AuditEntry {
  /** Grows from entry to entry. */
  place: number;
}

export interface AuditQuery {
  limit: number;
  /** Only what stands before this place. */
  before?: number | undefined;
  /** Only what is about the jobs of this tenant. */
  tenant?: string | undefined;
}

/** What people did: written once and never changed. */
export interface AuditLog {
  /** Resolves once it is stored. @throws {Fault} */
  add(entry: AuditEntry): Promise<void>;
  /** The newest first. */
  newest(query: AuditQuery): Promise<readonly KeptAuditEntry[]>;
}

export interface World {
  store: JobStore;
  feed: Feed;
  submissions: Submissions;
  mail: Mail;
  pulses: Pulses;
  notices: Notices;
  logs: Logs;
  events: Events;
  control: Control;
  desk: Desk;
  blobs: Blobs;
  auditLog: AuditLog;
}
