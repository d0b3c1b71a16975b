/**
 * Reads a stream from some place to its end: for pictures, listings and backups, not for living on.
 */

import { DeliverPolicy, type JetStreamClient, type JsMsg } from '@nats-io/jetstream';
import { TimeoutError } from 'nats';
import { faultOf } from './errors.ts';
import type { Presence } from './presence.ts';
import { closeWhenDead } from './pull-loop.ts';

export interface Reading {
  js: JetStreamClient;
  presence: Presence;
  stream: string;
  /** Begins behind this sequence. */
  after: number;
  filter: string;
  headersOnly: boolean;
}

/**
 * The messages of a stream in their order, until one is the last: what is stored meanwhile is read too. So who lets
 * the newest message of each subject win has the stream exactly as it was at the last sequence.
 */
export async function* messagesOf(reading: Reading): AsyncGenerator<JsMsg> {
  const { js, presence, stream, after, filter, headersOnly } = reading;
  const consumer = await js.consumers
    .get(stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      headers_only: headersOnly,
      filter_subjects: filter,
    })
    .catch((cause: unknown) => {
      throw faultOf(cause);
    });
  if ((await consumer.info()).num_pending === 0) return;
  const messages = await consumer.consume({ max_messages: 10_000, expires: 5_000, idle_heartbeat: 1_000 });
  // The consumer lies with one broker, and where that one dies nothing more comes.
  closeWhenDead(messages, presence, new TimeoutError());
  try {
    for await (const message of messages) {
      yield message;
      if (message.info.pending === 0) return;
    }
  } finally {
    messages.stop();
    void consumer.delete().catch(() => undefined);
  }
}
