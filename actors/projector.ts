/**
 * Fills the view from the stream of jobs: takes bites of it, each from where the last one ended to where the stream ends.
 *
 * The stream keeps the newest of each key, so a bite has each job once, however often it moved since the last one, and whoever
 * begins at its beginning has all. Nothing can be missed in between, so there is no gap to be mended. A stream with another
 * birthday or a smaller end was rolled back, and a broker that was started anew may have been: then the view is made anew, as
 * it is where it cannot be written, or has more jobs than the stream has keys, since jobs that are forgotten leave no trace.
 *
 * `age` says how old it is. Whoever asks for what is later than that has the next bite taken at once.
 */

import { type Cancel, type Clock, pause } from '../runtime/clock.ts';
import { messageOf } from '../runtime/faults.ts';
import type { Books, JobStore, Page, StoreState } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { Shelf, ViewAge } from '../runtime/view.ts';

export interface ProjectorOptions {
  store: Pick<JobStore, 'state' | 'broker'>;
  books: Pick<Books, 'pages'>;
  shelf: Shelf;
  clock: Clock;
  telemetry: Telemetry;
}

const everyMs = 1_000;
const betweenMs = 20;
const pagesAtOnce = 250;

export class Projector {
  readonly #options: ProjectorOptions;
  #createdAt = 0;
  #broker = '';
  #revision = 0;
  #last = 0;
  #provenAt = Number.NEGATIVE_INFINITY;
  #isBuilding = true;
  /** Why it is made anew, once that is called for. */
  #isVoid: string | undefined = 'it begins';
  #biting: Promise<void> | undefined;
  #stopped = false;
  #stopTicking: Cancel = () => {};

  constructor(options: ProjectorOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#bite();
    this.#stopTicking = this.#options.clock.every(everyMs, () => void this.#bite());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopTicking();
    await this.#biting;
  }

  age(): ViewAge {
    return {
      revision: this.#revision,
      behindBy: Math.max(0, this.#last - this.#revision),
      behindMs: Math.round(this.#options.clock.mono() - this.#provenAt),
      isBuilding: this.#isBuilding,
    };
  }

  /** Resolves when all up to `revision` is in it, or after `withinMs`. */
  async caughtUp(revision: number, withinMs: number): Promise<void> {
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const giveUp = clock.after(withinMs, resolve);
    const until = clock.mono() + withinMs;
    while (this.#isShortOf(revision) && clock.mono() < until && !this.#stopped) {
      await Promise.race([this.#bite(), promise]);
      if (this.#isShortOf(revision)) await Promise.race([pause(clock, betweenMs), promise]);
    }
    giveUp();
  }

  #isShortOf(revision: number): boolean {
    return this.#isBuilding || this.#revision < revision || this.#options.store.broker() !== this.#broker;
  }

  /** One at a time. */
  #bite(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#biting ??= this.#take()
      .catch((cause) => this.#failed(cause))
      .finally(() => {
        this.#biting = undefined;
      });
    return this.#biting;
  }

  /** A broker that is away comes back; what cannot be written is made anew. */
  async #failed(cause: unknown): Promise<void> {
    this.#options.telemetry.tell('process.failed', { what: 'the view', error: messageOf(cause) });
    if (cause instanceof Error && 'errcode' in cause) this.#isVoid = messageOf(cause);
    await pause(this.#options.clock, 100);
  }

  async #take(): Promise<void> {
    const { store, books, shelf, clock } = this.#options;
    const askedAt = clock.mono();
    const broker = store.broker();
    const state = await store.state();
    this.#last = state.lastRevision;
    this.#isVoid ??= this.#isOfAnother(state, broker);
    if (this.#isVoid !== undefined) this.#beginAnew(state, broker);
    let pages: Page[] = [];
    for await (const page of books.pages({ after: this.#revision, through: state.lastRevision })) {
      if (this.#stopped) return;
      pages.push(page);
      if (pages.length < pagesAtOnce) continue;
      this.#keep(pages);
      pages = [];
      await new Promise<void>((resolve) => clock.endOfTurn(resolve));
    }
    this.#keep(pages);
    // What was read of two brokers may not fit together.
    if (store.broker() !== broker) return;
    this.#revision = Math.max(this.#revision, state.lastRevision);
    this.#provenAt = askedAt;
    if (this.#isBuilding)
      this.#options.telemetry.tell('view.complete', { jobs: shelf.size(), revision: this.#revision });
    this.#isBuilding = false;
    shelf.expire(clock.now());
    if (shelf.size() > state.keys && state.lastRevision === this.#revision) this.#isVoid = 'jobs were forgotten';
  }

  #keep(pages: readonly Page[]): void {
    const last = pages.at(-1);
    if (last === undefined) return;
    this.#options.shelf.take(pages);
    this.#revision = Math.max(this.#revision, last.revision);
  }

  #isOfAnother(state: StoreState, broker: string): string | undefined {
    if (state.createdAt !== this.#createdAt) return 'the stream is another one';
    if (state.lastRevision < this.#revision) return 'the stream was rolled back';
    return broker === this.#broker ? undefined : 'the broker was started anew';
  }

  #beginAnew({ createdAt }: StoreState, broker: string): void {
    this.#options.shelf.empty();
    this.#createdAt = createdAt;
    this.#broker = broker;
    this.#revision = 0;
    this.#isBuilding = true;
    this.#isVoid = undefined;
  }
}
