/**
 * Blobs at the memory broker: one a name, put and read whole.
 */

import { createHash } from 'node:crypto';
import type { Blob, Blobs } from '../ports.ts';
import type { Link } from './link.ts';

export class BlobStore {
  readonly #blobs = new Map<string, Blob>();

  /** What is kept, as the node at the other end of `link` sees it. */
  over(link: Link): Blobs {
    return {
      put: (name, bytes) => {
        const blob = { bytes: Uint8Array.from(bytes), digest: createHash('sha256').update(bytes).digest('hex') };
        return link.call(() => {
          this.#blobs.set(name, blob);
          return blob.digest;
        });
      },
      get: (name) => link.call(() => copyOf(this.#blobs.get(name))),
      remove: (name) => link.call(() => void this.#blobs.delete(name)),
    };
  }
}

function copyOf(blob: Blob | undefined): Blob | undefined {
  return blob === undefined ? undefined : { ...blob, bytes: Uint8Array.from(blob.bytes) };
}
