/**
 * Things of which the first is wanted, again and again, while they come, go and change: a binary heap that knows where
 * each of them is.
 *
 * To look at the first costs nothing, any change the logarithm of how many there are. Walked in order it shows one after
 * the other without being changed, and works out no more of the order than is asked for.
 */

export class Heap<Item> {
  readonly #isBefore: (one: Item, other: Item) => boolean;
  readonly #items: Item[] = [];
  readonly #at: Map<Item, number> | undefined;

  /** @param isTracked whether it must know where each is: to change or remove any but the first. */
  constructor(isBefore: (one: Item, other: Item) => boolean, { isTracked = true } = {}) {
    this.#isBefore = isBefore;
    this.#at = isTracked ? new Map() : undefined;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  add(item: Item): void {
    this.#up(item, this.#items.length);
  }

  remove(item: Item): void {
    const at = this.#placeOf(item);
    if (at !== undefined) this.#removeAt(at, item);
  }

  /** `item` has changed, or is new, or is to be here no more. */
  settle(item: Item, isHere = true): void {
    const at = this.#placeOf(item);
    if (at === undefined) {
      if (isHere) this.add(item);
    } else if (isHere) this.#settle(item, at);
    else this.#removeAt(at, item);
  }

  /** The first, taken out. */
  shift(): Item | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.#removeAt(0, first);
    return first;
  }

  /** In no order. */
  [Symbol.iterator](): Iterator<Item> {
    return this.#items[Symbol.iterator]();
  }

  /** In order. Must not be changed while it is walked. */
  *inOrder(): Generator<Item, undefined> {
    const items = this.#items;
    const isBefore = (one: number, other: number) => {
      const [a, b] = [items[one], items[other]];
      return a !== undefined && b !== undefined && this.#isBefore(a, b);
    };
    const next = new Heap<number>(isBefore, { isTracked: false });
    if (items.length > 0) next.add(0);
    for (let at = next.shift(); at !== undefined; at = next.shift()) {
      const item = items[at];
      if (item !== undefined) yield item;
      for (const below of [2 * at + 1, 2 * at + 2]) if (below < items.length) next.add(below);
    }
    return undefined;
  }

  #placeOf(item: Item): number | undefined {
    if (this.#at !== undefined) return this.#at.get(item);
    return this.#items[0] === item && this.#items.length > 0 ? 0 : undefined;
  }

  #removeAt(at: number, item: Item): void {
    const last = this.#items.pop();
    this.#at?.delete(item);
    if (last !== undefined && at < this.#items.length) this.#settle(last, at);
  }

  #settle(item: Item, at: number): void {
    if (this.#up(item, at) === at) this.#down(item, at);
  }

  /** Puts `item` at `at` or above; returns where it came to be. */
  #up(item: Item, at: number): number {
    let place = at;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const there = this.#items[above];
      if (there === undefined || !this.#isBefore(item, there)) break;
      this.#put(there, place);
      place = above;
    }
    this.#put(item, place);
    return place;
  }

  #down(item: Item, at: number): void {
    let place = at;
    for (;;) {
      const below = this.#firstBelow(place);
      const there = this.#items[below];
      if (there === undefined || !this.#isBefore(there, item)) break;
      this.#put(there, place);
      place = below;
    }
    this.#put(item, place);
  }

  #firstBelow(at: number): number {
    const [left, right] = [this.#items[2 * at + 1], this.#items[2 * at + 2]];
    return left !== undefined && right !== undefined && this.#isBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
  }

  #put(item: Item, at: number): void {
    this.#items[at] = item;
    this.#at?.set(item, at);
  }
}
