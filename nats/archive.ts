/**
 * All that a cluster keeps, as it lies in its streams: read for a backup, and put back where nothing stands in the way.
 *
 * Bodies are handed over as they are, so that what a newer version wrote is saved whole. What a backup is made of is the
 * affair of `cluster/backup.ts`; jobs are put back by the store, as any job.
 */

import { type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, headers as newHeaders } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Submission } from '../runtime/ports.ts';
import { NatsBlobs } from './blobs.ts';
import { decodeJson, encodeJson } from './codec.ts';
import { apiErrorOf, apiErrors, faultOf } from './errors.ts';
import { furthestFloor } from './intake-place.ts';
import { leaderKey, type Names, pictureKey } from './names.ts';
import { type Presence, presenceOf } from './presence.ts';
import { messagesOf, type StreamMessage } from './stream-reader.ts';
import { lowerCased } from './submissions.ts';

/** What lies under a key of the bucket of jobs: a job, or what else must agree with jobs. */
export interface SavedKey {
  key: string;
  revision: number;
  value: unknown;
  /** When the broker forgets it, epoch ms. */
  expiresAt?: number;
}

/** What lies under a key elsewhere, or on a subject. */
export interface Saved {
  key: string;
  value: unknown;
}

export class NatsArchive {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #js: JetStreamClient;
  readonly #presence: Presence;
  readonly #blobs: NatsBlobs;

  constructor({ connection, names, clock }: { connection: NatsConnection; names: Names; clock: Clock }) {
    this.#connection = connection;
    this.#names = names;
    this.#js = jetstream(connection);
    this.#presence = presenceOf(connection);
    this.#blobs = new NatsBlobs({ connection, names, clock });
  }

  get prefix(): string {
    return this.#names.prefix;
  }

  /** Everything in the bucket of jobs but the lease and the word of a saved picture. A key that moves meanwhile comes again: its last value counts. */
  async *keys(): AsyncGenerator<SavedKey> {
    for await (const message of this.#messages(this.#names.streams.jobs, this.#names.allJobs)) {
      const key = this.#names.keyOfSubject(message.subject) ?? message.subject;
      if (key === leaderKey || key === pictureKey || message.data.length === 0) continue;
      const expiresAt = expiryOf(message);
      const value = decodeJson<unknown>(message.data);
      yield { key, revision: message.seq, value, ...(expiresAt === undefined ? {} : { expiresAt }) };
    }
  }

  /** The last sequence of the bucket of jobs. */
  async lastRevision(): Promise<number> {
    const { state } = await (await this.#manager()).streams.info(this.#names.streams.jobs);
    return state.last_seq;
  }

  /** Everything that people and workers have set; who has led is of this cluster alone. */
  async *control(): AsyncGenerator<Saved> {
    const first = this.#names.controlSubject('').length;
    const terms = this.#names.controlSubject('terms');
    for await (const { subject, data } of this.#messages(this.#names.streams.control, this.#names.controlSubject('>')))
      if (data.length > 0 && subject !== terms) yield { key: subject.slice(first), value: decodeJson<unknown>(data) };
  }

  /** The sequence up to which submissions have been taken in. */
  async takenIn(): Promise<number> {
    const jsm = await this.#manager();
    return await furthestFloor({ connection: this.#connection, jsm, names: this.#names });
  }

  async *submissionsAfter(sequence: number): AsyncGenerator<Omit<Submission, 'deliveries'>> {
    const { submit } = this.#names.streams;
    const { created } = await (await this.#manager()).streams.info(submit);
    for await (const message of this.#messages(submit, '>', sequence)) {
      const { tenant, type } = this.#names.readSubmit(message.subject) ?? { tenant: 'default', type: '' };
      const { seq, data: body, headers, at } = message;
      yield {
        sequence: seq,
        streamCreatedAt: Date.parse(created),
        tenant,
        type,
        headers: lowerCased(headers),
        body,
        at,
      };
    }
  }

  async *rejected(): AsyncGenerator<unknown> {
    for await (const { data } of this.#messages(this.#names.streams.rejected, '>')) yield decodeJson<unknown>(data);
  }

  /** The logs of jobs, by their keys. */
  async *logs(): AsyncGenerator<Saved> {
    const first = this.#names.log('').length;
    for await (const { subject, data } of this.#messages(this.#names.streams.logs, this.#names.allLogs))
      yield { key: subject.slice(first), value: decodeJson<unknown>(data) };
  }

  /** What lies aside under a name; `undefined` where it is gone with its job by now. */
  async blob(name: string): Promise<Uint8Array | undefined> {
    return (await this.#blobs.get(name))?.bytes;
  }

  /** `false` where it is there already: names are never used twice. */
  async putBlob(name: string, bytes: Uint8Array): Promise<boolean> {
    if ((await this.#blobs.find(name)) !== undefined) return false;
    await this.#blobs.put(name, bytes);
    return true;
  }

  /** Puts a key other than a job's into the bucket of jobs; `false` where it is there already. */
  putKey({ key, value }: Saved): Promise<boolean> {
    return this.#create(this.#names.jobSubject(key), value);
  }

  /** `false` where somebody has set it already. */
  putControl({ key, value }: Saved): Promise<boolean> {
    return this.#create(this.#names.controlSubject(key), value);
  }

  putRejection(value: unknown): Promise<void> {
    return this.#publish(this.#names.rejected, encodeJson(value));
  }

  putLog({ key, value }: Saved): Promise<void> {
    return this.#publish(this.#names.log(key), encodeJson(value));
  }

  /** Submits again, as anybody does. */
  submit({ tenant, type, headers, body }: Pick<Submission, 'tenant' | 'type' | 'headers' | 'body'>): Promise<void> {
    return this.#publish(this.#names.resubmit({ tenant, type }), body, headers);
  }

  async #create(subject: string, value: unknown): Promise<boolean> {
    try {
      await this.#js.publish(subject, encodeJson(value), { expect: { lastSubjectSequence: 0 } });
      return true;
    } catch (cause) {
      if (apiErrorOf(cause) === apiErrors.wrongLastSequence) return false;
      throw faultOf(cause);
    }
  }

  async #publish(subject: string, body: Uint8Array, headers: ReadonlyMap<string, string> = new Map()): Promise<void> {
    const written = newHeaders();
    for (const [name, value] of headers) written.set(name, value);
    try {
      await this.#js.publish(subject, body, { headers: written });
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  #messages(stream: string, filter: string, after = 0): AsyncGenerator<StreamMessage> {
    return messagesOf({ js: this.#js, presence: this.#presence, stream, after, filter, headersOnly: false });
  }

  #manager() {
    return jetstreamManager(this.#connection, { checkAPI: false });
  }
}

function expiryOf({ header, at }: StreamMessage): number | undefined {
  const ttl = header('Nats-TTL');
  const seconds = Number.parseInt(ttl ?? '', 10);
  return Number.isNaN(seconds) ? undefined : at + seconds * 1_000;
}
