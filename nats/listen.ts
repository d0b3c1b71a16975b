/**
 * Hearing what is said on a core subject: live, unstored, best effort.
 *
 * Promises that the broker knows of the subscription when `listen` resolves, and that a message which nobody can
 * read is passed over, whoever sent it.
 */

import type { Msg, NatsConnection } from 'nats';
import type { Stop } from '../runtime/ports.ts';
import { decodeJson, isObject } from './codec.ts';
import { faultOf } from './errors.ts';

/** Calls `onMessage` with each message on `subject`, until stopped. */
export async function listen(
  connection: NatsConnection,
  subject: string,
  onMessage: (message: Msg) => void,
): Promise<Stop> {
  try {
    const subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) onMessage(message);
      },
    });
    await connection.flush();
    return async () => subscription.unsubscribe();
  } catch (cause) {
    throw faultOf(cause);
  }
}

/** Calls `onValue` with what each message's JSON holds, and its subject. */
export function listenJson<Value>(
  connection: NatsConnection,
  subject: string,
  onValue: (value: Value, subject: string) => void,
): Promise<Stop> {
  return listen(connection, subject, (message) => {
    const value = readJson<Value>(message);
    if (value !== undefined) onValue(value, message.subject);
  });
}

/** What a message holds. All that is said on our subjects are objects; a number or `null` is somebody else's. */
export function readJson<Value>(message: Msg): Value | undefined {
  try {
    const value = decodeJson<Value>(message.data);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
