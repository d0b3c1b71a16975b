/**
 * A subject of the memory broker on which nothing is kept: whoever listens hears, whoever does not has missed it.
 */

import type { Stop } from '../ports.ts';
import type { Parcel } from './chaos.ts';
import type { Link } from './link.ts';

/**
 * A value as it comes off a wire, what JSON drops is gone: a copy that nobody can change, so that all who hear it may
 * have the same one. Nothing but this freezes what is carried, so what of it is frozen came off a wire before, and is
 * left as it is. It is not written as text in between, since that costs a simulation twice as much.
 */
export function carried<Value>(value: Value): Value;
export function carried(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : null;
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return carried(value.toJSON());
  return Object.freeze(Array.isArray(value) ? itemsOf(value) : fieldsOf(value));
}

function itemsOf(list: readonly unknown[]): unknown[] {
  return Array.from(list, (item) => (isDropped(item) ? null : carried(item)));
}

function fieldsOf(value: object): Record<string, unknown> {
  // Set like any other, it would become the prototype of the copy.
  if (Object.hasOwn(value, '__proto__')) return Object.fromEntries(kept(value));
  const copy: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) if (!isDropped(item)) copy[name] = carried(item);
  return copy;
}

function kept(value: object): [string, unknown][] {
  return Object.entries(value).flatMap(([name, item]) => (isDropped(item) ? [] : [[name, carried(item)]]));
}

function isDropped(value: unknown): boolean {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol';
}

interface Listener<Message> {
  link: Link;
  hear: (message: Message) => void;
}

export class Channel<Message> {
  readonly #parcel: Parcel;
  readonly #listeners = new Set<Listener<Message>>();

  constructor(parcel: Parcel = 'message') {
    this.#parcel = parcel;
  }

  /** Says `message` from the node at the other end of `link`. */
  say(link: Link, message: Message): void {
    const copy = carried(message);
    link.send(this.#parcel, () => this.#tell(copy));
  }

  /** Says `message` from the broker itself. */
  spread(message: Message): void {
    this.#tell(carried(message));
  }

  #tell(copy: Message): void {
    for (const { link, hear } of this.#listeners) link.deliver(this.#parcel, () => hear(copy));
  }

  /** Hears what is said from now on; resolves when nothing can be missed any more. */
  async listen(link: Link, hear: (message: Message) => void): Promise<Stop> {
    let stopped = false;
    const listener = { link, hear: (message: Message) => void (stopped || hear(message)) };
    await link.call(() => void this.#listeners.add(listener));
    return async () => {
      stopped = true;
      this.#listeners.delete(listener);
    };
  }
}
