/**
 * What people and workers set for all, one key each in the control bucket: the job types that are known, how queues
 * are served, the limits of keys and tenants, tokens, webhooks, bookmarks, who has led, and bulk operations.
 *
 * Whoever watches hears each write that was stored, as the broker republishes it, and reads the bucket again now and
 * then: no consumer that could go blind with the broker that holds it. Two who change one queue at once both have their
 * way, since the second writes onto what the first wrote.
 */

import { type DirectBatchOptions, jetstream, jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import { isFault } from '../runtime/faults.ts';
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
} from '../runtime/ports.ts';
import { batchedGet, hasMore } from './batched-get.ts';
import { decodeJson, encodeJson, headerReader, isObject } from './codec.ts';
import { faultOf } from './errors.ts';
import { listen } from './listen.ts';
import type { Names } from './names.ts';

const readAgainMs = 10_000;
const readAtOnce = 500;

/** A kind of entry: where it lies, what it is called, and how one of ours is known. */
interface Kind<Entry> {
  key(name: string): string;
  /** What all keys of this kind are. */
  keys: string;
  nameOf(entry: Entry): string;
  isOurs(value: unknown): value is Entry;
}

const typeKind: Kind<TypeEntry> = {
  key: (type) => `type.${type}`,
  keys: 'type.*',
  nameOf: ({ type }) => type,
  isOurs: (value): value is TypeEntry =>
    isObject(value) && typeof value['type'] === 'string' && isObject(value['defaults']),
};

/** A kind of which people set something. */
interface SetKind<Entry> extends Kind<Entry> {
  /** What holds where nothing is set. */
  bare(name: string): Entry;
}

const queueKind: SetKind<QueueSettings> = {
  bare: (queue) => ({ queue }),
  key: (queue) => `queue.${queue}`,
  keys: 'queue.*',
  nameOf: ({ queue }) => queue,
  isOurs: (value): value is QueueSettings => isObject(value) && typeof value['queue'] === 'string',
};

const bulkKind: Kind<BulkRecord> = {
  key: (id) => `bulk.${id}`,
  keys: 'bulk.*',
  nameOf: ({ id }) => id,
  isOurs: (value): value is BulkRecord =>
    isObject(value) && typeof value['id'] === 'string' && isObject(value['verb']) && isObject(value['work']),
};

/** A key of the bucket may hold no `*`: for a family it has `=` there, as in `limit.api.=`. */
const limitKind: SetKind<LimitSettings> = {
  bare: (limit) => ({ limit }),
  key: (limit) => `limit.${limit.replace('*', '=')}`,
  keys: 'limit.>',
  nameOf: ({ limit }) => limit,
  isOurs: (value): value is LimitSettings => isObject(value) && typeof value['limit'] === 'string',
};

const tenantKind: SetKind<TenantSettings> = {
  bare: (tenant) => ({ tenant }),
  key: (tenant) => `tenant.${tenant}`,
  keys: 'tenant.*',
  nameOf: ({ tenant }) => tenant,
  isOurs: (value): value is TenantSettings => isObject(value) && typeof value['tenant'] === 'string',
};

const tokenKind: SetKind<TokenRecord> = {
  bare: (token) => ({ token, label: '', scopes: [], keys: [], createdAt: 0 }),
  key: (token) => `token.${token}`,
  keys: 'token.*',
  nameOf: ({ token }) => token,
  isOurs: (value): value is TokenRecord =>
    isObject(value) &&
    typeof value['token'] === 'string' &&
    Array.isArray(value['keys']) &&
    Array.isArray(value['scopes']),
};

const webhookKind: SetKind<WebhookRecord> = {
  bare: (webhook) => ({ webhook, tenant: '', url: '', secret: '', states: [], place: 0, createdAt: 0 }),
  key: (webhook) => `webhook.${webhook}`,
  keys: 'webhook.*',
  nameOf: ({ webhook }) => webhook,
  isOurs: (value): value is WebhookRecord =>
    isObject(value) &&
    typeof value['webhook'] === 'string' &&
    typeof value['tenant'] === 'string' &&
    typeof value['url'] === 'string' &&
    typeof value['place'] === 'number' &&
    Array.isArray(value['states']),
};

const bookmarkKind: SetKind<BookmarkRecord> = {
  bare: (bookmark) => ({ bookmark, cursor: '', savedAt: 0 }),
  key: (bookmark) => `bookmark.${bookmark}`,
  keys: 'bookmark.*',
  nameOf: ({ bookmark }) => bookmark,
  isOurs: (value): value is BookmarkRecord =>
    isObject(value) && typeof value['bookmark'] === 'string' && typeof value['cursor'] === 'string',
};

/** All of them are one entry. */
interface TermList {
  terms: readonly TermRecord[];
}

const termsKind: SetKind<TermList> = {
  bare: () => ({ terms: [] }),
  key: (name) => name,
  keys: 'terms',
  nameOf: () => 'terms',
  isOurs: (value): value is TermList => isObject(value) && Array.isArray(value['terms']),
};

interface Stored<Entry> {
  entry: Entry;
  revision: number;
}

interface Found<Entry> {
  entry?: Entry;
  /** 0 where nothing lies there. */
  revision: number;
}

type Reading<Entry> = (kind: Kind<Entry>, name: string) => Promise<Found<Entry>>;

export class NatsControl implements Control {
  readonly limits: Settings<LimitSettings> = this.#settings(limitKind);
  readonly tenants: Settings<TenantSettings> = this.#settings(tenantKind);
  readonly tokens: Settings<TokenRecord> = this.#settings(tokenKind);
  readonly webhooks: Settings<WebhookRecord> = this.#settings(webhookKind);
  readonly deliverable: Settings<WebhookRecord> = this.#settings(webhookKind, (kind, name) =>
    this.#oneNear(kind, name),
  );
  readonly bookmarks: Settings<BookmarkRecord> = this.#settings(bookmarkKind);
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #clock: Clock;

  constructor({ connection, names, clock }: { connection: NatsConnection; names: Names; clock: Clock }) {
    this.#connection = connection;
    this.#names = names;
    this.#clock = clock;
  }

  async registerType(entry: TypeEntry): Promise<void> {
    await this.#write(typeKind, entry);
  }

  types(): Promise<readonly TypeEntry[]> {
    return this.#all(typeKind);
  }

  watchTypes(onType: (entry: TypeEntry) => void): Promise<Stop> {
    return this.#watch(typeKind, onType);
  }

  changeQueue(queue: string, change: (set: QueueSettings) => QueueSettings): Promise<QueueSettings> {
    return this.#change(queueKind, queue, change);
  }

  queues(): Promise<readonly QueueSettings[]> {
    return this.#all(queueKind);
  }

  watchQueues(onQueue: (settings: QueueSettings) => void): Promise<Stop> {
    return this.#watch(queueKind, onQueue);
  }

  readonly terms: Control['terms'] = {
    all: async () => (await this.#one(termsKind, 'terms')).entry?.terms ?? [],
    change: async (change) => {
      await this.#change(termsKind, 'terms', ({ terms }) => ({ terms: change(terms) }));
    },
  };

  readonly bulk: BulkShelf = {
    write: (operation, expected) => this.#write(bulkKind, operation, expected).catch(undefinedWhereMovedOn),
    read: async (id) => {
      const { entry, revision } = await this.#one(bulkKind, id);
      return entry === undefined ? undefined : { operation: entry, revision };
    },
    list: () => this.#all(bulkKind),
    watch: (onBulk) => this.#watch(bulkKind, onBulk),
    forget: (id, revision) => this.#forget(bulkKind, id, revision),
  };

  #settings<Entry>(kind: SetKind<Entry>, read: Reading<Entry> = (...what) => this.#one(...what)): Settings<Entry> {
    return {
      all: () => this.#all(kind),
      of: async (name) => (await read(kind, name)).entry ?? kind.bare(name),
      change: (name, change) => this.#change(kind, name, change, read),
      watch: (onSet) => this.#watch(kind, onSet),
    };
  }

  async #change<Entry>(
    kind: SetKind<Entry>,
    name: string,
    change: (set: Entry) => Entry,
    read: Reading<Entry> = (...what) => this.#one(...what),
  ): Promise<Entry> {
    for (;;) {
      const { entry = kind.bare(name), revision } = await read(kind, name);
      const changed = change(entry);
      try {
        await this.#write(kind, changed, revision);
        return changed;
      } catch (cause) {
        if (!isFault(cause, 'commit.conflict')) throw cause;
      }
    }
  }

  #subject<Entry>(kind: Kind<Entry>, name: string): string {
    return this.#names.controlSubject(kind.key(name));
  }

  async #write<Entry>(kind: Kind<Entry>, entry: Entry, expected?: number): Promise<number> {
    const expect = expected === undefined ? {} : { expect: { lastSubjectSequence: expected } };
    try {
      const subject = this.#subject(kind, kind.nameOf(entry));
      return (await jetstream(this.#connection).publish(subject, encodeJson(entry), expect)).seq;
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  /** A purge of one key that ends before its next revision. */
  async #forget<Entry>(kind: Kind<Entry>, name: string, revision: number): Promise<void> {
    try {
      const jsm = await jetstreamManager(this.#connection, { checkAPI: false });
      const filter = this.#subject(kind, name);
      await jsm.streams.purge(this.#names.streams.control, { filter, seq: revision + 1 });
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  /** What lies under a name, from the stream's leader; revision 0 where nothing does. */
  async #one<Entry>(kind: Kind<Entry>, name: string): Promise<Found<Entry>> {
    try {
      const jsm = await jetstreamManager(this.#connection, { checkAPI: false });
      const found = await jsm.streams.getMessage(this.#names.streams.control, {
        last_by_subj: this.#subject(kind, name),
      });
      return foundIn(kind, found);
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  /** The same from any replica, which may be behind, on a subject that names the key: who may ask it may ask nothing else. */
  async #oneNear<Entry>(kind: Kind<Entry>, name: string): Promise<Found<Entry>> {
    try {
      const { direct } = await jetstreamManager(this.#connection, { checkAPI: false });
      const ask = { last_by_subj: this.#subject(kind, name) };
      return foundIn(kind, await direct.getMessage(this.#names.streams.control, ask));
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  async #all<Entry>(kind: Kind<Entry>): Promise<readonly Entry[]> {
    return (await this.#allNear(kind)).map(({ entry }) => entry);
  }

  /** From any replica, which may be behind. */
  async #allNear<Entry>(kind: Kind<Entry>): Promise<readonly Stored<Entry>[]> {
    const filter = this.#names.controlSubject(kind.keys);
    const all = new Map<string, Stored<Entry>>();
    let page: readonly StoredMsg[] = [];
    do {
      const seq = (page.at(-1)?.seq ?? 0) + 1;
      const query = { seq, next_by_subj: filter, batch: readAtOnce };
      page = await this.#page(query);
      // What is changed meanwhile comes once more.
      for (const { seq: revision, data } of page)
        for (const entry of entriesIn(kind, data)) all.set(kind.nameOf(entry), { entry, revision });
    } while (hasMore(page, readAtOnce));
    return [...all.values()];
  }

  async #page(query: DirectBatchOptions): Promise<readonly StoredMsg[]> {
    try {
      const jsm = await jetstreamManager(this.#connection, { checkAPI: false });
      return await batchedGet(jsm, this.#names.streams.control, query);
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  async #watch<Entry>(kind: Kind<Entry>, onEntry: (entry: Entry) => void): Promise<Stop> {
    const known = new Map<string, { revision: number; text: string }>();
    const knownOf = (entry: Entry): number => known.get(kind.nameOf(entry))?.revision ?? 0;
    const tell = ({ entry, revision }: Stored<Entry>) => {
      const [name, text] = [kind.nameOf(entry), JSON.stringify(entry)];
      const isNews = known.get(name)?.text !== text;
      known.set(name, { revision, text });
      if (isNews) onEntry(entry);
    };
    const stopListening = await listen(this.#connection, this.#names.controlNews(kind.keys), (message) => {
      const revision = Number(headerReader(message)('Nats-Sequence') ?? 0);
      for (const entry of entriesIn(kind, message.data)) if (revision > knownOf(entry)) tell({ entry, revision });
    });
    const readAll = async () => {
      for (const near of await this.#allNear(kind)) {
        // Older than what is known: that replica is behind, or the bucket was made anew. The leader knows which.
        const isOld = near.revision < knownOf(near.entry);
        const { entry, revision } = isOld ? await this.#one(kind, kind.nameOf(near.entry)) : near;
        if (entry !== undefined) tell({ entry, revision });
      }
    };
    try {
      await readAll();
    } catch (cause) {
      await stopListening();
      throw cause;
    }
    // Where the broker is away, the next turn reads it.
    const stopReading = this.#clock.every(readAgainMs, () => void readAll().catch(() => undefined));
    return async () => {
      stopReading();
      await stopListening();
    };
  }
}

function foundIn<Entry>(kind: Kind<Entry>, message: { seq: number; data: Uint8Array } | null): Found<Entry> {
  if (message === null) return { revision: 0 };
  const [entry] = entriesIn(kind, message.data);
  return { revision: message.seq, ...(entry === undefined ? {} : { entry }) };
}

function undefinedWhereMovedOn(cause: unknown): undefined {
  if (!isFault(cause, 'commit.conflict')) throw cause;
  return undefined;
}

/** The entry that a message holds; none where it was removed, or is no entry of ours. */
function entriesIn<Entry>(kind: Kind<Entry>, data: Uint8Array): readonly Entry[] {
  try {
    const entry = decodeJson<unknown>(data);
    return kind.isOurs(entry) ? [entry] : [];
  } catch {
    return [];
  }
}
