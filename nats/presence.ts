/**
 * Whether a connection is up at the moment: what is published while it is not, the client throws away.
 */

import type { NatsConnection } from 'nats';
import type { Cancel } from '../runtime/clock.ts';

export interface Presence {
  readonly isUp: boolean;
  /** Calls back each time that the connection is lost, until cancelled. */
  onLoss(listener: () => void): Cancel;
}

/** Follows `connection` for as long as it lives. */
export function presenceOf(connection: NatsConnection): Presence {
  const listeners = new Set<() => void>();
  const presence = {
    isUp: !connection.isClosed(),
    onLoss: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const lost = () => {
    presence.isUp = false;
    for (const listener of listeners) listener();
  };
  const back = () => {
    presence.isUp = true;
  };
  void follow(connection, { lost, back });
  return presence;
}

interface Turns {
  lost(): void;
  back(): void;
}

async function follow(connection: NatsConnection, { lost, back }: Turns): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === 'disconnect' || type === 'close') lost();
    if (type === 'reconnect') back();
  }
  lost();
}
