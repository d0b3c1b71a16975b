/**
 * Keeps the disk of brokers of our own from filling: a broker that cannot write stands still until it is restarted.
 *
 * Once a second it looks what the disk has left beyond a floor that is kept free. Where that is less than a large store
 * of jobs takes, it notes with their stream how large they may become, and every door refuses new ones at nine tenths
 * of that, as it does at nine tenths of the bound. Whoever else writes to that disk is counted by this, too.
 */

import { refusesSome } from '../actors/room.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { diskOf } from './disk-gauge.ts';
import type { Link } from './link.ts';

export interface DiskWatchOptions {
  dataDir: string;
  /** How many brokers here keep each job. */
  copies: number;
  link: Pick<Link, 'diskNote' | 'noteDisk'>;
  clock: Clock;
  say(sentence: string): void;
  /** What the disk has; that of `dataDir` unless given. */
  look?: () => Promise<{ all: number; free: number } | undefined>;
}

const everyMs = 1_000;
const mebibyte = 1_048_576;
/** Whoever has so much to spare is asked nothing: more than the bound of a bucket that `yard up` makes. */
const plenty = 8 * 2 ** 30;
/** A note that is off by so much of itself is written anew. */
const notable = 0.05;

/** What is kept free of a disk: a broker needs some of it to tidy up. */
export function floorOf({ all }: { all: number }): number {
  return Math.min(256 * mebibyte, all / 10);
}

/** Watches until cancelled. */
export function watchDisk(options: DiskWatchOptions): Cancel {
  const { clock, dataDir, look = () => diskOf(dataDir) } = options;
  const watch = new DiskWatch({ ...options, look });
  return clock.every(everyMs, () => void watch.look());
}

class DiskWatch {
  readonly #options: DiskWatchOptions & Required<Pick<DiskWatchOptions, 'look'>>;
  /** Whether a note may stand: one of an earlier `yard up` may. */
  #mayStand = true;
  #isFull = false;
  #looking = false;

  constructor(options: DiskWatchOptions & Required<Pick<DiskWatchOptions, 'look'>>) {
    this.#options = options;
  }

  /** One at a time; a broker that is away is asked again the next time. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    await this.#look().catch(() => undefined);
    this.#looking = false;
  }

  async #look(): Promise<void> {
    const { look, copies, link } = this.#options;
    const disk = await look();
    if (disk === undefined) return;
    const spare = Math.max(0, disk.free - floorOf(disk)) / copies;
    if (spare > plenty && !this.#mayStand) return;
    const { bytes, most: noted } = await link.diskNote();
    // A store that is empty has room for nothing either.
    const allowed = Math.max(1, bytes + spare);
    const most = spare > plenty ? undefined : allowed;
    const isNew = isNews(noted, most);
    if (isNew) await link.noteDisk(most);
    this.#mayStand = most !== undefined;
    // By what doors go by: a note that is a little off stands.
    const known = isNew ? most : noted;
    this.#tell(known !== undefined && refusesSome({ bytes, most: known }), disk.free);
  }

  #tell(isFull: boolean, free: number): void {
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    const { dataDir, say } = this.#options;
    if (isFull)
      say(
        `The disk of ${dataDir} is nearly full, ${Math.round(free / mebibyte)} MiB are free: new jobs are refused until somebody makes room there. Jobs that exist go on.`,
      );
    else say(`The disk of ${dataDir} has room again: new jobs are taken in.`);
  }
}

function isNews(noted: number | undefined, most: number | undefined): boolean {
  if (noted === undefined || most === undefined) return noted !== most;
  return Math.abs(most - noted) > notable * noted;
}
