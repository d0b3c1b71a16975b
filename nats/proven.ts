/**
 * Hearing that is proven: a subscription to which a word of its own goes through the broker, again and again.
 *
 * The client subscribes anew after each reconnect, and believes that it hears. Here it is known: the word must come back
 * where what it is for would come. Where it stays away twice in a row though the connection is up, the subscription is
 * dead, whatever the reason is, and is given up for another one. Counted in words and not in time: a process that was
 * frozen finds its timers due before what lies in its socket, and must not throw that away.
 */

import type { Msg, NatsConnection } from 'nats';
import type { Clock } from '../runtime/clock.ts';
import type { Stop } from '../runtime/ports.ts';
import { encodeJson } from './codec.ts';
import { hint } from './hint.ts';
import { listen } from './listen.ts';
import { presenceOf } from './presence.ts';

export interface Proof {
  connection: NatsConnection;
  clock: Clock;
  /** What is listened to. */
  subject: string;
  /** A subject that is heard by it, and on which nobody else says anything. */
  echo: string;
  everyMs: number;
  onMessage: (message: Msg) => void;
  /** The word has come back: until now, everything could be heard. */
  onEcho?: () => void;
}

/** Whoever else listens there expects an object, and finds nothing in this one. */
const word = encodeJson({});

/** Calls back with each message, until stopped. @throws {Fault} where the first subscription fails. */
export async function listenProven(proof: Proof): Promise<Stop> {
  const { connection, clock, subject, echo, everyMs, onMessage, onEcho } = proof;
  const presence = presenceOf(connection);
  let unanswered = 0;
  let stopped = false;
  const hear = (message: Msg) => {
    if (message.subject !== echo) return onMessage(message);
    unanswered = 0;
    onEcho?.();
  };
  let stop = await listen(connection, subject, hear);
  const renew = async () => {
    await stop();
    stop = await listen(connection, subject, hear);
    if (stopped) await stop();
  };
  const prove = () => {
    if (unanswered >= 2 && presence.isUp) {
      unanswered = 0;
      // Where the connection has just gone, the next round tries again.
      void renew().catch(() => undefined);
    }
    unanswered = presence.isUp ? unanswered + 1 : 0;
    hint(connection, echo, word);
  };
  prove();
  const rest = clock.every(everyMs, prove);
  return async () => {
    stopped = true;
    rest();
    await stop();
  };
}
