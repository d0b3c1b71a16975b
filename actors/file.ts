/**
 * Puts files of jobs and opens them again, for whoever asks and for handlers: names and sizes are checked here, and types.
 *
 * Nothing of a file is ever there in part: what is not whole yet has no name, and who reads one whose bytes are not those that were
 * put is told at its end.
 */

import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import { fileAtMost, fileNamePattern, plainType } from '../runtime/file.ts';
import type { FileBytes, FileView, OpenFile } from '../runtime/handler.ts';
import type { BlobInfo, Blobs, JobStore } from '../runtime/ports.ts';
import { Room } from './room.ts';

/** Any bytes, in any pieces. */
export interface FileGiven {
  bytes: FileBytes;
  /** Its media type, such as `video/mp4`. */
  type?: string | undefined;
  /** How many there will be, where that is known. */
  size?: number | undefined;
}

interface World {
  store: JobStore;
  blobs: Blobs;
}

const typePattern = /^[\w.+-]{1,60}\/[\w.+-]{1,60}(?:; ?[\w-]+=[\w.-]+)?$/;
const lookEvery = 8 * 1_024 * 1_024;

export class Files {
  readonly #blobs: Blobs;
  readonly #room: Room;

  constructor({ store, blobs }: World, clock: Clock) {
    this.#blobs = blobs;
    this.#room = new Room({ store, blobs, clock });
  }

  /** @throws {Fault} `input.invalid`, `file.large`, `store.full`, `broker.unavailable` */
  async put(blob: string, name: string, { bytes, type = plainType, size }: FileGiven): Promise<FileView> {
    expectName(name);
    if (!typePattern.test(type))
      throw new Fault('input.invalid', `Expected a media type such as \`video/mp4\`, got \`${type.slice(0, 60)}\`.`);
    if (size !== undefined && size > fileAtMost) throw tooLarge(name, size);
    await this.#room.expectFile(size ?? lookEvery);
    return viewOf(name, await this.#blobs.putStream(blob, this.#let(name, piecesOf(bytes), size), { type }));
  }

  /** `undefined` where there is none. */
  async open(blob: string, name: string): Promise<OpenFile | undefined> {
    expectName(name);
    const found = await this.#blobs.getStream(blob);
    return found === undefined ? undefined : { ...viewOf(name, found.info), bytes: found.bytes };
  }

  /** The pieces, as long as there is room for them. */
  async *#let(name: string, pieces: AsyncIterable<Uint8Array>, size: number | undefined): AsyncGenerator<Uint8Array> {
    let met = 0;
    let granted = size ?? lookEvery;
    for await (const piece of pieces) {
      met += piece.length;
      if (met > fileAtMost) throw tooLarge(name, met);
      for (; met > granted; granted += lookEvery) await this.#room.expectFile(lookEvery);
      yield piece;
    }
    if (size !== undefined && met !== size)
      throw new Fault('input.invalid', `Expected ${size} bytes of ${name}, got ${met}. Send it again.`);
  }
}

async function* piecesOf(bytes: FileBytes): AsyncGenerator<Uint8Array> {
  if (bytes instanceof Uint8Array) yield bytes;
  else yield* bytes;
}

function viewOf(name: string, { size, digest, at, type = plainType }: BlobInfo): FileView {
  return { name, size, type, digest, at };
}

/** @throws {Fault} `input.invalid` */
function expectName(name: string): void {
  if (fileNamePattern.test(name)) return;
  throw new Fault(
    'input.invalid',
    `Expected the name of a file to be up to 100 of \`A-Z a-z 0-9 . _ -\`, and none that begins with a dot, got \`${name.slice(0, 60)}\`. Give it another.`,
  );
}

function tooLarge(name: string, met: number): Fault {
  return new Fault(
    'file.large',
    `Expected a file of at most ${fileAtMost} bytes, got ${name} with ${met} or more. Put it where the handler can fetch it, and submit its address.`,
  );
}
