/**
 * One reading of the stream of jobs for all who listen in a process, so that a record is decoded once however many do.
 *
 * Who comes with a place reads on by themselves first, for their own tenant and at their own pace. When they have come to the
 * end (`isNewest`), nothing behind it is theirs alone, and they join: what all read from then on is kept for a while, and each
 * goes through it at their own pace. Who is so slow that it is gone is cut off, with a fault, and begins again from their place.
 * So is everybody when the common reading breaks off.
 *
 * Why joining at the end misses nothing, though the two readings may lie with two brokers: at its end the own one has read the
 * newest of every key up to there, and that is the same in every replica. A page of another tenant is never handed on, but that
 * nothing was behind it is: it is told without the page.
 */

import { Fault } from '../runtime/faults.ts';
import type { Tail, TailedPage, TailOptions } from '../runtime/ports.ts';
import { readKey } from './names.ts';

const keptPages = 250;

export class SharedTail implements Tail {
  readonly #tail: Tail;
  readonly #keeps: number;
  #common: Common | undefined;

  constructor(tail: Tail, { keeps = keptPages }: { keeps?: number } = {}) {
    this.#tail = tail;
    this.#keeps = keeps;
  }

  async *read(options: TailOptions): AsyncGenerator<TailedPage> {
    // Of one job there is little to read, and of all there may be much.
    if (options.id !== undefined) return yield* this.#tail.read(options);
    let at = options.after;
    for await (const tailed of this.#tail.read(options)) {
      yield tailed;
      at = tailed.page.revision;
      if (tailed.isNewest && this.#isCommonFrom(at)) break;
    }
    if (options.signal?.aborted === true) return;
    const common = this.#common ?? this.#begin(at);
    try {
      yield* common.after(at, options);
    } finally {
      if (common.leave() === 0 && this.#common === common) this.#common = undefined;
    }
  }

  /** Whether all that comes behind a revision is read by all, or may be from now on. */
  #isCommonFrom(revision: number): boolean {
    const { isOver, from } = this.#common ?? { isOver: true, from: 0 };
    if (isOver) this.#common = undefined;
    return this.#common === undefined || from <= revision;
  }

  #begin(after: number): Common {
    this.#common = new Common(this.#tail, { after, keeps: this.#keeps });
    return this.#common;
  }
}

/** A reading until it breaks off, or the last one leaves. */
class Common {
  readonly #keeps: number;
  readonly #left = new AbortController();
  #listeners = 0;
  #pages: TailedPage[] = [];
  /** How many pages came before those that are kept. */
  #gone = 0;
  #failure: unknown;
  #wakes = new Set<() => void>();
  /** Everything behind this revision that has come is kept. */
  from: number;
  isOver = false;

  constructor(tail: Tail, { after, keeps }: { after: number; keeps: number }) {
    this.from = after;
    this.#keeps = keeps;
    void this.#read(tail.read({ after, signal: this.#left.signal }));
  }

  async #read(pages: AsyncIterable<TailedPage>): Promise<void> {
    try {
      for await (const tailed of pages) this.#keep(tailed);
    } catch (cause) {
      this.#failure = cause;
    }
    this.isOver = true;
    this.#ring();
  }

  #keep(tailed: TailedPage): void {
    this.#pages.push(tailed);
    if (this.#pages.length > 2 * this.#keeps) {
      const dropped = this.#pages.splice(0, this.#keeps);
      this.#gone += dropped.length;
      this.from = dropped.at(-1)?.page.revision ?? this.from;
    }
    this.#ring();
  }

  #ring(): void {
    const wakes = this.#wakes;
    this.#wakes = new Set();
    for (const wake of wakes) wake();
  }

  /** @throws {Fault} `broker.unavailable` where it was slower than what is kept; what the reading broke off with. */
  async *after(revision: number, { tenant, signal }: TailOptions): AsyncGenerator<TailedPage> {
    this.#listeners++;
    if (this.from > revision) throw tooSlow();
    let next = this.#gone + this.#pages.filter(({ page }) => page.revision <= revision).length;
    while (signal?.aborted !== true) {
      if (next < this.#gone) throw tooSlow();
      const tailed = this.#pages[next - this.#gone];
      if (tailed !== undefined) {
        next++;
        const own = ownOf(tailed, tenant);
        if (own !== undefined) yield own;
      } else if (this.isOver) throw this.#failure ?? tooSlow();
      else await this.#news(signal);
    }
  }

  #news(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakes.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /** How many are left. */
  leave(): number {
    if (--this.#listeners === 0) this.#left.abort();
    return this.#listeners;
  }
}

function ownOf(tailed: TailedPage, tenant: string | undefined): TailedPage | undefined {
  const { key, revision } = tailed.page;
  if (tenant === undefined || readKey(key).tenant === tenant) return tailed;
  return tailed.isNewest ? { page: { kind: 'reserved', key: '_', revision }, isNewest: true } : undefined;
}

function tooSlow(): Fault {
  return new Fault('broker.unavailable', 'What this listener has not taken yet is kept no more. It is read again.');
}
