/**
 * One direction of a connection: what comes from a socket goes on to the other end, waits, comes late, or vanishes.
 *
 * Knows bytes and their order, which no mode changes; which connections are treated how is in `wire.ts`.
 */

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SystemClock } from '../../runtime/clock.ts';

/** What a network does to one direction. `delays` is by how many milliseconds. */
export type Mode = 'carries' | 'holds' | 'drops' | { delays: number };

export class Lane {
  readonly #from: Socket;
  readonly #to: Duplex;
  readonly #clock: SystemClock;
  /** What is on its way, where that takes long. */
  readonly #late: Buffer[] = [];
  #mode: Mode = 'holds';
  #lost = false;

  /** Holds until it is told otherwise. */
  constructor({ from, to, clock }: { from: Socket; to: Duplex; clock: SystemClock }) {
    this.#from = from;
    this.#to = to;
    this.#clock = clock;
    from.pause();
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    to.on('drain', () => this.#flow());
  }

  /** Whether something vanished: what follows it cannot be made sense of. */
  get hasLost(): boolean {
    return this.#lost;
  }

  /** Whether the other end hears of nothing, not even of an end. */
  get isDark(): boolean {
    return this.#mode === 'drops';
  }

  set(mode: Mode): void {
    this.#mode = mode;
    if (typeof mode === 'string') for (const bytes of this.#late.splice(0)) this.#arrive(bytes);
    this.#flow();
  }

  #flow(): void {
    if (this.#mode === 'holds') this.#from.pause();
    else this.#from.resume();
  }

  #take(bytes: Buffer): void {
    if (typeof this.#mode === 'string') return this.#arrive(bytes);
    this.#late.push(bytes);
    this.#clock.after(this.#mode.delays, () => {
      const next = this.#late.shift();
      if (next !== undefined) this.#arrive(next);
    });
  }

  #arrive(bytes: Buffer): void {
    if (this.#mode === 'drops') this.#lost = true;
    else if (!this.#to.destroyed && !this.#to.write(bytes)) this.#from.pause();
  }
}
