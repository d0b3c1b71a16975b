/**
 * What is too large for a record: the object store, laid out as any client of the broker lays out one (ADR-20), so
 * that `nats object ls` and `get` work on it.
 *
 * A blob is a row of chunks on a subject of its own, and what is said of it on the subject of its name: how many there
 * are, and their digest. The chunks go first, and what is said of them replaces what was said before in one write; so
 * who reads meets the old ones, or the new ones, or, where it reads while the old ones go, less than was put. Less is
 * nothing: the digest tells. The client's own object store reads through a push consumer, which waits for minutes when
 * the broker that holds it dies; this one reads as the rest of `nats/` does.
 */

import { createHash } from 'node:crypto';
import {
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type StoredMsg,
} from '@nats-io/jetstream';
import { type NatsConnection, headers as newHeaders, nuid } from 'nats';
import { type Clock, pause } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { Blob, BlobInfo, Blobs, StoreSpace } from '../runtime/ports.ts';
import { batchedGet } from './batched-get.ts';
import { decodeJson, encodeJson, isObject } from './codec.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';
import { type Presence, presenceOf } from './presence.ts';
import { messagesOf, type StreamMessage } from './stream-reader.ts';

const chunkSize = 131_072;
const chunksAtOnce = 16;
const answerWithinMs = 5_000;
/** Of one that is read piece by piece, so many are asked for at once. */
const readAtOnce = 16;
const readsAtMost = 21;
const readAgainAfterMs = 100;

/** What is said of a blob. */
interface Info {
  /** The last token of the subject of its chunks. */
  nuid: string;
  size: number;
  digest: string;
  /** The name, as it was given. */
  name: string;
  /** As clients keep what they want to be said of it. */
  metadata?: { type?: string };
  /** When it was said, epoch ms, and where in the stream. */
  at: number;
  place: number;
}

type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What is to be said of it. */
interface Said {
  part: string;
  size: number;
  chunks: number;
  digest: string;
  metadata?: { type: string };
}

export class NatsBlobs implements Blobs {
  readonly #names: Names;
  readonly #js: JetStreamClient;
  readonly #connection: NatsConnection;
  readonly #presence: Presence;
  readonly #clock: Clock;

  constructor({ connection, names, clock }: { connection: NatsConnection; names: Names; clock: Clock }) {
    this.#clock = clock;
    this.#names = names;
    this.#connection = connection;
    this.#js = jetstream(connection, { timeout: answerWithinMs });
    this.#presence = presenceOf(connection);
  }

  put(name: string, bytes: Uint8Array): Promise<string> {
    return translated(async () => (await this.#put(name, [bytes])).digest);
  }

  putStream(name: string, pieces: AsyncIterable<Uint8Array>, { type }: { type: string }): Promise<BlobInfo> {
    return translated(async () => {
      await this.#put(name, pieces, { type });
      const info = await this.#info(name);
      if (info === undefined)
        throw new Fault('blob.missing', `Expected ${name} to be there, where it was just put. Put it again.`);
      return plain(info);
    });
  }

  async #put(name: string, pieces: Pieces, metadata?: { type: string }): Promise<Said> {
    const before = await this.#info(name);
    const part = nuid.next();
    let said: Said;
    try {
      said = { part, ...(await this.#putChunks(part, pieces)), ...(metadata === undefined ? {} : { metadata }) };
      await this.#say(name, said);
    } catch (cause) {
      await this.#purge(this.#names.blobChunks(part)).catch(() => undefined);
      throw cause;
    }
    // It is stored: where the former chunks stay, they are swept away as torn.
    if (before !== undefined) await this.#purge(this.#names.blobChunks(before.nuid)).catch(() => undefined);
    return said;
  }

  get(name: string): Promise<Blob | undefined> {
    return translated(async () => {
      for (let tries = 1; ; tries++) {
        const info = await this.#info(name);
        if (info === undefined) return undefined;
        const bytes = info.size === 0 ? Buffer.alloc(0) : await this.#chunks(info.nuid);
        const digest = digestOf(createHash('sha256').update(bytes).digest('base64'));
        if (bytes.length === info.size && digest === info.digest) return { bytes, digest };
        // What the stream's leader says is there, one of several brokers may not have yet.
        if (tries === readsAtMost) return undefined;
        await pause(this.#clock, readAgainAfterMs);
      }
    });
  }

  getStream(name: string): Promise<{ info: BlobInfo; bytes: AsyncIterable<Uint8Array> } | undefined> {
    return translated(async () => {
      const info = await this.#info(name);
      return info === undefined ? undefined : { info: plain(info), bytes: this.#pieces(info) };
    });
  }

  remove(name: string): Promise<void> {
    return translated(async () => {
      const info = await this.#info(name);
      if (info === undefined) return;
      await this.#purge(this.#names.blobInfo(name));
      await this.#purge(this.#names.blobChunks(info.nuid));
    });
  }

  find(name: string): Promise<BlobInfo | undefined> {
    return translated(async () => {
      const info = await this.#info(name);
      return info === undefined ? undefined : plain(info);
    });
  }

  async *list(after: number): AsyncGenerator<BlobInfo> {
    for await (const info of this.#infos(after)) yield plain(info);
  }

  space(): Promise<StoreSpace | undefined> {
    return translated(async () => {
      const { config, state } = await (await this.#manager()).streams.info(this.#names.streams.blobs);
      return config.max_bytes > 0 ? { bytes: state.bytes, most: config.max_bytes } : undefined;
    });
  }

  /** Chunks are looked for before what is said of them: what is said of a blob comes after its last chunk. */
  removeTorn(before: number): Promise<number> {
    return translated(async () => {
      const parts = await this.#parts();
      for await (const { nuid: part } of this.#infos(0)) parts.delete(this.#names.blobChunks(part));
      let removed = 0;
      for (const subject of parts) {
        if ((await this.#putLast(subject)) >= before) continue;
        await this.#purge(subject);
        removed++;
      }
      return removed;
    });
  }

  /** The subjects of chunks. */
  async #parts(): Promise<Set<string>> {
    const { streams } = await this.#manager();
    const filter = { subjects_filter: this.#names.allBlobChunks };
    return new Set(Object.keys((await streams.info(this.#names.streams.blobs, filter)).state.subjects ?? {}));
  }

  /** When the last of these chunks was put, epoch ms. */
  async #putLast(subject: string): Promise<number> {
    const { streams } = await this.#manager();
    const last = await streams.getMessage(this.#names.streams.blobs, { last_by_subj: subject });
    return last?.time.getTime() ?? Number.POSITIVE_INFINITY;
  }

  #messages(filter: string, after = 0): AsyncGenerator<StreamMessage> {
    const stream = this.#names.streams.blobs;
    return messagesOf({ js: this.#js, presence: this.#presence, stream, after, filter, headersOnly: false });
  }

  async *#infos(after: number): AsyncGenerator<Info> {
    for await (const { data, seq, at } of this.#messages(this.#names.allBlobInfos, after)) {
      const said = decodeJson<unknown>(data);
      if (isSaid(said)) yield { ...said, at, place: seq };
    }
  }

  /** A few at a time, and hashed as they go, so that nothing else waits for long. */
  async #putChunks(part: string, pieces: Pieces): Promise<Omit<Said, 'part'>> {
    const subject = this.#names.blobChunks(part);
    const hash = createHash('sha256');
    let chunks = 0;
    let size = 0;
    let sent: Promise<unknown>[] = [];
    try {
      for await (const chunk of chunksOf(pieces)) {
        hash.update(chunk);
        chunks++;
        size += chunk.length;
        sent.push(this.#js.publish(subject, chunk));
        if (sent.length < chunksAtOnce) continue;
        await Promise.all(sent);
        sent = [];
      }
    } finally {
      // Who fails purges the part: what is still under way would be stored behind that.
      await Promise.allSettled(sent);
    }
    await Promise.all(sent);
    return { size, chunks, digest: digestOf(hash.digest('base64')) };
  }

  async #say(name: string, said: Said): Promise<void> {
    const { part, ...info } = said;
    const more = { bucket: this.#names.blobs, nuid: part, options: { max_chunk_size: chunkSize } };
    const headers = newHeaders();
    headers.set('Nats-Rollup', 'sub');
    await this.#js.publish(this.#names.blobInfo(name), encodeJson({ name, ...more, ...info }), { headers });
  }

  async #info(name: string): Promise<Info | undefined> {
    const { streams } = await this.#manager();
    const last_by_subj = this.#names.blobInfo(name);
    const message = await streams.getMessage(this.#names.streams.blobs, { last_by_subj });
    const said = message === null ? undefined : decodeJson<unknown>(message.data);
    return message !== null && isSaid(said) ? { ...said, at: message.time.getTime(), place: message.seq } : undefined;
  }

  async #chunks(part: string): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for await (const { data } of this.#messages(this.#names.blobChunks(part))) chunks.push(data);
    return Buffer.concat(chunks);
  }

  /** As they are asked for. What the stream's leader says is there, one of several brokers may not have yet: then it is asked again. */
  async *#pieces(info: Info): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let size = 0;
    let next = 1;
    for (let tries = 1; size < info.size; tries++) {
      for (const { seq, data } of await this.#piecesFrom(info.nuid, next)) {
        hash.update(data);
        size += data.length;
        next = seq + 1;
        tries = 0;
        yield data;
      }
      if (tries === readsAtMost) break;
      if (tries > 0) await pause(this.#clock, readAgainAfterMs);
    }
    if (size === info.size && digestOf(hash.digest('base64')) === info.digest) return;
    throw new Fault(
      'blob.missing',
      `Expected ${info.size} bytes of ${info.name} as they were put, got ${size}, or other ones: it was replaced or removed meanwhile. Read it again.`,
    );
  }

  /** None where there is none. */
  #piecesFrom(part: string, seq: number): Promise<readonly StoredMsg[]> {
    return translated(async () => {
      const query = { seq, batch: readAtOnce, next_by_subj: this.#names.blobChunks(part) };
      return await batchedGet(await this.#manager(), this.#names.streams.blobs, query);
    });
  }

  async #purge(filter: string): Promise<void> {
    await (await this.#manager()).streams.purge(this.#names.streams.blobs, { filter });
  }

  #manager(): Promise<JetStreamManager> {
    return jetstreamManager(this.#connection, { checkAPI: false, timeout: answerWithinMs });
  }
}

/** So large each, but for the last. */
async function* chunksOf(pieces: Pieces): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces)
    for (let from = 0; from < piece.length; ) {
      const part = piece.subarray(from, from + chunkSize - size);
      from += part.length;
      size += part.length;
      held.push(part);
      if (size < chunkSize) continue;
      yield held.length === 1 ? part : Buffer.concat(held);
      held = [];
      size = 0;
    }
  if (size > 0) yield Buffer.concat(held);
}

/** What a client leaves of an object that it deletes says that it is. */
function isSaid(said: unknown): said is Omit<Info, 'at' | 'place'> {
  if (!isObject(said) || said['deleted'] === true) return false;
  const { nuid, size, digest, name } = said;
  return [nuid, digest, name].every((text) => typeof text === 'string') && typeof size === 'number';
}

function plain({ name, size, digest, at, place, metadata }: Info): BlobInfo {
  const type = metadata?.type;
  return { name, size, digest, at, place, ...(typeof type === 'string' ? { type } : {}) };
}

/** As clients write it: base64 for addresses, with its padding. */
function digestOf(base64: string): string {
  return `SHA-256=${base64.replaceAll('+', '-').replaceAll('/', '_')}`;
}

async function translated<Answer>(what: () => Promise<Answer>): Promise<Answer> {
  try {
    return await what();
  } catch (cause) {
    throw faultOf(cause);
  }
}
