/**
 * Puts the transitions of all jobs into one order, in which whoever was away can go on where they stopped.
 *
 * The idea. A record carries its last transitions, and each says by which write it was stored (`Transition.revision`). So
 * (revision, n) is a place in one order of all transitions of all jobs, the same for whoever looks, and a listener needs to
 * remember nothing but the place of the last one that it was told. The stream keeps the newest record of each key only; what
 * was written over is not lost, since the next record of that job carries it along. Read from a place to the end, then, the
 * records hold everything that happened since, though not in its order: what was stored at 17 may come with a record at 90.
 *
 *     stored at      17    18    19    20            told
 *     in the stream   ·    b:1    ·    a:1,2,3  ──▶  a:1 (17)  b:1 (18)  a:2 (19)  a:3 (20)
 *
 * The rule. What was read is held back until a record comes behind which there was nothing more when it was handed over
 * (`isNewest`). Then each job's newest record has been read: one that moved on meanwhile was read where it went. So all that was
 * stored up to there is in hand; it is put in order and told, and each place is one from which it can be gone on: everything
 * before it was told, nothing behind it. On a quiet stream every record is the newest, and nothing is held back.
 *
 * Where more comes than can be held (`pagesAtMost`), it is told as it is read, without places, until the end is reached. A
 * listener that is cut off in that stretch goes on from the last place it was told, and hears some of it again: (job, n) names a
 * transition, so that it can be known. It never misses any.
 *
 * What cannot be told is said to be missing: transitions that a record has dropped, for it keeps forty; a record that was removed
 * by hand, or that only a newer version reads. That jobs were forgotten leaves no trace, so that is for whoever opens the
 * listening to say, as it is for a stream that was rolled back (`cluster/job-events.ts`).
 *
 * Writers of older versions, and strangers that follow only the first lines of `docs/protocol.md`, do not say by which write a
 * transition was stored; it is then taken for one of the write it was read from. Of the jobs that it heard of last a listener
 * knows the number of the last transition, and is not told twice; across a resume it may be.
 */

import type { Page } from '../runtime/ports.ts';
import { type JobRecord, lastTransition, type Transition } from '../runtime/record.ts';

/** Where the order goes on: with transition `n + 1` of the write `revision`, all before it being told. */
export interface Place {
  revision: number;
  n: number;
}

/** A transition that says by which write it was stored. */
export type StoredTransition = Transition & { revision: number };

/** Why something is missing: dropped from a record that keeps forty; removed by hand; of a newer version. */
export type JobGap = 'dropped' | 'removed' | 'unreadable';

export type News =
  | { kind: 'transition'; key: string; record: JobRecord; transition: StoredTransition }
  /** Of this job, between these revisions: at most so many, where that is known. */
  | { kind: 'gap'; key: string; record?: JobRecord; why: JobGap; from: number; to: number; atMost?: number };

export interface Told {
  news: News;
  /** Where it goes on behind it; absent where that is not known yet. */
  next?: Place;
}

export interface ChronicleBounds {
  /** So many records are held back at most. */
  pagesAtMost?: number;
  /** Of so many jobs is known what was told last; no fewer than are held back. */
  knownAtMost?: number;
}

interface Known {
  n: number;
  revision: number;
  createdAt: number;
}

interface Held {
  news: News;
  at: Place;
}

export class Chronicle {
  readonly #pagesAtMost: number;
  readonly #knownAtMost: number;
  #place: Place;
  readonly #known = new Map<string, Known>();
  #held: Held[] = [];
  #pages = 0;

  constructor(place: Place, { pagesAtMost = 20_000, knownAtMost = 50_000 }: ChronicleBounds = {}) {
    this.#place = place;
    this.#pagesAtMost = pagesAtMost;
    this.#knownAtMost = knownAtMost;
  }

  /** All before it has been told. */
  get place(): Place {
    return this.#place;
  }

  /** Takes what lies under a key, in the order of the stream; what is to be told now. */
  take(page: Page, isNewest: boolean): readonly Told[] {
    this.#pages++;
    this.#held.push(...this.#newsIn(page));
    const isInOrder = this.#pages <= this.#pagesAtMost;
    if (!isNewest && isInOrder) return [];
    const held = this.#held
      .splice(0)
      .sort((one, other) => one.at.revision - other.at.revision || one.at.n - other.at.n);
    if (!isNewest) return held.map(({ news }) => ({ news }));
    this.#place = { revision: page.revision + 1, n: 0 };
    this.#pages = 0;
    return held.map(({ news, at }, place) => {
      if (isInOrder) return { news, next: at };
      return place === held.length - 1 ? { news, next: this.#place } : { news };
    });
  }

  #newsIn(page: Page): readonly Held[] {
    switch (page.kind) {
      case 'record':
        return this.#newsOf(page.key, page);
      case 'removed':
      case 'unreadable':
        return page.key.startsWith('_') ? [] : this.#without(page.key, page.kind, page.revision);
      default:
        return [];
    }
  }

  #newsOf(key: string, { record, revision }: { record: JobRecord; revision: number }): readonly Held[] {
    const known = this.#knownOf(key, record);
    const unheard = record.transitions
      .map((each): StoredTransition => ({ ...each, revision: each.revision ?? revision }))
      .filter((each) => this.#isAhead(each) && each.n > (known?.n ?? 0));
    this.#know(key, { n: lastTransition(record), revision, createdAt: record.createdAt });
    const [first] = unheard;
    const dropped = first === undefined ? 0 : first.n - 1 - (known?.n ?? 0);
    const news = unheard.map((transition) => ({
      news: { kind: 'transition' as const, key, record, transition },
      at: transition,
    }));
    // Of a job that is not known, the first one that is kept may be the first that was not told.
    if (first === undefined || dropped === 0 || first.n !== record.transitions[0]?.n) return news;
    const from = known?.revision ?? this.#place.revision;
    const gap: News = { kind: 'gap', key, record, why: 'dropped', from, to: first.revision, atMost: dropped };
    return [{ news: gap, at: { revision: first.revision, n: first.n - 1 } }, ...news];
  }

  #without(key: string, why: JobGap, revision: number): readonly Held[] {
    const from = this.#known.get(key)?.revision ?? this.#place.revision;
    this.#known.delete(key);
    return [{ news: { kind: 'gap', key, why, from, to: revision }, at: { revision, n: 0 } }];
  }

  #isAhead({ revision, n }: StoredTransition): boolean {
    return revision > this.#place.revision || (revision === this.#place.revision && n > this.#place.n);
  }

  /** Another job may have been made under the key of one that was forgotten. */
  #knownOf(key: string, { createdAt }: JobRecord): Known | undefined {
    const known = this.#known.get(key);
    return known?.createdAt === createdAt ? known : undefined;
  }

  #know(key: string, known: Known): void {
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size <= this.#knownAtMost) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
