/**
 * A user of a cluster, with nothing but a bare NATS client: publishes submissions, hears acks and events, and reads
 * records from the bucket as `nats kv get` does.
 *
 * Remembers what it was promised, so that the history of the cluster can be held against it (`history.ts`).
 */

import { type KV, Kvm } from '@nats-io/kv';
import { type NatsConnection, headers as newHeaders } from 'nats';
import type { ClusterView } from '../../actors/desk.ts';
import type { WaitCode, Why } from '../../actors/why.ts';
import { askCluster, askWhy } from '../../cluster/desk-answer.ts';
import { isSettled, type JobState } from '../../machines/job.ts';
import { decodeJson } from '../../nats/codec.ts';
import { natsDesk } from '../../nats/desk.ts';
import { faultOf } from '../../nats/errors.ts';
import { listen } from '../../nats/listen.ts';
import { NatsLogs } from '../../nats/logs.ts';
import type { Names } from '../../nats/names.ts';
import { type Presence, presenceOf } from '../../nats/presence.ts';
import { NatsSubmissions } from '../../nats/submissions.ts';
import type { SystemClock } from '../../runtime/clock.ts';
import { Fault, isFault } from '../../runtime/faults.ts';
import type { Desk, LogLine, Rejection, Submissions, SubmitAck } from '../../runtime/ports.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { readSchedule, type ScheduleRecord } from '../../runtime/schedule.ts';
import { connect } from '../../sdk/connect.ts';
import type { Yard } from '../../sdk/yard.ts';
import type { News } from './news.ts';

export interface UserOptions {
  url: string;
  connection: NatsConnection;
  names: Names;
  clock: SystemClock;
  news: News;
  /** What the cluster's processes say, for the message of a test that fails. */
  background: () => string;
  /** How a record is read as it lies in the bucket. */
  read: (json: unknown) => JobRecord;
}

/** A submission in its stream: its sequence, its word, and the id that it named. */
interface Promised {
  ref: string;
  sequence: number;
  id: string | undefined;
}

/** Headers of a submission, such as `{ Priority: 'high' }`. */
export type Headers = Readonly<Record<string, string>>;

/** What a job is waited for to be: in a state, in one of several, or as a question says. */
export type Condition = JobState | readonly JobState[] | ((record: JobRecord) => boolean);

const patienceMs = 20_000;
const electedWithinMs = 60_000;

export class User implements AsyncDisposable {
  readonly names: Names;
  /** Acks as they came, by the word of the submission that they answer. */
  readonly acks = new Map<string, SubmitAck>();
  /** Submissions that the broker has promised to keep. */
  readonly submitted: Promised[] = [];
  readonly #options: UserOptions;
  readonly #desk: Desk;
  readonly #submissions: Submissions;
  readonly #presence: Presence;
  #jobs: KV | undefined;
  #yard: Yard | undefined;
  #count = 0;

  /** A user who hears everything from now on. */
  static async of(options: UserOptions): Promise<User> {
    const { connection, names, news } = options;
    const user = new User(options);
    for (const acks of [`${names.prefix}.ack.*`, `${names.prefix}.tenant.*.ack.*`])
      await listen(connection, acks, ({ data }) => user.#acked(decodeJson<SubmitAck>(data)));
    await listen(connection, names.eventsOf(), () => news.ring());
    return user;
  }

  private constructor(options: UserOptions) {
    this.#options = options;
    this.names = options.names;
    this.#desk = natsDesk(options);
    this.#presence = presenceOf(options.connection);
    this.#submissions = new NatsSubmissions(options);
  }

  /** Submits a job under an id of its own; resolves when the broker has stored the submission. */
  async pub(type: string, payload: unknown = {}, headers: Headers = {}): Promise<string> {
    const id = headers['Job-Id'] ?? `${type.replaceAll('_', '-')}-${++this.#count}`;
    await this.#publish(type, JSON.stringify(payload), { 'Job-Id': id, ...headers });
    return id;
  }

  /** Submits whatever `body` is, and resolves with what a master says to it. */
  async submit(type: string, body: string, headers: Headers = {}): Promise<SubmitAck> {
    const ref = await this.#publish(type, body, headers);
    return this.until(async () => this.acks.get(ref), `an ack of submission ${ref}`);
  }

  #publish(type: string, body: string, headers: Headers): Promise<string> {
    return this.publishOn(`${this.names.prefix}.submit.${type}`, body, headers);
  }

  /** Publishes and resolves with the word of the submission, once the broker has stored it. */
  async publishOn(subject: string, body: string, headers: Headers): Promise<string> {
    this.#expectConnection();
    const ref = headers['Ref'] ?? `ref-${++this.#count}`;
    const written = newHeaders();
    for (const [name, value] of Object.entries({ ...headers, Ref: ref })) written.set(name, value);
    const { data } = await this.#options.connection.request(subject, body, { headers: written, timeout: 5_000 });
    const { seq, error } = decodeJson<{ seq?: number; error?: { description: string } }>(data);
    if (seq === undefined) throw new Error(`Expected the broker to store a submission, got ${error?.description}.`);
    this.submitted.push({ ref, sequence: seq, id: headers['Job-Id'] });
    return ref;
  }

  /** What is asked while the connection is down gets no answer, and is known only seconds later to have none. */
  #expectConnection(): void {
    if (!this.#presence.isUp) throw new Fault('broker.unavailable', 'The connection to the broker is down.');
  }

  #acked(ack: SubmitAck): void {
    this.acks.set(ack.ref, ack);
    this.#options.news.ring();
  }

  /** Cancels a job, by the SDK. */
  async cancel(id: string): Promise<void> {
    this.#yard ??= await connect({ servers: this.#options.url, prefix: this.names.prefix });
    await this.#yard.cancel(id);
  }

  /** The record of a job as it lies in the bucket now. */
  async find(id: string, tenant = 'default'): Promise<JobRecord | undefined> {
    const entry = await (await this.#bucket()).get(`${tenant}.${id}`);
    return entry === null ? undefined : this.#options.read(entry.json<unknown>());
  }

  /** The record of a job that must be there. */
  async record(id: string): Promise<JobRecord> {
    const record = await this.find(id);
    if (record === undefined) throw new Error(`Expected a record of job ${id}, found none.`);
    return record;
  }

  /** Every record of a job that there is. */
  records(): Promise<readonly JobRecord[]> {
    return this.told(() => this.#records(), 'all records');
  }

  async #records(): Promise<readonly JobRecord[]> {
    const bucket = await this.#bucket();
    const records: JobRecord[] = [];
    // A key that is written meanwhile is listed twice.
    for (const key of new Set(await Array.fromAsync(await bucket.keys('*.*')))) {
      const entry = await bucket.get(key);
      if (entry !== null) records.push(this.#options.read(entry.json<unknown>()));
    }
    return records;
  }

  /** Every schedule that there is, or was not long ago. */
  schedules(): Promise<readonly ScheduleRecord[]> {
    return this.told(() => this.#schedules(), 'all schedules');
  }

  async #schedules(): Promise<readonly ScheduleRecord[]> {
    const bucket = await this.#bucket();
    const schedules: ScheduleRecord[] = [];
    for await (const key of await bucket.keys('_schedule.>')) {
      const entry = await bucket.get(key);
      if (entry !== null) schedules.push(readSchedule(entry.json<unknown>()));
    }
    return schedules;
  }

  async #bucket(): Promise<KV> {
    this.#expectConnection();
    this.#jobs ??= await new Kvm(this.#options.connection).open(this.names.buckets.jobs);
    return this.#jobs;
  }

  /** The record of a job once it is as wanted; a job that is settled otherwise is not waited for any longer. */
  waitUntil(id: string, wanted: Condition, withinMs = patienceMs): Promise<JobRecord> {
    const isWanted = conditionOf(wanted);
    const look = async () => {
      const record = await this.find(id).catch(() => undefined);
      if (record === undefined || isWanted(record)) return record;
      if (!isSettled(record.state) || typeof wanted === 'function') return undefined;
      throw new Error(`Expected job ${id} to be ${wanted}, got:\n${JSON.stringify(record, undefined, 2)}`);
    };
    return this.until(look, `job ${id} to be ${typeof wanted === 'function' ? 'as asked' : wanted}`, withinMs, id);
  }

  /** The records of all these jobs, once each is settled. */
  async settled(ids: readonly string[], withinMs = patienceMs): Promise<readonly JobRecord[]> {
    const records: JobRecord[] = [];
    for (const id of ids) records.push(await this.waitUntil(id, ['completed', 'failed', 'cancelled'], withinMs));
    return records;
  }

  /** The leader's answer to why a job waits, as soon as it is this one. */
  because(id: string, code: WaitCode, by: Pick<Yard, 'why'> = this): Promise<Why> {
    const look = async () => {
      const why = await by.why(id).catch(() => undefined);
      return why?.code === code ? why : undefined;
    };
    return this.until(look, `job ${id} to wait because: ${code}`);
  }

  /** What `look` finds, as soon as it finds something. */
  until<Value>(
    look: () => Promise<Value | undefined>,
    what: string,
    withinMs = patienceMs,
    id?: string,
  ): Promise<Value> {
    const instead = async () => {
      const record = id === undefined ? undefined : await this.find(id).catch(() => undefined);
      return `${JSON.stringify(record, undefined, 2)}\n${this.#options.background()}`;
    };
    return this.#options.news.until(look, { what, withinMs, instead });
  }

  /** What a broker tells, as soon as one does: brokers that elect a leader tell nothing for seconds. */
  told<Value>(ask: () => Promise<Value>, what: string): Promise<Value> {
    const look = () =>
      ask().catch((cause: unknown) => {
        if (isFault(faultOf(cause), 'broker.unavailable')) return undefined;
        throw cause;
      });
    return this.until(look, `a broker to tell ${what}`, electedWithinMs);
  }

  /** What the handler of a job has logged, once there are so many lines of it. */
  logs(id: string, lines: number): Promise<readonly LogLine[]> {
    const look = async () => {
      const found = await Array.fromAsync(new NatsLogs(this.#options).read(`default.${id}`, { follow: false }));
      return found.length >= lines ? found : undefined;
    };
    return this.until(look, `${lines} lines of the log of ${id}`);
  }

  rejections(): Promise<readonly Rejection[]> {
    return this.told(() => this.#submissions.rejections(1_000), 'all rejections');
  }

  /** The cluster as its leader sees it; `undefined` where nobody leads. */
  view(): Promise<ClusterView | undefined> {
    return askCluster(this.#desk);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#yard?.close();
  }

  /** The leader's answer to why a job waits. */
  why(id: string): Promise<Why | undefined> {
    return askWhy(this.#desk, `default.${id}`);
  }
}

function conditionOf(wanted: Condition): (record: JobRecord) => boolean {
  if (typeof wanted === 'function') return wanted;
  const states: readonly JobState[] = typeof wanted === 'string' ? [wanted] : wanted;
  return ({ state }) => states.includes(state);
}
