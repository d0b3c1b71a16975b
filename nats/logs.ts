/**
 * The live logs of jobs: lines gathered for a tenth of a second, one message a job, on a stream that forgets in time.
 *
 * A reader pages through the stream by direct reads and takes the messages that pass by as hints to read on: it
 * needs no consumer, and nothing that a broken connection or a dead broker swallows is missing for longer than a
 * second. Appending is best effort and never waits; while the broker is away, the newest lines of each job are kept.
 */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Cancel, Clock } from '../runtime/clock.ts';
import type { LogLine, Logs, Stop } from '../runtime/ports.ts';
import { batchedGet, hasMore } from './batched-get.ts';
import { decodeJson, encodeJson } from './codec.ts';
import { faultOf } from './errors.ts';
import { hint } from './hint.ts';
import { listen } from './listen.ts';
import type { Names } from './names.ts';
import { type Presence, presenceOf } from './presence.ts';

const gatherMs = 100;
const largestMessage = 200_000;
/** In UTF-16 units: written as JSON, each takes six bytes at most. */
const longestLine = 32_000;
const pageSize = 256;
const soonMs = 20;
const latestMs = 1_000;

interface Parcel {
  lines: LogLine[];
  size: number;
  cancel: Cancel;
}

export class NatsLogs implements Logs {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #clock: Clock;
  readonly #presence: Presence;
  readonly #parcels = new Map<string, Parcel>();

  constructor({ connection, names, clock }: { connection: NatsConnection; names: Names; clock: Clock }) {
    this.#connection = connection;
    this.#names = names;
    this.#clock = clock;
    this.#presence = presenceOf(connection);
  }

  append(key: string, lines: readonly LogLine[]): void {
    for (const line of lines) this.#add(key, cut(line));
  }

  /** Sends what has been gathered, now: for the end of a job or of a process. */
  flush(): void {
    for (const key of [...this.#parcels.keys()]) this.#send(key);
  }

  async *read(key: string, options: { follow: boolean; signal?: AbortSignal }): AsyncIterable<LogLine> {
    const bell = new Bell(this.#clock, options.signal);
    const ring = () => bell.ring();
    const stop: Stop = options.follow ? await listen(this.#connection, this.#names.log(key), ring) : async () => {};
    try {
      for await (const lines of this.#parcelsOf(key, options.follow ? bell : undefined)) yield* lines;
    } finally {
      await stop();
    }
  }

  /** The bodies of all messages, and with `bell` of those to come until it is silenced. */
  async *#parcelsOf(key: string, bell: Bell | undefined): AsyncIterable<readonly LogLine[]> {
    const jsm = await jetstreamManager(this.#connection, { checkAPI: false });
    let next = 1;
    for (;;) {
      const page = await this.#page(jsm, { key, from: next, patient: bell !== undefined });
      for (const { seq, data } of page) {
        yield decodeJson<{ lines: readonly LogLine[] }>(data).lines;
        next = seq + 1;
      }
      if (hasMore(page, pageSize)) continue;
      if (bell === undefined || !(await bell.next(page.length > 0))) return;
    }
  }

  async #page(jsm: JetStreamManager, { key, from, patient }: { key: string; from: number; patient: boolean }) {
    if (patient && !this.#presence.isUp) return [];
    try {
      const query = { seq: from, batch: pageSize, next_by_subj: this.#names.log(key) };
      return await batchedGet(jsm, this.#names.streams.logs, query);
    } catch (cause) {
      const fault = faultOf(cause);
      if (patient && fault.retryable) return [];
      throw fault;
    }
  }

  #add(key: string, line: LogLine): void {
    const size = encodeJson(line).length + 1;
    const waiting = this.#parcels.get(key);
    if (waiting !== undefined && waiting.size + size > largestMessage) this.#makeRoom(key, waiting);
    const parcel = this.#parcels.get(key) ?? this.#begin(key);
    parcel.lines.push(line);
    parcel.size += size;
  }

  #makeRoom(key: string, parcel: Parcel): void {
    if (this.#presence.isUp) return this.#send(key);
    const dropped = parcel.lines.splice(0, Math.ceil(parcel.lines.length / 2));
    for (const line of dropped) parcel.size -= encodeJson(line).length + 1;
  }

  #begin(key: string): Parcel {
    const parcel = { lines: [], size: 0, cancel: this.#sendSoon(key) };
    this.#parcels.set(key, parcel);
    return parcel;
  }

  #sendSoon(key: string): Cancel {
    return this.#clock.after(gatherMs, () => this.#send(key));
  }

  #send(key: string): void {
    const parcel = this.#parcels.get(key);
    if (parcel === undefined) return;
    parcel.cancel();
    if (!this.#presence.isUp && !this.#connection.isClosed()) {
      parcel.cancel = this.#sendSoon(key);
      return;
    }
    this.#parcels.delete(key);
    hint(this.#connection, this.#names.log(key), encodeJson({ lines: parcel.lines }));
  }
}

function cut(line: LogLine): LogLine {
  return line.line.length <= longestLine ? line : { ...line, line: `${line.line.slice(0, longestLine)}…` };
}

/**
 * Says when to read on: soon after it was rung, since what passes by is stored a moment later, and otherwise at ever
 * longer intervals up to a second.
 */
class Bell {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #rung = false;
  #delayMs = soonMs;
  #wake: () => void = () => {};

  constructor(clock: Clock, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#signal = signal;
  }

  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Resolves when it is worth reading again; `false` when nobody wants to any more. */
  async next(found: boolean): Promise<boolean> {
    if (this.#rung || found) this.#delayMs = soonMs;
    if (!this.#rung && !this.#signal?.aborted) await this.#silence(this.#delayMs);
    this.#delayMs = Math.min(latestMs, 2 * this.#delayMs);
    this.#rung = false;
    return !this.#signal?.aborted;
  }

  #silence(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        this.#signal?.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.#clock.after(ms, end);
      this.#signal?.addEventListener('abort', end, { once: true });
      this.#wake = end;
    });
  }
}
