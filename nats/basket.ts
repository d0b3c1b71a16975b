/**
 * Submissions that the broker has handed to this process and that are not done yet, in the order of their stream.
 *
 * Hands them on in batches, one batch at a time, and acknowledges a batch when it is done: an ack counts for all
 * before it, so nothing may be passed over. A batch that fails is tried again, twice as a whole and then each
 * submission alone; failures of the world do not count against what happened to be in hand. What the broker sends a
 * second time, after a broken connection or half a minute, is dropped, and its ack is sent when the first is done.
 */

import type { JsMsg } from '@nats-io/jetstream';
import { type Clock, pause } from '../runtime/clock.ts';
import { isOfTheWorld } from '../runtime/faults.ts';

const atOnce = 1_000;
const aloneFrom = 3;
const againMs = 1_000;

export interface BasketOptions {
  clock: Clock;
  /** How often a message has been handed to a master, this time included. */
  deliveriesOf(sequence: number): number;
  onBatch(batch: readonly Handed[]): Promise<void>;
}

/** A message with the number of its delivery. */
export interface Handed {
  message: JsMsg;
  deliveries: number;
}

export class Basket {
  readonly #options: BasketOptions;
  #waiting: JsMsg[] = [];
  #echoes: JsMsg[] = [];
  #seen = 0;
  #floor = 0;
  #busy = false;
  #closed = false;

  constructor(options: BasketOptions) {
    this.#options = options;
  }

  /** Everything up to this sequence is done. */
  get floor(): number {
    return this.#floor;
  }

  /** The stream begins anew, or ends earlier than it did: what comes after `last` has not been here. */
  rollBack(last: number): void {
    this.#seen = Math.min(this.#seen, last);
    this.#floor = Math.min(this.#floor, last);
  }

  add(message: JsMsg): void {
    if (this.#closed) return;
    if (message.seq <= this.#floor) return ack(message);
    if (message.seq <= this.#seen) {
      this.#echoes.push(message);
      return;
    }
    this.#seen = message.seq;
    this.#waiting.push(message);
    if (this.#busy) return;
    this.#busy = true;
    this.#options.clock.endOfTurn(() => void this.#empty());
  }

  /** Begins nothing more. What is not done is handed to whoever comes next. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  async #empty(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#closed) await this.#handOver(this.#take(), 0);
    this.#busy = false;
  }

  #take(): JsMsg[] {
    const [first] = this.#waiting;
    const alone = first !== undefined && this.#options.deliveriesOf(first.seq) >= aloneFrom;
    return this.#waiting.splice(0, alone ? 1 : atOnce);
  }

  async #handOver(batch: readonly JsMsg[], tried: number): Promise<void> {
    for (let tries = tried; !this.#closed; ) {
      const failure = await this.#try(batch, tries);
      if (failure === 'none') return this.#done(batch);
      if (failure === 'its own') tries++;
      await pause(this.#options.clock, againMs);
      if (batch.length > 1 && tries + 1 >= aloneFrom) return this.#handOverEach(batch, tries);
    }
  }

  async #handOverEach(batch: readonly JsMsg[], tries: number): Promise<void> {
    for (const message of batch) await this.#handOver([message], tries);
  }

  async #try(batch: readonly JsMsg[], tries: number): Promise<'none' | 'its own' | "the world's"> {
    const { onBatch, deliveriesOf } = this.#options;
    try {
      await onBatch(batch.map((message) => ({ message, deliveries: deliveriesOf(message.seq) + tries })));
      return 'none';
    } catch (cause) {
      return isOfTheWorld(cause) ? "the world's" : 'its own';
    }
  }

  #done(batch: readonly JsMsg[]): void {
    const last = batch.at(-1);
    if (last === undefined) return;
    this.#floor = Math.max(this.#floor, last.seq);
    ack(last);
    for (const echo of this.#echoes) if (echo.seq <= this.#floor) ack(echo);
    this.#echoes = this.#echoes.filter(({ seq }) => seq > this.#floor);
  }
}

/** On a connection that is closed, nobody is there to be told. */
function ack(message: JsMsg): void {
  try {
    message.ack();
  } catch {
    // The broker hands it over again, and finds it done.
  }
}
