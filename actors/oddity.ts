/**
 * Keys of the bucket of jobs whose newest write has no head: no process of ours wrote them.
 *
 * A follower cannot tell what such a write means, so it stands here until the leader's patrol has read it. Whoever
 * stands by keeps it too, so that a new leader knows at once. Keys that begin with `_` are ours and no jobs.
 */
export class Oddities {
  readonly #revisions = new Map<string, number>();

  entries(): Iterable<[key: string, revision: number]> {
    return this.#revisions.entries();
  }

  keys(): readonly string[] {
    return [...this.#revisions.keys()];
  }

  /** The revision of the write without a head; `undefined` where the key is not odd. */
  at(key: string): number | undefined {
    return this.#revisions.get(key);
  }

  /** `false` where that is no news. */
  note(key: string, revision: number): boolean {
    const isNews = !key.startsWith('_') && revision > (this.#revisions.get(key) ?? 0);
    if (isNews) this.#revisions.set(key, revision);
    return isNews;
  }

  /** The key has been written with a head at `revision`, or been dealt with. */
  clear(key: string, revision = Number.POSITIVE_INFINITY): void {
    if (revision > (this.#revisions.get(key) ?? Number.POSITIVE_INFINITY)) this.#revisions.delete(key);
  }

  forget(): void {
    this.#revisions.clear();
  }
}
