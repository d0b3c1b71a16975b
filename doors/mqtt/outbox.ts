/**
 * Tells an outside MQTT broker the events of jobs, in their order, each until that broker has acknowledged it.
 *
 * How far all is acknowledged is kept as a bookmark at our cluster, so the next process goes on there. What was sent and not yet
 * acknowledged when a connection died is sent again over the next one; what was acknowledged and not yet in the bookmark when this
 * process died, again by the next. So nothing is lost, and what comes twice is known by job and number of the transition.
 * Only so much is under way at once; the rest waits in the stream of jobs.
 */

import { rest } from '../../cluster/pace.ts';
import type { JobEvent, JobEvents } from '../../sdk/index.ts';

/** How far the events are told. */
export interface Bookmark {
  read(): Promise<string | undefined>;
  save(cursor: string): Promise<void>;
}

export interface OutboxOptions {
  /** Events behind a cursor; from now on without one. */
  events(after: string | undefined, signal: AbortSignal): Promise<JobEvents>;
  bookmark: Bookmark;
  /** What an event is told as; nothing where nobody wants it. */
  wording(event: JobEvent): Words | undefined;
  /** Calls back once the broker there has it, and never where the connection dies before. */
  send(words: Words, acknowledged: () => void): void;
  say(sentence: string): void;
}

export interface Words {
  topic: string;
  said: unknown;
}

interface Entry {
  words: Words | undefined;
  cursor: string | undefined;
  isDone: boolean;
}

const atOnce = 256;
const againMs = 1_000;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #ending: AbortController;
  /** In their order; the first one is not done. */
  readonly #entries: Entry[] = [];
  #isConnected = false;
  #done: string;
  #saved: string;
  #saving: Promise<void> | undefined;
  #hasMoved = Promise.withResolvers<void>();
  #reading: Promise<void> = Promise.resolve();

  private constructor(options: OutboxOptions, { cursor, ending }: { cursor: string; ending: AbortController }) {
    this.#options = options;
    this.#ending = ending;
    this.#done = cursor;
    this.#saved = cursor;
  }

  /** Resolves when all that happens from then on will be told. @throws {Fault} where our broker cannot be asked. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const { events, bookmark } = options;
    const after = await bookmark.read();
    const ending = new AbortController();
    const opened = await events(after, ending.signal);
    // A process that is killed before the first event has missed what happens from here on.
    if (after === undefined) await bookmark.save(opened.cursor);
    const outbox = new Outbox(options, { cursor: after ?? opened.cursor, ending });
    outbox.#reading = outbox.#readForEver(opened);
    return outbox;
  }

  /** A connection is there: what the former one may have lost goes first. */
  connected(): void {
    this.#isConnected = true;
    for (const entry of this.#entries) this.#send(entry);
  }

  closed(): void {
    this.#isConnected = false;
    this.#wake();
  }

  /** Takes up nothing more, waits for what is under way if it can come, and keeps how far it is done. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#wake();
    await this.#reading;
    while (this.#isConnected && this.#entries.length > 0) await this.#hasMoved.promise;
    await this.#saving;
    await this.#save();
  }

  async #readForEver(events: JobEvents): Promise<void> {
    const { signal } = this.#ending;
    for (let opened = events; !signal.aborted; )
      try {
        for await (const event of opened) await this.#take(event);
      } catch (thrown) {
        this.#options.say(`Events wait to be told: ${whyOf(thrown)}`);
        await rest(againMs, signal);
        opened = await this.#again(opened);
      }
  }

  async #again(events: JobEvents): Promise<JobEvents> {
    const { signal } = this.#ending;
    return signal.aborted ? events : await this.#options.events(events.cursor, signal).catch(() => events);
  }

  async #take(event: JobEvent): Promise<void> {
    const words = this.#options.wording(event);
    const entry = { words, cursor: event.cursor, isDone: words === undefined };
    this.#entries.push(entry);
    this.#send(entry);
    this.#settle();
    while (this.#entries.length >= atOnce && !this.#ending.signal.aborted) await this.#hasMoved.promise;
  }

  #send(entry: Entry): void {
    const { words } = entry;
    if (!this.#isConnected || entry.isDone || words === undefined) return;
    this.#options.send(words, () => {
      entry.isDone = true;
      this.#settle();
    });
  }

  #settle(): void {
    for (let [first] = this.#entries; first?.isDone === true; [first] = this.#entries) {
      this.#entries.shift();
      this.#done = first.cursor ?? this.#done;
    }
    this.#wake();
    this.#saving ??= this.#save().finally(() => (this.#saving = undefined));
  }

  /** One at a time, and the newest only. */
  async #save(): Promise<void> {
    while (this.#done !== this.#saved) {
      const done = this.#done;
      try {
        await this.#options.bookmark.save(done);
        this.#saved = done;
      } catch (thrown) {
        if (this.#ending.signal.aborted) return;
        this.#options.say(`How far events are told waits to be kept: ${whyOf(thrown)}`);
        await rest(againMs, this.#ending.signal);
      }
    }
  }

  #wake(): void {
    this.#hasMoved.resolve();
    this.#hasMoved = Promise.withResolvers();
  }
}

export function whyOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
