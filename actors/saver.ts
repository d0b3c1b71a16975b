/**
 * Saves the picture of all open jobs, so that a master that starts reads that and what has happened since, instead of
 * everything that is kept.
 *
 * The idea: the picture goes into a blob, and a word in the stream of jobs says where it lies and up to which revision
 * it is complete. The word is written after the picture was, so
 *
 *     as long as the word is there, so is all that was written before it: no stream that lost its end has it; and one
 *     that stands before anything that its picture tells of was written into a stream that had lost its end: not used;
 *     a word whose blob has another digest, or none, is that of a picture half written or replaced: not used;
 *     what moved while the picture was written is older or newer in it, and what happened since the revision comes
 *     from the stream, so the newest wins.
 *
 * What leaves no trace in the stream is a job that has settled since and was forgotten, which takes at least ten
 * minutes: an older word is not used. A job that somebody removed by hand has left a mark, and that comes with the rest.
 *
 * There are two places for the blob; the word names one, and the next picture goes to the other. Any master may write
 * the word, by CAS on the last one: whoever has seen the stream tells the truth of it, so no lease is needed.
 */

import type { Cancel, Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/faults.ts';
import type { Blobs, JobStore, SavedPicture } from '../runtime/ports.ts';
import type { Telemetry } from '../runtime/telemetry/telemetry.ts';
import type { Board } from './board.ts';
import { keyOf, type Place, revisionOf, type Saved } from './follower.ts';
import type { Oddities } from './oddity.ts';
import { pictureLines, pictureVersion, readPicture } from './picture.ts';
import type { ScheduleBook } from './schedule-book.ts';

const firstAfterMs = 10_000;
const everyMs = 60_000;
/** Of a job that settled since, and was forgotten, nothing is left to tell of it after ten minutes. */
const oldAfterMs = 9 * 60_000;
/** About a million jobs; more are read from the stream. */
const mostBytes = 67_108_864;
const places = ['picture/0', 'picture/1'] as const;

export interface SaverOptions {
  store: JobStore;
  blobs: Blobs;
  board: Board;
  oddities: Oddities;
  schedules: ScheduleBook;
  clock: Clock;
  telemetry: Telemetry;
  /** Up to where the picture is complete. */
  place: () => Place;
  /** Resolves when it is complete up to `revision`. */
  caughtUp: (revision: number) => Promise<void>;
}

type Where = Pick<SavedPicture, 'blob' | 'digest'>;

export class Saver {
  readonly #options: SaverOptions;
  /** Counts what has changed in the picture. */
  #changes = 0;
  #saved: (Where & { changes: number }) | undefined;
  #saving: Promise<void> | undefined;
  #complaint = '';
  #timers: Cancel[] = [];

  constructor(options: SaverOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock } = this.#options;
    const save = () => void this.save();
    this.#timers = [clock.after(firstAfterMs, save), clock.every(everyMs, save)];
  }

  stop(): void {
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  /** The picture is another one now. */
  changed(): void {
    this.#changes++;
  }

  /** As `save`; after `ms` nobody waits for it any more. */
  async saveWithin(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const giveUp = this.#options.clock.after(ms, resolve);
    await Promise.race([this.save(), promise]);
    giveUp();
  }

  /** Saves the picture as it is. What keeps it from that is told, and tried again with the next one. */
  save(): Promise<void> {
    this.#saving ??= this.#save()
      .then(() => this.#complain(''))
      .catch((cause) => this.#complain(messageOf(cause)))
      .finally(() => {
        this.#saving = undefined;
      });
    return this.#saving;
  }

  #complain(error: string): void {
    if (error !== '' && error !== this.#complaint) this.#options.telemetry.tell('picture.notSaved', { error });
    this.#complaint = error;
  }

  /** A picture that turned out, once its word was written, to be of a stream that had lost its end is replaced at once. */
  async #save(): Promise<void> {
    const { place, caughtUp } = this.#options;
    for (;;) {
      const { life } = place();
      const word = await this.#saveAndTell();
      if (word !== undefined) await caughtUp(word);
      if (life === place().life) return;
    }
  }

  /** Resolves with the revision of the word; `undefined` where the picture became void meanwhile, or is not complete yet. */
  async #saveAndTell(): Promise<number | undefined> {
    const { store, clock } = this.#options;
    const { createdAt, revision, life, behindMs } = this.#options.place();
    if (revision === 0) return undefined;
    const savedAt = clock.now() - Math.ceil(behindMs);
    const last = await store.readPicture();
    const { blob, digest } = this.#isAsSaved(last.picture) ? last.picture : await this.#put(last.picture);
    if (life !== this.#options.place().life) return undefined;
    const picture: SavedPicture = { blob, digest, createdAt, revision, savedAt, version: pictureVersion };
    const told = await store.write([{ key: '_picture', expected: last.revision, picture }]);
    if (told.kind !== 'accepted')
      throw new Error(`Expected to store where the picture lies, the write was ${told.kind}.`);
    return told.revisions[0];
  }

  /** Nothing has changed since this very picture was saved. */
  #isAsSaved(picture: SavedPicture | null): picture is SavedPicture {
    const { blob, digest, changes } = this.#saved ?? {};
    const isOurs = picture?.version === pictureVersion && picture.blob === blob && picture.digest === digest;
    return isOurs && changes === this.#changes;
  }

  async #put(last: Where | null): Promise<Where> {
    const { blobs, board, clock, telemetry } = this.#options;
    const begunAt = clock.mono();
    const changes = this.#changes;
    const bytes = await this.#written();
    const blob = places.find((place) => place !== last?.blob) ?? places[0];
    const digest = await blobs.put(blob, bytes);
    this.#saved = { blob, digest, changes };
    telemetry.tell('picture.saved', { open: board.size, bytes: bytes.length, ms: clock.mono() - begunAt });
    return this.#saved;
  }

  /** A line at a time, so that nothing else waits for long. */
  async #written(): Promise<Uint8Array> {
    const { board, oddities, schedules, clock } = this.#options;
    const lines: Uint8Array[] = [];
    let size = 0;
    for (const line of pictureLines({
      entries: board.entries(),
      odd: oddities.entries(),
      schedules: schedules.entries(),
    })) {
      lines.push(line);
      size += line.length;
      if (size > mostBytes) throw new Error(`Expected a picture of at most ${mostBytes} bytes, it has more.`);
      await new Promise<void>((resolve) => clock.endOfTurn(resolve));
    }
    return Buffer.concat(lines);
  }
}

interface Source extends Pick<SaverOptions, 'store' | 'blobs' | 'clock' | 'telemetry'> {
  /** When the stream was created that it must be of. */
  createdAt: number;
}

/** The picture that was saved last; `undefined` where there is none to be used. */
export async function savedPicture(source: Source): Promise<Saved | undefined> {
  const { store, telemetry } = source;
  try {
    const { picture, revision } = await store.readPicture();
    return picture === null ? undefined : await read(source, picture, revision);
  } catch (cause) {
    telemetry.tell('picture.notUsed', { reason: messageOf(cause) });
    return undefined;
  }
}

const cutOff = 'the stream has lost its end since';

/** @throws where it is not to be used. */
async function read({ blobs, clock, createdAt }: Source, picture: SavedPicture, toldAt: number): Promise<Saved> {
  const { revision, savedAt } = picture;
  if (picture.createdAt !== createdAt) throw new Error('it is of another stream');
  if (picture.version !== pictureVersion) throw new Error('it was saved by another version');
  if (revision >= toldAt) throw new Error(cutOff);
  if (clock.now() - savedAt > oldAfterMs) throw new Error('it was saved too long ago');
  const blob = await blobs.get(picture.blob);
  if (blob?.digest !== picture.digest) throw new Error('what lies in its place is not what was saved');
  const changes: Saved['changes'] = new Map();
  for (const change of readPicture(blob.bytes)) {
    if (revisionOf(change) >= toldAt) throw new Error(cutOff);
    changes.set(keyOf(change), change);
  }
  return { revision, changes };
}
