/**
 * Whether the bucket of jobs has room for another job.
 *
 * Whoever makes jobs asks first, and refuses at nine tenths: a record grows with every move of its job, so the last
 * tenth belongs to the jobs that exist. Knows only what the store says that it may take, by its bound or by what the
 * broker's disk has left; where nothing limits the bucket, there is always room. A payload that is put aside needs room in
 * the store for blobs instead, by the same rule. What was let pass since the last look is counted, so that a burst does not overrun it.
 */

import { inlineAtMost } from '../runtime/aside.ts';
import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { Blobs, JobStore, StoreSpace } from '../runtime/ports.ts';

export interface RoomOptions {
  store: JobStore;
  blobs: Pick<Blobs, 'space'>;
  clock: Clock;
}

/** What one store may take, as it was seen last. */
interface Seen {
  look: () => Promise<StoreSpace | undefined>;
  space: StoreSpace | undefined;
  at: number;
  looking: Promise<void> | undefined;
}

const lookAgainMs = 1_000;
const doorsShare = 0.9;
/** What a record takes beside its payload, more or less. */
const recordBytes = 1_000;
const mebibyte = 1_048_576;

export class Room {
  readonly #clock: Clock;
  readonly #jobs: Seen;
  readonly #blobs: Seen;

  constructor({ store, blobs, clock }: RoomOptions) {
    this.#clock = clock;
    this.#jobs = unseen(async () => (await store.state()).space);
    this.#blobs = unseen(() => blobs.space());
  }

  /** @throws {Fault} `store.full` where a job with so large a payload must not be made now. */
  async expect(payloadBytes: number): Promise<void> {
    const isAside = payloadBytes > inlineAtMost;
    if (isAside) await this.#take(this.#blobs, payloadBytes, fullOfBlobs);
    await this.#take(this.#jobs, recordBytes + (isAside ? 0 : payloadBytes), full);
  }

  /** @throws {Fault} `store.full` where so many bytes of a file must not be put now. */
  async expectFile(bytes: number): Promise<void> {
    await this.#take(this.#blobs, bytes, fullOfBlobs);
  }

  async #take(seen: Seen, bytes: number, refusal: typeof full): Promise<void> {
    if (this.#clock.mono() - seen.at >= lookAgainMs) await this.#look(seen);
    const { space } = seen;
    if (space === undefined) return;
    if (space.bytes + bytes > doorsShare * space.most) throw refusal(space);
    space.bytes += bytes;
  }

  /** Once for all who ask meanwhile. A broker that does not say keeps nobody from trying. */
  #look(seen: Seen): Promise<void> {
    seen.looking ??= seen
      .look()
      .then((space) => {
        seen.space = space === undefined ? undefined : { ...space };
      })
      .catch(() => undefined)
      .finally(() => {
        seen.at = this.#clock.mono();
        seen.looking = undefined;
      });
    return seen.looking;
  }
}

/** Whether a job is refused now whose payload is as large as one may be that lies in its record; smaller ones soon are, too. */
export function refusesSome({ bytes, most }: Pick<StoreSpace, 'bytes' | 'most'>): boolean {
  return bytes + recordBytes + inlineAtMost > doorsShare * most;
}

function unseen(look: Seen['look']): Seen {
  return { look, space: undefined, at: Number.NEGATIVE_INFINITY, looking: undefined };
}

function full({ bytes, most, by }: StoreSpace): Fault {
  const percent = Math.round((100 * bytes) / most);
  const size = `${Math.round(most / mebibyte)} MiB`;
  const met =
    by === 'disk'
      ? `a broker whose disk is nearly full: the store of jobs has ${percent} % of the ${size} that it may take there; the last tenth is for moving jobs that exist. Make room on that disk, or wait until settled jobs expire.`
      : `a store of jobs that is ${percent} % full of its ${size}; the last tenth is for moving jobs that exist. Wait until settled jobs expire, keep them for a shorter time, or raise \`max_bytes\` of the stream.`;
  return new Fault('store.full', `Expected room for another job, got ${met}`, { facts: { bytes, most } });
}

function fullOfBlobs({ bytes, most }: StoreSpace): Fault {
  const percent = Math.round((100 * bytes) / most);
  return new Fault(
    'store.full',
    `Expected room for a payload that is put aside, or for a file, got a store for blobs that is ${percent} % full of its ${Math.round(most / mebibyte)} MiB; the last tenth is for results. Wait until settled jobs expire, keep them for a shorter time, or raise \`max_bytes\` of the stream.`,
    { facts: { bytes, most } },
  );
}
