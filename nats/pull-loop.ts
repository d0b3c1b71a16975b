/**
 * Keeps a pull consumer being pulled, whatever happens to the consumer, its stream or the broker.
 *
 * The client's `consume` survives much by itself, but ends when its consumer is gone, as one in memory is after a
 * restart of the broker, and waits for ever for one that is there and that nobody has, as when it lay with a broker of
 * a cluster that died. So a flow from such a consumer is closed when it misses its heartbeats or its connection breaks;
 * and whatever is closed is opened anew, consumer included, until it is stopped.
 */

import type { ConsumerMessages } from '@nats-io/jetstream';
import { type Clock, pause } from '../runtime/clock.ts';
import type { Stop } from '../runtime/ports.ts';
import { faultOf } from './errors.ts';
import type { Presence } from './presence.ts';

const reopenAfterMs = 250;

export interface PullLoop {
  clock: Clock;
  /** Of the connection over which is pulled. */
  presence: Presence;
  /**
   * What becomes of a flow that has gone silent: it is opened anew, as its consumer lies with a broker that died
   * (`closed`), or the client pulls again as soon as the consumer is back (`waited for`).
   */
  whenSilent: 'closed' | 'waited for';
  open(): Promise<ConsumerMessages>;
}

/**
 * Opens, and opens again whenever the flow ends. The first opening is waited for.
 *
 * @throws {Fault} where the first opening fails.
 */
export async function keepPulling({ clock, presence, whenSilent, open }: PullLoop): Promise<Stop> {
  const begin = async (): Promise<ConsumerMessages> => {
    const opened = await open();
    if (whenSilent === 'closed') closeWhenDead(opened, presence);
    return opened;
  };
  let messages = await begin().catch((cause: unknown) => {
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
    if (stopped || !presence.isUp) return;
    try {
      messages = await begin();
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

/** Closes a flow in which nothing can come any more: no heartbeats, or no connection. Who reads it is told `why`. */
export function closeWhenDead(messages: ConsumerMessages, presence: Presence, why?: Error): void {
  const cancel = presence.onLoss(() => messages.stop(why));
  const watch = async (): Promise<void> => {
    for await (const { type } of messages.status()) if (type === 'heartbeats_missed') messages.stop(why);
  };
  void watch().finally(cancel);
}
