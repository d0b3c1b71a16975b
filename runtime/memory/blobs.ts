/**
 * Blobs at the memory broker: one a name, put and read whole.
 */

import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Blob, BlobInfo, Blobs } from '../ports.ts';
import type { Link } from './link.ts';

type Kept = Blob & Pick<BlobInfo, 'at' | 'place' | 'type'>;

export class BlobStore {
  readonly #clock: Clock;
  /** In the order in which they were put. */
  readonly #blobs = new Map<string, Kept>();
  #places = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is kept, as the node at the other end of `link` sees it. */
  over(link: Link): Blobs {
    const list = (after: number) =>
      [...this.#blobs].flatMap(([name, kept]) => (kept.place > after ? infoOf(name, kept) : []));
    return {
      put: (name, bytes) => {
        const blob = { bytes: Uint8Array.from(bytes), digest: createHash('sha256').update(bytes).digest('hex') };
        return link.call(() => {
          this.#keep(name, blob);
          return blob.digest;
        });
      },
      get: (name) => link.call(() => copyOf(this.#blobs.get(name))),
      find: (name) =>
        link.call(() => {
          const kept = this.#blobs.get(name);
          return kept === undefined ? undefined : infoOf(name, kept);
        }),
      async *list(after) {
        yield* await link.call(() => list(after));
      },
      putStream: async (name, pieces, { type }) => {
        const bytes = Buffer.concat(await Array.fromAsync(pieces));
        const digest = createHash('sha256').update(bytes).digest('hex');
        return await link.call(() => infoOf(name, this.#keep(name, { bytes, digest, type })));
      },
      getStream: (name) =>
        link.call(() => {
          const kept = this.#blobs.get(name);
          return kept === undefined ? undefined : { info: infoOf(name, kept), bytes: piecesOf(kept) };
        }),
      remove: (name) => link.call(() => void this.#blobs.delete(name)),
      // Nothing limits them, and none is ever there in part.
      space: async () => undefined,
      removeTorn: async () => 0,
    };
  }

  #keep(name: string, blob: Blob & Pick<BlobInfo, 'type'>): Kept {
    const kept = { ...blob, at: this.#clock.now(), place: ++this.#places };
    this.#blobs.delete(name);
    this.#blobs.set(name, kept);
    return kept;
  }
}

function infoOf(name: string, { bytes, digest, at, place, type }: Kept): BlobInfo {
  return { name, size: bytes.length, digest, at, place, ...(type === undefined ? {} : { type }) };
}

async function* piecesOf({ bytes }: Blob): AsyncGenerator<Uint8Array> {
  yield Uint8Array.from(bytes);
}

function copyOf(kept: Kept | undefined): Blob | undefined {
  return kept === undefined ? undefined : { bytes: Uint8Array.from(kept.bytes), digest: kept.digest };
}
