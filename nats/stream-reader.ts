/**
 * Reads a stream from some place to its end: for pictures, listings and backups, not for living on.
 *
 * How many are pending a consumer counts a little later than the broker stores, and wrongly at times. A record that is written over
 * while it lies ahead of the reader comes no more under its old number, and may not be counted yet under its new one. So a consumer
 * reads what is much, and ends where it believes that there is no more; behind that, pages are asked for that the broker fills from
 * the stream itself, until one says that nothing is behind it. A replica may say so that has not heard of the newest: it is asked
 * again until it has come to where the stream's leader was at the beginning.
 */

import { DeliverPolicy, type JetStreamClient, type JsMsg, type StoredMsg } from '@nats-io/jetstream';
import { type MsgHdrs, TimeoutError } from 'nats';
import { batchedGet, hasMore } from './batched-get.ts';
import { headerReader } from './codec.ts';
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
  /** Of most of them; those that are stored amid the reading may come whole. */
  headersOnly: boolean;
}

export interface StreamMessage {
  seq: number;
  subject: string;
  data: Uint8Array;
  headers: MsgHdrs | undefined;
  /** One of them. */
  header(name: string): string | undefined;
  /** When it was stored, epoch ms. */
  at: number;
}

const atOnce = 10_000;
/** The broker beats once a second while it has nothing to send. */
const idleBeats = 3;
const atOnceInTheEnd = 128;

/**
 * The messages of a stream in their order, until one is the last: what is stored meanwhile is read too. So who lets
 * the newest message of each subject win has the stream exactly as it was at one moment behind the call.
 *
 * @throws {Fault} where the broker refuses, or goes away meanwhile.
 */
export async function* messagesOf(reading: Reading): AsyncGenerator<StreamMessage> {
  try {
    const newest = await newestOf(reading);
    if (newest <= reading.after) return;
    let last = reading.after;
    for await (const message of most(reading)) {
      yield read(message);
      last = message.seq;
    }
    for (let isEnd = false; !isEnd; ) {
      const page = await pageBehind(last, reading);
      for (const message of page) {
        yield readStored(message);
        last = message.seq;
      }
      isEnd = !hasMore(page, atOnceInTheEnd) && (last >= newest || (await isLast(last, reading)));
    }
  } catch (cause) {
    throw faultOf(cause);
  }
}

/** Until the broker counts none to come, or sends nothing though it counts some. */
async function* most({ js, presence, stream, after, filter, headersOnly }: Reading): AsyncGenerator<JsMsg> {
  const consumer = await js.consumers.get(stream, {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: after + 1,
    headers_only: headersOnly,
    filter_subjects: filter,
  });
  const messages = await consumer.consume({ max_messages: atOnce, expires: 5_000, idle_heartbeat: 1_000 });
  // The consumer lies with one broker, and where that one dies nothing more comes.
  closeWhenDead(messages, presence, new TimeoutError());
  let beats = 0;
  const watch = async () => {
    for await (const { type } of messages.status()) if (type === 'heartbeat' && ++beats >= idleBeats) messages.stop();
  };
  void watch();
  try {
    for await (const message of messages) {
      beats = 0;
      yield message;
      if (message.info.pending === 0) return;
    }
  } finally {
    messages.stop();
    void consumer.delete().catch(() => undefined);
  }
}

/** The last sequence under the filter, 0 where there is none, as the leader of the stream has it. */
async function newestOf({ js, stream, filter }: Reading): Promise<number> {
  const { streams } = await js.jetstreamManager(false);
  return (await streams.getMessage(stream, { last_by_subj: filter }))?.seq ?? 0;
}

/** Whether the leader of the stream, too, has nothing behind it. */
async function isLast(seq: number, { js, stream, filter }: Reading): Promise<boolean> {
  const { streams } = await js.jetstreamManager(false);
  const query = { seq: seq + 1, next_by_subj: filter };
  return (await streams.getMessage(stream, query)) === null;
}

async function pageBehind(seq: number, { js, stream, filter }: Reading): Promise<readonly StoredMsg[]> {
  const query = { seq: seq + 1, next_by_subj: filter, batch: atOnceInTheEnd };
  return await batchedGet(await js.jetstreamManager(false), stream, query);
}

function read(message: JsMsg): StreamMessage {
  const { seq, subject, data, headers, info } = message;
  return { seq, subject, data, headers, header: headerReader(message), at: Math.floor(info.timestampNanos / 1e6) };
}

function readStored({ seq, subject, data, header: headers, timestamp }: StoredMsg): StreamMessage {
  return { seq, subject, data, headers, header: (name) => headers.get(name) || undefined, at: Date.parse(timestamp) };
}
