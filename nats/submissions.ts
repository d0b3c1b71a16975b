/**
 * What people publish on `yard.submit.<type>`: taken from its stream in order, and what was wrong with some of it.
 *
 * The stream keeps submissions while no master runs. Each batch is handed over whole and counts as done when the
 * promise resolves; until then it is handed over again (`basket.ts`). How far they have been taken in is kept with
 * the broker, and is handed on from master to master without a gap (`intake-place.ts`).
 */

import { type ConsumerMessages, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Rejection, Stop, Submission, Submissions } from '../runtime/ports.ts';
import { Basket, type Handed } from './basket.ts';
import { decodeJson, encodeJson } from './codec.ts';
import { faultOf } from './errors.ts';
import { deliveriesOf, moveOn, type Place, takePlace } from './intake-place.ts';
import type { Names } from './names.ts';
import { keepPulling } from './pull-loop.ts';

const pullAtOnce = 2_000;

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
    let place: Place | undefined;
    let createdAt = 0;
    const basket = new Basket({
      clock: this.#clock,
      deliveriesOf: (sequence) => (place === undefined ? 1 : deliveriesOf(place.doubt, sequence)),
      onBatch: (batch) => onBatch(batch.map((handed) => this.#submission(handed, createdAt))),
    });
    const stop = await keepPulling(this.#clock, async () => {
      const stream = await this.#stream(jsm);
      basket.rollBack(stream.createdAt === createdAt || createdAt === 0 ? stream.last : 0);
      createdAt = stream.createdAt;
      const at = { jsm, names: this.#names, word: this.#clock.unique(), last: stream.last };
      place = place === undefined ? await takePlace(at) : await moveOn(at, { ...place, floor: basket.floor });
      return this.#pull(place, basket);
    });
    return () => {
      basket.close();
      return stop();
    };
  }

  async #stream(jsm: JetStreamManager): Promise<{ createdAt: number; last: number }> {
    const { created, state } = await jsm.streams.info(this.#names.streams.submit);
    return { createdAt: Date.parse(created), last: state.last_seq };
  }

  /** Fills the basket, as long as nothing is missing in between. */
  async #pull({ name }: Place, basket: Basket): Promise<ConsumerMessages> {
    const consumer = await jetstream(this.#connection).consumers.get(this.#names.streams.submit, name);
    let next = 1;
    let messages: ConsumerMessages | undefined;
    messages = await consumer.consume({
      max_messages: pullAtOnce,
      expires: 5_000,
      idle_heartbeat: 1_000,
      abort_on_missing_resource: true,
      callback: (message) => {
        if (message.info.deliverySequence !== next) return void messages?.close();
        next++;
        basket.add(message);
      },
    });
    return messages;
  }

  #submission({ message, deliveries }: Handed, streamCreatedAt: number): Submission {
    const { tenant, type } = this.#names.readSubmit(message.subject) ?? { tenant: 'default', type: '' };
    return {
      sequence: message.seq,
      streamCreatedAt,
      tenant,
      type,
      headers: lowerCased(message.headers),
      body: message.data,
      at: Math.floor(message.info.timestampNanos / 1e6),
      deliveries,
    };
  }

  async reject(rejection: Rejection): Promise<void> {
    try {
      const msgID = `${rejection.subject}#${rejection.sequence}`;
      await jetstream(this.#connection).publish(this.#names.rejected, encodeJson(rejection), { msgID });
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

const none: ReadonlyMap<string, string> = new Map();

/** Headers by their names in lower case. */
export function lowerCased(headers: MsgHdrs | undefined): ReadonlyMap<string, string> {
  if (headers === undefined) return none;
  return new Map(headers.keys().map((name) => [name.toLowerCase(), headers.get(name)]));
}
