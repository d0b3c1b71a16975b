/**
 * What people and workers set for all: so far the job types that are known, one key each in the control bucket.
 *
 * Whoever watches hears each write as it passes by, on the bucket's own subject, and reads the bucket again now and
 * then and after each reconnect: no consumer that could go blind with the broker that holds it.
 */

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Control, Stop, TypeEntry } from '../runtime/ports.ts';
import { decodeJson, encodeJson, isObject } from './codec.ts';
import { faultOf } from './errors.ts';
import { listenJson } from './listen.ts';
import type { Names } from './names.ts';

const readAgainMs = 10_000;

export class NatsControl implements Control {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #clock: Clock;
  readonly #allTypes: string;

  constructor({ connection, names, clock }: { connection: NatsConnection; names: Names; clock: Clock }) {
    this.#connection = connection;
    this.#names = names;
    this.#clock = clock;
    this.#allTypes = names.controlSubject('type.*');
  }

  async registerType(entry: TypeEntry): Promise<void> {
    try {
      await jetstream(this.#connection).publish(this.#names.controlSubject(`type.${entry.type}`), encodeJson(entry));
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  async types(): Promise<readonly TypeEntry[]> {
    try {
      const { direct } = await jetstreamManager(this.#connection, { checkAPI: false });
      const found = await direct.getLastMessagesFor(this.#names.streams.control, { multi_last: [this.#allTypes] });
      const entries: TypeEntry[] = [];
      for await (const { data } of found) entries.push(...typeIn(data));
      return entries;
    } catch (cause) {
      const fault = faultOf(cause);
      if (fault.code === 'job.missing') return [];
      throw fault;
    }
  }

  async watchTypes(onType: (entry: TypeEntry) => void): Promise<Stop> {
    const told = new Map<string, string>();
    const tell = (entry: TypeEntry) => {
      if (!isTypeEntry(entry)) return;
      const text = JSON.stringify(entry);
      if (told.get(entry.type) === text) return;
      told.set(entry.type, text);
      onType(entry);
    };
    const stopListening = await listenJson<TypeEntry>(this.#connection, this.#allTypes, tell);
    try {
      for (const entry of await this.types()) tell(entry);
    } catch (cause) {
      await stopListening();
      throw cause;
    }
    const stopReading = this.#clock.every(readAgainMs, () => void this.#readAgain(tell));
    return async () => {
      stopReading();
      await stopListening();
    };
  }

  async #readAgain(tell: (entry: TypeEntry) => void): Promise<void> {
    try {
      for (const entry of await this.types()) tell(entry);
    } catch {
      // The broker is away; the next turn reads it.
    }
  }
}

/** The type that an entry makes known; none where it was removed, or is no entry of ours. */
function typeIn(data: Uint8Array): readonly TypeEntry[] {
  try {
    const entry = decodeJson<unknown>(data);
    return isTypeEntry(entry) ? [entry] : [];
  } catch {
    return [];
  }
}

function isTypeEntry(value: unknown): value is TypeEntry {
  return isObject(value) && typeof value['type'] === 'string' && isObject(value['defaults']);
}
