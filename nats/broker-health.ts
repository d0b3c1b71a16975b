/**
 * Whether the store of a broker is stuck: it could not write, such as to a full disk, and writes nothing more to that
 * stream though there may be room again, until it is restarted (seen with nats-server 2.14.0). It still answers all
 * else, and whoever writes gets no answer, so only its monitoring tells.
 */

import type { Clock } from '../runtime/clock.ts';
import { decodeJson, isObject } from './codec.ts';

const answerWithinMs = 2_000;

/** What a broker says of its store: with `error`, why it writes nothing more. */
export interface StoreHealth {
  error?: string;
}

/** `undefined` where it does not answer. */
export async function storeHealth(monitoring: string, clock: Clock): Promise<StoreHealth | undefined> {
  const patience = new AbortController();
  const cancel = clock.after(answerWithinMs, () => patience.abort());
  try {
    const reply = await fetch(new URL('/healthz?details=true', monitoring), { signal: patience.signal });
    const error = writeErrorIn(decodeJson<unknown>(new Uint8Array(await reply.arrayBuffer())));
    return error === undefined ? {} : { error };
  } catch {
    return undefined;
  } finally {
    cancel();
  }
}

function writeErrorIn(health: unknown): string | undefined {
  const errors = isObject(health) && Array.isArray(health['errors']) ? health['errors'] : [];
  return errors
    .flatMap((each: unknown) => (isObject(each) && typeof each['error'] === 'string' ? each['error'] : []))
    .find((error) => error.includes('write error'));
}
