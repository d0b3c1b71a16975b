/**
 * What lies under the keys of jobs, as it is written: from a place in the stream to its end, and then on.
 *
 * How many are pending a consumer counts a little later than the broker stores, and wrongly at times. Of a record that is written
 * over in between, the old one comes no more and the new one is not counted yet. So when nothing more has come, the broker is asked
 * what it has behind that.
 *
 * By a consumer of one's own, which lies with one broker and reads what that one has: so "nothing behind it" is true of one
 * history, whichever replica it is. What it misses, or where it goes silent, ends the reading with a fault; whoever reads begins
 * again. Only so much is asked for at once as was read before, so that a slow reader makes nothing pile up, here or there:
 * what is written over meanwhile, it never gets to see.
 */

import {
  AckPolicy,
  type Consumer,
  DeliverPolicy,
  type JetStreamClient,
  type JsMsg,
  jetstream,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos, TimeoutError } from 'nats';
import { Fault, isFault, messageOf } from '../runtime/faults.ts';
import type { Tail, TailedPage, TailOptions } from '../runtime/ports.ts';
import { decodePage } from './codec.ts';
import { faultOf } from './errors.ts';
import type { Names } from './names.ts';
import { type Presence, presenceOf } from './presence.ts';
import { closeWhenDead } from './pull-loop.ts';

const atOnce = 256;
const silentForMs = 5_000;
const forgottenAfterMs = 60_000;
/** A flow counts the message that is being looked at as one to come. */
const inHand = 1;

type Whose = Pick<TailOptions, 'tenant' | 'id'>;

export class NatsTail implements Tail {
  readonly #connection: NatsConnection;
  readonly #names: Names;
  readonly #js: JetStreamClient;
  #presence: Presence | undefined;

  constructor({ connection, names }: { connection: NatsConnection; names: Names }) {
    this.#connection = connection;
    this.#names = names;
    this.#js = jetstream(connection);
  }

  async *read({ signal, ...from }: TailOptions): AsyncGenerator<TailedPage> {
    const name = await this.#makeConsumer(from).catch((cause: unknown) => {
      throw faultOf(cause);
    });
    try {
      yield* this.#readBy(name, from, signal);
    } catch (cause) {
      // It was there, and lay with a broker that has gone, or took too long: another one will do.
      throw isFault(faultOf(cause), 'broker.unauthorized') ? faultOf(cause) : broken(cause);
    }
  }

  async *#readBy(name: string, whose: Whose, signal: AbortSignal | undefined): AsyncGenerator<TailedPage> {
    const consumer = await this.#js.consumers.get(this.#names.streams.jobs, name);
    let [read, revision, isNewest] = [0, 0, true];
    try {
      while (signal?.aborted !== true) {
        const before = read;
        const messages = await this.#some(consumer, signal);
        for await (const message of messages) {
          if (message.info.deliverySequence !== ++read)
            throw missed(`message ${read}`, `message ${message.info.deliverySequence}`);
          revision = message.seq;
          isNewest = messages.getPending() <= inHand && (await this.#isLast(revision, whose));
          yield { page: this.#page(message), isNewest };
        }
        if (isNewest) continue;
        // What was behind it may have been removed before it came.
        isNewest = await this.#isLast(revision, whose);
        if (isNewest) yield { page: { kind: 'reserved', key: '_', revision }, isNewest };
        else if (read === before) throw missed('what the broker has', 'nothing');
      }
    } finally {
      void consumer.delete().catch(() => undefined);
    }
  }

  /** The leader of the stream has whatever any replica has. */
  async #isLast(revision: number, whose: Whose): Promise<boolean> {
    const query = { seq: revision + 1, next_by_subj: this.#subjectOf(whose) };
    const { streams } = await this.#js.jetstreamManager(false);
    return (await streams.getMessage(this.#names.streams.jobs, query)) === null;
  }

  #subjectOf({ tenant = '*', id = '*' }: Whose): string {
    return this.#names.jobSubject(`${tenant}.${id}`);
  }

  async #makeConsumer({ after, ...whose }: Omit<TailOptions, 'signal'>): Promise<string> {
    const { consumers } = await this.#js.jetstreamManager(false);
    const { name } = await consumers.add(this.#names.streams.jobs, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      filter_subject: this.#subjectOf(whose),
      inactive_threshold: nanos(forgottenAfterMs),
      mem_storage: true,
      num_replicas: 1,
    });
    return name;
  }

  async #some(consumer: Consumer, signal: AbortSignal | undefined) {
    const messages = await consumer.fetch({ max_messages: atOnce, expires: silentForMs, idle_heartbeat: 1_000 });
    this.#presence ??= presenceOf(this.#connection);
    closeWhenDead(messages, this.#presence, new TimeoutError());
    const stop = () => messages.stop();
    signal?.addEventListener('abort', stop, { once: true });
    void messages.closed().finally(() => signal?.removeEventListener('abort', stop));
    return messages;
  }

  #page({ subject, seq, data, headers }: JsMsg) {
    const key = this.#names.keyOfSubject(subject) ?? subject;
    return decodePage(key, { seq, data, header: (name) => headers?.get(name) || undefined });
  }
}

function missed(expected: string, met: string): Error {
  return new Error(`Expected ${expected} of the stream of jobs, got ${met}.`);
}

function broken(cause: unknown): Fault {
  const why = messageOf(cause);
  return new Fault('broker.unavailable', `The reading of the stream of jobs broke off (${why}). Begin it again.`, {
    cause,
  });
}
