/**
 * Whether the bucket of jobs has room for another job.
 *
 * Whoever makes jobs asks first, and refuses at nine tenths: a record grows with every move of its job, so the last
 * tenth belongs to the jobs that exist. Knows only what the store says that it may take, by its bound or by what the
 * broker's disk has left; where nothing limits the bucket, there is always room. What was let pass since the last look is counted, so that a burst does not overrun it.
 */

import type { Clock } from '../runtime/clock.ts';
import { Fault } from '../runtime/faults.ts';
import type { JobStore, StoreSpace } from '../runtime/ports.ts';

export interface RoomOptions {
  store: JobStore;
  clock: Clock;
}

const lookAgainMs = 1_000;
const doorsShare = 0.9;
/** What a record takes beside its payload, more or less. */
const recordBytes = 1_000;
const mebibyte = 1_048_576;

export class Room {
  readonly #store: JobStore;
  readonly #clock: Clock;
  #space: StoreSpace | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  constructor({ store, clock }: RoomOptions) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @throws {Fault} `store.full` where a job with so large a payload must not be made now. */
  async expect(payloadBytes: number): Promise<void> {
    if (this.#clock.mono() - this.#lookedAt >= lookAgainMs) await this.#look();
    const space = this.#space;
    if (space === undefined) return;
    const bytes = space.bytes + payloadBytes + recordBytes;
    if (bytes > doorsShare * space.most) throw full(space);
    space.bytes = bytes;
  }

  /** Once for all who ask meanwhile. A broker that does not say keeps nobody from trying. */
  #look(): Promise<void> {
    this.#looking ??= this.#store
      .state()
      .then(({ space }) => {
        this.#space = space === undefined ? undefined : { ...space };
      })
      .catch(() => undefined)
      .finally(() => {
        this.#lookedAt = this.#clock.mono();
        this.#looking = undefined;
      });
    return this.#looking;
  }
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
