/**
 * The way of one node to the memory broker and back: in order (but for what chaos holds up), after a while, or not at all.
 *
 * Nothing is ever done within the caller's turn. A link that is cut loses what is on its way and all that is sent
 * after; a call over it ends as it would with a broker, in a time-out. Requests, messages and deliveries go through
 * the clock of the node, so that a frozen node neither sends nor hears.
 */

import type { Clock } from '../clock.ts';
import { Fault } from '../faults.ts';
import type { Chaos, Parcel } from './chaos.ts';

/** What a link needs to know of the other end. */
export interface FarEnd {
  readonly isUp: boolean;
  /** Another one each time that it was started anew. */
  readonly name: string;
  readonly chaos: Chaos;
}

/** What a call is told when no answer came. */
export const silence = Symbol('silence');

export class Link {
  readonly clock: Clock;
  readonly #far: FarEnd;
  readonly #answerWithinMs: number;
  readonly #out: Pipe;
  readonly #in: Pipe;
  /** Ends the calls that have no answer yet. */
  readonly #calls = new Set<() => void>();
  readonly #onHeal = new Set<() => void>();
  #cut = false;
  #broker = '';

  constructor(options: { clock: Clock; far: FarEnd; answerWithinMs: number }) {
    this.clock = options.clock;
    this.#far = options.far;
    this.#answerWithinMs = options.answerWithinMs;
    this.#out = new Pipe(options.clock, () => this.#far.chaos.latencyMs());
    this.#in = new Pipe(options.clock, () => this.#far.chaos.latencyMs());
  }

  get isUp(): boolean {
    return !this.#cut && this.#far.isUp;
  }

  /** The broker at the other end, as far as this one knows. */
  get broker(): string {
    if (this.isUp) this.#broker = this.#far.name;
    return this.#broker;
  }

  cut(): void {
    this.#cut = true;
    this.#out.empty();
    this.#in.empty();
  }

  /** The connection breaks: what is on its way is lost, and who waits for an answer need not wait for its time to be over. */
  break(): void {
    this.#out.empty();
    this.#in.empty();
    for (const giveUp of this.#calls) this.clock.endOfTurn(giveUp);
  }

  heal(): void {
    this.#cut = false;
    this.wake();
  }

  /** Tells whoever waits that it may be worth trying again. */
  wake(): void {
    for (const what of this.#onHeal) what();
  }

  onHeal(what: () => void): () => void {
    this.#onHeal.add(what);
    return () => void this.#onHeal.delete(what);
  }

  /** One way to the broker; best effort. */
  send(parcel: Parcel, what: () => void): void {
    this.#carry(this.#out, parcel, what);
  }

  /** One way from the broker; best effort. */
  deliver(parcel: Parcel, what: () => void): void {
    this.#carry(this.#in, parcel, what);
  }

  /** One way from the broker, for what it keeps until it has arrived; `false` where it cannot be sent now. */
  handOver(what: () => void): boolean {
    if (!this.isUp) return false;
    this.#in.push(() => void (this.isUp && what()));
    return true;
  }

  /**
   * There and back: what `work` at the broker answers; `silence` from it means that no answer is sent.
   *
   * @throws {Fault} `broker.unavailable` where no answer came in time.
   */
  call<Answer>(work: () => Answer | typeof silence): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const over = () => {
        cancel();
        this.#calls.delete(giveUp);
      };
      const giveUp = () => {
        over();
        reject(noAnswer());
      };
      const cancel = this.clock.after(this.#answerWithinMs, giveUp);
      this.#calls.add(giveUp);
      if (!this.isUp) return;
      this.#out.push(() => {
        if (!this.isUp) return;
        const answer = attempt(work);
        if (answer.value === silence) return;
        this.#in.push(() => {
          if (!this.isUp) return;
          over();
          if ('thrown' in answer) reject(answer.thrown);
          else if (answer.value !== silence) resolve(answer.value);
        });
      });
    });
  }

  #carry(pipe: Pipe, parcel: Parcel, what: () => void): void {
    if (!this.isUp || this.#far.chaos.loses(parcel)) return;
    const times = this.#far.chaos.duplicates(parcel) ? 2 : 1;
    for (let n = 0; n < times; n++) pipe.push(() => void (this.isUp && what()), this.#far.chaos.heldUpMs(parcel));
  }
}

/** Keeps the order of what goes through it, however long each takes, but for what is held up. */
class Pipe {
  readonly #clock: Clock;
  readonly #latencyMs: () => number;
  #waiting: (() => void)[] = [];
  #life = 0;

  constructor(clock: Clock, latencyMs: () => number) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  push(what: () => void, heldUpMs = 0): void {
    const life = this.#life;
    if (heldUpMs > 0)
      return void this.#clock.after(heldUpMs + this.#latencyMs(), () => void (life === this.#life && what()));
    this.#waiting.push(what);
    const next = () => {
      if (life === this.#life) this.#waiting.shift()?.();
    };
    const ms = this.#latencyMs();
    if (ms > 0) this.#clock.after(ms, next);
    else this.#clock.endOfTurn(next);
  }

  empty(): void {
    this.#waiting = [];
    this.#life++;
  }
}

function attempt<Answer>(work: () => Answer): { value: Answer } | { value?: never; thrown: unknown } {
  try {
    return { value: work() };
  } catch (thrown) {
    return { thrown };
  }
}

function noAnswer(): Fault {
  return new Fault('broker.unavailable', 'Expected an answer from the broker, got none in time.');
}
