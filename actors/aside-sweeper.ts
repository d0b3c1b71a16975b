/**
 * Removes what was put aside and belongs to no job any more, for the leader.
 *
 * A record goes by itself when its time is over, which nobody is told, and is forgotten where there are too many; and who
 * puts a blob aside may die before the record that names it is stored. So blobs are held against records, in the order
 * in which they were put, a few thousand a minute, round and round. A blob goes where there is no record of its job, or
 * one that has settled and does not name it. It stays while its job is open, whatever that says: a result may be about
 * to be named. It stays for an hour in any case: its job may be about to be born, and who takes longer for that looks
 * whether it is still there (`PutAside.keep`). And it stays where the record is one that only a newer version can read.
 * What was begun and never became whole goes after an hour too. A file of a job goes by the same rule: with its record, and where a
 * later attempt than the one that wrote it was the last.
 */

import { isSettled } from '../machines/job.ts';
import { keyOfAside, namesBlob } from '../runtime/aside.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { Fault, isFault, messageOf } from '../runtime/faults.ts';
import { hasFile, keyOfFile } from '../runtime/file.ts';
import type { BlobInfo, Blobs, JobStore } from '../runtime/ports.ts';
import type { JobRecord, Stored } from '../runtime/record.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';

export interface AsideSweeperOptions {
  store: JobStore;
  blobs: Blobs;
  clock: Clock;
  telemetry: Telemetry;
  /** Whether this leader is still believed to lead (`Term.isTrusted`). */
  isTrusted: () => boolean;
}

interface Mine extends BlobInfo {
  key: string;
}

const everyMs = 60_000;
const graceMs = 60 * 60_000;
const atOnce = 500;
const mostARound = 5_000;

export class AsideSweeper {
  readonly #options: AsideSweeperOptions;
  /** All up to here has been looked at in this turn. */
  #place = 0;
  #tornAt = Number.NEGATIVE_INFINITY;
  #sweeping = false;
  #stopped = false;
  #stop: Cancel = () => {};

  constructor(options: AsideSweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stop = this.#options.clock.every(everyMs, () => void this.#round());
  }

  stop(): void {
    this.#stopped = true;
    this.#stop();
  }

  async #round(): Promise<void> {
    if (this.#sweeping || !this.#mayGoOn()) return;
    this.#sweeping = true;
    try {
      await this.#sweep();
      await this.#sweepTorn();
    } catch (cause) {
      this.#failed(cause);
    }
    this.#sweeping = false;
  }

  /** A broker that is away comes back, and the next round goes on where this one left off. */
  #failed(cause: unknown): void {
    const isPassing = cause instanceof Fault && cause.retryable;
    if (!isPassing) this.#options.telemetry.tell('process.failed', { what: 'sweeping blobs', error: messageOf(cause) });
  }

  async #sweep(): Promise<void> {
    const { blobs, clock } = this.#options;
    const before = clock.now() - graceMs;
    const some: Mine[] = [];
    let left = mostARound;
    for await (const info of blobs.list(this.#place)) {
      if (info.at >= before) break;
      const key = keyOfAside(info.name) ?? keyOfFile(info.name);
      if (key !== undefined) some.push({ ...info, key });
      if (some.length < atOnce) continue;
      left -= some.length;
      await this.#look(some.splice(0));
      this.#place = info.place;
      if (left <= 0 || !this.#mayGoOn()) return;
    }
    await this.#look(some);
    this.#place = 0;
  }

  async #look(some: readonly Mine[]): Promise<void> {
    const { store, blobs } = this.#options;
    if (some.length === 0) return;
    const read = await store.readMany([...new Set(some.map(({ key }) => key))]);
    let count = 0;
    for (const each of some) {
      if (!(await this.#isLeft(each, read.get(each.key)))) continue;
      if (!this.#mayGoOn()) break;
      await blobs.remove(each.name);
      count++;
    }
    this.#tell(count);
  }

  /** What a replica does not have, cannot read or has otherwise, the stream's leader is asked for. */
  async #isLeft({ key, name }: Mine, read: Stored | undefined): Promise<boolean> {
    if (read !== undefined && (isOf(read.record, name) || !isSettled(read.record.state))) return false;
    try {
      const stored = await this.#options.store.read(key);
      return stored === undefined || (isSettled(stored.record.state) && !isOf(stored.record, name));
    } catch (cause) {
      if (isFault(cause, 'record.unreadable')) return false;
      throw cause;
    }
  }

  async #sweepTorn(): Promise<void> {
    const { blobs, clock } = this.#options;
    if (!this.#mayGoOn() || clock.mono() - this.#tornAt < graceMs) return;
    this.#tell(await blobs.removeTorn(clock.now() - graceMs));
    this.#tornAt = clock.mono();
  }

  #tell(count: number): void {
    if (count > 0) this.#options.telemetry.tell('blobs.swept', { count });
  }

  #mayGoOn(): boolean {
    return !this.#stopped && this.#options.isTrusted();
  }
}

function isOf(record: JobRecord, blob: string): boolean {
  return namesBlob(record, blob) || hasFile(record, blob);
}
