/**
 * What people and workers set for all: the job types that are known, and how queues are served.
 */

import type { Control, QueueSettings, Stop, TypeEntry } from '../ports.ts';
import { Channel, carried } from './channel.ts';
import type { Link } from './link.ts';

/** A watcher reads all by itself this often, in case that it was not told. */
const readAgainMs = 10_000;

/** The bucket at the broker. */
export class ControlBucket {
  readonly #types = new Shelf<TypeEntry>(({ type }) => type);
  readonly #queues = new Shelf<QueueSettings>(({ queue }) => queue);

  /** The bucket as the node at the other end of `link` sees it. */
  over(link: Link): Control {
    return {
      types: () => this.#types.read(link),
      registerType: (entry) => {
        const copy = carried(entry);
        return link.call(() => this.#types.put(copy));
      },
      watchTypes: (onType) => this.#types.watch(link, onType),
      queues: () => this.#queues.read(link),
      changeQueue: (queue, change) => link.call(() => this.#changeQueue(queue, change)),
      watchQueues: (onQueue) => this.#queues.watch(link, onQueue),
    };
  }

  #changeQueue(queue: string, change: (set: QueueSettings) => QueueSettings): QueueSettings {
    const changed = carried(change(this.#queues.get(queue) ?? { queue }));
    this.#queues.put(changed);
    return changed;
  }
}

/** Entries of one kind, each under its name. */
class Shelf<Entry> {
  readonly #entries = new Map<string, Entry>();
  readonly #set = new Channel<Entry>();
  readonly #nameOf: (entry: Entry) => string;

  constructor(nameOf: (entry: Entry) => string) {
    this.#nameOf = nameOf;
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  put(entry: Entry): void {
    this.#entries.set(this.#nameOf(entry), entry);
    this.#set.spread(entry);
  }

  read(link: Link): Promise<readonly Entry[]> {
    return link.call(() => [...this.#entries.values()]);
  }

  async watch(link: Link, onEntry: (entry: Entry) => void): Promise<Stop> {
    const tell = onceEach(onEntry, this.#nameOf);
    const stopListening = await this.#set.listen(link, tell);
    const readAll = async () => (await this.read(link)).forEach(tell);
    await readAll();
    const stopReading = link.clock.every(readAgainMs, () => void readAll().catch(() => undefined));
    return async () => {
      stopReading();
      await stopListening();
    };
  }
}

/** Hands on an entry only where it differs from the last one of its name. */
function onceEach<Entry>(onEntry: (entry: Entry) => void, nameOf: (entry: Entry) => string): (entry: Entry) => void {
  const told = new Map<string, string>();
  return (entry) => {
    const text = JSON.stringify(entry);
    if (told.get(nameOf(entry)) === text) return;
    told.set(nameOf(entry), text);
    onEntry(entry);
  };
}
