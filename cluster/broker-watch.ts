/**
 * Brings brokers of our own back where they died, each by itself.
 *
 * Looks once a second. One whose restart failed is tried again: of a cluster that has lost its majority, none is ready
 * before another one is.
 */

import type { EmbeddedBroker } from '../nats/embedded.ts';
import { isAlive } from '../nats/leftover.ts';
import type { Cancel, Clock } from '../runtime/clock.ts';
import { messageOf } from '../runtime/faults.ts';

export interface BrokerWatchOptions {
  brokers: readonly EmbeddedBroker[];
  clock: Clock;
  say(sentence: string): void;
  /** One has been started again. */
  onChange(): void;
}

const everyMs = 1_000;

/** Watches until cancelled; what is being restarted then is stopped again. */
export function watchBrokers({ brokers, clock, say, onChange }: BrokerWatchOptions): Cancel {
  const restarting = new Set<EmbeddedBroker>();
  let isOver = false;
  const look = async (broker: EmbeddedBroker): Promise<void> => {
    const { pid } = broker;
    if (restarting.has(broker) || (pid !== undefined && isAlive(pid))) return;
    restarting.add(broker);
    if (pid !== undefined) say(`${nameOf(broker, brokers)} (process ${pid}) has died; it is started again.`);
    try {
      await broker.restart();
      onChange();
    } catch (error) {
      if (!isOver) say(messageOf(error));
    }
    restarting.delete(broker);
    if (isOver) await broker.stop();
  };
  const stop = clock.every(everyMs, () => {
    for (const broker of brokers) void look(broker);
  });
  return () => {
    isOver = true;
    stop();
  };
}

function nameOf(broker: EmbeddedBroker, brokers: readonly EmbeddedBroker[]): string {
  return brokers.length === 1 ? 'The broker' : `Broker ${brokers.indexOf(broker) + 1}`;
}
