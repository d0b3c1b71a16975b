/**
 * What people publish on `yard.submit.<type>`: taken from its stream in order, and what was wrong with some of it.
 *
 * The stream keeps submissions while no master runs. Each batch is handed over whole and counts as done when the
 * promise resolves: one ack of its last message acks all. A batch that was not done comes again.
 */

import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Rejection, Stop, Submission, Submissions } from '../runtime/ports.ts';
import { decodeJson, encodeJson } from './codec.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';
import { keepPulling } from './pull-loop.ts';

const redeliverAfterNs = 30_000_000_000;
const atOnce = 1_000;

export class NatsSubmissions implements Submissions {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #clock: Clock;

  constructor(options: { connection: NatsConnection; names: Names; clock: Clock }) {
    this.#connection = options.connection;
    this.#names = options.names;
    this.#clock = options.clock;
  }

  async consume(onBatch: (batch: readonly Submission[]) => Promise<void>): Promise<Stop> {
    const jsm = await jetstreamManager(this.#connection, { checkAPI: false });
    let basket: Basket | undefined;
    const stop = await keepPulling(this.#clock, async () => {
      basket?.close();
      basket = new Basket({
        streamCreatedAt: await this.#prepare(jsm),
        names: this.#names,
        clock: this.#clock,
        onBatch,
      });
      return this.#pull(basket);
    });
    return async () => {
      basket?.close();
      await stop();
      // Until the broker has seen it, it may still hand us a submission that then nobody gets for half a minute.
      await this.#connection.flush().catch(() => undefined);
    };
  }

  /** The durable consumer, made where it is missing; resolves with the birthday of the stream. */
  async #prepare(jsm: JetStreamManager): Promise<number> {
    const stream = this.#names.streams.submit;
    await jsm.consumers.add(stream, {
      durable_name: this.#names.consumers.intake,
      ack_policy: AckPolicy.All,
      ack_wait: redeliverAfterNs,
      deliver_policy: DeliverPolicy.All,
      max_ack_pending: 4 * atOnce,
    });
    const { created } = await jsm.streams.info(stream);
    return Date.parse(created);
  }

  async #pull(basket: Basket) {
    const { streams, consumers } = this.#names;
    const consumer = await jetstream(this.#connection).consumers.get(streams.submit, consumers.intake);
    return consumer.consume({
      max_messages: 2 * atOnce,
      expires: 5_000,
      idle_heartbeat: 1_000,
      abort_on_missing_resource: true,
      callback: (message: JsMsg) => basket.add(message),
    });
  }

  async reject(rejection: Rejection): Promise<void> {
    try {
      await jetstream(this.#connection).publish(this.#names.rejected, encodeJson(rejection));
    } catch (cause) {
      throw faultOf(cause);
    }
  }

  async rejections(limit: number): Promise<readonly Rejection[]> {
    const jsm = await jetstreamManager(this.#connection, { checkAPI: false });
    const { state } = await jsm.streams.info(this.#names.streams.rejected);
    if (state.messages === 0) return [];
    const from = Math.max(state.first_seq, state.last_seq - limit + 1);
    const messages = await jsm.direct.getBatch(this.#names.streams.rejected, { seq: from, batch: limit });
    const found: Rejection[] = [];
    for await (const message of messages) found.push(decodeJson<Rejection>(message.data));
    return found;
  }
}

interface BasketOptions {
  streamCreatedAt: number;
  names: Names;
  clock: Clock;
  onBatch: (batch: readonly Submission[]) => Promise<void>;
}

/** Gathers messages while a batch is being worked on, and hands over the next one when that is done. */
class Basket {
  readonly #options: BasketOptions;
  readonly #waiting: JsMsg[] = [];
  #busy = false;
  #closed = false;

  constructor(options: BasketOptions) {
    this.#options = options;
  }

  add(message: JsMsg): void {
    if (this.#closed) return giveBack(message);
    this.#waiting.push(message);
    if (this.#busy) return;
    this.#busy = true;
    this.#options.clock.endOfTurn(() => void this.#empty());
  }

  /** Gives back what nobody has begun with, so that the next one who consumes has it at once. */
  close(): void {
    this.#closed = true;
    for (const message of this.#waiting.splice(0)) giveBack(message);
  }

  async #empty(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#closed) {
      const batch = this.#waiting.splice(0, atOnce);
      await this.#handOver(batch);
    }
    this.#busy = false;
  }

  async #handOver(batch: readonly JsMsg[]): Promise<void> {
    try {
      await this.#options.onBatch(batch.map((message) => this.#submission(message)));
      if (!this.#closed) batch.at(-1)?.ack();
    } catch {
      for (const message of batch) message.nak(1_000);
    }
  }

  #submission(message: JsMsg): Submission {
    const { tenant, type } = this.#options.names.readSubmit(message.subject) ?? { tenant: 'default', type: '' };
    return {
      sequence: message.seq,
      streamCreatedAt: this.#options.streamCreatedAt,
      tenant,
      type,
      headers: lowerCased(message.headers),
      body: message.data,
      at: Math.floor(message.info.timestampNanos / 1e6),
      deliveries: message.info.deliveryCount,
    };
  }
}

/** On a connection that is closed already, the broker finds out by itself, after a while. */
function giveBack(message: JsMsg): void {
  try {
    message.nak();
  } catch {
    // Nobody is there to be told.
  }
}

const none: ReadonlyMap<string, string> = new Map();

function lowerCased(headers: MsgHdrs | undefined): ReadonlyMap<string, string> {
  if (headers === undefined) return none;
  return new Map(headers.keys().map((name) => [name.toLowerCase(), headers.get(name)]));
}
