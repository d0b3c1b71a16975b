/**
 * The bucket of jobs, over a link: what a batch of writes comes to when the network and the broker have their say.
 */

import { Fault } from '../faults.ts';
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
} from '../ports.ts';
import type { Stored } from '../record.ts';
import type { StoredSchedule } from '../schedule.ts';
import { carried } from './channel.ts';
import type { Chaos } from './chaos.ts';
import { type Link, silence } from './link.ts';
import type { MemoryStream } from './stream.ts';

export interface MemoryStoreOptions {
  link: Link;
  stream: MemoryStream;
  chaos: () => Chaos;
  /** Does something at the broker after a while, whatever became of the node. */
  later: (ms: number, what: () => void) => void;
}

export class MemoryStore implements JobStore {
  readonly #options: MemoryStoreOptions;

  constructor(options: MemoryStoreOptions) {
    this.#options = options;
  }

  broker(): string {
    return this.#options.link.broker;
  }

  async write(entries: readonly Entry[]): Promise<WriteOutcome> {
    const sent = carried(entries);
    try {
      return await this.#options.link.call(() => this.#written(sent));
    } catch (cause) {
      if (cause instanceof Fault && cause.retryable) return { kind: 'unknown', cause };
      throw cause;
    }
  }

  /** What happens at the broker when a batch has arrived there. */
  #written(entries: readonly Entry[]): WriteOutcome | typeof silence {
    const { stream, later } = this.#options;
    const chaos = this.#options.chaos();
    switch (chaos.fate()) {
      case 'normal':
        return stream.write(entries);
      case 'busy':
        return { kind: 'busy' };
      case 'silentStored':
        stream.write(entries);
        return silence;
      case 'silentLate':
        later(chaos.lateMs(), () => stream.write(entries));
        return silence;
      case 'silentLost':
        return silence;
    }
  }

  read(key: string): Promise<Stored | undefined> {
    return this.#options.link.call(() => this.#options.stream.read(key));
  }

  readMany(keys: readonly string[]): Promise<ReadonlyMap<string, Stored>> {
    const { link, stream, chaos } = this.#options;
    return link.call(() => {
      const found = new Map<string, Stored>();
      for (const key of keys) {
        const stored = stream.read(key, chaos().staleBy());
        if (stored !== undefined) found.set(key, stored);
      }
      return found;
    });
  }

  readLease(): Promise<{ revision: number; lease: Lease | null }> {
    return this.#options.link.call(() => this.#options.stream.readLease());
  }

  readPicture(): Promise<{ revision: number; picture: SavedPicture | null }> {
    return this.#options.link.call(() => this.#options.stream.readPicture());
  }

  async *changesAfter(revision: number): AsyncIterable<Change> {
    yield* await this.#options.link.call(() => this.#options.stream.changesAfter(revision));
  }

  async *records(filter: { tenant?: string } = {}): AsyncIterable<Stored> {
    yield* await this.#options.link.call(() => this.#options.stream.records(filter.tenant));
  }

  readSchedule(key: string): Promise<StoredSchedule | undefined> {
    return this.#options.link.call(() => this.#options.stream.readSchedule(key));
  }

  readPointer(key: string): Promise<{ revision: number; pointer: Pointer | null }> {
    return this.#options.link.call(() => this.#options.stream.readPointer(key));
  }

  async *uniqueKeys(): AsyncIterable<Revision & { pointer: Pointer | null }> {
    yield* await this.#options.link.call(() => this.#options.stream.pointers('_unique.'));
  }

  async *workflowKeys(tenant?: string): AsyncIterable<Revision & { pointer: Pointer | null }> {
    const prefix = tenant === undefined ? '_workflow.' : `_workflow.${tenant}.`;
    yield* await this.#options.link.call(() => this.#options.stream.pointers(prefix));
  }

  async *schedules(): AsyncIterable<StoredSchedule> {
    yield* await this.#options.link.call(() => this.#options.stream.schedules());
  }

  state(): Promise<StoreState> {
    return this.#options.link.call(() => this.#options.stream.state());
  }

  forget(revisions: readonly Revision[]): Promise<number> {
    const sent = carried(revisions);
    return this.#options.link.call(() => this.#options.stream.forget(sent));
  }
}
