/**
 * A subject of the memory broker on which nothing is kept: whoever listens hears, whoever does not has missed it.
 */

import type { Stop } from '../ports.ts';
import type { Parcel } from './chaos.ts';
import type { Link } from './link.ts';

/** A value as it comes off a wire: nobody shares an object with the sender, and what JSON drops is gone. */
export function carried<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value));
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
    link.send(this.#parcel, () => this.spread(copy));
  }

  /** Says `message` from the broker itself. */
  spread(message: Message): void {
    for (const { link, hear } of this.#listeners) link.deliver(this.#parcel, () => hear(carried(message)));
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
