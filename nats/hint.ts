/**
 * What is said without waiting for an answer: events, mail, notices, log lines, answers to questions.
 *
 * A process that leaves drains its connection first, and until it is closed the client throws at whoever still speaks, as it
 * does at who says more than the broker takes. Nobody relies on a hint, so there it is simply not said, and nothing in a
 * process can fall over one.
 */

import type { MsgHdrs, NatsConnection } from 'nats';

/** The longest subject: with it, a line to the broker may have 4 KiB. */
const longestSubject = 2_000;

/** Publishes `body` on `subject`, as far as the connection still takes it. */
export function hint(connection: NatsConnection, subject: string, body: Uint8Array, headers?: MsgHdrs): void {
  if (connection.isClosed() || connection.isDraining()) return;
  const size = body.length + (headers === undefined ? 0 : sizeOf(headers));
  if (size > mostBytes(connection) || subject.length > longestSubject) return;
  connection.publish(subject, body, headers === undefined ? {} : { headers });
}

/** As they are written, and a little more. */
function sizeOf(headers: MsgHdrs): number {
  return [...headers].reduce((sum, [name, values]) => sum + Buffer.byteLength(`${name}: ${values.join()}\r\n`), 16);
}

/** How much a message may hold. */
export function mostBytes({ info }: NatsConnection): number {
  return info?.max_payload ?? Number.POSITIVE_INFINITY;
}
