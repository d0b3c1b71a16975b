/**
 * Whether a connection is up at the moment: what is published while it is not, the client throws away.
 */

import type { NatsConnection } from 'nats';

export interface Presence {
  readonly isUp: boolean;
}

/** Follows `connection` for as long as it lives. */
export function presenceOf(connection: NatsConnection): Presence {
  const presence = { isUp: !connection.isClosed() };
  void follow(connection, presence);
  return presence;
}

async function follow(connection: NatsConnection, presence: { isUp: boolean }): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === 'disconnect' || type === 'close') presence.isUp = false;
    if (type === 'reconnect') presence.isUp = true;
  }
  presence.isUp = false;
}
