/**
 * What people and workers set for all: the job types that are known.
 */

import type { Control, Stop, TypeEntry } from '../ports.ts';
import { Channel, carried } from './channel.ts';
import type { Link } from './link.ts';

/** A watcher reads all by itself this often, in case that it was not told. */
const readAgainMs = 10_000;

/** The bucket at the broker. */
export class ControlBucket {
  readonly #types = new Map<string, TypeEntry>();
  readonly #set = new Channel<TypeEntry>();

  /** The bucket as the node at the other end of `link` sees it. */
  over(link: Link): Control {
    const types = () => link.call(() => carried([...this.#types.values()]));
    return {
      types,
      registerType: (entry) => {
        const copy = carried(entry);
        return link.call(() => this.#register(copy));
      },
      watchTypes: async (onType) => {
        const tell = onceEach(onType);
        const stopListening = await this.#set.listen(link, tell);
        const readAll = async () => (await types()).forEach(tell);
        await readAll();
        const stopReading = link.clock.every(readAgainMs, () => void readAll().catch(() => undefined));
        const stop: Stop = async () => {
          stopReading();
          await stopListening();
        };
        return stop;
      },
    };
  }

  #register(entry: TypeEntry): void {
    this.#types.set(entry.type, entry);
    this.#set.spread(entry);
  }
}

/** Hands on an entry only where it differs from the last one of its type. */
function onceEach(onType: (entry: TypeEntry) => void): (entry: TypeEntry) => void {
  const told = new Map<string, string>();
  return (entry) => {
    const text = JSON.stringify(entry);
    if (told.get(entry.type) === text) return;
    told.set(entry.type, text);
    onType(entry);
  };
}
