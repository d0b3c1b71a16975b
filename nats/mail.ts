/**
 * Mail from the leader to a worker: offers, on a stream that forgets after a minute, without acks.
 *
 * The durable pull consumer bears the worker's incarnation, so that two lives of a worker never share one. It lies
 * with one broker, in memory; where that one has died, its name can be neither used nor removed until it is back, so
 * each opening has a name of its own. That it is pulled is proven by its heartbeats (`pull-loop.ts`); that of a worker
 * which is gone is removed by it, or forgotten by the broker after a minute. A lost mail costs no more than time: its
 * offers expire and are made again.
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
import { type Clock, pause } from '../runtime/clock.ts';
import type { Mail, Offer, Stop } from '../runtime/ports.ts';
import { decodeOffers, encodeJson } from './codec.ts';
import type { Names } from './names.ts';
import { presenceOf } from './presence.ts';
import { keepPulling } from './pull-loop.ts';
import { Replies } from './replies.ts';

const largestMail = 256 * 1024;
const largestRecord = 4 * 1024;
const answerWithinMs = 2_000;
const againAfterMs = 100;
/** How long the broker keeps the consumer of a worker that pulls no more, unless told otherwise. */
const forgottenAfterMs = 60_000;

export interface MailOptions {
  connection: NatsConnection;
  names: Names;
  clock: Clock;
  inboxPrefix?: string | undefined;
  forgottenAfterMs?: number;
}

export class NatsMail implements Mail {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #clock: Clock;
  readonly #js: JetStreamClient;
  readonly #replies: Replies;
  readonly #forgottenAfterMs: number;

  constructor(options: MailOptions) {
    const { connection, names, clock } = options;
    this.#connection = connection;
    this.#replies = new Replies(options);
    this.#names = names;
    this.#clock = clock;
    this.#js = jetstream(connection);
    this.#forgottenAfterMs = options.forgottenAfterMs ?? forgottenAfterMs;
  }

  send(incarnation: string, offers: readonly Offer[]): void {
    const until = Math.max(...offers.map(({ expiresAt }) => expiresAt));
    for (const mail of mails(offers)) void this.#deliver(this.#names.work(incarnation), mail, until);
  }

  /** Sends until it is stored: what is said to a stream that elects its leader is lost, and would be missed for seconds. */
  async #deliver(subject: string, mail: Uint8Array, until: number): Promise<void> {
    do {
      if (this.#connection.isClosed() || this.#connection.isDraining()) return;
      try {
        await this.#replies.request(subject, mail, { timeoutMs: answerWithinMs });
        return;
      } catch {
        await pause(this.#clock, againAfterMs);
      }
    } while (this.#clock.now() < until);
  }

  async receive(incarnation: string, onOffers: (offers: readonly Offer[]) => void): Promise<Stop> {
    const jsm = await jetstreamManager(this.#connection, { checkAPI: false, timeout: answerWithinMs });
    const { work } = this.#names.streams;
    /** When the last mail that came was stored: what is older has been here. */
    let since: number | undefined;
    const onMail = (message: JsMsg) => {
      since = message.info.timestampNanos / 1e6;
      onOffers(decodeOffers(message.data));
    };
    let name = '';
    const remove = (former: string) => jsm.consumers.delete(work, former).catch(() => false);
    const open = async () => {
      const former = name;
      name = this.#names.consumers.worker(incarnation, this.#clock.unique());
      const messages = await this.#open({ jsm, incarnation, name, since, onMail });
      if (former !== '') void remove(former);
      return messages;
    };
    const presence = presenceOf(this.#connection);
    const stop = await keepPulling({ clock: this.#clock, presence, whenSilent: 'closed', open });
    return async () => {
      await stop();
      await remove(name);
    };
  }

  async #open({ jsm, incarnation, name, since, onMail }: Opening) {
    const { work } = this.#names.streams;
    await jsm.consumers.add(work, {
      durable_name: name,
      ack_policy: AckPolicy.None,
      ...(since === undefined
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(since).toISOString() }),
      filter_subject: this.#names.work(incarnation),
      inactive_threshold: this.#forgottenAfterMs * 1e6,
      mem_storage: true,
      num_replicas: 1,
    });
    const consumer = await this.#js.consumers.get(work, name);
    return consumer.consume({
      max_messages: 500,
      expires: 5_000,
      idle_heartbeat: 1_000,
      abort_on_missing_resource: true,
      callback: onMail,
    });
  }
}

interface Opening {
  jsm: JetStreamManager;
  incarnation: string;
  name: string;
  since: number | undefined;
  onMail: (message: JsMsg) => void;
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
  const { record: _, ...rest } = offer;
  return encodeJson(rest);
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
