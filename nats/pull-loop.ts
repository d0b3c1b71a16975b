/**
 * Keeps a pull consumer being pulled, whatever happens to the consumer, its stream or the broker.
 *
 * The client's `consume` survives much by itself, but ends when its consumer is gone, as one in memory is after a
 * restart of the broker. Then everything is opened anew, consumer included, until it is stopped.
 */

import type { ConsumerMessages } from '@nats-io/jetstream';
import { type Clock, pause } from '../runtime/clock.ts';
import type { Stop } from '../runtime/ports.ts';
import { faultOf } from './errors.ts';

const reopenAfterMs = 250;

/**
 * Opens, and opens again whenever the flow ends. The first opening is waited for.
 *
 * @throws {Fault} where the first opening fails.
 */
export async function keepPulling(clock: Clock, open: () => Promise<ConsumerMessages>): Promise<Stop> {
  let messages = await open().catch((cause: unknown) => {
    throw faultOf(cause);
  });
  let stopped = false;
  const loop = async (): Promise<void> => {
    while (!stopped) {
      await messages.closed().catch(() => undefined);
      if (!stopped) await reopen();
    }
  };
  const reopen = async (): Promise<void> => {
    await pause(clock, reopenAfterMs);
    if (stopped) return;
    try {
      messages = await open();
      if (stopped) await messages.close();
    } catch {
      // The broker is away: the next turn of the loop tries again.
    }
  };
  const running = loop();
  return async () => {
    stopped = true;
    await messages.close();
    await running;
  };
}
