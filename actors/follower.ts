/**
 * Keeps a picture of the bucket of jobs complete: the feed for speed, the stream for truth.
 *
 * The feed is core messages: fast and lossy. Every write of the stream appears on it under the next sequence, so a jump
 * is a gap, and a gap is fetched from the stream. Silence proves nothing, so after 500 ms of it (a leader renews its
 * lease every 200) the stream is asked for its last sequence.
 *
 * A stream with another birthday or a smaller sequence than we have seen was rolled back: everything is forgotten and
 * read anew. A broker that was started anew may have rolled back and have gone on since, beyond where we are, and its
 * revisions then stand for other writes; nothing in the stream would show that. So with another broker everything is
 * read anew in any case, and until then the picture is not known to be complete.
 *
 * Whoever keeps the picture lets the newest revision of a key win, and forgets settled jobs. So nothing older than what
 * was told is ever applied: it would bring a settled job back. What comes late on the feed is left to the stream, too.
 *
 * A start need not read everything: where the picture was saved not long ago (`saver.ts`), that and what happened since
 * are the same. A job of the saved picture counts only where nothing is told of it since, whatever that is.
 *
 * The picture is proven complete by each message that joins what is complete, and by the stream's own last sequence.
 * `behindMs` says how long ago that was.
 */

import { isSettled } from '../machines/job.ts';
import { type Cancel, type Clock, pause } from '../runtime/clock.ts';
import type { Change, Feed, Head, JobStore, Stop } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import { patientlyAtStart } from './patience.ts';

/** A picture that was saved, and what it tells by key. */
export interface Saved {
  /** All up to here is in it, and some of what came later may be. */
  revision: number;
  changes: Map<string, Change>;
}

/** Up to where a picture is complete, and since when. */
export interface Place {
  createdAt: number;
  revision: number;
  behindMs: number;
  /** Another one: the picture has been made anew since. */
  life: number;
}

const silenceMs = 500;

export interface FollowerOptions {
  store: JobStore;
  feed: Feed;
  clock: Clock;
  telemetry: Telemetry;
  apply: (change: Change) => void;
  /** Everything known is void; what follows is the whole picture again. */
  forget: () => void;
  /** The picture that was saved last of the stream that was created then, where there is one to be used. */
  saved?: (createdAt: number) => Promise<Saved | undefined>;
}

export class Follower {
  readonly #options: FollowerOptions;
  /** Everything up to here has been applied. */
  #complete = 0;
  /** The newest revision seen on the feed, and where the unbroken run that led to it began. */
  #newest = 0;
  #runFrom = 0;
  #createdAt = 0;
  /** The broker from which the picture is. */
  #broker = '';
  /** Jobs that the feed told to have settled while the stream was being read, which may still tell of before. */
  readonly #settledMeanwhile = new Map<string, number>();
  #heardAt = 0;
  /** Something came late on the feed, or a stream that was made anew tells of its beginning. */
  #isInDoubt = false;
  #provenAt = 0;
  #mending: Promise<void> | undefined;
  /** Counts the reloads: what was being read before one is void. */
  #life = 0;
  #stopped = false;
  #loaded = false;
  #stopFeed: Stop = async () => {};
  #stopWatch: Cancel = () => {};
  #waiting: { revision: number; resolve: () => void }[] = [];

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Resolves when the whole picture has been read. */
  async start(): Promise<void> {
    const { feed, clock, store, telemetry } = this.#options;
    const startedAt = clock.mono();
    this.#stopFeed = await feed.follow((change) => this.#heard(change));
    this.#broker = store.broker();
    this.#createdAt = (await patientlyAtStart(() => store.state(), clock)).createdAt;
    const saved = await this.#options.saved?.(this.#createdAt);
    await this.#mend(saved);
    this.#loaded = true;
    telemetry.tell('picture.complete', {
      revision: this.#complete,
      saved: saved?.changes.size ?? 0,
      ms: clock.mono() - startedAt,
    });
    this.#heardAt = clock.mono();
    this.#stopWatch = clock.every(silenceMs / 2, () => void this.#watch());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopWatch();
    await this.#stopFeed();
  }

  place(): Place {
    return { createdAt: this.#createdAt, revision: this.#complete, behindMs: this.behindMs(), life: this.#life };
  }

  /** How long ago the picture was last known to be complete, ms. */
  behindMs(): number {
    if (this.#isOfAnotherBroker()) return Number.POSITIVE_INFINITY;
    return this.#options.clock.mono() - this.#provenAt;
  }

  /** Resolves when everything up to `revision` has been applied. */
  caughtUp(revision: number): Promise<void> {
    if (this.#complete >= revision) return Promise.resolve();
    void this.#mend();
    return new Promise((resolve) => this.#waiting.push({ revision, resolve }));
  }

  /**
   * Takes over the head of a record that this process has just stored, so that nobody waits for the feed. What the
   * feed has told already is old: the job may have settled since, and would stand on the board again as a ghost.
   */
  own(head: Head): void {
    if (!this.#isTold(head.revision)) this.#applyUnlessSettled({ kind: 'job', head });
  }

  #heard(change: Change): void {
    if (this.#loaded && this.#isOfAnotherBroker()) return this.#reload(this.#createdAt);
    const revision = revisionOf(change);
    if (revision < this.#newest) this.#isInDoubt = true;
    if (revision < this.#newest || this.#isTold(revision)) return;
    this.#heardAt = this.#options.clock.mono();
    if (this.#mending !== undefined && change.kind === 'job' && isSettled(change.head.state))
      this.#settledMeanwhile.set(change.head.key, revision);
    this.#options.apply(change);
    if (revision !== this.#newest + 1) this.#runFrom = revision;
    this.#newest = revision;
    if (this.#loaded) this.#join();
  }

  /** Whether the feed, or a reading of the stream, has told what happened at `revision`. */
  #isTold(revision: number): boolean {
    return revision <= this.#complete || (revision >= this.#runFrom && revision <= this.#newest);
  }

  #applyUnlessSettled(change: Change): void {
    if (change.kind === 'job' && (this.#settledMeanwhile.get(change.head.key) ?? 0) > change.head.revision) return;
    this.#options.apply(change);
  }

  /** Where the unbroken run of the feed meets what is complete, all of the run is; else there is a gap. */
  #join(): void {
    if (this.#isOfAnotherBroker()) return this.#reload(this.#createdAt);
    if (this.#newest <= this.#complete || this.#mending !== undefined) return;
    if (this.#runFrom <= this.#complete + 1) return this.#completeTo(this.#newest, this.#heardAt);
    this.#options.telemetry.tell('feed.gap', { from: this.#complete + 1, to: this.#runFrom - 1 });
    void this.#mend();
  }

  /** All up to `revision` has been applied, and that was all that there was at the moment `at`. */
  #completeTo(revision: number, at: number): void {
    this.#provenAt = Math.max(this.#provenAt, at);
    if (revision > this.#complete) this.#complete = revision;
    if (this.#waiting.length === 0) return;
    const ready = this.#waiting.filter((waiter) => waiter.revision <= this.#complete);
    this.#waiting = this.#waiting.filter((waiter) => waiter.revision > this.#complete);
    for (const waiter of ready) waiter.resolve();
  }

  /** Reads everything after the last complete revision from the stream, or after that of a saved picture. */
  #mend(saved?: Saved): Promise<void> {
    this.#mending ??= this.#fetch(saved)
      .catch(() => pause(this.#options.clock, 100))
      .finally(() => {
        this.#mending = undefined;
        this.#settledMeanwhile.clear();
        if (this.#loaded && !this.#stopped) this.#join();
      });
    return this.#mending;
  }

  async #fetch(saved?: Saved): Promise<void> {
    const life = this.#life;
    const askedAt = this.#options.clock.mono();
    const { lastRevision } = await this.#options.store.state();
    for await (const change of this.#options.store.changesAfter(saved?.revision ?? this.#complete)) {
      if (life !== this.#life || this.#stopped) return;
      saved?.changes.delete(keyOf(change));
      this.#applyUnlessSettled(change);
    }
    // What was read of two brokers may not fit together.
    if (life !== this.#life || this.#isOfAnotherBroker()) return;
    for (const change of saved?.changes.values() ?? []) this.#applyUnlessSettled(change);
    this.#completeTo(lastRevision, askedAt);
  }

  async #watch(): Promise<void> {
    const { clock, store } = this.#options;
    if (this.#isOfAnotherBroker()) return this.#reload(this.#createdAt);
    const isSilent = clock.mono() - this.#heardAt >= silenceMs;
    if (!(isSilent || this.#isInDoubt) || this.#mending !== undefined) return;
    // An answer that was long under way tells of then: only what was complete when it was asked for can be missing.
    const complete = this.#complete;
    const askedAt = clock.mono();
    const state = await store.state().catch(() => undefined);
    if (state === undefined || this.#mending !== undefined) return;
    this.#heardAt = clock.mono();
    this.#isInDoubt = false;
    if (state.createdAt !== this.#createdAt || state.lastRevision < complete) this.#reload(state.createdAt);
    else if (state.lastRevision > this.#complete) {
      this.#options.telemetry.tell('feed.gap', { from: this.#complete + 1, to: state.lastRevision });
      await this.#mend();
    } else this.#completeTo(this.#complete, askedAt);
  }

  #isOfAnotherBroker(): boolean {
    return this.#options.store.broker() !== this.#broker;
  }

  #reload(createdAt: number): void {
    this.#options.telemetry.tell('feed.reloaded', { lastRevision: this.#complete });
    this.#createdAt = createdAt;
    this.#broker = this.#options.store.broker();
    this.#isInDoubt = false;
    this.#provenAt = Number.NEGATIVE_INFINITY;
    this.#life++;
    this.#settledMeanwhile.clear();
    this.#complete = 0;
    this.#newest = 0;
    this.#runFrom = 0;
    this.#options.forget();
    void this.#mend();
  }
}

export function revisionOf(change: Change): number {
  return change.kind === 'job' ? change.head.revision : change.revision;
}

/** What a change is of. */
export function keyOf(change: Change): string {
  if (change.kind === 'lease') return '_leader';
  return change.kind === 'other' ? change.key : change.head.key;
}
