/**
 * Mail from the leader to a worker: offers, on a stream that forgets after a minute, without acks.
 *
 * The durable pull consumer bears the worker's incarnation, so that two lives of a worker never share one. A lost
 * mail costs nothing: its offers expire and are made again.
 */

import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Mail, Offer, Stop } from '../runtime/ports.ts';
import { decodeOffers, encodeJson } from './codec.ts';
import { hint } from './hint.ts';
import type { Names } from './names.ts';
import { keepPulling } from './pull-loop.ts';

const largestMail = 256 * 1024;
const largestRecord = 4 * 1024;
const forgottenAfterNs = 60_000_000_000;

export class NatsMail implements Mail {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #clock: Clock;
  readonly #js: JetStreamClient;

  constructor({ connection, names, clock }: { connection: NatsConnection; names: Names; clock: Clock }) {
    this.#connection = connection;
    this.#names = names;
    this.#clock = clock;
    this.#js = jetstream(connection);
  }

  send(incarnation: string, offers: readonly Offer[]): void {
    for (const mail of mails(offers)) hint(this.#connection, this.#names.work(incarnation), mail);
  }

  async receive(incarnation: string, onOffers: (offers: readonly Offer[]) => void): Promise<Stop> {
    const jsm = await jetstreamManager(this.#connection, { checkAPI: false });
    const { work } = this.#names.streams;
    const name = this.#names.consumers.worker(incarnation);
    const stop = await keepPulling(this.#clock, () => this.#open({ jsm, incarnation, name, onOffers }));
    return async () => {
      await stop();
      await jsm.consumers.delete(work, name).catch(() => false);
    };
  }

  async #open({ jsm, incarnation, name, onOffers }: Opening) {
    const { work } = this.#names.streams;
    await jsm.consumers.add(work, {
      durable_name: name,
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.All,
      filter_subject: this.#names.work(incarnation),
      inactive_threshold: forgottenAfterNs,
      mem_storage: true,
      num_replicas: 1,
    });
    const consumer = await this.#js.consumers.get(work, name);
    return consumer.consume({
      max_messages: 500,
      expires: 5_000,
      idle_heartbeat: 1_000,
      abort_on_missing_resource: true,
      callback: (message: JsMsg) => onOffers(decodeOffers(message.data)),
    });
  }
}

interface Opening {
  jsm: JetStreamManager;
  incarnation: string;
  name: string;
  onOffers: (offers: readonly Offer[]) => void;
}

/** Offers as bodies of mail, each within the size that a mail may have; large records are left for the worker to read. */
function* mails(offers: readonly Offer[]): Iterable<Uint8Array> {
  let letter: Uint8Array[] = [];
  let size = 0;
  for (const offer of offers) {
    const bytes = encodeOffer(offer);
    if (size + bytes.length > largestMail) {
      yield seal(letter, size);
      letter = [];
      size = 0;
    }
    letter.push(bytes);
    size += bytes.length + 1;
  }
  if (letter.length > 0) yield seal(letter, size);
}

function encodeOffer(offer: Offer): Uint8Array {
  const whole = encodeJson(offer);
  if (offer.record === undefined || whole.length <= largestRecord) return whole;
  const { key, revision, expiresAt } = offer;
  return encodeJson({ key, revision, expiresAt });
}

const opening = new TextEncoder().encode('{"offers":[');
const comma = 44;
const closing = new TextEncoder().encode(']}');

function seal(letter: readonly Uint8Array[], size: number): Uint8Array {
  const mail = new Uint8Array(opening.length + size + closing.length - 1);
  mail.set(opening);
  let at = opening.length;
  for (const [index, bytes] of letter.entries()) {
    if (index > 0) mail[at++] = comma;
    mail.set(bytes, at);
    at += bytes.length;
  }
  mail.set(closing, at);
  return mail;
}
