/**
 * Which workers do not answer their mail, though they are there: told by what they were offered and did not claim.
 *
 * What is offered is claimed within moments. A letter that expires unclaimed may have been lost; who leaves one unanswered
 * is doubted until it claims something, and after the second in a row it is deaf. Each letter more doubles the time for
 * which it is shunned. Where nobody has answered since, it is the mail that is broken and not the worker: nobody is
 * shunned for that.
 */

import type { Clock } from '../runtime/clock.ts';

/** A letter to a worker: when it was sent and when what it offered expired, broker time. */
export interface Letter {
  sentAt: number;
  until: number;
}

interface Doubt {
  /** Unanswered in a row, each sent when the one before had expired. */
  letters: number;
  /** When the first one was sent, broker time. */
  since: number;
  /** When the last one expired, broker time. */
  until: number;
  /** Until when it is shunned, monotonic. */
  againAt: number;
}

const deafAfter = 2;
const shunnedForMs = 10_000;
const shunnedAtMostMs = 5 * 60_000;

export class Deafness {
  readonly #clock: Clock;
  readonly #doubts = new Map<string, Doubt>();
  /** When each worker last answered, broker time. */
  readonly #answers = new Map<string, number>();
  /** When anybody last answered, broker time. */
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Some of a letter to `worker` has expired unclaimed. Returns how many letters in a row were not answered at all. */
  unanswered(worker: string, { sentAt, until }: Letter): number {
    if ((this.#answers.get(worker) ?? Number.NEGATIVE_INFINITY) >= sentAt) return 0;
    const doubt = this.#doubts.get(worker) ?? { letters: 0, since: sentAt, until: sentAt, againAt: 0 };
    this.#doubts.set(worker, doubt);
    if (sentAt < doubt.until) return doubt.letters;
    doubt.letters++;
    doubt.until = until;
    if (doubt.letters >= deafAfter)
      doubt.againAt =
        this.#clock.mono() + Math.min(shunnedAtMostMs, shunnedForMs * 2 ** Math.min(30, doubt.letters - deafAfter));
    return doubt.letters;
  }

  /** `worker` has claimed something. Returns whether it was deaf until now. */
  answered(worker: string): boolean {
    this.#answeredAt = this.#clock.now();
    this.#answers.set(worker, this.#answeredAt);
    const wasDeaf = this.isDeaf(worker);
    this.#doubts.delete(worker);
    return wasDeaf;
  }

  /** Those that are doubted: whether they are shunned is a matter of time, and of others. */
  doubted(): Iterable<string> {
    return this.#doubts.keys();
  }

  isDoubted(worker: string): boolean {
    return this.#doubts.has(worker);
  }

  isDeaf(worker: string): boolean {
    return (this.#doubts.get(worker)?.letters ?? 0) >= deafAfter;
  }

  /** Whether it is offered nothing now, since it is deaf and others are not. */
  isShunned(worker: string): boolean {
    const doubt = this.#doubts.get(worker);
    return doubt !== undefined && this.#clock.mono() < doubt.againAt && this.#answeredAt >= doubt.since;
  }

  forget(worker: string): void {
    this.#answers.delete(worker);
    this.#doubts.delete(worker);
  }
}
