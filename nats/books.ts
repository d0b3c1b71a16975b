/**
 * The books, for an audit: everything that is kept of submissions, rejections and jobs, a few hundred messages at a
 * time, so that a million of them take no more memory than a hundred.
 *
 * Pages come by direct gets, which a replica may answer that lags a little; `page` asks the leader of the stream.
 */

import { type JetStreamManager, jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { Fault } from '../runtime/faults.ts';
import type { Books, Page, Rejection, Submission, SubmitState } from '../runtime/ports.ts';
import { batchedGet } from './batched-get.ts';
import { decodeJson, decodePage } from './codec.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';
import { lowerCased } from './submissions.ts';

const atOnce = 500;

export class NatsBooks implements Books {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  #jsm: JetStreamManager | undefined;

  constructor(options: { connection: NatsConnection; names: Names }) {
    this.#connection = options.connection;
    this.#names = options.names;
  }

  async submitState(): Promise<SubmitState> {
    const { created, state } = await this.#info(this.#names.streams.submit);
    const { first_seq, last_seq: last } = state;
    const floor = Math.min(last, await this.#floor());
    return { createdAt: Date.parse(created), first: Math.max(1, first_seq), last, floor };
  }

  /** The furthest that any master says it has taken in (`intake-place.ts`). */
  async #floor(): Promise<number> {
    const jsm = await this.#manager();
    let floor = 0;
    for await (const { name, ack_floor } of jsm.consumers.list(this.#names.streams.submit))
      if (name.startsWith(this.#names.consumers.intake)) floor = Math.max(floor, ack_floor.stream_seq);
    return floor;
  }

  async *submissions(last: number): AsyncIterable<Submission> {
    const { createdAt } = await this.submitState();
    for await (const message of this.#messages(this.#names.streams.submit, last))
      yield this.#submission(message, createdAt);
  }

  #submission({ seq, subject, header, data, time }: StoredMsg, streamCreatedAt: number): Submission {
    const { tenant, type } = this.#names.readSubmit(subject) ?? { tenant: 'default', type: '' };
    const headers = lowerCased(header);
    return { sequence: seq, streamCreatedAt, tenant, type, headers, body: data, at: time.getTime(), deliveries: 1 };
  }

  async *rejections(): AsyncIterable<Rejection> {
    for await (const { data } of this.#messages(this.#names.streams.rejected)) yield decodeJson<Rejection>(data);
  }

  async *pages(span?: { after: number; through: number }): AsyncIterable<Page> {
    if (span === undefined) {
      for await (const message of this.#messages(this.#names.streams.jobs)) yield this.#page(message);
      return;
    }
    for (let next = span.after + 1; next <= span.through; ) {
      const batch = await this.#batch(this.#names.streams.jobs, next);
      for (const message of batch) yield this.#page(message);
      const last = batch.at(-1);
      if (last === undefined) return await this.#refuseLag(next, span.through);
      next = last.seq + 1;
    }
  }

  /** Where a replica had no more, the leader of the stream must have none either. @throws {Fault} `broker.unavailable` */
  async #refuseLag(next: number, through: number): Promise<void> {
    const query = { seq: next, next_by_subj: '>' };
    const jsm = await this.#manager();
    const message = await jsm.streams.getMessage(this.#names.streams.jobs, query).catch((cause: unknown) => {
      throw faultOf(cause);
    });
    if (message !== null && message.seq <= through)
      throw new Fault('broker.unavailable', 'Expected the newest of the stream, a replica lags. Try again.');
  }

  async page(key: string): Promise<Page | undefined> {
    try {
      const jsm = await this.#manager();
      const message = await jsm.streams.getMessage(this.#names.streams.jobs, {
        last_by_subj: this.#names.jobSubject(key),
      });
      return message === null ? undefined : this.#page(message);
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  #page({ subject, seq, data, header }: StoredMsg): Page {
    const key = this.#names.keyOfSubject(subject) ?? subject;
    return decodePage(key, { seq, data, header: (name) => header.get(name) || undefined });
  }

  /** All messages of a stream from its first one; what is added meanwhile too, unless it is after `until`. */
  async *#messages(stream: string, until = Number.POSITIVE_INFINITY): AsyncIterable<StoredMsg> {
    // An empty stream begins at 0, where no message can be asked for.
    let next = Math.max(1, (await this.#info(stream)).state.first_seq);
    for (;;) {
      const batch = await this.#batch(stream, next);
      for (const message of batch) if (message.seq <= until) yield message;
      const last = batch.at(-1);
      if (last === undefined || last.seq >= until) return;
      next = last.seq + 1;
    }
  }

  async #batch(stream: string, seq: number): Promise<readonly StoredMsg[]> {
    try {
      return await batchedGet(await this.#manager(), stream, { seq, batch: atOnce });
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  async #info(stream: string) {
    try {
      return await (await this.#manager()).streams.info(stream);
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  async #manager(): Promise<JetStreamManager> {
    this.#jsm ??= await jetstreamManager(this.#connection, { checkAPI: false });
    return this.#jsm;
  }
}
