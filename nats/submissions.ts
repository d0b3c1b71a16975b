/**
 * What people publish on `yard.submit.<type>`: taken from its stream in order, and what was wrong with some of it.
 *
 * The stream keeps submissions while no master runs. Each batch is handed over whole and counts as done when the
 * promise resolves; until then it is handed over again (`basket.ts`). How far they have been taken in is kept with
 * the broker, and is handed on from master to master without a gap (`intake-place.ts`).
 */

import {
  type ConsumerMessages,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type StoredMsg,
} from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Rejection, Stop, Submission, Submissions } from '../runtime/ports.ts';
import { Basket, type Handed } from './basket.ts';
import { batchedGet } from './batched-get.ts';
import { decodeJson, encodeJson } from './codec.ts';
import { faultOf } from './errors.ts';
import { deliveriesOf, moveOn, noteAsked, type Place, takePlace } from './intake-place.ts';
import { keepAsking } from './intake-replay.ts';
import type { Names } from './names.ts';
import { presenceOf } from './presence.ts';
import { keepPulling } from './pull-loop.ts';

const pullAtOnce = 2_000;
const answerWithinMs = 1_000;
const setUpWithinMs = 2_000;

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
    const connection = this.#connection;
    const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: setUpWithinMs });
    let place: Place | undefined;
    let createdAt = 0;
    const basket = new Basket({
      clock: this.#clock,
      deliveriesOf: (sequence) => (place === undefined ? 1 : deliveriesOf(place.doubt, sequence)),
      onBatch: (batch) => onBatch(batch.map((handed) => this.#submission(handed, createdAt))),
    });
    const open = async () => {
      const stream = await this.#stream(jsm);
      basket.rollBack(stream.createdAt === createdAt || createdAt === 0 ? stream.last : 0);
      createdAt = stream.createdAt;
      const at = {
        connection,
        jsm,
        names: this.#names,
        word: this.#clock.unique(),
        last: stream.last,
        broker: this.#broker,
        handedBy: connection.info?.cluster ?? this.#broker,
      };
      place = place === undefined ? await takePlace(at) : await moveOn(at, { ...place, floor: basket.floor });
      return this.#pull(place, basket);
    };
    const presence = presenceOf(connection);
    // Of several brokers the others make a new place at once; until the old one has elected its leader takes seconds.
    const whenSilent = connection.info?.cluster === undefined ? 'waited for' : 'closed';
    const stop = await keepPulling({ clock: this.#clock, presence, whenSilent, open });
    const stopAsking = keepAsking({
      ...{ jsm, clock: this.#clock, stream: this.#names.streams.submit },
      broker: () => this.#broker,
      isNews: (broker) => place !== undefined && place.asked !== broker,
      floor: () => Math.max(place?.floor ?? 0, basket.floor),
      onPage: (page, deliveries) => onBatch(page.map((message) => this.#done(message, deliveries, createdAt))),
      onAsked: async (broker) => {
        if (place !== undefined) await noteAsked({ jsm, names: this.#names, broker }, place);
      },
    });
    return () => {
      stopAsking();
      basket.close();
      return stop();
    };
  }

  /** The broker that we are connected to, for as long as it runs: started anew it is another one. */
  get #broker(): string {
    return this.#connection.info?.server_id ?? '';
  }

  async #stream(jsm: JetStreamManager): Promise<{ createdAt: number; last: number }> {
    const { created, state } = await jsm.streams.info(this.#names.streams.submit);
    return { createdAt: Date.parse(created), last: state.last_seq };
  }

  /** Fills the basket, as long as nothing is missing in between. */
  async #pull({ name }: Place, basket: Basket): Promise<ConsumerMessages> {
    const consumer = await jetstream(this.#connection, { timeout: answerWithinMs }).consumers.get(
      this.#names.streams.submit,
      name,
    );
    let next = 1;
    let messages: ConsumerMessages | undefined;
    messages = await consumer.consume({
      max_messages: pullAtOnce,
      // As long as nobody leads the consumer, the client looks again after this time.
      expires: 1_200,
      idle_heartbeat: 500,
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
    const at = Math.floor(message.info.timestampNanos / 1e6);
    return { ...this.#read(message), streamCreatedAt, at, deliveries };
  }

  #done(message: StoredMsg, deliveries: number, streamCreatedAt: number): Submission {
    const at = Date.parse(message.timestamp);
    const { subject, seq, header: headers, data } = message;
    return { ...this.#read({ subject, seq, headers, data }), streamCreatedAt, at, deliveries, wasDone: true };
  }

  #read({
    subject,
    seq,
    headers,
    data,
  }: {
    subject: string;
    seq: number;
    headers?: MsgHdrs | undefined;
    data: Uint8Array;
  }) {
    const { tenant, type } = this.#names.readSubmit(subject) ?? { tenant: 'default', type: '' };
    return { sequence: seq, tenant, type, headers: lowerCased(headers), body: data };
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
    const messages = await batchedGet(jsm, this.#names.streams.rejected, { seq: from, batch: limit });
    return messages.map(({ data }) => decodeJson<Rejection>(data));
  }
}

const brokersHeader = /^nats-(?:stream|subject|sequence|last-sequence|time-stamp|num-pending|up-to-sequence)$/i;
const none: ReadonlyMap<string, string> = new Map();

/** Headers by their names in lower case. */
export function lowerCased(headers: MsgHdrs | undefined): ReadonlyMap<string, string> {
  if (headers === undefined) return none;
  // What the broker adds to a message when it is read by its place is not the submitter's.
  const own = headers.keys().filter((name) => !brokersHeader.test(name));
  return new Map(own.map((name) => [name.toLowerCase(), headers.get(name)]));
}
