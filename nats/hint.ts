/**
 * What is said without waiting for an answer: events, mail, notices, log lines, answers to questions.
 *
 * A process that leaves drains its connection first, and until it is closed the client throws at whoever still speaks.
 * Nobody relies on a hint, so there it is simply not said, and nothing in a process can fall over one.
 */

import type { NatsConnection } from 'nats';

/** Publishes `body` on `subject`, as far as the connection still takes it. */
export function hint(connection: NatsConnection, subject: string, body: Uint8Array): void {
  if (connection.isClosed() || connection.isDraining()) return;
  connection.publish(subject, body);
}
