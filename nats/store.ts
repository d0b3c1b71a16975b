/**
 * The bucket of jobs on a real broker: conditional writes of many keys at once, and reads.
 *
 * The batch publisher is ours, because the client's `startBatch()` drops `expect` without a word. The idea: every
 * message of a batch carries the batch's id, its number in it and the revision it expects; the last one says
 * "commit" and is a request. All go to the socket in one write, since a batch left half-open blocks its place on
 * the server until a time-out. The server stores all of them under consecutive sequences or none.
 *
 * What an answer means (and nothing else is assumed):
 *   accepted   the ack names the last sequence; the batch has the `count` up to it
 *   refused    10071: some key had moved on; the error does not say which
 *   busy       10164, 10176, "too many inflight": nothing was stored, the same batch may pass in a moment
 *   forbidden  this user may not write there: nothing was stored, and nothing will be before its permissions are others
 *   full       there is no room: nothing was stored, and the same batch may pass when there is some
 *   unknown    no answer, connection lost, stream without a leader: it may have been stored, or be yet
 */

import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { nuid } from '@nats-io/nats-core';
import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type {
  Change,
  Entry,
  JobStore,
  Lease,
  Pointer,
  Revision,
  SavedPicture,
  StoreState,
  WriteOutcome,
} from '../runtime/ports.ts';
import { isAtRest, type JobRecord, type Stored } from '../runtime/record.ts';
import type { StoredSchedule } from '../runtime/schedule.ts';
import { batchedGet } from './batched-get.ts';
import {
  decodeChange,
  decodeIfReadable,
  decodeJson,
  decodeLease,
  decodePicture,
  decodePointer,
  decodeSchedule,
  decodeScheduleIfReadable,
  decodeStored,
  encodeEntry,
  isRemoval,
  line,
  writtenHeaders,
} from './codec.ts';
import { apiErrors, faultOf } from './errors.ts';
import { Lineage } from './lineage.ts';
import { leaderKey, type Names, pictureKey } from './names.ts';
import { type Presence, presenceOf } from './presence.ts';
import { Replies } from './replies.ts';
import { spaceOf } from './store-space.ts';
import { messagesOf } from './stream-reader.ts';

/** A broker that dies with a question answers never; one that lives takes milliseconds. */
const answerWithinMs = 2_000;
const readAtOnce = 500;
const forgetAtOnce = 50;

interface PubAck {
  seq?: number;
  count?: number;
  error?: { err_code: number; description: string };
}

export interface StoreOptions {
  connection: NatsConnection;
  names: Names;
  clock: Clock;
  inboxPrefix?: string | undefined;
  /** How long a settled job is kept, ms. */
  retentionMs: number;
  /** How long instead, where it settled in one of these states. */
  retentionByState?: Retention;
}

/** How long jobs are kept that settled in a state, ms. */
export type Retention = Readonly<Partial<Record<JobRecord['state'], number>>>;

export class NatsStore implements JobStore {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #presence: Presence;
  readonly #lineage: Lineage;
  readonly #replies: Replies;
  readonly #stream: string;
  readonly #ttlOf: (state: JobRecord['state']) => string;
  readonly #js: JetStreamClient;
  readonly #jsm: JetStreamManager;

  static async open(options: StoreOptions): Promise<NatsStore> {
    return new NatsStore(
      options,
      await jetstreamManager(options.connection, { checkAPI: false, timeout: answerWithinMs }),
    );
  }

  private constructor(options: StoreOptions, jsm: JetStreamManager) {
    this.#connection = options.connection;
    this.#names = options.names;
    this.#presence = presenceOf(options.connection);
    this.#replies = new Replies(options);
    this.#stream = options.names.streams.jobs;
    const { retentionMs, retentionByState = {} } = options;
    this.#ttlOf = (state) => ttl(retentionByState[state] ?? retentionMs);
    this.#js = jetstream(options.connection);
    this.#jsm = jsm;
    this.#lineage = new Lineage({ ...options, jsm, stream: this.#stream });
  }

  /** What is written while the connection is being made anew is thrown away, so whatever is stored was sent to this one. */
  broker(): string {
    return this.#lineage.name;
  }

  async write(entries: readonly Entry[]): Promise<WriteOutcome> {
    try {
      this.#lineage.use();
      if (!this.#lineage.isSettled && !(await this.#isStillOurs()))
        return { kind: 'unknown', cause: 'the broker is another one' };
      const reply = await this.#publish(entries);
      return outcomeOf(decodeJson<PubAck>(reply.data), entries.length);
    } catch (cause) {
      const fault = faultOf(cause);
      if (fault.code === 'broker.unauthorized') return { kind: 'forbidden', cause: fault };
      if (!fault.retryable) throw fault;
      return { kind: 'unknown', cause };
    }
  }

  /** Whether what was decided before the connection moved may be written to the broker that it moved to. */
  async #isStillOurs(): Promise<boolean> {
    const former = this.#lineage.name;
    await this.#lineage.settle();
    return this.#lineage.isSettled && this.#lineage.name === former;
  }

  #publish(entries: readonly Entry[]) {
    const batch = entries.length > 1 ? nuid.next() : undefined;
    const last = entries.length - 1;
    const before: string[] = [];
    for (const [at, entry] of entries.slice(0, last).entries()) {
      const { subject, body, headers } = this.#message(entry, batch, at + 1, '');
      before.push(subject);
      this.#connection.publish(subject, body, { headers });
    }
    const final = entries[last];
    if (final === undefined) throw new RangeError('Expected at least one entry to write, got none.');
    const { subject, body, headers } = this.#message(final, batch, last + 1, line('Nats-Batch-Commit', 1));
    return this.#replies.request(subject, body, { headers, timeoutMs: answerWithinMs, with: before });
  }

  #message(entry: Entry, batch: string | undefined, sequence: number, more: string) {
    const { body, lines } = encodeEntry(entry);
    const condition = line('Nats-Expected-Last-Subject-Sequence', entry.expected);
    const inBatch =
      batch === undefined ? '' : line('Nats-Batch-Id', batch) + line('Nats-Batch-Sequence', sequence) + more;
    const expiry = this.#expiryOf(entry);
    const subject = this.#names.jobSubject(entry.key);
    return { subject, body, headers: writtenHeaders(lines + condition + inBatch + expiry) };
  }

  /**
   * What is at rest goes after a while: jobs that have settled, what is left of a schedule that was deleted, and what
   * became of submissions that came to another job.
   */
  #expiryOf(entry: Entry): string {
    if ('schedule' in entry) return entry.schedule.state === 'deleted' ? this.#ttlOf('cancelled') : '';
    if ('pointer' in entry) return entry.pointer.source === undefined ? '' : this.#ttlOf('cancelled');
    if (!('record' in entry) || !isAtRest(entry.record)) return '';
    return entry.keepMs === undefined ? this.#ttlOf(entry.record.state) : ttl(entry.keepMs);
  }

  async read(key: string): Promise<Stored | undefined> {
    const message = await this.#readLast(key);
    if (message === undefined || isRemoval((name) => message.header.get(name) || undefined)) return undefined;
    return decodeStored(message.data, message.seq);
  }

  async readSchedule(key: string): Promise<StoredSchedule | undefined> {
    const message = await this.#readLast(key);
    if (message === undefined || isRemoval((name) => message.header.get(name) || undefined)) return undefined;
    return decodeSchedule(message.data, message.seq);
  }

  async readPointer(key: string): Promise<{ revision: number; pointer: Pointer | null }> {
    const message = await this.#readLast(key);
    return message === undefined
      ? { revision: 0, pointer: null }
      : { revision: message.seq, pointer: decodePointer(message.data) };
  }

  uniqueKeys(): AsyncIterable<Revision & { pointer: Pointer | null }> {
    return this.#pointersUnder('_unique.>');
  }

  workflowKeys(tenant = '*'): AsyncIterable<Revision & { pointer: Pointer | null }> {
    return this.#pointersUnder(`_workflow.${tenant}.>`);
  }

  async *#pointersUnder(keys: string): AsyncIterable<Revision & { pointer: Pointer | null }> {
    const filter = this.#names.jobSubject(keys);
    for await (const message of this.#messagesAfter(0, { headersOnly: false, filter }))
      yield { key: this.#keyOf(message.subject), revision: message.seq, pointer: decodePointer(message.data) };
  }

  async *schedules(): AsyncIterable<StoredSchedule> {
    const subject = this.#names.jobSubject('_schedule.>');
    for await (const message of this.#messagesAfter(0, { headersOnly: false, filter: subject })) {
      const stored = decodeScheduleIfReadable(message.data, message.seq);
      if (stored !== undefined) yield stored;
    }
  }

  async readLease(): Promise<{ revision: number; lease: Lease | null }> {
    const message = await this.#readLast(leaderKey);
    return message === undefined
      ? { revision: 0, lease: null }
      : { revision: message.seq, lease: decodeLease(message.data) };
  }

  async readPicture(): Promise<{ revision: number; picture: SavedPicture | null }> {
    const message = await this.#readLast(pictureKey);
    return message === undefined
      ? { revision: 0, picture: null }
      : { revision: message.seq, picture: decodePicture(message.data) };
  }

  async #readLast(key: string) {
    try {
      return (
        (await this.#jsm.streams.getMessage(this.#stream, { last_by_subj: this.#names.jobSubject(key) })) ?? undefined
      );
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  async readMany(keys: readonly string[]): Promise<ReadonlyMap<string, Stored>> {
    const found = new Map<string, Stored>();
    for (let from = 0; from < keys.length; from += readAtOnce)
      await this.#readSome(keys.slice(from, from + readAtOnce), found);
    return found;
  }

  async #readSome(keys: readonly string[], found: Map<string, Stored>): Promise<void> {
    const subjects = keys.map((key) => this.#names.jobSubject(key));
    for (const { subject, seq, data } of await batchedGet(this.#jsm, this.#stream, { multi_last: subjects })) {
      const stored = decodeIfReadable(data, seq);
      if (stored !== undefined) found.set(this.#keyOf(subject), stored);
    }
  }

  async *changesAfter(revision: number): AsyncIterable<Change> {
    for await (const message of this.#messagesAfter(revision, { headersOnly: true, filter: this.#names.allJobs }))
      yield decodeChange(this.#keyOf(message.subject), message.seq, message.header);
  }

  async *records(filter: { tenant?: string } = {}): AsyncIterable<Stored> {
    const subject = this.#names.jobSubject(filter.tenant === undefined ? '*.*' : `${filter.tenant}.*`);
    for await (const message of this.#messagesAfter(0, { headersOnly: false, filter: subject }))
      if (!this.#keyOf(message.subject).startsWith('_')) {
        const stored = decodeIfReadable(message.data, message.seq);
        if (stored !== undefined) yield stored;
      }
  }

  #keyOf(subject: string): string {
    return this.#names.keyOfSubject(subject) ?? subject;
  }

  #messagesAfter(after: number, options: { headersOnly: boolean; filter: string }) {
    return messagesOf({ js: this.#js, presence: this.#presence, stream: this.#stream, after, ...options });
  }

  async state(): Promise<StoreState> {
    try {
      const info = await this.#jsm.streams.info(this.#stream);
      const { created, state } = info;
      const space = spaceOf(info);
      const known = { createdAt: Date.parse(created), lastRevision: state.last_seq, keys: state.messages };
      return space === undefined ? known : { ...known, space };
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  /** A purge of one key that ends before its next revision: a newer one, such as of a job that was redriven, stays. */
  async forget(revisions: readonly Revision[]): Promise<number> {
    let forgotten = 0;
    for (let from = 0; from < revisions.length; from += forgetAtOnce) {
      const purges = revisions
        .slice(from, from + forgetAtOnce)
        .map(({ key, revision }) =>
          this.#jsm.streams.purge(this.#stream, { filter: this.#names.jobSubject(key), seq: revision + 1 }),
        );
      const purged = await Promise.all(purges).catch((cause: unknown) => {
        throw faultOf(cause);
      });
      forgotten += purged.reduce((sum, each) => sum + each.purged, 0);
    }
    return forgotten;
  }
}

/** The header line by which the broker forgets a message after so long; it counts in whole seconds. */
function ttl(ms: number): string {
  return line('Nats-TTL', `${Math.max(1, Math.round(ms / 1_000))}s`);
}

function outcomeOf(ack: PubAck, length: number): WriteOutcome {
  if (ack.error !== undefined) return outcomeOfError(ack.error);
  if (ack.seq === undefined) return { kind: 'unknown', cause: ack };
  const first = ack.seq - length + 1;
  return { kind: 'accepted', revisions: Array.from({ length }, (_, at) => first + at) };
}

function outcomeOfError(error: { err_code: number; description: string }): WriteOutcome {
  if (error.err_code === apiErrors.wrongLastSequence) return { kind: 'refused', reason: 'conflict' };
  if (apiErrors.again.has(error.err_code)) return { kind: 'busy' };
  const fault = faultOf(error);
  if (fault.code === 'store.full') return { kind: 'full', cause: fault };
  if (fault.retryable) return { kind: 'unknown', cause: error };
  throw fault;
}
