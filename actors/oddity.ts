/**
 * Keys of the bucket of jobs whose newest write no process of ours can have made: it has no head, or the broker keeps it
 * for the wrong time.
 *
 * A follower cannot tell what such a write means, so it stands here until the leader's patrol has read it. Whoever
 * stands by keeps it too, so that a new leader knows at once. Keys that begin with `_` are ours and no jobs.
 */

export type Oddity = 'no head' | 'kept for the wrong time';

export class Oddities {
  readonly #found = new Map<string, { revision: number; what: Oddity }>();

  *entries(): Iterable<[key: string, revision: number, what: Oddity]> {
    for (const [key, { revision, what }] of this.#found) yield [key, revision, what];
  }

  keys(): readonly string[] {
    return [...this.#found.keys()];
  }

  /** The revision of the odd write; `undefined` where the key is not odd. */
  at(key: string): number | undefined {
    return this.#found.get(key)?.revision;
  }

  /** What is odd about the key as it was written at `revision`, or ever. */
  of(key: string, revision = this.at(key)): Oddity | undefined {
    const found = this.#found.get(key);
    return found?.revision === revision ? found?.what : undefined;
  }

  /** `false` where that is no news. */
  note(key: string, revision: number, what: Oddity): boolean {
    const isNews = !key.startsWith('_') && revision > (this.at(key) ?? 0);
    if (isNews) this.#found.set(key, { revision, what });
    return isNews;
  }

  /** The key has been written as it must be at `revision`, or been dealt with. */
  clear(key: string, revision = Number.POSITIVE_INFINITY): void {
    if (revision > (this.at(key) ?? Number.POSITIVE_INFINITY)) this.#found.delete(key);
  }

  forget(): void {
    this.#found.clear();
  }
}
