/**
 * What people and workers set for all: the job types that are known, how queues are served, and limits of keys and tenants.
 */

import type { Control, LimitSettings, QueueSettings, Settings, Stop, TenantSettings, TypeEntry } from '../ports.ts';
import { Channel, carried } from './channel.ts';
import type { Link } from './link.ts';

/** A watcher reads all by itself this often, in case that it was not told. */
const readAgainMs = 10_000;

/** The bucket at the broker. */
export class ControlBucket {
  readonly #types = new Shelf<TypeEntry>(({ type }) => type);
  readonly #queues = new Shelf<QueueSettings>(({ queue }) => queue);
  readonly #limits = new Shelf<LimitSettings>(({ limit }) => limit);
  readonly #tenants = new Shelf<TenantSettings>(({ tenant }) => tenant);

  /** The bucket as the node at the other end of `link` sees it. */
  over(link: Link): Control {
    const queues = this.#queues.over(link, (queue) => ({ queue }));
    return {
      types: () => this.#types.read(link),
      registerType: (entry) => {
        const copy = carried(entry);
        return link.call(() => this.#types.put(copy));
      },
      watchTypes: (onType) => this.#types.watch(link, onType),
      queues: queues.all,
      changeQueue: queues.change,
      watchQueues: queues.watch,
      limits: this.#limits.over(link, (limit) => ({ limit })),
      tenants: this.#tenants.over(link, (tenant) => ({ tenant })),
    };
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

  /** As the node at the other end of `link` sees it; `bare` is what holds where nothing is set. */
  over(link: Link, bare: (name: string) => Entry): Settings<Entry> {
    return {
      all: () => this.read(link),
      change: (name, change) => link.call(() => carried(this.#change(name, (set) => change(set ?? bare(name))))),
      watch: (onSet) => this.watch(link, onSet),
    };
  }

  #change(name: string, change: (set: Entry | undefined) => Entry): Entry {
    const changed = carried(change(this.#entries.get(name)));
    this.put(changed);
    return changed;
  }

  put(entry: Entry): void {
    this.#entries.set(this.#nameOf(entry), entry);
    this.#set.spread(entry);
  }

  read(link: Link): Promise<readonly Entry[]> {
    return link.call(() => carried([...this.#entries.values()]));
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
