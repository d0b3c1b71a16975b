/**
 * The one stream in which everything that must agree lies: conditional writes under one line of revisions.
 *
 * Keeps what it is given, which nobody else can change (`carried`), and hands out the same. Knows the whole history, so
 * that its end can be rolled back, as a power failure does.
 */

import { headOf } from '../head.ts';
import type { Change, Entry, Lease, Pointer, Revision, SavedPicture, StoreState, WriteOutcome } from '../ports.ts';
import { type Stored, storedAs, upcast } from '../record.ts';
import { isScheduleKey, readSchedule, type StoredSchedule, scheduleHead } from '../schedule.ts';

/** What a broker takes in one batch. */
const mostEntries = 1_000;

/** One write as it lies in the stream; those that landed together have the same `batch`. */
export class Write {
  readonly revision: number;
  readonly batch: number;
  readonly entry: Entry;

  constructor({ revision, batch, entry }: Pick<Write, 'revision' | 'batch' | 'entry'>) {
    this.revision = revision;
    this.batch = batch;
    this.entry = entry;
  }

  get key(): string {
    return this.entry.key;
  }

  get body(): unknown {
    return bodyOf(this.entry);
  }

  get json(): string {
    return JSON.stringify(this.body);
  }
}

export class MemoryStream {
  readonly #createdAt: number;
  readonly #onWrite: (change: Change) => void;
  #log: Write[] = [];
  /** Of those, the ones of jobs, schedules and the lease. */
  #told: Write[] = [];
  #newest = new Map<string, Write>();
  #last = 0;
  #batches = 0;
  #onDisk = 0;

  constructor(options: { createdAt: number; onWrite: (change: Change) => void }) {
    this.#createdAt = options.createdAt;
    this.#onWrite = options.onWrite;
  }

  /** @throws {RangeError} for what no broker would take: nothing, too much, one key twice. */
  write(entries: readonly Entry[]): WriteOutcome {
    if (entries.length === 0 || entries.length > mostEntries)
      throw new RangeError(`Expected 1 to ${mostEntries} entries, got ${entries.length}.`);
    if (new Set(entries.map(({ key }) => key)).size < entries.length)
      throw new RangeError('Expected each key once in a batch, got one twice.');
    if (entries.some(({ key, expected }) => this.#revisionOf(key) !== expected))
      return { kind: 'refused', reason: 'conflict' };
    this.#batches++;
    const writes = entries.map((entry) => this.#append(entry));
    for (const write of writes) this.#onWrite(changeOf(write));
    return { kind: 'accepted', revisions: writes.map(({ revision }) => revision) };
  }

  read(key: string, behind = 0): Stored | undefined {
    const write = behind === 0 ? this.#newest.get(key) : this.#asOf(key, this.#last - behind);
    return write === undefined ? undefined : storedOf(write);
  }

  readLease(): { revision: number; lease: Lease | null } {
    const write = this.#newest.get('_leader');
    return { revision: write?.revision ?? 0, lease: write === undefined ? null : leaseOf(write) };
  }

  readPicture(): { revision: number; picture: SavedPicture | null } {
    const write = this.#newest.get('_picture');
    const picture = write !== undefined && 'picture' in write.entry ? write.entry.picture : null;
    return { revision: write?.revision ?? 0, picture };
  }

  changesAfter(revision: number): Change[] {
    return this.#inOrder()
      .filter((write) => write.revision > revision)
      .map(changeOf);
  }

  records(tenant: string | undefined): Stored[] {
    const wanted = (key: string) => !key.startsWith('_') && (tenant === undefined || key.startsWith(`${tenant}.`));
    return this.#inOrder()
      .filter(({ key }) => wanted(key))
      .map(storedOf);
  }

  readSchedule(key: string): StoredSchedule | undefined {
    const write = this.#newest.get(key);
    return write === undefined ? undefined : scheduleOf(write);
  }

  readPointer(key: string): { revision: number; pointer: Pointer | null } {
    const write = this.#newest.get(key);
    return write === undefined
      ? { revision: 0, pointer: null }
      : { revision: write.revision, pointer: JSON.parse(write.json) };
  }

  /** The pointers whose keys begin so. */
  pointers(prefix: string): (Revision & { pointer: Pointer | null })[] {
    return this.#inOrder()
      .filter(({ key }) => key.startsWith(prefix))
      .map(({ key }) => ({ key, ...this.readPointer(key) }));
  }

  schedules(): StoredSchedule[] {
    return this.#inOrder()
      .filter(({ key }) => isScheduleKey(key))
      .map(scheduleOf);
  }

  /** Every write of a job, a schedule or the lease that was not rolled back, the oldest first. */
  history(): readonly Write[] {
    return this.#told;
  }

  state(): StoreState {
    return { createdAt: this.#createdAt, lastRevision: this.#last, keys: this.#newest.size };
  }

  /** Forgets keys that are still at these revisions; what was written stays in the history. */
  forget(revisions: readonly Revision[]): number {
    const unmoved = revisions.filter(({ key, revision }) => this.#revisionOf(key) === revision);
    for (const { key } of unmoved) this.#newest.delete(key);
    return unmoved.length;
  }

  /** Forgets the last `writes` writes, as a power failure does with what was not yet on disk; what it leaves is. */
  rollBack(writes: number): void {
    this.#log.splice(Math.max(this.#onDisk, this.#log.length - writes));
    this.#onDisk = this.#log.length;
    this.#last = this.#log.at(-1)?.revision ?? 0;
    this.#told = this.#told.filter(({ revision }) => revision <= this.#last);
    this.#newest = new Map(this.#log.map((write) => [write.key, write]));
  }

  #revisionOf(key: string): number {
    return this.#newest.get(key)?.revision ?? 0;
  }

  #append(entry: Entry): Write {
    const write = new Write({ revision: ++this.#last, batch: this.#batches, entry });
    this.#log.push(write);
    if (entry.key !== '_picture') this.#told.push(write);
    this.#newest.set(write.key, write);
    return write;
  }

  #asOf(key: string, revision: number): Write | undefined {
    return this.#log.findLast((write) => write.key === key && write.revision <= revision);
  }

  #inOrder(): Write[] {
    return [...this.#newest.values()].sort((a, b) => a.revision - b.revision);
  }
}

function bodyOf(entry: Entry): unknown {
  if ('lease' in entry) return entry.lease;
  if ('picture' in entry) return entry.picture;
  if ('pointer' in entry) return entry.pointer;
  return 'schedule' in entry ? entry.schedule : entry.record;
}

function leaseOf({ entry }: Write): Lease | null {
  return 'lease' in entry ? entry.lease : null;
}

function scheduleOf({ body, revision }: Write): StoredSchedule {
  return { schedule: readSchedule(body), revision };
}

function storedOf({ body, revision }: Write): Stored {
  return storedAs(upcast(body), revision);
}

function changeOf(write: Write): Change {
  const { key, revision } = write;
  if (key === '_leader') return { kind: 'lease', revision, lease: leaseOf(write) };
  if (isScheduleKey(key)) {
    const { schedule } = scheduleOf(write);
    return { kind: 'schedule', revision, head: { key, ...scheduleHead(schedule) } };
  }
  if (key.startsWith('_')) return { kind: 'other', revision, key };
  return { kind: 'job', head: headOf(key, revision, storedOf(write).record) };
}
