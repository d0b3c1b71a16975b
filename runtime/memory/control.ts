/**
 * What people and workers set for all: the job types that are known, how queues are served, limits of keys and tenants,
 * tokens, webhooks, bookmarks, terms, and bulk operations.
 */

import type {
  BookmarkRecord,
  BulkRecord,
  BulkShelf,
  Control,
  LimitSettings,
  QueueSettings,
  Settings,
  Stop,
  TenantSettings,
  TermRecord,
  TokenRecord,
  TypeEntry,
  WebhookRecord,
} from '../ports.ts';
import { Channel, carried } from './channel.ts';
import type { Link } from './link.ts';

/** A watcher reads all by itself this often, in case that it was not told. */
const readAgainMs = 10_000;

/** The bucket at the broker. */
export class ControlBucket {
  readonly #types = new Shelf<TypeEntry>(({ type }) => type);
  readonly #queues = new Shelf<QueueSettings>(({ queue }) => queue);
  readonly #bulks = new Shelf<BulkRecord>(({ id }) => id);
  readonly #limits = new Shelf<LimitSettings>(({ limit }) => limit);
  readonly #tenants = new Shelf<TenantSettings>(({ tenant }) => tenant);
  readonly #tokens = new Shelf<TokenRecord>(({ token }) => token);
  readonly #webhooks = new Shelf<WebhookRecord>(({ webhook }) => webhook);
  readonly #bookmarks = new Shelf<BookmarkRecord>(({ bookmark }) => bookmark);

  #terms: readonly TermRecord[] = [];

  /** The bucket as the node at the other end of `link` sees it. */
  over(link: Link): Control {
    const queues = this.#queues.over(link, (queue) => ({ queue }));
    const webhooks = this.#webhooks.over(link, (webhook) => ({
      ...{ webhook, tenant: '', url: '', secret: '' },
      ...{ states: [], place: 0, createdAt: 0 },
    }));
    return {
      types: () => this.#types.read(link),
      registerType: (entry) => {
        const copy = carried(entry);
        return link.call(() => void this.#types.put(copy));
      },
      watchTypes: (onType) => this.#types.watch(link, onType),
      queues: queues.all,
      changeQueue: queues.change,
      watchQueues: queues.watch,
      limits: this.#limits.over(link, (limit) => ({ limit })),
      tenants: this.#tenants.over(link, (tenant) => ({ tenant })),
      tokens: this.#tokens.over(link, (token) => ({ token, label: '', scopes: [], keys: [], createdAt: 0 })),
      webhooks,
      deliverable: webhooks,
      bookmarks: this.#bookmarks.over(link, (bookmark) => ({ bookmark, cursor: '', savedAt: 0 })),
      terms: {
        all: () => link.call(() => carried(this.#terms)),
        change: (change) =>
          link.call(() => {
            this.#terms = carried(change(carried(this.#terms)));
          }),
      },
      bulk: this.#bulkOver(link),
    };
  }

  #bulkOver(link: Link): BulkShelf {
    return {
      write: (operation, expected) => {
        const copy = carried(operation);
        return link.call(() => (this.#bulks.revisionOf(copy.id) === expected ? this.#bulks.put(copy) : undefined));
      },
      read: (id) =>
        link.call(() => {
          const operation = this.#bulks.get(id);
          return operation && carried({ operation, revision: this.#bulks.revisionOf(id) });
        }),
      list: () => this.#bulks.read(link),
      watch: (onBulk) => this.#bulks.watch(link, onBulk),
      forget: (id, revision) =>
        link.call(() => void (this.#bulks.revisionOf(id) === revision && this.#bulks.remove(id))),
    };
  }
}

/** Entries of one kind, each under its name. */
class Shelf<Entry> {
  readonly #entries = new Map<string, Entry>();
  readonly #revisions = new Map<string, number>();
  #last = 0;
  readonly #set = new Channel<Entry>();
  readonly #nameOf: (entry: Entry) => string;

  constructor(nameOf: (entry: Entry) => string) {
    this.#nameOf = nameOf;
  }

  /** As the node at the other end of `link` sees it; `bare` is what holds where nothing is set. */
  over(link: Link, bare: (name: string) => Entry): Settings<Entry> {
    return {
      all: () => this.read(link),
      of: (name) => link.call(() => carried(this.#entries.get(name) ?? bare(name))),
      change: (name, change) => link.call(() => carried(this.#change(name, (set) => change(set ?? bare(name))))),
      watch: (onSet) => this.watch(link, onSet),
    };
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  #change(name: string, change: (set: Entry | undefined) => Entry): Entry {
    const changed = carried(change(this.#entries.get(name)));
    this.put(changed);
    return changed;
  }

  revisionOf(name: string): number {
    return this.#revisions.get(name) ?? 0;
  }

  /** The revision under which it lies now. */
  put(entry: Entry): number {
    this.#entries.set(this.#nameOf(entry), entry);
    this.#revisions.set(this.#nameOf(entry), ++this.#last);
    this.#set.spread(entry);
    return this.#last;
  }

  remove(name: string): void {
    this.#entries.delete(name);
    this.#revisions.delete(name);
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
